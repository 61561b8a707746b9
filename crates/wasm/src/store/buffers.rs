//! Blocks on their way to the store. A piece is kept in memory until it is whole, so that it is
//! hashed as it comes and written in few large runs: a browser charges by the call, and a piece
//! that was never read back costs nothing to verify. When too much waits, the piece with the most
//! goes to the store early.

use bytes::Bytes;
use sha1::{Digest, Sha1};

use crate::table::Table;

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

/// The hash of a piece's first bytes.
#[derive(Clone, Default)]
pub struct Prefix {
    hash: Sha1,
    length: u32,
}

#[derive(Default)]
struct Buffer {
    blocks: Table<u32, Bytes>,
    bytes: usize,
    prefix: Prefix,
}

impl Buffers {
    /// Takes a block.
    pub fn insert(&mut self, piece: u32, begin: u32, data: Bytes) {
        let buffer = self.pieces.get_or_default(piece);
        if begin < buffer.prefix.length {
            // Written anew after it was hashed: the hash begins again, from the store if need be.
            buffer.prefix = Prefix::default();
        }
        self.bytes += data.len();
        buffer.bytes += data.len();
        if let Some(replaced) = buffer.blocks.insert(begin, data) {
            self.bytes -= replaced.len();
            buffer.bytes -= replaced.len();
        }
        while let Some(block) = buffer.blocks.get(buffer.prefix.length) {
            buffer.prefix.update(block);
        }
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
        Some((piece, runs(std::mem::take(&mut buffer.blocks))))
    }

    /// Everything of a piece that waits, to be written, and the hash as far as it goes.
    pub fn finish(&mut self, piece: u32) -> (Vec<Run>, Prefix) {
        let buffer = self.pieces.remove(piece).unwrap_or_default();
        self.bytes -= buffer.bytes;
        (runs(buffer.blocks), buffer.prefix)
    }
}

impl Prefix {
    /// Bytes hashed.
    pub fn length(&self) -> u32 {
        self.length
    }

    /// Hashes what follows.
    pub fn update(&mut self, data: &[u8]) {
        self.hash.update(data);
        self.length += data.len() as u32;
    }

    /// The SHA-1 of all.
    pub fn finish(self) -> [u8; 20] {
        self.hash.finalize().into()
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
    use super::*;

    const BLOCK: usize = 16 * 1024;

    fn block(number: usize) -> Bytes {
        Bytes::from(vec![number as u8; BLOCK])
    }

    fn sha1(data: &[u8]) -> [u8; 20] {
        Sha1::digest(data).into()
    }

    #[test]
    fn a_piece_whose_blocks_come_in_any_order_is_hashed_and_written_in_one_run() {
        let mut buffers = Buffers::default();
        for number in [2, 0, 3, 1] {
            buffers.insert(7, (number * BLOCK) as u32, block(number));
        }
        let (runs, prefix) = buffers.finish(7);
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0].blocks.len(), 4);
        assert_eq!(prefix.length() as usize, 4 * BLOCK);
        let whole: Vec<u8> = (0..4).flat_map(|number| block(number).to_vec()).collect();
        assert_eq!(prefix.finish(), sha1(&whole));
    }

    #[test]
    fn a_gap_ends_a_run_and_the_hash() {
        let mut buffers = Buffers::default();
        buffers.insert(0, 0, block(0));
        buffers.insert(0, 2 * BLOCK as u32, block(2));
        let (runs, prefix) = buffers.finish(0);
        assert_eq!(
            runs.iter().map(|run| run.begin).collect::<Vec<_>>(),
            [0, 2 * BLOCK as u32]
        );
        assert_eq!(prefix.length() as usize, BLOCK);
    }

    #[test]
    fn a_block_written_anew_is_hashed_as_it_was_last_written() {
        let mut buffers = Buffers::default();
        buffers.insert(0, 0, block(9));
        buffers.insert(0, BLOCK as u32, block(1));
        buffers.insert(0, 0, block(0));
        let (_, prefix) = buffers.finish(0);
        let whole = [block(0), block(1)].concat();
        assert_eq!(prefix.finish(), sha1(&whole));
    }

    #[test]
    fn when_too_much_waits_the_piece_with_the_most_is_written_and_its_hash_goes_on() {
        let mut buffers = Buffers::default();
        buffers.insert(1, 0, block(1));
        let mut number = 0;
        let (piece, runs) = loop {
            buffers.insert(2, (number * BLOCK) as u32, block(number));
            number += 1;
            if let Some(overflow) = buffers.overflow() {
                break overflow;
            }
            assert!(number < 2 * LIMIT / BLOCK, "nothing overflows");
        };
        assert_eq!((piece, runs.len()), (2, 1));
        assert_eq!(runs[0].blocks.len(), number);
        assert!(buffers.overflow().is_none());
        buffers.insert(2, (number * BLOCK) as u32, block(number));
        let (rest, prefix) = buffers.finish(2);
        assert_eq!(rest.len(), 1);
        let whole: Vec<u8> = (0..=number)
            .flat_map(|number| block(number).to_vec())
            .collect();
        assert_eq!(prefix.finish(), sha1(&whole));
    }
}
