//! Whom to serve: the active peer set, out of the interested peers.
//!
//! While leeching, those that give most are served (tit for tat), and in one place of four those
//! that have least, who may turn out better or have nothing to give yet; last come those who owe us. While seeding, service goes round: who has
//! waited longest comes next, so that everyone gets pieces to trade on; last come those who keep to
//! themselves what they had of us.
//!
//! A piece can be passed on only when it is whole, so places are few and fast rather than many and
//! starved: as few as keep the upload full. How many that takes is found by trial, round by round.

use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;

use crate::{ConnectionId, Timestamp};

/// How often the set is chosen anew.
pub(crate) const ROUND: Duration = Duration::from_secs(10);

/// The same while more places still bring more: a swarm that has just begun is not held to a few.
const TRIAL_ROUND: Duration = Duration::from_secs(2);

/// How long an optimistic peer is served before others come in its place.
const OPTIMISTIC_ROUND: Duration = Duration::from_secs(20);

/// One place in so many is optimistic, and one at least: newcomers and those who have little to
/// give live on them.
const OPTIMISTIC_SHARE: usize = 4;

/// Places at the least, the optimistic one included.
const MIN_SLOTS: usize = 4;

/// Places at the most: each has blocks in memory and on the wire.
const MAX_SLOTS: usize = 50;

/// Bytes per second that a place should give: a piece of the usual size in a second or two.
const SLOT_RATE: u64 = 200_000;

/// A change of the upload rate, as a factor, that says something about the number of places.
const NOTABLE: f64 = 1.1;

/// An interested peer, as the choker sees it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub connection: ConnectionId,
    /// Bytes per second that it gives us.
    pub gives: u64,
    /// We serve it now.
    pub unchoked: bool,
    /// When it was served last, or began to wait.
    pub since: Timestamp,
    /// It takes our requests and sends nothing.
    pub snubs_us: bool,
    /// It sent part of a bad piece, and it is not known yet who spoiled that: a liar gives much.
    pub suspected: bool,
    /// It is served, and bytes for it wait in the driver.
    pub backed_up: bool,
    /// It is served, and has asked for nothing for a while or is about to leave: its place is free.
    pub idle: bool,
    /// Pieces that it had of us and kept to itself, as far as others that it passed on do not make up
    /// for them.
    pub hoards: u32,
    /// It gets enough of others, to whom we leave a part of what we could give.
    pub carried: bool,
    /// It has what we want, had several pieces of us, and gives next to nothing.
    pub owes: bool,
    /// Pieces that it has.
    pub pieces: u32,
}

impl Candidate {
    fn served_for(&self, turn: Duration, now: Timestamp) -> bool {
        self.unchoked && now.since(self.since) >= turn
    }
}

#[derive(Debug)]
pub(crate) struct Choker {
    next_round: Timestamp,
    slots: usize,
    /// The last trial was of more places, not of fewer.
    tried_more: bool,
    /// The upload rate before it.
    rate_before: u64,
    /// What a seed gives of what it could, from 0 to 1.
    share: f64,
}

impl Choker {
    pub fn new(now: Timestamp) -> Self {
        Self {
            next_round: now,
            slots: MIN_SLOTS,
            tried_more: true,
            rate_before: 0,
            share: 1.0,
        }
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next_round
    }

    /// How many more peers can be served without a new round, beside `busy` ones that use their
    /// place and `idle` ones that do not; `carried` ones get a share of the places alone.
    pub fn room(&self, busy: usize, idle: usize, carried: bool) -> usize {
        let most = MAX_SLOTS.saturating_sub(busy + idle);
        let slots = if carried {
            self.shared_slots()
        } else {
            self.slots
        };
        slots.saturating_sub(busy).min(most)
    }

    /// A seed gives a share of what it could, from 0 to 1, to those who are carried by others: to
    /// fewer of them, so that each gets as much as usual.
    pub fn set_share(&mut self, share: f64, now: Timestamp) {
        if self.is_held_back() != (share < 1.0) {
            self.next_round = now;
        }
        self.share = share;
    }

