//! Hashing the pieces of a torrent of any version: the SHA-1 of a whole piece (BEP 3), the SHA-256 of each of its blocks
//! (BEP 52), or both, as the bytes come.

use crate::merkle::{self, Hash};
use crate::{BLOCK_LENGTH, Layout, PieceIndex};
use sha1::{Digest, Sha1};

/// What a piece hashes to. Which of it a torrent needs, its [`PieceHashers`] know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceHash {
    /// The SHA-1 of all its bytes, where the torrent has hashes of version 1.
    pub sha1: Option<[u8; 20]>,
    /// The hashes of its blocks, in order and without padding, where the torrent has those of version 2; else empty.
    pub blocks: Vec<Hash>,
}

/// How the pieces of one torrent are hashed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PieceHashers {
    layout: Layout,
    v1: bool,
    /// The pieces without the padding behind their files, which is in no tree.
    data: Option<Layout>,
}

/// The hash of one piece being taken.
#[derive(Debug, Clone)]
pub struct PieceHasher {
    size: u32,
    sha1: Option<Sha1>,
    /// Bytes from the front that are hashed.
    taken: u32,
    data_size: u32,
    /// The blocks' hashes; [`UNKNOWN`] where one is still to be taken.
    blocks: Vec<Hash>,
}

/// A hash that no block has.
const UNKNOWN: Hash = [0; 32];

impl PieceHashers {
    /// Pieces of version 1, of version 2 (`data` says what of them is no padding), or of both.
    pub(crate) fn new(layout: Layout, v1: bool, data: Option<Layout>) -> Self {
        Self { layout, v1, data }
    }

    /// The pieces as they travel.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether blocks have hashes of their own.
    pub fn hashes_blocks(&self) -> bool {
        self.data.is_some()
    }

    /// Begins the hash of a piece.
    pub fn hasher(&self, piece: PieceIndex) -> PieceHasher {
        let data_size = self.data.as_ref().map_or(0, |data| data.piece_size(piece));
        PieceHasher {
            size: self.layout.piece_size(piece),
            sha1: self.v1.then(Sha1::new),
            taken: 0,
            data_size,
            blocks: vec![UNKNOWN; data_size.div_ceil(BLOCK_LENGTH) as usize],
        }
    }
}

impl PieceHasher {
    /// Bytes from the front that need not be given any more.
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether everything was given.
    pub fn is_done(&self) -> bool {
        self.taken >= self.size
    }

    /// Whether bytes have to be given in order. If not, [`block`](Self::block) is enough.
    pub fn is_ordered(&self) -> bool {
        self.sha1.is_some()
    }

    /// Takes the hash of a block that begins `begin` bytes into the piece, wherever the hash of the piece stands, and gives
    /// it. `None` for what has none: anything but exactly a block, and everything in version 1.
    pub fn block(&mut self, begin: u32, data: &[u8]) -> Option<Hash> {
        let (number, data) = self.as_block(begin, data)?;
        let hash = merkle::block_hash(data);
        *self.blocks.get_mut(number)? = hash;
        self.skip_known();
        Some(hash)
    }

