//! Telling right pieces from wrong ones, by the hashes that a torrent has of each version.

use super::{AnswerError, Info, PieceLayers};
use crate::merkle::{self, Hash, HashRequest};
use crate::{PieceHash, PieceIndex};
use std::sync::Arc;

/// A torrent's `info` dictionary and what is known of its piece layers: all that it takes to judge a piece.
#[derive(Debug, Clone)]
pub struct Verifier {
    info: Arc<Info>,
    layers: PieceLayers,
}

/// What the hash of a piece says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is right.
    Good,
    /// It is wrong, or cannot be judged yet.
    Bad,
    /// It is right by one version of a hybrid torrent and wrong by the other: no piece could be right.
    Inconsistent,
}

impl Verifier {
    /// For the pieces of this torrent.
    pub fn new(info: Arc<Info>, layers: PieceLayers) -> Self {
        Self { info, layers }
    }

    /// The torrent.
    pub fn info(&self) -> &Arc<Info> {
        &self.info
    }

    /// What is known of the piece layers.
    pub fn layers(&self) -> &PieceLayers {
        &self.layers
    }

    /// Takes what a peer gave for one of [`V2::layer_requests`](super::V2::layer_requests), if it is true.
    pub fn accept(&mut self, request: &HashRequest, hashes: &[Hash]) -> Result<(), AnswerError> {
        let v2 = self.info.v2().ok_or(AnswerError::File)?;
        self.layers.accept(v2, request, hashes)
    }

    /// Whether every piece can be judged: one of version 2 alone cannot without its piece layers.
    pub fn is_ready(&self) -> bool {
        self.info.has_v1()
            || self.info.v2().is_none_or(|v2| {
                (0..v2.files().len()).all(|file| self.layers.is_complete(v2, file))
            })
    }

    /// Judges a piece by its hash. A hybrid's piece has to be right by both versions; where its layer is not known, by
    /// version 1 alone.
    pub fn judge(&self, piece: PieceIndex, hash: &PieceHash) -> Verdict {
        let by_v1 = self
            .info
            .piece_hash(piece)
            .map(|expected| hash.sha1.as_ref() == Some(expected));
        match (by_v1, self.judge_v2(piece, hash)) {
            (Some(true), Some(false)) | (Some(false), Some(true)) => Verdict::Inconsistent,
            (Some(true), _) | (None, Some(true)) => Verdict::Good,
            (Some(false), _) | (None, _) => Verdict::Bad,
        }
    }

    fn judge_v2(&self, piece: PieceIndex, hash: &PieceHash) -> Option<bool> {
        let v2 = self.info.v2()?;
        let expected = self.layers.piece_hash(v2, piece)?;
        let shape = v2.piece_shape(piece)?;
        let whole = hash.blocks.len() as u64 == shape.blocks();
        let root = merkle::root(hash.blocks.clone(), 0, shape.height());
        Some(whole && root == Some(expected))
    }
}