    fn is_held_back(&self) -> bool {
        self.share < 1.0
    }

    /// Places for those who are carried by others.
    fn shared_slots(&self) -> usize {
        (self.slots as f64 * self.share).ceil() as usize
    }

    /// Chooses the active peer set among the interested peers. `upload_rate` is in bytes per
    /// second, over all of them.
    pub fn choose(
        &mut self,
        mut candidates: Vec<Candidate>,
        seeding: bool,
        upload_rate: u64,
        now: Timestamp,
        rng: &mut impl Rng,
    ) -> Vec<ConnectionId> {
        let served = candidates.iter().filter(|c| c.unchoked).count();
        let backed_up = candidates.iter().filter(|c| c.backed_up).count();
        if !self.is_held_back() {
            self.try_slots(upload_rate, backed_up * 2 > served);
        }
        self.next_round = now + if self.tried_more { TRIAL_ROUND } else { ROUND };
        if candidates.len() <= self.slots && !self.is_held_back() {
            return candidates.into_iter().map(|c| c.connection).collect();
        }
        if seeding {
            // Those served for a whole round go behind those who wait; ties by who waits longest.
            candidates.sort_by_key(|c| (c.hoards, c.served_for(ROUND, now), !c.unchoked, c.since));
        } else {
            let best = self.slots - (self.slots / OPTIMISTIC_SHARE).max(1);
            candidates.shuffle(rng);
            candidates.sort_by_key(|c| {
                let doubtful = c.snubs_us || c.suspected || c.owes;
                (doubtful, std::cmp::Reverse(c.gives), !c.unchoked, c.since)
            });
            // Those who have least first: they have least to give, and someone must begin. Who
            // could have given and did not falls behind, and would have least for that alone.
            let served_enough = |c: &Candidate| c.served_for(OPTIMISTIC_ROUND, now);
            candidates[best..].sort_by_key(|c| (served_enough(c), c.owes, c.pieces));
        }
        self.places(&candidates)
    }

    /// The first of the candidates, as many as fill the places; who is idle takes none.
    fn places(&self, candidates: &[Candidate]) -> Vec<ConnectionId> {
        let (mut chosen, mut taken, mut shared) = (Vec::new(), 0, 0);
        for candidate in candidates {
            if taken >= self.slots || chosen.len() >= MAX_SLOTS {
                break;
            }
            let place = usize::from(!candidate.idle);
            if candidate.carried {
                if shared >= self.shared_slots() {
                    continue;
                }
                shared += place;
            }
            taken += place;
            chosen.push(candidate.connection);
        }
        chosen
    }

    /// More places while more of them bring more, fewer until that costs something. `full` says
    /// that what is sent backs up already; a driver with deep buffers may not show it.
    fn try_slots(&mut self, rate: u64, full: bool) {
        if rate == 0 {
            return; // Nothing to judge by.
        }
        let (before, now) = (self.rate_before as f64, rate as f64);
        let more = if full {
            false
        } else if self.tried_more {
            now > before * NOTABLE
        } else {
            before > now * NOTABLE
        };
        let least = usize::try_from(rate / SLOT_RATE).unwrap_or(MAX_SLOTS);
        let slots = if more {
            self.slots + self.slots / 2
        } else {
            self.slots - self.slots / 4
        };
        self.slots = slots.clamp(least.clamp(MIN_SLOTS, MAX_SLOTS), MAX_SLOTS);
        self.tried_more = more;
        self.rate_before = rate;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    fn candidates(count: u32, gives: impl Fn(u32) -> u64) -> Vec<Candidate> {
        (0..count)
            .map(|slot| Candidate {
                connection: ConnectionId {
                    slot,
                    generation: 0,
                },
                gives: gives(slot),
                unchoked: false,
                since: Timestamp::ZERO,
                snubs_us: false,
                suspected: false,
                backed_up: false,
                idle: false,
                hoards: 0,
                carried: false,
                owes: false,
                pieces: 0,
            })
            .collect()
    }

    #[test]
    fn a_leecher_serves_those_that_give_most_and_one_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let now = Timestamp::ZERO;
        let mut choker = Choker::new(now);
        let chosen = choker.choose(candidates(20, u64::from), false, 0, now, &mut rng);
        assert_eq!(chosen.len(), MIN_SLOTS);
        for giver in [19, 18, 17] {
            assert!(chosen.iter().any(|c| c.slot == giver));
        }
        assert!(chosen.last().is_some_and(|c| c.slot < 17));
    }

