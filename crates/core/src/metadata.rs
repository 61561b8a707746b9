//! Fetching the `info` dictionary from peers (BEP 9), 16 KiB at a time.
//!
//! Nothing that a peer says of the dictionary can be checked before all of it is there, and any peer
//! may lie, keep silent or leave. So peers that claim different sizes never share an attempt, and
//! a dictionary that several peers sent and that proves wrong is fetched once more from each of
//! them alone: the honest ones among them succeed, the liars are known. An honest peer thus needs
//! nobody's help, and an attempt of others costs it at most one round.

use std::time::Duration;

use bytes::Bytes;

use crate::asking::Asking;
use crate::names::Names;
use crate::{ConnectionId, KeySet, Table, Timestamp};

/// Bytes of one metadata piece (BEP 9).
pub(crate) const PIECE: u32 = 16 * 1024;

/// The largest `info` dictionary taken: what webtorrent takes, room for 500,000 pieces.
pub(crate) const MAX_SIZE: u32 = 10 << 20;

/// Pieces that one peer is asked for at once: 256 KiB, which fills paths of a few MB/s and leaves
/// some for others to send.
const WINDOW: usize = 16;

/// A dictionary above this many bytes is a large one: below are those of 50,000 pieces.
const LARGE: u32 = 1 << 20;

/// Bytes that the attempts of large dictionaries may come to together, and as much again for the
/// others, whatever sizes peers claim: three of the largest at once.
const MAX_HELD: u32 = 32 << 20;

/// How long an attempt may hold its room while another waits for it.
const TURN: Duration = Duration::from_secs(20);

/// How long an attempt waits that had its turn in vain.
const REST: Duration = Duration::from_secs(60);

/// A peer that refused is asked again after this long: others answer no more than they have upload
/// for, and may have got the dictionary meanwhile.
const REFUSED: Duration = Duration::from_secs(15);

/// The attempts at a torrent's dictionary.
#[derive(Debug, Default)]
pub(crate) struct MetadataFetch {
    attempts: Vec<Attempt>,
    /// Peers that sent a part of a wrong dictionary: each has attempts of its own from then on.
    alone: KeySet<ConnectionId>,
    /// Wrong dictionaries that several peers sent.
    failures: u32,
    refused: Table<ConnectionId, Timestamp>,
    /// Attempts that had their turn, and until when they wait.
    rests: Table<(u32, Option<ConnectionId>), Timestamp>,
}

/// A dictionary of this size, from all peers that claim it or from one alone.
#[derive(Debug)]
struct Attempt {
    size: u32,
    only: Option<ConnectionId>,
    since: Timestamp,
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    data: Option<(ConnectionId, Bytes)>,
    asking: Asking,
}

/// What came of a metadata piece.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was not asked for, or came twice.
    Unasked,
    /// More is missing.
    Incomplete,
    /// The piece should have had so many bytes, by the size that its sender claims.
    WrongLength(u32),
    /// The `info` dictionary, its hash right.
    Complete(Bytes),
    /// The hash was wrong; the one peer that sent all of it, if one did.
    Bad(Option<ConnectionId>),
}

impl MetadataFetch {
    /// The next piece to ask of a peer that claims a dictionary of `size` bytes.
    pub fn next_request(&mut self, peer: ConnectionId, size: u32, now: Timestamp) -> Option<u32> {
        let refused = self.refused.get(&peer);
        if size == 0 || size > MAX_SIZE || refused.is_some_and(|at| now.since(*at) < REFUSED) {
            return None;
        }
        let failures = self.failures;
        let attempt = self.attempt(size, self.only(peer), now)?;
        let missing = || attempt.pieces.iter().filter(|piece| piece.data.is_none());
        let asked = missing().filter(|piece| piece.asking.waits_for(peer, now));
        if asked.count() >= WINDOW {
            return None;
        }
        let position = |wanted: &dyn Fn(&Asking) -> bool| {
            let mut pieces = attempt.pieces.iter();
            pieces.position(|piece| piece.data.is_none() && wanted(&piece.asking))
        };
        let index = position(&|asking| asking.is_idle(now) && !asking.was_asked(peer))
            .or_else(|| position(&|asking| asking.may_ask(peer, failures, now)))?;
        attempt.pieces.get_mut(index)?.asking.ask(peer, now);
        u32::try_from(index).ok()
    }

