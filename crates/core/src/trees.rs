//! The hashes that peers are given (BEP 52): the trees of files from their pieces up, and the blocks of pieces that were
//! hashed of late. Both are made when they are asked for and kept within bounds.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use brackish_wire::PieceIndex;
use brackish_wire::merkle::{Hash, HashRequest, Tree};
use brackish_wire::metainfo::{V2, Verifier};

use crate::Table;

/// Pieces of all files whose trees are kept: 64 bytes each. What is over is refused: files in a million pieces are known to
/// their peers from the `.torrent`.
const MAX_PIECES: usize = 1 << 20;

/// Hashes of blocks kept: 512 KiB of them, of 256 MiB of pieces. Peers ask for the blocks of a piece while they fetch it,
/// and many fetch the same pieces at about the same time.
const MAX_BLOCKS: usize = 1 << 14;

#[derive(Debug, Default)]
pub(crate) struct Trees {
    /// By number of the file.
    files: BTreeMap<usize, Tree>,
    /// Pieces that `files` cover.
    pieces: usize,
    blocks: Table<u32, Vec<Hash>>,
    /// The keys of `blocks`, the oldest first.
    order: VecDeque<u32>,
    held: usize,
}

/// What there is to say to a request for hashes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// These.
    Hashes(Vec<Hash>),
    /// Those, once this piece is hashed.
    Hash(PieceIndex),
    /// Nothing.
    Reject,
}

impl Trees {
    /// Answers a request of a peer.
    pub fn answer(&mut self, verifier: &Verifier, request: &HashRequest) -> Answer {
        self.find(verifier, request).unwrap_or(Answer::Reject)
    }

    fn find(&mut self, verifier: &Verifier, request: &HashRequest) -> Option<Answer> {
        let v2 = verifier.info().v2()?;
        let number = v2.files_with_root(&request.root).next()?;
        let file = v2.files().get(number)?;
        let shape = file.shape()?;
        request.check(shape).ok()?;
        let piece_layer = v2.piece_layer().min(shape.height());
        if request.base_layer >= piece_layer {
            let tree = self.tree(verifier, v2, number)?;
            let hashes = request.answer(shape, |layer, index| tree.node(layer, index))?;
            return Some(Answer::Hashes(hashes));
        }
        // Below the pieces: all of one piece, whose blocks have to be known.
        let blocks_log = piece_layer - request.base_layer;
        let place = request.index >> blocks_log;
        let last = request.index.checked_add(request.length)?.checked_sub(1)?;
        if place != last >> blocks_log {
            return None;
        }
        let piece = file.first_piece.checked_add(place)?;
        let piece = verifier.info().lengths().piece(piece)?;
        let Some(blocks) = self.blocks.get(&piece.get()) else {
            return Some(Answer::Hash(piece));
        };
        let part = Tree::new(v2.piece_shape(piece)?, 0, blocks.clone())?;
        let tree = self.tree(verifier, v2, number)?;
        let hashes = request.answer(shape, |layer, index| {
            if layer >= piece_layer {
                tree.node(layer, index)
            } else {
                let first = u64::from(place) << (piece_layer - layer);
                match index.checked_sub(first) {
                    Some(inside) if inside >> (piece_layer - layer) == 0 => {
                        part.node(layer, inside)
                    }
                    _ => None,
                }
            }
        })?;
        Some(Answer::Hashes(hashes))
    }

    /// Keeps the hashes of a piece's blocks, which are right.
    pub fn keep_blocks(&mut self, piece: PieceIndex, blocks: Vec<Hash>) {
        if blocks.is_empty() || blocks.len() > MAX_BLOCKS {
            return;
        }
        self.held += blocks.len();
        match self.blocks.insert(piece.get(), blocks) {
            Some(old) => self.held -= old.len(),
            None => self.order.push_back(piece.get()),
        }
        while self.held > MAX_BLOCKS {
            let oldest = self
                .order
                .pop_front()
                .and_then(|old| self.blocks.remove(&old));
            match oldest {
                Some(old) => self.held -= old.len(),
                None => break,
            }
        }
    }

    fn tree(&mut self, verifier: &Verifier, v2: &V2, number: usize) -> Option<&Tree> {
        let vacant = match self.files.entry(number) {
            Entry::Occupied(tree) => return Some(tree.into_mut()),
            Entry::Vacant(vacant) => vacant,
        };
        let pieces = v2.files().get(number)?.pieces as usize;
        if self.pieces + pieces > MAX_PIECES {
            return None;
        }
        let tree = verifier.layers().tree(v2, number)?;
        self.pieces += pieces;
        Some(vacant.insert(tree))
    }
}
