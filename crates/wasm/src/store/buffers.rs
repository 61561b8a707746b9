//! Blocks on their way to the store. A piece is kept in memory until it is whole, so that it is
//! hashed as it comes and written in few large runs: a browser charges by the call, and a piece
//! that was never read back costs nothing to verify. When too much waits, the piece with the most
//! goes to the store early.

use brackish_core::Table;
use brackish_wire::PieceHasher;
use brackish_wire::merkle::Hash;
use bytes::Bytes;

/// Most bytes of blocks that wait in memory, over all pieces of one torrent. Sixteen pieces of
/// 1 MiB; a page on a phone can spare it.
const LIMIT: usize = 16 << 20;

/// The blocks of one torrent that are not in its store yet.
#[derive(Default)]
pub struct Buffers {
    pieces: Table<u32, Buffer>,
    bytes: usize,
}

/// Blocks that follow each other without a gap.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    /// Bytes from the start of the piece.
    pub begin: u32,
    /// The blocks.
    pub blocks: Vec<Bytes>,
}

struct Buffer {
    blocks: Table<u32, Bytes>,
    bytes: usize,
    hasher: PieceHasher,
}

impl Buffers {
    /// Takes a block; `begin_hash` begins the hash of its piece. Gives the block's own, in version 2.
    pub fn insert(
        &mut self,
        piece: u32,
        begin: u32,
        data: Bytes,
        begin_hash: impl FnOnce() -> PieceHasher,
    ) -> Option<Hash> {
        let buffer = self.pieces.get_or_insert_with(piece, || Buffer {
            blocks: Table::default(),
            bytes: 0,
            hasher: begin_hash(),
        });
        let hash = buffer.hasher.block(begin, &data);
        if begin < buffer.hasher.taken() && buffer.hasher.is_ordered() {
            // Written anew after it was hashed: the hash begins again, from the store if need be.
            buffer.hasher.restart();
        }
        self.bytes += data.len();
        buffer.bytes += data.len();
        if let Some(replaced) = buffer.blocks.insert(begin, data) {
            self.bytes -= replaced.len();
            buffer.bytes -= replaced.len();
        }
        while let Some(block) = buffer.blocks.get(&buffer.hasher.taken()) {
            buffer.hasher.update(block);
        }
        hash
    }

    /// While too much waits: the blocks of the piece with the most, to be written now.
    pub fn overflow(&mut self) -> Option<(u32, Vec<Run>)> {
        if self.bytes <= LIMIT {
            return None;
        }
        let (piece, buffer) = self
            .pieces
            .iter_mut()
            .max_by_key(|(_, buffer)| buffer.bytes)?;
        self.bytes -= std::mem::take(&mut buffer.bytes);
        Some((*piece, runs(std::mem::take(&mut buffer.blocks))))
    }

    /// Everything of a piece that waits, to be written, and the hash as far as it goes, if it was begun.
    pub fn finish(&mut self, piece: u32) -> (Vec<Run>, Option<PieceHasher>) {
        let Some(buffer) = self.pieces.remove(&piece) else {
            return (Vec::new(), None);
        };
        self.bytes -= buffer.bytes;
        (runs(buffer.blocks), Some(buffer.hasher))
    }
}

fn runs(blocks: Table<u32, Bytes>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut end = None;
    for (begin, block) in blocks {
        let next = begin + block.len() as u32;
        match runs.last_mut() {
            Some(run) if end == Some(begin) => run.blocks.push(block),
            _ => runs.push(Run {
                begin,
                blocks: vec![block],
            }),
        }
        end = Some(next);
    }
    runs
}

#[cfg(test)]
mod tests {
    use brackish_wire::metainfo::InfoBuilder;
    use brackish_wire::{PieceHash, PieceHashers};
    use sha1::{Digest, Sha1};

    use super::*;

    const BLOCK: usize = 16 * 1024;

    fn block(number: usize) -> Bytes {
        Bytes::from(vec![number as u8; BLOCK])
    }

