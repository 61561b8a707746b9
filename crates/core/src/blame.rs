//! Who sent what of a piece that failed its hash.
//!
//! A piece whose blocks all came from one peer names that peer at once. Otherwise the digest of
//! each bad block is kept with its sender, the piece is fetched anew, and when it verifies, the
//! senders of the blocks that differ are the guilty ones. An honest peer is never banned: its
//! blocks are those of the good piece.

use brackish_wire::PieceIndex;
use brackish_wire::merkle::Hash;

use crate::{ConnectionId, KeySet, Table};

/// Failed pieces remembered until they verify. A swarm full of liars fails many; the oldest case
/// is dropped first.
const MAX_CASES: usize = 64;

/// Rounds of one piece remembered: each may have other senders.
const MAX_ROUNDS: usize = 8;

/// The hash of a block as it stands in the store: its SHA-1, or of version 2 its SHA-256, cut short.
pub(crate) type Digest = [u8; 20];

/// The digest of a block whose hash is known.
pub(crate) fn digest_of(hash: &Hash) -> Digest {
    let mut digest = [0; 20];
    digest.copy_from_slice(&hash[..20]);
    digest
}

#[derive(Debug, Default)]
pub(crate) struct Blame {
    cases: Table<PieceIndex, Vec<Vec<Evidence>>>,
    /// Whoever sent a block of a piece whose case is open.
    suspected: KeySet<ConnectionId>,
}

/// A block of a bad piece.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub block: u32,
    pub sender: ConnectionId,
    pub digest: Digest,
}

impl Blame {
    /// Remembers the blocks of a piece that failed.
    pub fn failed(&mut self, piece: PieceIndex, evidence: Vec<Evidence>) {
        if self.cases.len() >= MAX_CASES && !self.cases.contains_key(&piece) {
            self.cases.pop_first();
        }
        let rounds = self.cases.get_or_insert_with(piece, Vec::new);
        if rounds.len() < MAX_ROUNDS {
            rounds.push(evidence);
        }
        self.suspect();
    }

    /// Whether the peer sent a block of a bad piece and it is not known yet whose fault that was.
    pub fn is_suspected(&self, peer: ConnectionId) -> bool {
        self.suspected.contains(&peer)
    }

    fn suspect(&mut self) {
        let evidence = self.cases.values().flatten().flatten();
        self.suspected = KeySet::default();
        for evidence in evidence {
            self.suspected.insert(evidence.sender);
        }
    }

    /// Whether the piece failed before, so that its good blocks are worth reading.
    pub fn is_open(&self, piece: PieceIndex) -> bool {
        self.cases.contains_key(&piece)
    }

    /// The piece verified, with blocks of these digests: who sent others?
    pub fn solve(&mut self, piece: PieceIndex, good: &[Digest]) -> Vec<ConnectionId> {
        let mut guilty = Vec::new();
        for evidence in self.cases.remove(&piece).into_iter().flatten().flatten() {
            let differs = good
                .get(evidence.block as usize)
                .is_some_and(|digest| *digest != evidence.digest);
            if differs && !guilty.contains(&evidence.sender) {
                guilty.push(evidence.sender);
            }
        }
        self.suspect();
        guilty
    }
}

#[cfg(test)]
mod tests {
    use brackish_wire::Lengths;

    use super::*;

    #[test]
    fn only_the_senders_of_blocks_that_differ_are_guilty() {
        let piece = Lengths::new(1 << 20, 1 << 20).unwrap().piece(0).unwrap();
        let peer = |slot| ConnectionId {
            slot,
            generation: 0,
        };
        let mut blame = Blame::default();
        let evidence = |sender, block, digest| Evidence {
            block,
            sender: peer(sender),
            digest: [digest; 20],
        };
        blame.failed(
            piece,
            vec![evidence(1, 0, 10), evidence(2, 1, 99), evidence(1, 2, 12)],
        );
        blame.failed(
            piece,
            vec![evidence(3, 0, 98), evidence(1, 1, 11), evidence(1, 2, 12)],
        );
        assert!(blame.is_open(piece));
        assert!(blame.is_suspected(peer(1)) && !blame.is_suspected(peer(4)));
        assert_eq!(
            blame.solve(piece, &[[10; 20], [11; 20], [12; 20]]),
            vec![peer(2), peer(3)]
        );
        assert!(!blame.is_open(piece) && !blame.is_suspected(peer(1)));
    }
}