    #[test]
    fn a_seed_serves_everyone_in_turn() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut now = Timestamp::ZERO;
        let mut choker = Choker::new(now);
        let mut peers = candidates(20, |_| 0);
        let mut served = vec![0; 20];
        for _ in 0..50 {
            let chosen = choker.choose(peers.clone(), true, 0, now, &mut rng);
            for peer in &mut peers {
                let unchoked = chosen.contains(&peer.connection);
                if unchoked != peer.unchoked {
                    peer.unchoked = unchoked;
                    peer.since = now;
                }
                served[peer.connection.slot as usize] += usize::from(unchoked);
            }
            now = now + ROUND;
        }
        let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
        assert!(*least * 2 >= *most, "{served:?}");
    }

    #[test]
    fn a_seed_serves_last_who_keeps_its_pieces_to_itself() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let now = Timestamp::ZERO + ROUND;
        let mut peers = candidates(10, |_| 0);
        for (peer, hoards) in peers.iter_mut().zip([3, 0, 1, 0, 2, 0, 1, 0, 5, 1]) {
            peer.hoards = hoards;
            // Even where it has waited longer.
            peer.since = if hoards > 0 { Timestamp::ZERO } else { now };
        }
        let chosen = Choker::new(now).choose(peers, true, 0, now, &mut rng);
        let slots: Vec<u32> = chosen.iter().map(|chosen| chosen.slot).collect();
        assert_eq!(slots, [1, 3, 5, 7]);
    }

    #[test]
    fn who_is_served_and_asks_for_nothing_takes_no_place() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let now = Timestamp::ZERO;
        let mut peers = candidates(20, |_| 0);
        for peer in peers.iter_mut().take(3) {
            (peer.unchoked, peer.idle) = (true, true);
        }
        let chosen = Choker::new(now).choose(peers, true, 0, now, &mut rng);
        assert_eq!(chosen.len(), 3 + MIN_SLOTS);
    }

    #[test]
    fn a_leecher_gives_to_those_it_suspects_after_those_that_give_less() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let now = Timestamp::ZERO;
        let mut peers = candidates(20, u64::from);
        peers[19].suspected = true;
        let chosen = Choker::new(now).choose(peers, false, 0, now, &mut rng);
        let best: Vec<u32> = chosen.iter().map(|chosen| chosen.slot).take(3).collect();
        assert_eq!(best, [18, 17, 16]);
    }

    #[test]
    fn a_leecher_serves_those_who_owe_it_last_though_they_have_least() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let now = Timestamp::ZERO;
        let mut peers = candidates(8, |_| 0);
        for peer in &mut peers {
            peer.owes = peer.connection.slot < 4;
            peer.pieces = peer.connection.slot;
        }
        let chosen = Choker::new(now).choose(peers, false, 0, now, &mut rng);
        assert_eq!(chosen.len(), MIN_SLOTS);
        assert!(chosen.iter().all(|chosen| chosen.slot >= 4), "{chosen:?}");
    }

    /// Lets a choker settle against an upload whose rate for so many places is known.
    fn settled_slots(rate: impl Fn(usize) -> u64) -> usize {
        let mut choker = Choker::new(Timestamp::ZERO);
        let mut seen = 0;
        for round in 0..60 {
            choker.try_slots(rate(choker.slots), false);
            if round >= 50 {
                seen += choker.slots;
            }
        }
        seen / 10
    }

    #[test]
    fn many_slow_peers_get_many_places() {
        assert!(settled_slots(|slots| slots as u64 * 50_000) > 35);
    }

    #[test]
    fn a_full_upload_has_few_places() {
        assert!(settled_slots(|_| 1_000_000) <= 7);
    }
}