    /// Takes the bytes that follow the [`taken`](Self::taken). They must end with a block, or with the piece.
    pub fn update(&mut self, data: &[u8]) {
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(data);
        }
        let mut begin = self.taken;
        for block in data.chunks(BLOCK_LENGTH as usize) {
            if let Some((number, block)) = self.as_block(begin, block)
                && let Some(place) = self.blocks.get_mut(number)
                && *place == UNKNOWN
            {
                *place = merkle::block_hash(block);
            }
            begin = begin.saturating_add(block.len() as u32);
        }
        self.taken = begin;
        self.skip_known();
    }

    /// Begins anew, but for the hashes of blocks: bytes that were taken were replaced, and the block that replaced them was
    /// given.
    pub fn restart(&mut self) {
        self.sha1 = self.sha1.as_ref().map(|_| Sha1::new());
        self.taken = 0;
        self.skip_known();
    }

    /// The hash, once all is taken.
    pub fn finish(self) -> PieceHash {
        PieceHash {
            sha1: self.sha1.map(|sha1| sha1.finalize().into()),
            blocks: self.blocks,
        }
    }

    /// The number of the block that is there, and its bytes without padding.
    fn as_block<'a>(&self, begin: u32, data: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let rest = self.data_size.checked_sub(begin)?;
        let length = rest.min(BLOCK_LENGTH) as usize;
        if length == 0 || !begin.is_multiple_of(BLOCK_LENGTH) || data.len() > BLOCK_LENGTH as usize
        {
            return None;
        }
        Some(((begin / BLOCK_LENGTH) as usize, data.get(..length)?))
    }

    /// Without a SHA-1, blocks that are known need not be given.
    fn skip_known(&mut self) {
        while self.sha1.is_none()
            && self.taken < self.size
            && self
                .blocks
                .get((self.taken / BLOCK_LENGTH) as usize)
                .is_none_or(|hash| *hash != UNKNOWN)
        {
            self.taken = self.taken.saturating_add(BLOCK_LENGTH).min(self.size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lengths;

    const BLOCK: usize = BLOCK_LENGTH as usize;

    /// A piece of 64 KiB of which 40,000 bytes are a file's, in a torrent of these versions.
    fn hasher(v1: bool, v2: bool) -> (PieceHasher, Vec<u8>) {
        let lengths = Lengths::new(65_536, 65_536).unwrap();
        let piece = lengths.piece(0).unwrap();
        let data = Layout::with_short_pieces(lengths, vec![(piece, 40_000)]);
        let layout = if v1 { lengths.into() } else { data.clone() };
        let hashers = PieceHashers::new(layout, v1, v2.then_some(data));
        let mut bytes: Vec<u8> = (0..40_000u32).map(|n| (n % 251) as u8).collect();
        if v1 {
            bytes.resize(65_536, 0);
        }
        (hashers.hasher(piece), bytes)
    }

    #[test]
    fn each_version_hashes_what_is_its_own() {
        for (v1, v2) in [(true, false), (false, true), (true, true)] {
            let (mut hasher, bytes) = hasher(v1, v2);
            assert_eq!(hasher.is_ordered(), v1);
            for part in bytes.chunks(2 * BLOCK) {
                hasher.update(part);
            }
            assert!(hasher.is_done());
            let hash = hasher.finish();
            assert_eq!(hash.sha1, v1.then(|| Sha1::digest(&bytes).into()));
            let blocks: Vec<Hash> = merkle::block_hashes(&bytes[..40_000]).collect();
            assert_eq!(hash.blocks, if v2 { blocks } else { Vec::new() });
        }
    }

    #[test]
    fn blocks_in_any_order_are_a_piece_of_version_2() {
        let (mut hasher, bytes) = hasher(false, true);
        let blocks: Vec<Hash> = merkle::block_hashes(&bytes).collect();
        for number in [1, 0, 2] {
            let part = &bytes[number * BLOCK..(number * BLOCK + BLOCK).min(bytes.len())];
            let hash = hasher.block((number * BLOCK) as u32, part);
            assert_eq!(hash, Some(blocks[number]));
        }
        assert!(hasher.is_done());
        assert_eq!(hasher.finish().blocks, blocks);
    }

    #[test]
    fn what_was_given_as_a_block_is_read_no_more() {
        let (mut hasher, bytes) = hasher(false, true);
        hasher.block(0, &bytes[..BLOCK]);
        assert_eq!(hasher.taken(), BLOCK_LENGTH);
        assert_eq!(hasher.block(1, &bytes[1..BLOCK + 1]), None);
        assert_eq!(hasher.block(BLOCK_LENGTH, &bytes[..100]), None);
        hasher.update(&bytes[BLOCK..]);
        assert!(hasher.is_done());
        let blocks: Vec<Hash> = merkle::block_hashes(&bytes).collect();
        assert_eq!(hasher.finish().blocks, blocks);
    }

    #[test]
    fn bytes_that_were_replaced_are_hashed_anew() {
        let (mut hasher, bytes) = hasher(true, true);
        hasher.update(&[9; BLOCK]);
        let first = merkle::block_hash(&bytes[..BLOCK]);
        assert_eq!(hasher.block(0, &bytes[..BLOCK]), Some(first));
        hasher.restart();
        assert_eq!(hasher.taken(), 0);
        hasher.update(&bytes);
        let hash = hasher.finish();
        assert_eq!(hash.sha1, Some(Sha1::digest(&bytes).into()));
        assert_eq!(hash.blocks[0], first);
    }
}