    /// One piece of so many blocks, in version 2 alone or version 1 alone.
    fn hashers(blocks: usize, v2: bool) -> PieceHashers {
        let length = (blocks * BLOCK) as u64;
        let builder = InfoBuilder::single_file("n", length, 1 << 25);
        match v2 {
            true => builder.v2_only().unwrap().piece_hashers(),
            false => builder.piece_hashers().unwrap(),
        }
    }

    fn insert(buffers: &mut Buffers, hashers: &PieceHashers, number: usize, data: Bytes) {
        let piece = hashers.layout().piece(0).unwrap();
        let hash = buffers.insert(0, (number * BLOCK) as u32, data.clone(), || {
            hashers.hasher(piece)
        });
        let expected = hashers
            .hashes_blocks()
            .then(|| brackish_wire::merkle::block_hash(&data));
        assert_eq!(hash, expected);
    }

    /// What the hash of a piece is when nothing of it has to be read back.
    fn hash(hashers: &PieceHashers, hasher: Option<PieceHasher>, whole: &[u8]) {
        let hasher = hasher.unwrap();
        assert!(hasher.is_done());
        let blocks: Vec<Hash> = match hashers.hashes_blocks() {
            true => brackish_wire::merkle::block_hashes(whole).collect(),
            false => Vec::new(),
        };
        let sha1 = (!hashers.hashes_blocks()).then(|| Sha1::digest(whole).into());
        assert_eq!(hasher.finish(), PieceHash { sha1, blocks });
    }

    #[test]
    fn a_piece_whose_blocks_come_in_any_order_is_hashed_and_written_in_one_run() {
        for v2 in [false, true] {
            let hashers = hashers(4, v2);
            let mut buffers = Buffers::default();
            for number in [2, 0, 3, 1] {
                insert(&mut buffers, &hashers, number, block(number));
            }
            let (runs, hasher) = buffers.finish(0);
            assert_eq!(runs.len(), 1);
            assert_eq!(runs[0].blocks.len(), 4);
            let whole: Vec<u8> = (0..4).flat_map(|number| block(number).to_vec()).collect();
            hash(&hashers, hasher, &whole);
        }
    }

    #[test]
    fn a_gap_ends_a_run_and_the_hash() {
        let hashers = hashers(4, false);
        let mut buffers = Buffers::default();
        insert(&mut buffers, &hashers, 0, block(0));
        insert(&mut buffers, &hashers, 2, block(2));
        let (runs, hasher) = buffers.finish(0);
        assert_eq!(
            runs.iter().map(|run| run.begin).collect::<Vec<_>>(),
            [0, 2 * BLOCK as u32]
        );
        assert_eq!(hasher.unwrap().taken() as usize, BLOCK);
        assert!(buffers.finish(0).1.is_none());
    }

    #[test]
    fn a_block_written_anew_is_hashed_as_it_was_last_written() {
        for v2 in [false, true] {
            let hashers = hashers(2, v2);
            let mut buffers = Buffers::default();
            insert(&mut buffers, &hashers, 0, block(9));
            insert(&mut buffers, &hashers, 1, block(1));
            insert(&mut buffers, &hashers, 0, block(0));
            let (_, hasher) = buffers.finish(0);
            hash(&hashers, hasher, &[block(0), block(1)].concat());
        }
    }

    #[test]
    fn when_too_much_waits_the_piece_with_the_most_is_written_and_its_hash_goes_on() {
        for v2 in [false, true] {
            let most = LIMIT / BLOCK + 2;
            let hashers = hashers(most, v2);
            let mut buffers = Buffers::default();
            let mut number = 0;
            let (piece, runs) = loop {
                insert(&mut buffers, &hashers, number, block(number));
                number += 1;
                if let Some(overflow) = buffers.overflow() {
                    break overflow;
                }
                assert!(number < most - 1, "nothing overflows");
            };
            assert_eq!((piece, runs.len()), (0, 1));
            assert_eq!(runs[0].blocks.len(), number);
            assert!(buffers.overflow().is_none());
            insert(&mut buffers, &hashers, number, block(number));
            assert_eq!(number + 1, most);
            let (rest, hasher) = buffers.finish(0);
            assert_eq!(rest.len(), 1);
            let whole = (0..most).flat_map(|number| block(number).to_vec());
            hash(&hashers, hasher, &whole.collect::<Vec<u8>>());
        }
    }
}
