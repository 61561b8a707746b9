//! Fetching the `info` dictionary from peers (BEP 9), 16 KiB at a time.
//!
//! A size that a peer claims is only believed as far as its own pieces go: each claimed size is
//! one attempt, and a result that does not have the torrent's names condemns those who sent it only when
//! one peer sent it all.

use std::time::Duration;

use bytes::Bytes;

use crate::names::Names;
use crate::{ConnectionId, Timestamp};

/// Bytes of one metadata piece (BEP 9).
pub(crate) const PIECE: u32 = 16 * 1024;

/// The largest `info` dictionary taken: what webtorrent takes, room for 500,000 pieces.
pub(crate) const MAX_SIZE: u32 = 10 << 20;

/// A request that is not answered for this long is asked of another peer.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct MetadataFetch {
    size: u32,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    data: Option<(ConnectionId, Bytes)>,
    asked: Option<(ConnectionId, Timestamp)>,
}

/// What came of a metadata piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// More is missing.
    Incomplete,
    /// The `info` dictionary, its hash right.
    Complete(Bytes),
    /// The hash was wrong; the one peer that sent all of it, if one did.
    Bad(Option<ConnectionId>),
}

impl MetadataFetch {
    /// The next piece to ask of a peer that claims a dictionary of `size` bytes.
    pub fn next_request(&mut self, peer: ConnectionId, size: u32, now: Timestamp) -> Option<u32> {
        if size == 0 || size > MAX_SIZE {
            return None;
        }
        let idle = self
            .pieces
            .iter()
            .all(|piece| piece.data.is_none() && !piece.is_asked(now));
        if self.size != size && idle {
            self.size = size;
            self.pieces = vec![Piece::default(); size.div_ceil(PIECE) as usize];
        }
        if self.size != size {
            return None;
        }
        let index = self
            .pieces
            .iter()
            .position(|piece| piece.data.is_none() && !piece.is_asked(now))?;
        self.pieces.get_mut(index)?.asked = Some((peer, now));
        u32::try_from(index).ok()
    }

    /// A piece came.
    pub fn received(
        &mut self,
        peer: ConnectionId,
        index: u32,
        data: &[u8],
        names: &Names,
    ) -> Outcome {
        let begin = u64::from(index) * u64::from(PIECE);
        let expected = u64::from(self.size)
            .saturating_sub(begin)
            .min(u64::from(PIECE));
        let Some(piece) = self.pieces.get_mut(index as usize) else {
            return Outcome::Incomplete;
        };
        let was_asked = piece.asked.is_some_and(|(asked, _)| asked == peer);
        if !was_asked || piece.data.is_some() || data.len() as u64 != expected {
            return Outcome::Incomplete;
        }
        piece.data = Some((peer, Bytes::copy_from_slice(data)));
        if self.pieces.iter().any(|piece| piece.data.is_none()) {
            return Outcome::Incomplete;
        }
        let mut whole = Vec::with_capacity(self.size as usize);
        let mut senders: Vec<ConnectionId> = Vec::new();
        for (sender, data) in self.pieces.drain(..).filter_map(|piece| piece.data) {
            whole.extend_from_slice(&data);
            if !senders.contains(&sender) {
                senders.push(sender);
            }
        }
        self.size = 0;
        if names.are_of(&whole) {
            return Outcome::Complete(whole.into());
        }
        Outcome::Bad(if senders.len() == 1 {
            senders.first().copied()
        } else {
            None
        })
    }

    /// The peer refused, or is gone: what it was asked for is asked of others.
    pub fn released(&mut self, peer: ConnectionId) {
        for piece in &mut self.pieces {
            if piece.asked.is_some_and(|(asked, _)| asked == peer) {
                piece.asked = None;
            }
        }
    }
}

impl Piece {
    fn is_asked(&self, now: Timestamp) -> bool {
        self.asked
            .is_some_and(|(_, since)| now.since(since) < TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use brackish_wire::InfoHash;

    use super::*;

    const PEER: ConnectionId = ConnectionId {
        slot: 1,
        generation: 0,
    };
    const OTHER: ConnectionId = ConnectionId {
        slot: 2,
        generation: 0,
    };

    #[test]
    fn metadata_of_two_pieces_is_put_together_and_checked() {
        let info = vec![7; 20_000];
        let hash = &Names::of_magnet(InfoHash::of_info(&info), None);
        let mut fetch = MetadataFetch::default();
        let now = Timestamp::ZERO;
        assert_eq!(fetch.next_request(PEER, 20_000, now), Some(0));
        assert_eq!(fetch.next_request(OTHER, 20_000, now), Some(1));
        assert_eq!(fetch.next_request(OTHER, 20_000, now), None);
        assert_eq!(
            fetch.received(OTHER, 1, &info[16_384..], hash),
            Outcome::Incomplete
        );
        assert_eq!(
            fetch.received(PEER, 0, &info[..16_384], hash),
            Outcome::Complete(info.into())
        );
    }

    #[test]
    fn a_peer_that_sends_all_of_a_wrong_dictionary_is_named() {
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(PEER, 100, Timestamp::ZERO), Some(0));
        let outcome = fetch.received(
            PEER,
            0,
            &[0; 100],
            &Names::of_magnet(InfoHash([1; 20]), None),
        );
        assert_eq!(outcome, Outcome::Bad(Some(PEER)));
        assert_eq!(fetch.next_request(OTHER, 90, Timestamp::ZERO), Some(0));
    }

    #[test]
    fn a_silent_peer_does_not_hold_the_metadata_up() {
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(PEER, 100, Timestamp::ZERO), Some(0));
        assert_eq!(
            fetch.next_request(OTHER, 100, Timestamp::ZERO + TIMEOUT),
            Some(0)
        );
    }
}
