//! Whether a download can go on, how many copies its swarm has, and which seeds are about.

use super::Session;
use crate::stall::{Change, StallReason};
use crate::torrent::{Content, Torrent};
use crate::web_seed::WebSeed;
use crate::{Event, Select, Timestamp, TorrentId, TorrentState};

impl Session {
    /// Tells when a download does not go on, and when it does again.
    pub(super) fn watch_sources(&mut self, id: TorrentId) {
        let reason = self.torrents.get(&id).and_then(|t| self.stall(t));
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let served = |reason: &StallReason| matches!(reason, StallReason::NotServed { .. });
        torrent.starves = reason.as_ref().is_some_and(|reason| !served(reason));
        let event = match torrent.stall.watch(reason, now) {
            Some(Change::Stalled(reason)) => Event::Stalled {
                torrent: id,
                reason,
            },
            Some(Change::Resumed) => Event::Resumed { torrent: id },
            None => return,
        };
        self.cx.events.push_back(event);
    }

    /// Why a torrent gets nothing, if it does not.
    fn stall(&self, torrent: &Torrent) -> Option<StallReason> {
        let peers = || {
            let active = torrent.active.iter();
            active.filter_map(|id| self.connections.get((*id).into())?.peer.as_ref())
        };
        match (torrent.state, &torrent.content) {
            (TorrentState::Metadata, _) => {
                let gives = peers().any(|peer| peer.metadata_size.is_some());
                match torrent.active.len() {
                    0 => Some(torrent.no_source()),
                    _ if torrent.unready.is_some() || gives => None,
                    peers => Some(StallReason::NoMetadata { peers }),
                }
            }
            (TorrentState::Downloading, Some(content)) => {
                if content.missing == 0 {
                    let files = content.info.files().len();
                    let named = matches!(&torrent.select, Select::Files(chosen)
                        if chosen.iter().all(|range| *range.start() as usize >= files));
                    return named.then_some(StallReason::NoSuchFile { files });
                }
                let mut web_seeds = torrent.web_seeds.iter().filter(|seed| seed.works());
                if web_seeds.any(|seed| content.lacks_of(seed)) {
                    return None;
                }
                let having = peers().filter(|peer| peer.wanted > 0).count();
                // A rate fades for half a minute after the last source is gone.
                if having > 0 && torrent.down.rate() > 0 {
                    return None;
                }
                let piece = content.missing_pieces().next().unwrap_or_default();
                Some(match torrent.active.len() {
                    _ if having > 0 => StallReason::NotServed { peers: having },
                    _ if torrent.bad_sources > 0 => torrent.no_source(),
                    0 => torrent.no_source(),
                    peers => StallReason::NobodyHas {
                        piece,
                        pieces: content.missing,
                        peers,
                    },
                })
            }
            _ => None,
        }
    }

    /// Copies of each piece of a torrent among its connected peers and web seeds, and where it is
    /// complete the other seeds: of the piece that fewest have, and the share of pieces of which there
    /// are more. With what is here, and without.
    pub(super) fn copies(&self, torrent: &Torrent) -> (f64, f64) {
        let Some(content) = &torrent.content else {
            return (0.0, 0.0);
        };
        let active = torrent.active.iter();
        let peers = active.filter_map(|id| self.connections.get((*id).into())?.peer.as_ref());
        let seeds = peers.filter(|peer| peer.is_seed_uncounted()).count() as u32;
        let web_seeds = torrent.web_seeds.iter();
        let web_seeds: Vec<&WebSeed> = web_seeds.filter(|seed| seed.works()).collect();
        // Two seeds part at once, and are there for others all the same.
        let parted = match torrent.is_complete() {
            true => self.known_seeds(torrent).saturating_sub(seeds),
            false => 0,
        };
        let of_others = content.lengths.pieces().map(|piece| {
            let piece = piece.get();
            let by_http = web_seeds.iter().filter(|seed| seed.has.get(piece)).count();
            let others = seeds + parted + content.picker.availability(piece) + by_http as u32;
            (others + u32::from(content.verified.get(piece)), others)
        });
        let mut all = Copies::default();
        let mut without = Copies::default();
        for (with, others) in of_others {
            all.add(with);
            without.add(others);
        }
        (all.get(), without.get())
    }

