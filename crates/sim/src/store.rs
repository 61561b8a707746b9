//! A node's store: which blocks are there and intact, the bytes of those that are not, and how fast
//! and how reliable it is. Intact blocks are not kept; they are views of the world's content.

use std::collections::BTreeMap;
use std::time::Duration;

use brackish_core::{Presence, StorageError, Timestamp};
use brackish_wire::merkle::Hash;
use brackish_wire::{BLOCK_LENGTH, Bitfield, PieceHash, PieceIndex};
use bytes::{Bytes, BytesMut};

use crate::content::Content;
use crate::scenario::{Holds, StoreSpec};

/// The hash of every block that is wrong.
const WRONG: Hash = [0xdd; 32];

#[derive(Debug)]
pub(crate) struct Store {
    pub spec: StoreSpec,
    /// It fails every job.
    pub broken: bool,
    blocks_per_piece: u32,
    intact: Bitfield,
    /// Blocks that are there and wrong.
    wrong: BTreeMap<u32, Bytes>,
    claims: Option<Bitfield>,
    used: u64,
    busy_until: Timestamp,
}

impl Store {
    pub fn new(spec: StoreSpec, holds: &Holds, content: &Content, rng: &mut fastrand::Rng) -> Self {
        let lengths = &content.lengths;
        let blocks_per_piece = lengths.piece_length().div_ceil(BLOCK_LENGTH);
        let mut store = Self {
            spec,
            broken: false,
            blocks_per_piece,
            intact: Bitfield::new(lengths.piece_count() * blocks_per_piece),
            wrong: BTreeMap::new(),
            claims: None,
            used: 0,
            busy_until: Timestamp::ZERO,
        };
        // Padding is never written, and reads as zeros.
        for piece in lengths.pieces() {
            let padding = content.padding_blocks(piece);
            padding.for_each(|number| _ = store.intact.set(store.index(piece, number)));
        }
        match holds {
            Holds::Nothing => {}
            Holds::Everything => lengths.pieces().for_each(|p| store.put_piece(content, p)),
            Holds::Some { claimed, intact } => {
                let mut claims = Bitfield::new(lengths.piece_count());
                for index in claimed {
                    claims.set(*index);
                    let piece = lengths.piece(*index).expect("a claim is a piece");
                    if intact.contains(index) {
                        store.put_piece(content, piece);
                    } else {
                        store.put_lie(content, piece, rng);
                    }
                }
                store.claims = Some(claims);
            }
        }
        store
    }

    fn put_piece(&mut self, content: &Content, piece: PieceIndex) {
        for number in 0..content.lengths.block_count(piece) {
            self.intact.set(self.index(piece, number));
        }
        self.used += u64::from(content.lengths.piece_size(piece));
    }

    /// A piece of which some blocks are there and others hold what a crash left.
    fn put_lie(&mut self, content: &Content, piece: PieceIndex, rng: &mut fastrand::Rng) {
        let count = content.lengths.block_count(piece);
        let surely = rng.u32(0..count);
        for number in 0..count {
            let index = self.index(piece, number);
            if number == surely || rng.bool() {
                self.wrong
                    .insert(index, Bytes::from_static(b"left by a crash"));
            } else {
                self.intact.set(index);
            }
        }
    }

    /// What a session is told when it opens the store: what was written counts as a claim.
    pub fn open(&self, content: &Content) -> Result<Presence, StorageError> {
        self.check()?;
        let mut claims = self
            .claims
            .clone()
            .unwrap_or_else(|| Bitfield::new(content.lengths.piece_count()));
        for block in self.intact.ones().chain(self.wrong.keys().copied()) {
            let piece = content.lengths.piece(block / self.blocks_per_piece);
            let piece = piece.expect("a block is of a piece");
            let number = block % self.blocks_per_piece;
            if !content.padding_blocks(piece).contains(&number) {
                claims.set(piece.get());
            }
        }
        Ok(if claims.is_empty() {
            Presence::Nothing
        } else {
            Presence::Maybe(claims)
        })
    }

