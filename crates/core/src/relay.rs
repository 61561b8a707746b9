//! What is remembered for `bk_signal` (docs/signalling-extension.md): of each peer that speaks it,
//! whom it introduced and was introduced to; the offers that we hold as a relay; and our own
//! offers, with those peers that are left alone for a while.
//!
//! The tables are short lists: each tree map would add several kilobytes to the wasm.

use std::collections::VecDeque;
use std::time::Duration;

use brackish_wire::PeerId;
use brackish_wire::extension::{SIGNAL_OFFER_LIFETIME, SIGNAL_OFFERS_PER_MINUTE};
use brackish_wire::tracker::ws::OfferId;

use crate::{ConnectionId, Timestamp};

/// What the extension's limits are counted over.
const MINUTE: Duration = Duration::from_secs(60);

/// The same for what we ask of others: on the way, offers may come closer together.
const CAUTIOUS_MINUTE: Duration = Duration::from_secs(65);

/// How long a peer is left alone with which a connection did not come about; doubled each time.
const FIRST_REST: Duration = Duration::from_secs(60);

/// At the most.
const LONGEST_REST: Duration = Duration::from_secs(1800);

/// Peers remembered that are left alone; the one whose time is up first goes first.
const MAX_RESTING: usize = 200;

/// A peer that speaks `bk_signal`, seen from us.
#[derive(Debug)]
pub(crate) struct Signaller {
    /// Its id for the extension.
    pub extension: u8,
    /// Whom it introduced to us last.
    pub named: Box<[PeerId]>,
    pub named_at: Option<Timestamp>,
    /// Whom we introduced to it last.
    pub told: Box<[ConnectionId]>,
    pub told_at: Option<Timestamp>,
    /// The [`Relay::changes`] that `told` takes into account.
    pub told_changes: u64,
    /// Offers that we took from it to pass on.
    pub taken: Window,
    /// Offers that we passed on to it.
    pub passed: Window,
    /// Offers that it was given to pass on by us.
    pub given: Window,
    /// Offers that it passed on to us.
    pub brought: Window,
}

impl Signaller {
    pub fn new(extension: u8) -> Self {
        Self {
            extension,
            named: Box::default(),
            named_at: None,
            told: Box::default(),
            told_at: None,
            told_changes: 0,
            taken: Window::new(MINUTE),
            passed: Window::new(MINUTE),
            given: Window::new(CAUTIOUS_MINUTE),
            brought: Window::new(MINUTE),
        }
    }
}

/// The signalling between peers in one torrent.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    /// Counts the times that a peer that speaks the extension came or left.
    pub changes: u64,
    /// Offers passed on and not answered.
    pub held: Vec<Held>,
    /// Our own offers that were passed on.
    pub offers: Vec<(OfferId, ConnectionId)>,
    /// When to see next whether an offer is worth making.
    pub next_look: Timestamp,
    resting: Vec<Rest>,
}

/// An offer that was passed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub from: ConnectionId,
    pub id: OfferId,
    pub to: ConnectionId,
    pub at: Timestamp,
}

#[derive(Debug)]
struct Rest {
    peer: PeerId,
    until: Timestamp,
    next: Duration,
}

impl Relay {
    /// Offers of one peer that are held.
    pub fn held_of(&self, from: ConnectionId) -> usize {
        self.held.iter().filter(|held| held.from == from).count()
    }

    /// Forgets the offers that nobody has answered in time.
    pub fn expire(&mut self, now: Timestamp) {
        self.held
            .retain(|held| now.since(held.at) < SIGNAL_OFFER_LIFETIME);
    }

    /// A connection with this peer did not come about: it is left alone for a while.
    pub fn rest(&mut self, peer: PeerId, now: Timestamp) {
        let at = match self.resting.iter().position(|rest| rest.peer == peer) {
            Some(at) => at,
            None => {
                if self.resting.len() >= MAX_RESTING {
                    let until = |(_, rest): &(usize, &Rest)| rest.until;
                    let soonest = self.resting.iter().enumerate().min_by_key(until);
                    if let Some((soonest, _)) = soonest {
                        self.resting.swap_remove(soonest);
                    }
                }
                self.resting.push(Rest {
                    peer,
                    until: now,
                    next: FIRST_REST,
                });
                self.resting.len() - 1
            }
        };
        if let Some(rest) = self.resting.get_mut(at).filter(|rest| rest.until <= now) {
            rest.until = now + rest.next;
            rest.next = (rest.next * 2).min(LONGEST_REST);
        }
    }

    /// A connection with this peer came about.
    pub fn met(&mut self, peer: &PeerId) {
        self.resting.retain(|rest| rest.peer != *peer);
    }

    /// Whether a peer is left alone for now.
    pub fn rests(&self, peer: &PeerId, now: Timestamp) -> bool {
        let rests = |rest: &Rest| rest.peer == *peer && rest.until > now;
        self.resting.iter().any(rests)
    }
}

/// Counts offers in the last minute, up to what the extension allows.
#[derive(Debug)]
pub(crate) struct Window {
    span: Duration,
    at: VecDeque<Timestamp>,
}

impl Window {
    fn new(span: Duration) -> Self {
        Self {
            span,
            at: VecDeque::new(),
        }
    }

    /// Whether one more is allowed now.
    pub fn has_room(&mut self, now: Timestamp) -> bool {
        while self
            .at
            .front()
            .is_some_and(|at| now.since(*at) >= self.span)
        {
            self.at.pop_front();
        }
        self.at.len() < SIGNAL_OFFERS_PER_MINUTE as usize
    }

    /// How many there were, as of the last [`Window::has_room`].
    pub fn count(&self) -> usize {
        self.at.len()
    }

    /// Counts one, if it is allowed.
    pub fn take(&mut self, now: Timestamp) -> bool {
        let allowed = self.has_room(now);
        if allowed {
            self.at.push_back(now);
        }
        allowed
    }
}