    /// Seeds that are known of, this session left out: those that a tracker counts, or those that
    /// were connected within the trackers' interval, whichever are more.
    pub(super) fn known_seeds(&self, torrent: &Torrent) -> u32 {
        let now = self.cx.now;
        let own = u32::from(torrent.is_complete());
        let counted = torrent.trackers.iter().filter_map(|tracker| tracker.seeds);
        let counted = counted.max().unwrap_or(0).saturating_sub(own);
        let interval = torrent.longest_interval();
        let recent = |seen: &&Timestamp| now.since(**seen) <= interval;
        let seen = torrent.seeds_seen.values().filter(recent).count() as u32;
        counted.max(seen)
    }

    /// Remembers which connected peers have everything: two seeds part at once.
    pub(super) fn note_seeds(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        for connection in torrent.active.clone() {
            let connection = self.connections.get(connection.into());
            let Some(peer) = connection.and_then(|c| c.peer.as_ref()) else {
                continue;
            };
            if peer.is_seed() {
                torrent.note_seed(peer.id, self.cx.now);
            }
        }
    }
}

/// Counts copies of pieces.
#[derive(Debug, Default)]
struct Copies {
    pieces: u32,
    least: u32,
    /// Pieces of which there are more than of the rarest.
    more: u32,
}

impl Copies {
    fn add(&mut self, copies: u32) {
        if self.pieces == 0 {
            self.least = copies;
        } else if copies < self.least {
            // Those before it all have more.
            (self.least, self.more) = (copies, self.pieces);
        } else if copies > self.least {
            self.more += 1;
        }
        self.pieces += 1;
    }

    fn get(&self) -> f64 {
        f64::from(self.least) + f64::from(self.more) / f64::from(self.pieces.max(1))
    }
}

impl WebSeed {
    /// Whether it sends, or is expected to.
    fn works(&self) -> bool {
        !self.dropped && self.failures == 0 && !self.runs.iter().any(|run| run.released)
    }
}

impl Torrent {
    /// Why it has no source.
    fn no_source(&self) -> StallReason {
        if self.bad_sources > 0 {
            return StallReason::BadData {
                sources: self.bad_sources,
            };
        }
        let nothing = self.trackers.is_empty() && self.web_seeds.is_empty();
        if nothing && self.peer_set.len() == 0 && self.active.is_empty() {
            return StallReason::NothingKnown;
        }
        let mut faults = self.web_seeds.iter().filter_map(|seed| {
            let fault = seed.fault.as_ref()?;
            Some(format!("{}: {fault}", seed.url))
        });
        StallReason::NoSource {
            known_peers: self.peer_set.len(),
            web_seed: faults.next(),
        }
    }
}

impl Content {
    /// The pieces that are wanted and not here.
    fn missing_pieces(&self) -> impl Iterator<Item = u32> {
        let pieces = self.lengths.pieces().map(|piece| piece.get());
        pieces.filter(|piece| self.wants(*piece))
    }

    /// Whether a web seed has something that is missing.
    fn lacks_of(&self, seed: &WebSeed) -> bool {
        self.missing_pieces().any(|piece| seed.has.get(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies(of_pieces: &[u32]) -> f64 {
        let mut copies = Copies::default();
        for of_piece in of_pieces {
            copies.add(*of_piece);
        }
        copies.get()
    }

    #[test]
    fn copies_are_those_of_the_rarest_piece_and_the_share_of_pieces_with_more() {
        assert_eq!(copies(&[]), 0.0);
        assert_eq!(copies(&[0, 0]), 0.0);
        assert_eq!(copies(&[2, 2, 2, 2]), 2.0);
        assert_eq!(copies(&[3, 1, 2, 1]), 1.5);
        assert_eq!(copies(&[1, 3, 0, 2]), 0.75);
    }
}
