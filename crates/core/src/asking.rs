//! Whom one thing was asked of that any of several peers can send, and when it is asked of more.
//!
//! A peer that answers nothing, or ever so slowly, must not hold up what others have: the longer the
//! thing is missing, the more peers are asked for it at once.

use std::time::Duration;

use crate::{ConnectionId, Timestamp};

/// The wait after which a second peer is asked, twice that for four, and so on: above the round
/// trip of nearly all peers, so that an honest swarm sends things twice seldom.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of peers asked at once doubles at most this often: 64 are more than a torrent has that
/// keep silent together.
const MAX_DOUBLINGS: u32 = 6;

/// A peer that has not answered for this long may be asked again, and counts no more among those
/// that are asked.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The peers that were asked for one thing. There is at most one entry for each connected peer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asking {
    first: Option<Timestamp>,
    asked: Vec<(ConnectionId, Timestamp)>,
}

impl Asking {
    /// Whether this peer may be asked now. `failures` is how often the thing came and was no good:
    /// each makes as much haste as a further second.
    pub fn may_ask(&self, peer: ConnectionId, failures: u32, now: Timestamp) -> bool {
        let waiting = self.waiting(now).count();
        let Some(first) = self.first.filter(|_| waiting > 0) else {
            return true;
        };
        let waits = now.since(first).as_micros() / PATIENCE.as_micros();
        let doublings = u32::try_from(waits).unwrap_or(u32::MAX);
        let doublings = doublings.saturating_add(failures).min(MAX_DOUBLINGS);
        waiting < 1 << doublings && !self.waits_for(peer, now)
    }

    /// Whether no peer is expected to answer.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.waiting(now).next().is_none()
    }

    /// Whether no peer was asked, or all that were will not answer.
    pub fn is_unasked(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether this peer was asked a short while ago.
    pub fn waits_for(&self, peer: ConnectionId, now: Timestamp) -> bool {
        self.waiting(now).any(|asked| asked == peer)
    }

    /// Whether an answer of this peer was asked for, however long ago.
    pub fn was_asked(&self, peer: ConnectionId) -> bool {
        self.asked.iter().any(|(asked, _)| *asked == peer)
    }

    /// This peer is asked now.
    pub fn ask(&mut self, peer: ConnectionId, now: Timestamp) {
        self.first = self.first.or(Some(now));
        match self.asked.iter_mut().find(|(asked, _)| *asked == peer) {
            Some((_, at)) => *at = now,
            None => self.asked.push((peer, now)),
        }
    }

    /// This peer will not answer, or its answer was no good.
    pub fn forget(&mut self, peer: ConnectionId) {
        self.asked.retain(|(asked, _)| *asked != peer);
        if self.asked.is_empty() {
            self.first = None;
        }
    }

    /// What of it concerns this peer alone.
    pub fn of(&self, peer: ConnectionId) -> Self {
        let mut asking = Self::default();
        if let Some((_, at)) = self.asked.iter().find(|(asked, _)| *asked == peer) {
            asking.ask(peer, *at);
        }
        asking
    }

    fn waiting(&self, now: Timestamp) -> impl Iterator<Item = ConnectionId> {
        let recent = move |at: Timestamp| now.since(at) < TIMEOUT;
        let asked = self.asked.iter().filter(move |(_, at)| recent(*at));
        asked.map(|(peer, _)| *peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(slot: u32) -> ConnectionId {
        ConnectionId {
            slot,
            generation: 0,
        }
    }

    #[test]
    fn the_longer_nobody_answers_the_more_peers_are_asked() {
        let start = Timestamp::ZERO + Duration::from_secs(9);
        let mut asking = Asking::default();
        let asked_after = |asking: &mut Asking, seconds| {
            let now = start + Duration::from_secs(seconds);
            let before = asking.waiting(now).count();
            for slot in 0..100 {
                if asking.may_ask(peer(slot), 0, now) {
                    asking.ask(peer(slot), now);
                }
            }
            asking.waiting(now).count() - before
        };
        assert_eq!(asked_after(&mut asking, 0), 1);
        assert_eq!(asked_after(&mut asking, 0), 0);
        assert_eq!(asked_after(&mut asking, 1), 1);
        assert_eq!(asked_after(&mut asking, 2), 2);
        assert_eq!(asked_after(&mut asking, 3), 4);
        assert_eq!(asked_after(&mut asking, 4), 8);
    }

    #[test]
    fn a_peer_is_asked_again_once_it_was_silent_for_long() {
        let mut asking = Asking::default();
        let now = Timestamp::ZERO + Duration::from_secs(9);
        asking.ask(peer(1), now);
        assert!(!asking.may_ask(peer(1), 0, now + PATIENCE * 2));
        assert!(asking.may_ask(peer(1), 0, now + TIMEOUT));
        assert!(asking.was_asked(peer(1)), "a late answer is taken");
        asking.forget(peer(1));
        assert!(asking.is_idle(now) && !asking.was_asked(peer(1)));
    }
}