    /// A piece came from a peer that claims a dictionary of `size` bytes.
    pub fn received(
        &mut self,
        peer: ConnectionId,
        size: u32,
        index: u32,
        data: &[u8],
        names: &Names,
        now: Timestamp,
    ) -> Outcome {
        let only = self.only(peer);
        let Some(at) = self.position(size, only) else {
            return Outcome::Unasked;
        };
        let Some(attempt) = self.attempts.get_mut(at) else {
            return Outcome::Unasked;
        };
        let Some(piece) = attempt.pieces.get_mut(index as usize) else {
            return Outcome::Unasked;
        };
        if !piece.asking.was_asked(peer) || piece.data.is_some() {
            return Outcome::Unasked;
        }
        let expected = PIECE.min(size.saturating_sub(index.saturating_mul(PIECE)));
        if data.len() != expected as usize {
            return Outcome::WrongLength(expected);
        }
        piece.data = Some((peer, Bytes::copy_from_slice(data)));
        piece.asking.forget(peer);
        if attempt.pieces.iter().any(|piece| piece.data.is_none()) {
            return Outcome::Incomplete;
        }
        let attempt = self.attempts.swap_remove(at);
        let data = attempt.data();
        let whole: Vec<u8> = data.clone().flat_map(|(_, data)| data).copied().collect();
        if names.are_of(&whole) {
            *self = Self::default();
            return Outcome::Complete(whole.into());
        }
        let mut senders: Vec<ConnectionId> = Vec::new();
        for (sender, _) in data {
            if !senders.contains(&sender) {
                senders.push(sender);
            }
        }
        if let [liar] = senders[..] {
            return Outcome::Bad(Some(liar));
        }
        self.failures += 1;
        for sender in senders {
            self.alone.insert(sender);
            self.attempts.push(attempt.of(sender, now));
        }
        Outcome::Bad(None)
    }

    /// The peer has none after all, or sends none now: what it was asked for is asked of others.
    pub fn refused(&mut self, peer: ConnectionId, now: Timestamp) {
        self.forget(peer);
        self.refused.insert(peer, now);
    }

    /// The peer is gone.
    pub fn released(&mut self, peer: ConnectionId) {
        self.forget(peer);
        self.alone.remove(&peer);
        self.refused.remove(&peer);
        self.attempts.retain(|attempt| {
            let idle = |piece: &Piece| piece.data.is_none() && piece.asking.is_unasked();
            attempt.only != Some(peer) && !attempt.pieces.iter().all(idle)
        });
    }

    fn forget(&mut self, peer: ConnectionId) {
        let attempts = self.attempts.iter_mut();
        for piece in attempts.flat_map(|attempt| &mut attempt.pieces) {
            piece.asking.forget(peer);
        }
    }

    fn only(&self, peer: ConnectionId) -> Option<ConnectionId> {
        Some(peer).filter(|peer| self.alone.contains(peer))
    }

    fn position(&self, size: u32, only: Option<ConnectionId>) -> Option<usize> {
        let mut attempts = self.attempts.iter();
        attempts.position(|attempt| attempt.size == size && attempt.only == only)
    }

    /// The attempt at a dictionary of this size, begun if there is room for it.
    fn attempt(
        &mut self,
        size: u32,
        only: Option<ConnectionId>,
        now: Timestamp,
    ) -> Option<&mut Attempt> {
        let known = self.position(size, only);
        if known.is_none() {
            self.rests.retain(|_, until| *until > now);
            if self.rests.contains_key(&(size, only)) || !self.make_room(size, now) {
                return None;
            }
            self.attempts.push(Attempt {
                size,
                only,
                since: now,
                pieces: vec![Piece::default(); size.div_ceil(PIECE) as usize],
            });
        }
        let last = self.attempts.len().checked_sub(1)?;
        self.attempts.get_mut(known.unwrap_or(last))
    }

