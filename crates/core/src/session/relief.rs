//! What a seed gives once its swarm carries itself: less, as far as that costs the swarm next to
//! nothing, so that what an origin sends hardly grows with the crowd. Before it has sent a whole
//! copy, or while a piece is with few, a seed gives all it can; and always to those who get little of
//! others, since they may reach nobody else.

use super::Session;
use crate::connection::{Connection, Peer};
use crate::limit::Bucket;
use crate::torrent::Torrent;
use crate::{Timestamp, TorrentId};

/// What all seeds together may cost the swarm: one in so many of the bytes that it takes in.
const COST: u64 = 33;

/// Peers that have each piece by then: what few have is still to be spread, and the seed is the one
/// who does that best.
const HOLDERS: u32 = 8;

/// At most one peer in so many keeps pieces to itself, or lies, in a swarm that is left to itself.
const TRUST: u64 = 10;

/// A seed goes on giving one in so many of the bytes that it could give.
const LEAST: u64 = 4;

/// One in so many of them is worth the trouble; smaller crowds need all that there is.
const WORTH: u64 = 4;

/// How a seed spares its upload.
#[derive(Debug)]
pub(crate) struct Relief {
    /// Bytes per second that it gave before, while it gives less.
    full: Option<u64>,
    /// What it still gives to those who are carried by others.
    pub bucket: Bucket,
    /// Peers that became seeds since a tracker counted them.
    parted: u32,
}

impl Relief {
    pub fn new(now: Timestamp) -> Self {
        Self {
            full: None,
            bucket: Bucket::new(now),
            parted: 0,
        }
    }

    /// A tracker has counted the seeds.
    pub fn counted(&mut self) {
        self.parted = 0;
    }

    /// A peer left us since it is a seed, too.
    pub fn parted(&mut self) {
        self.parted = self.parted.saturating_add(1);
    }

    /// Bytes per second of its `up` that one of so many seeds leaves to others, where peers take in
    /// `crowd`; 0 where that is not worth it.
    fn spared(&self, up: u64, crowd: u64, seeds: u32) -> u64 {
        let seeds = u64::from(seeds.saturating_add(self.parted).max(1));
        let full = self.full.unwrap_or(up);
        let spared = (crowd / COST / seeds).min(full - full / LEAST);
        if spared < full / WORTH { 0 } else { spared }
    }

    /// Leaves so many bytes per second to others; gives the share that is left.
    fn spare(&mut self, up: u64, spared: u64, now: Timestamp) -> f64 {
        if spared == 0 {
            self.full = None;
            self.bucket.set(None, now);
            return 1.0;
        }
        let full = *self.full.get_or_insert(up);
        let left = full.saturating_sub(spared);
        self.bucket.set(Some(left), now);
        left as f64 / full as f64
    }
}

impl Torrent {
    /// Whether we seed it, have sent a whole copy, and each piece is with several peers.
    fn is_out(&self) -> bool {
        let content = self.content.as_ref();
        let content = content.filter(|content| content.verified.is_full() && !self.super_seed);
        content.is_some_and(|content| {
            let spread = content.spread.as_ref();
            let rarest =
                spread.and_then(|spread| Some(spread.availability(spread.order().next()?)));
            self.up.total() >= content.lengths.total()
                && rarest.is_some_and(|peers| peers >= HOLDERS)
        })
    }

    /// How many seeds there are by the tracker that knows most; `None` where no tracker knows.
    fn seeds(&self) -> Option<u32> {
        self.trackers
            .iter()
            .filter_map(|tracker| tracker.seeds)
            .max()
    }
}

impl Session {
    /// Sees how far a seed can leave its peers to each other.
    pub(super) fn tick_relief(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let spares = torrent.relief.bucket.is_limited();
        if !spares && !torrent.is_complete() {
            return;
        }
        let (mut rates, mut hoarders) = (Vec::new(), 0);
        for id in &torrent.active {
            if let Some(peer) = peer(self.connections.get_mut((*id).into())) {
                peer.intake.tick(now);
                hoarders += u64::from(peer.is_hoarder());
                rates.extend(Some(peer.intake.rate()).filter(|rate| *rate > 0));
            }
        }
        // Who says that it gets very much does not move the middle.
        let middle = rates.len() / 2;
        let usual = match rates.is_empty() {
            true => 0,
            false => *rates.select_nth_unstable(middle).1,
        };
        let crowd = usual * rates.len() as u64;
        let up = torrent.up.rate();
        let seeds = torrent
            .seeds()
            .filter(|_| torrent.is_out() && hoarders * TRUST <= rates.len() as u64);
        let spared = seeds.map_or(0, |seeds| torrent.relief.spared(up, crowd, seeds));
        if spared == 0 && !spares {
            return;
        }
        let share = torrent.relief.spare(up, spared, now);
        torrent.choker.set_share(share, now);
        for id in &torrent.active {
            if let Some(peer) = peer(self.connections.get_mut((*id).into())) {
                peer.carried = spared > 0 && peer.intake.rate() * 2 >= usual;
            }
        }
        self.move_rows();
    }
}

fn peer(connection: Option<&mut Connection>) -> Option<&mut Peer> {
    connection.and_then(|connection| connection.peer.as_deref_mut())
}
