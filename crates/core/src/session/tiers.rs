//! Which trackers are announced to (BEP 12).
//!
//! Of each tier one tracker is in use: the first that has not failed, in an order that is shuffled
//! when the torrent is added; one that answers comes to the front. Unlike BEP 12 has it, every tier
//! is in use, since trackers in different tiers rarely know of each other's peers; and web trackers
//! and the others do not stand in for each other, since they lead to different peers.
//!
//! A hybrid torrent (BEP 52) is announced by each of its names, and the order is kept for each.
//!
//! A private torrent (BEP 27) uses one tracker at a time: the next tier only when the first fails.

use brackish_wire::InfoHash;
use rand::seq::SliceRandom;

use super::Session;
use crate::announce::{SocketState, Tracker};
use crate::{SocketId, Timestamp, TorrentId, TrackerStatus};

/// Which of a group's trackers is in use: the least. Those that failed come last, in the order in
/// which they are to be tried again.
type Turn = (bool, Timestamp, usize, i32);

impl Session {
    /// The trackers of a torrent that are in use.
    pub(super) fn trackers_in_use(&self, id: TorrentId) -> Vec<usize> {
        let Some(torrent) = self.torrents.get(&id) else {
            return Vec::new();
        };
        let mut groups: Vec<((InfoHash, usize, bool), Turn, usize)> = Vec::new();
        for (index, tracker) in torrent.trackers.iter().enumerate() {
            let tier = if torrent.is_private() {
                0
            } else {
                tracker.tier
            };
            let group = (tracker.swarm, tier, tracker.socket.is_some());
            let turn = self.turn(tracker);
            match groups.iter_mut().find(|(known, ..)| *known == group) {
                Some(first) if turn < first.1 => *first = (group, turn, index),
                Some(_) => {}
                None => groups.push((group, turn, index)),
            }
        }
        groups.into_iter().map(|(.., index)| index).collect()
    }

    /// The sockets that trackers in use need.
    pub(super) fn sockets_in_use(&self) -> Vec<SocketId> {
        let torrents = self.torrents.iter();
        torrents
            .flat_map(|(id, torrent)| {
                let in_use = self.trackers_in_use(*id).into_iter();
                in_use.filter_map(|index| torrent.trackers.get(index)?.socket)
            })
            .collect()
    }

    fn turn(&self, tracker: &Tracker) -> Turn {
        let failed = matches!(tracker.status, TrackerStatus::Failed(_));
        let socket = tracker.socket.and_then(|socket| self.sockets.get(&socket));
        let again = match socket.map(|socket| socket.state) {
            _ if !failed => Timestamp::ZERO,
            Some(SocketState::Closed { retry }) => retry.max(tracker.next),
            // Being tried.
            Some(SocketState::Opening) => Timestamp::ZERO,
            Some(SocketState::Open) | None => tracker.next,
        };
        (failed, again, tracker.tier, tracker.place)
    }
}

/// The URLs of tiers, each tier in random order, with the number of its tier.
pub(super) fn shuffled<R: rand::Rng>(
    tiers: Vec<Vec<String>>,
    rng: &mut R,
) -> impl Iterator<Item = (usize, String)> + use<R> {
    let mut tiers = tiers;
    for tier in &mut tiers {
        tier.shuffle(rng);
    }
    let numbered = tiers.into_iter().enumerate();
    numbered.flat_map(|(number, urls)| urls.into_iter().map(move |url| (number, url)))
}

/// A tracker answered: it comes to the front of its tier.
pub(super) fn promote(trackers: &mut [Tracker], index: usize) {
    let Some((tier, swarm)) = trackers.get(index).map(|t| (t.tier, t.swarm)) else {
        return;
    };
    let of_tier = trackers
        .iter()
        .filter(|tracker| tracker.tier == tier && tracker.swarm == swarm);
    let front = of_tier.map(|tracker| tracker.place).min().unwrap_or(0);
    if let Some(tracker) = trackers.get_mut(index)
        && tracker.place > front
    {
        tracker.place = front.saturating_sub(1);
    }
}
