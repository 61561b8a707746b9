//! The one torrent of a world: its `info` dictionary and its bytes.
//!
//! The bytes are zeros, but for a stamp at the front of each block that tells the block from all
//! others. They are one lazily mapped allocation: what is never written costs no memory, and every
//! read of every node is a view of it. The hashes are no hashes of them, but random numbers.

use std::sync::Arc;

use brackish_wire::merkle::Hash;
use brackish_wire::metainfo::{Info, InfoBuilder, PieceLayers};
use brackish_wire::{BLOCK_LENGTH, Layout, PieceHash, PieceHashers, PieceIndex};
use bytes::Bytes;

use crate::scenario::{Scenario, Version};

/// Bytes of a stamp.
const STAMP: usize = 8;

#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub info: Arc<Info>,
    pub layers: PieceLayers,
    pub lengths: Layout,
    hashes: Arc<[PieceHash]>,
    bytes: Bytes,
}

impl Content {
    pub fn new(scenario: &Scenario, rng: &mut fastrand::Rng) -> Self {
        let (total, piece_length) = (scenario.total, scenario.piece_length);
        // A torrent of version 2 has two files, the first of which ends within a piece.
        let first = total / 3;
        let files = || {
            let files = [("a", first), ("b", total - first)];
            let files = files.map(|(name, length)| (vec![name.to_owned()], length));
            InfoBuilder::multi_file("sim", files.to_vec(), piece_length)
        };
        let (hashes, info, layers) = match scenario.version {
            Version::V1 => {
                let builder = InfoBuilder::single_file("sim", total, piece_length);
                let hashers = builder.piece_hashers().expect("a scenario's lengths fit");
                let hashes = random(&hashers, rng);
                let sha1: Vec<[u8; 20]> = hashes.iter().filter_map(|hash| hash.sha1).collect();
                let info = builder.build(&sha1).expect("a scenario's torrent is one");
                (hashes, info, PieceLayers::default())
            }
            version => {
                let builder = match version {
                    Version::Hybrid => files().hybrid(),
                    _ => files().v2_only(),
                };
                let builder = builder.expect("a scenario's lengths fit");
                let hashes = random(&builder.piece_hashers(), rng);
                let (info, layers) = builder.build(&hashes).expect("it is a torrent");
                (hashes, info, layers)
            }
        };
        let lengths = info.layout().clone();
        let data = info.v2().map_or(&lengths, |v2| v2.data_layout());
        let whole =
            usize::try_from(lengths.lengths().total()).expect("a scenario fits into memory");
        let mut bytes = vec![0; whole];
        for piece in data.pieces() {
            let offset = data.piece_offset(piece) as usize;
            let end = offset + data.piece_size(piece) as usize;
            for at in (offset..end).step_by(BLOCK_LENGTH as usize) {
                let stamp = rng.u64(1..).to_be_bytes();
                let end = (at + STAMP).min(end);
                bytes[at..end].copy_from_slice(&stamp[..end - at]);
            }
        }
        Self {
            info: Arc::new(info),
            layers,
            lengths,
            hashes: hashes.into(),
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

    /// The hash that a piece should have.
    pub fn hash(&self, piece: PieceIndex) -> &PieceHash {
        &self.hashes[piece.get() as usize]
    }

    /// The blocks of a piece that are nothing but padding.
    pub fn padding_blocks(&self, piece: PieceIndex) -> std::ops::Range<u32> {
        let data = match self.info.v2() {
            Some(v2) => v2.data_layout(),
            None => &self.lengths,
        };
        data.block_count(piece)..self.lengths.block_count(piece)
    }

    /// The hash that a block should have; `None` in version 1, and for padding.
    pub fn block_hash(&self, piece: PieceIndex, number: u32) -> Option<Hash> {
        let blocks = &self.hash(piece).blocks;
        blocks.get(number as usize).copied()
    }
}

fn random(hashers: &PieceHashers, rng: &mut fastrand::Rng) -> Vec<PieceHash> {
    let hash = |piece| {
        let empty = hashers.hasher(piece).finish();
        let blocks = empty.blocks.iter();
        PieceHash {
            sha1: empty.sha1.map(|_| std::array::from_fn(|_| rng.u8(..))),
            blocks: blocks
                .map(|_| std::array::from_fn(|_| rng.u8(..)))
                .collect(),
        }
    };
    hashers.layout().pieces().map(hash).collect()
}