    /// Ends attempts that had their turn, until there is room for one of this size.
    fn make_room(&mut self, size: u32, now: Timestamp) -> bool {
        let alike = |attempt: &Attempt| (attempt.size > LARGE) == (size > LARGE);
        loop {
            let held = self.attempts.iter().filter(|attempt| alike(attempt));
            let held: u32 = held.map(|attempt| attempt.size).sum();
            if held + size <= MAX_HELD {
                return true;
            }
            let had_turn = |attempt: &Attempt| alike(attempt) && now.since(attempt.since) >= TURN;
            let Some(at) = self.attempts.iter().position(had_turn) else {
                return false;
            };
            let ended = self.attempts.swap_remove(at);
            self.rests.insert((ended.size, ended.only), now + REST);
        }
    }
}

impl Attempt {
    fn data(&self) -> impl Iterator<Item = (ConnectionId, &Bytes)> + Clone {
        let pieces = self.pieces.iter();
        pieces.filter_map(|piece| piece.data.as_ref().map(|(sender, data)| (*sender, data)))
    }

    /// The same from one of its senders alone, which need not send again what it has sent.
    fn of(&self, sender: ConnectionId, now: Timestamp) -> Self {
        let of_sender = |piece: &Piece| Piece {
            data: piece.data.clone().filter(|(from, _)| *from == sender),
            asking: piece.asking.of(sender),
        };
        Self {
            size: self.size,
            only: Some(sender),
            since: now,
            pieces: self.pieces.iter().map(of_sender).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use brackish_wire::InfoHash;

    use super::*;

    const NOW: Timestamp = Timestamp::ZERO;

    fn peer(slot: u32) -> ConnectionId {
        ConnectionId {
            slot,
            generation: 0,
        }
    }

    /// A dictionary of this many bytes, and the names of a torrent that has it.
    fn dictionary(size: usize) -> (Vec<u8>, Names) {
        let info = vec![7; size];
        let names = Names::of_magnet(InfoHash::of_info(&info), None);
        (info, names)
    }

    fn piece(info: &[u8], index: u32) -> &[u8] {
        info.chunks(PIECE as usize).nth(index as usize).unwrap()
    }

    #[test]
    fn metadata_of_two_pieces_is_put_together_from_two_peers_and_checked() {
        let (info, names) = dictionary(20_000);
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(peer(1), 20_000, NOW), Some(0));
        assert_eq!(fetch.next_request(peer(2), 20_000, NOW), Some(1));
        assert_eq!(fetch.next_request(peer(2), 20_000, NOW), None);
        assert_eq!(
            fetch.received(peer(2), 20_000, 1, piece(&info, 1), &names, NOW),
            Outcome::Incomplete
        );
        assert_eq!(
            fetch.received(peer(1), 20_000, 0, piece(&info, 0), &names, NOW),
            Outcome::Complete(info.into())
        );
    }

    #[test]
    fn a_peer_that_sends_all_of_a_wrong_dictionary_is_named() {
        let (_, names) = dictionary(90);
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(peer(1), 100, NOW), Some(0));
        let outcome = fetch.received(peer(1), 100, 0, &[0; 100], &names, NOW);
        assert_eq!(outcome, Outcome::Bad(Some(peer(1))));
        assert_eq!(fetch.next_request(peer(2), 90, NOW), Some(0));
    }

