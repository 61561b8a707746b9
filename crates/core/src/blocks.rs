//! Telling right blocks from wrong ones as they come, in torrents of version 2 (BEP 52): for each piece on its way, the
//! hashes that its blocks should have, asked of a peer and proved against the piece's, and those that they do have.

use std::time::Duration;

use brackish_wire::PieceIndex;
use brackish_wire::merkle::{Hash, HashRequest};
use brackish_wire::metainfo::{AnswerError, Verifier};

use crate::{ConnectionId, Table, Timestamp};

/// A request that is not answered for this long is asked of another peer.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct BlockChecks {
    /// The pieces on their way.
    pieces: Table<u32, Check>,
}

#[derive(Debug)]
struct Check {
    piece: PieceIndex,
    /// The hash of each block as it should be; `None` where it is not known yet.
    known: Vec<Option<Hash>>,
    /// The hash of each block as it is in the store.
    found: Vec<Option<Hash>>,
    /// What is still to be known.
    wanted: Vec<HashRequest>,
    /// Of whom it was asked.
    asked: Option<(ConnectionId, Timestamp)>,
}

/// What came of hashes that a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nobody asked for them here.
    Unasked,
    /// They are true; these blocks of the piece are in the store and wrong.
    True(PieceIndex, Vec<u32>),
    /// They are not.
    Wrong(AnswerError),
}

impl BlockChecks {
    /// Blocks of a piece are asked for: what to ask `peer` for besides, to be able to judge them.
    pub fn begin(
        &mut self,
        verifier: &Verifier,
        piece: PieceIndex,
        peer: ConnectionId,
        now: Timestamp,
    ) -> Vec<HashRequest> {
        let Some(check) = self.check(verifier, piece) else {
            return Vec::new();
        };
        let is_out = |(_, at): (ConnectionId, Timestamp)| now.since(at) < TIMEOUT;
        if check.wanted.is_empty() || check.asked.is_some_and(is_out) {
            return Vec::new();
        }
        check.asked = Some((peer, now));
        check.wanted.clone()
    }

    /// Hashes came from a peer.
    pub fn received(
        &mut self,
        verifier: &Verifier,
        peer: ConnectionId,
        request: &HashRequest,
        hashes: &[Hash],
    ) -> Proof {
        let asked = |check: &&mut Check| {
            check.asked.is_some_and(|(asked, _)| asked == peer) && check.wanted.contains(request)
        };
        let Some(check) = self.pieces.values_mut().find(asked) else {
            return Proof::Unasked;
        };
        let Some(v2) = verifier.info().v2() else {
            return Proof::Unasked;
        };
        let layers = verifier.layers();
        if let Err(error) = layers.check_blocks(v2, check.piece, request, hashes) {
            check.asked = None;
            return Proof::Wrong(error);
        }
        check.wanted.retain(|wanted| wanted != request);
        let first = v2
            .file_of(check.piece)
            .map_or(0, |(_, file)| file.first_piece);
        let before = (check.piece.get() - first) << v2.piece_layer();
        let begin = request.index.saturating_sub(before) as usize;
        let run = hashes.iter().take(request.length as usize);
        for (place, hash) in check.known.iter_mut().skip(begin).zip(run) {
            *place = Some(*hash);
        }
        let blocks = check.known.iter().zip(&check.found).zip(0..);
        let wrong = blocks.filter(|((known, found), _)| differ(**known, **found));
        let wrong: Vec<u32> = wrong.map(|(_, number)| number).collect();
        Proof::True(check.piece, wrong)
    }

    /// A peer will not say: whether it was asked.
    pub fn rejected(&mut self, peer: ConnectionId, request: &HashRequest) -> bool {
        let asked = |check: &&mut Check| {
            check.asked.is_some_and(|(asked, _)| asked == peer) && check.wanted.contains(request)
        };
        match self.pieces.values_mut().find(asked) {
            Some(check) => {
                check.asked = None;
                true
            }
            None => false,
        }
    }

    /// A peer is gone.
    pub fn released(&mut self, peer: ConnectionId) {
        let asked = |check: &&mut Check| check.asked.is_some_and(|(asked, _)| asked == peer);
        for check in self.pieces.values_mut().filter(asked) {
            check.asked = None;
        }
    }

    /// A block is in the store, with this hash: whether it is wrong.
    pub fn stored(&mut self, piece: PieceIndex, number: u32, hash: Hash) -> bool {
        let Some(check) = self.pieces.get_mut(&piece.get()) else {
            return false;
        };
        let (Some(known), Some(found)) = (
            check.known.get(number as usize),
            check.found.get_mut(number as usize),
        ) else {
            return false;
        };
        *found = Some(hash);
        differ(*known, *found)
    }

    /// Whether it is known that the block in the store is right.
    pub fn is_right(&self, piece: PieceIndex, number: u32) -> bool {
        let check = self.pieces.get(&piece.get());
        check.is_some_and(|check| {
            let known = check.known.get(number as usize).copied().flatten();
            known.is_some() && check.found.get(number as usize) == Some(&known)
        })
    }

    /// A block is to be fetched again.
    pub fn lost(&mut self, piece: PieceIndex, number: u32) {
        let check = self.pieces.get_mut(&piece.get());
        if let Some(found) = check.and_then(|check| check.found.get_mut(number as usize)) {
            *found = None;
        }
    }

    /// All of a piece is to be fetched again.
    pub fn restart(&mut self, piece: PieceIndex) {
        if let Some(check) = self.pieces.get_mut(&piece.get()) {
            check.found.fill(None);
        }
    }

    /// A piece is verified.
    pub fn end(&mut self, piece: PieceIndex) {
        self.pieces.remove(&piece.get());
    }

    fn check(&mut self, verifier: &Verifier, piece: PieceIndex) -> Option<&mut Check> {
        if self.pieces.contains_key(&piece.get()) {
            return self.pieces.get_mut(&piece.get());
        }
        let v2 = verifier.info().v2()?;
        let hash = verifier.layers().piece_hash(v2, piece)?;
        let shape = v2.piece_shape(piece)?;
        let blocks = shape.blocks() as usize;
        // A piece of one block has that block's hash.
        let known = (shape.height() == 0).then_some(hash);
        Some(self.pieces.get_or_insert_with(piece.get(), || Check {
            piece,
            known: vec![known; blocks],
            found: vec![None; blocks],
            wanted: v2.block_requests(piece),
            asked: None,
        }))
    }
}

fn differ(known: Option<Hash>, found: Option<Hash>) -> bool {
    matches!((known, found), (Some(known), Some(found)) if known != found)
}