    /// When a job of so many bytes that is given now will be done.
    pub fn schedule(&mut self, bytes: usize, now: Timestamp) -> Timestamp {
        let transfer = self.spec.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_micros(bytes as u64 * 1_000_000 / rate.max(1))
        });
        self.busy_until = self.busy_until.max(now) + self.spec.delay + transfer;
        self.busy_until
    }

    /// Whether a job that is given now is done at once: none is before it.
    pub fn is_instant(&self, now: Timestamp) -> bool {
        self.spec.rate.is_none() && self.spec.delay.is_zero() && self.busy_until < now
    }

    pub fn read(
        &self,
        content: &Content,
        piece: PieceIndex,
        begin: u32,
        length: u32,
    ) -> Result<Bytes, StorageError> {
        self.check()?;
        let end = begin + length;
        let blocks = begin / BLOCK_LENGTH..end.div_ceil(BLOCK_LENGTH);
        if blocks
            .clone()
            .all(|number| self.intact.get(self.index(piece, number)))
        {
            return Ok(content.part(piece, begin, length));
        }
        let size = content.lengths.piece_size(piece);
        let mut data = BytesMut::new();
        for number in blocks.clone() {
            let from = number * BLOCK_LENGTH;
            let length = BLOCK_LENGTH.min(size - from) as usize;
            let index = self.index(piece, number);
            if self.intact.get(index) {
                data.extend_from_slice(&content.part(piece, from, length as u32));
            } else {
                let wrong = self.wrong.get(&index).map_or(&[][..], |wrong| wrong);
                data.extend_from_slice(&wrong[..wrong.len().min(length)]);
                data.resize((from - blocks.start * BLOCK_LENGTH) as usize + length, 0xdd);
            }
        }
        let skip = (begin - blocks.start * BLOCK_LENGTH) as usize;
        Ok(data.freeze().slice(skip..skip + length as usize))
    }

    pub fn write(
        &mut self,
        content: &Content,
        piece: PieceIndex,
        begin: u32,
        data: &Bytes,
    ) -> Result<Option<Hash>, StorageError> {
        self.check()?;
        let number = begin / BLOCK_LENGTH;
        let index = self.index(piece, number);
        let is_new = !self.intact.get(index) && !self.wrong.contains_key(&index);
        if is_new {
            let used = self.used + data.len() as u64;
            if self.spec.capacity.is_some_and(|capacity| used > capacity) {
                return Err(StorageError::Full {
                    place: "sim".to_owned(),
                });
            }
            self.used = used;
        }
        if content.is(piece, begin, data) {
            self.intact.set(index);
            self.wrong.remove(&index);
        } else {
            self.intact.clear(index);
            self.wrong.insert(index, data.clone());
        }
        Ok(self.block_hash(content, piece, number))
    }

    /// The hash of a block as it stands, in version 2.
    fn block_hash(&self, content: &Content, piece: PieceIndex, number: u32) -> Option<Hash> {
        let good = content.block_hash(piece, number)?;
        let intact = self.intact.get(self.index(piece, number));
        Some(if intact { good } else { WRONG })
    }

    /// The hash of a piece as it stands: the torrent's own where every block is intact, else some
    /// other. No data is hashed.
    pub fn hash(&self, content: &Content, piece: PieceIndex) -> Result<PieceHash, StorageError> {
        self.check()?;
        let good = content.hash(piece);
        if self.is_intact(content, piece) {
            return Ok(good.clone());
        }
        let blocks = 0..good.blocks.len() as u32;
        Ok(PieceHash {
            sha1: good.sha1.map(|_| [0xdd; 20]),
            blocks: blocks
                .filter_map(|number| self.block_hash(content, piece, number))
                .collect(),
        })
    }

    pub fn is_intact(&self, content: &Content, piece: PieceIndex) -> bool {
        (0..content.lengths.block_count(piece))
            .all(|number| self.intact.get(self.index(piece, number)))
    }

    fn index(&self, piece: PieceIndex, number: u32) -> u32 {
        piece.get() * self.blocks_per_piece + number
    }

    fn check(&self) -> Result<(), StorageError> {
        if self.broken {
            return Err(StorageError::Failed {
                place: "sim".to_owned(),
                reason: "the disk is gone".to_owned(),
            });
        }
        Ok(())
    }
}