    #[test]
    fn a_size_that_one_peer_claims_holds_up_no_peer_that_claims_another() {
        let (info, names) = dictionary(100);
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(peer(1), 160_000, NOW), Some(0));
        assert_eq!(fetch.next_request(peer(2), 100, NOW), Some(0));
        assert_eq!(
            fetch.received(peer(2), 100, 0, &info, &names, NOW),
            Outcome::Complete(info.into())
        );
    }

    #[test]
    fn of_several_senders_of_a_wrong_dictionary_each_sends_it_alone() {
        let (info, names) = dictionary(3 * PIECE as usize);
        let size = info.len() as u32;
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(peer(1), size, NOW), Some(0));
        assert_eq!(fetch.next_request(peer(1), size, NOW), Some(1));
        assert_eq!(fetch.next_request(peer(2), size, NOW), Some(2));
        let send = |fetch: &mut MetadataFetch, from, index, data: &[u8]| {
            fetch.received(from, size, index, data, &names, NOW)
        };
        let false_piece = vec![8; PIECE as usize];
        send(&mut fetch, peer(1), 0, &false_piece);
        send(&mut fetch, peer(1), 1, &false_piece);
        let outcome = send(&mut fetch, peer(2), 2, piece(&info, 2));
        assert_eq!(outcome, Outcome::Bad(None));
        // What each has sent counts; the rest it sends alone.
        assert_eq!(fetch.next_request(peer(1), size, NOW), Some(2));
        assert_eq!(fetch.next_request(peer(1), size, NOW), None);
        assert_eq!(fetch.next_request(peer(2), size, NOW), Some(0));
        assert_eq!(fetch.next_request(peer(2), size, NOW), Some(1));
        let outcome = send(&mut fetch, peer(1), 2, piece(&info, 2));
        assert_eq!(outcome, Outcome::Bad(Some(peer(1))));
        send(&mut fetch, peer(2), 0, piece(&info, 0));
        let outcome = send(&mut fetch, peer(2), 1, piece(&info, 1));
        assert_eq!(outcome, Outcome::Complete(info.into()));
    }

    #[test]
    fn a_silent_peer_holds_the_metadata_up_for_a_second() {
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(peer(1), 100, NOW), Some(0));
        let later = NOW + Duration::from_secs(1);
        assert_eq!(fetch.next_request(peer(1), 100, later), None);
        assert_eq!(fetch.next_request(peer(2), 100, later), Some(0));
    }

    #[test]
    fn a_piece_of_another_length_than_claimed_is_told_from_one_that_was_not_asked_for() {
        let (info, names) = dictionary(100);
        let mut fetch = MetadataFetch::default();
        fetch.next_request(peer(1), 120, NOW);
        let mut send = |from| fetch.received(from, 120, 0, &info, &names, NOW);
        assert_eq!(send(peer(2)), Outcome::Unasked);
        assert_eq!(send(peer(1)), Outcome::WrongLength(120));
    }

    #[test]
    fn claims_of_large_sizes_take_turns_in_bounded_memory() {
        let mut fetch = MetadataFetch::default();
        let claim = |number| MAX_SIZE - number;
        let begun = |fetch: &mut MetadataFetch, numbers: std::ops::Range<u32>, now| {
            let begun = numbers.filter(|n| fetch.next_request(peer(*n), claim(*n), now).is_some());
            begun.count()
        };
        assert_eq!(begun(&mut fetch, 0..100, NOW), 3);
        let held: u32 = fetch.attempts.iter().map(|attempt| attempt.size).sum();
        assert!(held <= MAX_HELD);
        assert_eq!(
            fetch.next_request(peer(200), 50_000, NOW),
            Some(0),
            "a small one has room"
        );
        assert_eq!(begun(&mut fetch, 3..100, NOW + TURN / 2), 0);
        assert_eq!(begun(&mut fetch, 3..100, NOW + TURN), 3);
        assert_eq!(
            begun(&mut fetch, 0..3, NOW + TURN * 2),
            0,
            "they had their turn"
        );
        assert_eq!(begun(&mut fetch, 6..100, NOW + TURN * 2), 3);
    }

    #[test]
    fn a_peer_that_refuses_is_asked_again_later() {
        let mut fetch = MetadataFetch::default();
        assert_eq!(fetch.next_request(peer(1), 100, NOW), Some(0));
        fetch.refused(peer(1), NOW);
        assert_eq!(fetch.next_request(peer(1), 100, NOW), None);
        assert_eq!(fetch.next_request(peer(2), 100, NOW), Some(0));
        fetch.released(peer(2));
        assert_eq!(fetch.next_request(peer(1), 100, NOW + REFUSED), Some(0));
    }
}
