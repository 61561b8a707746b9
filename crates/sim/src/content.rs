//! The one torrent of a world: its `info` dictionary and its bytes.
//!
//! The bytes are zeros, but for a stamp at the front of each block that tells the block from all
//! others. They are one lazily mapped allocation: what is never written costs no memory, and every
//! read of every node is a view of it.

use std::sync::Arc;

use brackish_wire::metainfo::{Info, InfoBuilder};
use brackish_wire::{BLOCK_LENGTH, Lengths, PieceIndex};
use bytes::Bytes;

/// Bytes of a stamp.
const STAMP: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub info: Arc<Info>,
    pub lengths: Lengths,
    bytes: Bytes,
}

impl Content {
    pub fn new(total: u64, piece_length: u32, rng: &mut fastrand::Rng) -> Self {
        let builder = InfoBuilder::single_file("sim", total, piece_length);
        let lengths = builder.lengths().expect("a scenario's lengths fit");
        let hashes: Vec<[u8; 20]> = lengths
            .pieces()
            .map(|_| std::array::from_fn(|_| rng.u8(..)))
            .collect();
        let info = builder.build(&hashes).expect("a scenario's torrent is one");
        let mut bytes = vec![0; usize::try_from(total).expect("a scenario fits into memory")];
        for piece in lengths.pieces() {
            for number in 0..lengths.block_count(piece) {
                let at =
                    lengths.piece_offset(piece) as usize + number as usize * BLOCK_LENGTH as usize;
                let stamp = rng.u64(1..).to_be_bytes();
                let end = (at + STAMP).min(bytes.len());
                bytes[at..end].copy_from_slice(&stamp[..end - at]);
            }
        }
        Self {
            info: Arc::new(info),
            lengths,
            bytes: bytes.into(),
        }
    }

    /// Part of a piece as it should be.
    pub fn part(&self, piece: PieceIndex, begin: u32, length: u32) -> Bytes {
        let from = self.lengths.piece_offset(piece) as usize + begin as usize;
        self.bytes.slice(from..from + length as usize)
    }

    /// Whether `data` is what stands there.
    pub fn is(&self, piece: PieceIndex, begin: u32, data: &[u8]) -> bool {
        let from = self.lengths.piece_offset(piece) as usize + begin as usize;
        let good = self.bytes.get(from..from + data.len());
        // The very same memory needs no look.
        good.is_some_and(|good| std::ptr::eq(good.as_ptr(), data.as_ptr()) || good == data)
    }
}
