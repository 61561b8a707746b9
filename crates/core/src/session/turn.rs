//! A peer's turn: its place is lent while it asks for nothing. With a seed it may end the pieces that
//! it has begun, and it comes last while it keeps to itself what the seed gave it. Who takes and does
//! not give is told so by a seed, which has nothing from anyone; and who lies, too: the others throw
//! away what it serves.

use std::time::Duration;

use brackish_wire::Layout;

use super::Session;
use crate::connection::{Connection, Peer};
use crate::rarity::Rarity;
use crate::{ConnectionId, Timestamp, TorrentId};

/// How long a peer has to end the pieces that it has begun when its turn is over.
const LEAVE: Duration = Duration::from_secs(5);

/// A peer that is served and asks for nothing for this long leaves its place to another.
const IDLE: Duration = Duration::from_millis(500);

/// By then a piece is seen with someone else, if the peer that had it of us passes it on: an honest
/// one on a usual link takes about a second.
const SPREADING: Duration = Duration::from_secs(3);

/// A peer's turn is over when it keeps so many pieces to itself. One may be slow to spread.
const MAX_HOARDED: u32 = 2;

/// A piece passed on in time makes up for so many that were not: where all are slow or few, much is
/// late with everyone. From who gives nothing, or only lies, nothing is had in time.
const MERIT: u32 = 4;

/// Pieces by which a peer is judged, about: it may mend its ways.
const MEMORY: u32 = 16;

/// Pieces of a peer that are watched at once: far more than end a turn.
const MAX_ENTRUSTED: usize = 64;

/// Pieces that a leecher gives a peer for nothing before it gives to others first. Who reads a film
/// gives little at the beginning.
const GIFT: u64 = 8;

/// One in so many of the bytes that a peer had of a leecher is something in return: slow links give
/// little.
const RETURN: u64 = 16;

/// A piece that a peer had of us, and that nobody else has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrusted {
    piece: u32,
    since: Timestamp,
    /// It has not spread in time.
    late: bool,
}

impl Session {
    /// Serves others beside those who have a place and ask for nothing: where few pieces have spread,
    /// who is served often wants none of what is here, while others wait for it. A seed's places
    /// stay as they are, few and fast: all want what it has.
    pub(super) fn lend_places(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(torrent) = self
            .torrents
            .get(&torrent_id)
            .filter(|t| !t.is_upload_only())
        else {
            return;
        };
        let Some(content) = torrent.content.as_ref() else {
            return;
        };
        let (mut busy, mut idle, mut waiting) = (0, 0, Vec::new());
        for id in &torrent.active {
            let Some(connection) = self.connections.get((*id).into()) else {
                continue;
            };
            match connection.peer.as_ref().filter(|peer| peer.interested) {
                Some(peer) if peer.am_choking => {
                    let doubtful = peer.snubs_us
                        || content.blame.is_suspected(*id)
                        || peer.owes(&content.lengths);
                    waiting.push((doubtful, peer.pieces(), peer.service_since, *id));
                }
                Some(_) if connection.is_idle(now) => idle += 1,
                Some(_) => busy += 1,
                None => {}
            }
        }
        waiting.sort_unstable();
        let room = torrent.choker.room(busy, idle, false);
        for (.., id) in waiting.into_iter().take(room) {
            self.set_choking(id, false);
        }
    }

    /// Sees what became of the pieces that peers had of us.
    pub(super) fn watch_entrusted(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let Some(spread) = torrent.content.as_ref().and_then(|c| c.spread.as_ref()) else {
            return;
        };
        for id in &torrent.active {
            let connection = self.connections.get_mut((*id).into());
            if let Some(peer) = connection.and_then(|connection| connection.peer.as_mut()) {
                peer.watch_entrusted(spread, now);
            }
        }
    }

    /// Whether a peer whose turn with a seed is over has begun pieces that it was advised to fetch.
    /// It may end them: a part of a piece is of no use to the swarm, and would be sent again.
    pub(super) fn leaves(&mut self, id: ConnectionId) -> bool {
        let now = self.cx.now;
        let connection = self.connections.get_mut(id.into());
        let peer = connection.and_then(|connection| connection.peer.as_mut());
        let Some(peer) = peer.filter(|peer| !peer.am_choking && peer.has_begun()) else {
            return false;
        };
        let since = *peer.leaving.get_or_insert(now);
        now.since(since) < LEAVE
    }

    /// A peer has one piece more: if its turn was over but for that, it is over now.
    pub(super) fn ended_piece(&mut self, id: ConnectionId) {
        let connection = self.connections.get(id.into());
        let peer = connection.and_then(|connection| connection.peer.as_ref());
        if peer.is_some_and(|peer| peer.leaving.is_some() && !peer.has_begun()) {
            self.set_choking(id, true);
        }
    }

    /// Whether someone waits for a place with a seed who does not keep our pieces to itself.
    pub(super) fn giver_waits(&self, torrent_id: TorrentId) -> bool {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return false;
        };
        let waits = |id: &ConnectionId| {
            let connection = self.connections.get((*id).into());
            let peer = connection.and_then(|connection| connection.peer.as_ref());
            peer.is_some_and(|p| p.interested && p.am_choking && !p.is_hoarder())
        };
        torrent.active.iter().any(waits)
    }

    /// A peer has begun a piece that was suggested to it: if it keeps to itself what it had before,
    /// that was the last one of its turn, and who gives comes in its place.
    pub(super) fn end_turn_of_hoarder(&mut self, id: ConnectionId) {
        let Some((torrent, peer)) = self.connections.get(id.into()).and_then(served) else {
            return;
        };
        let last = peer.suggested.iter().all(|suggested| suggested.begun);
        if !last || !peer.is_hoarder() || !self.giver_waits(torrent) {
            return;
        }
        if self.leaves(id) {
            self.rechoke_soon(torrent);
        }
    }
}

/// A peer whose turn goes on, and its torrent.
fn served(connection: &Connection) -> Option<(TorrentId, &Peer)> {
    let peer = connection.peer.as_ref()?;
    let goes_on = !peer.am_choking && peer.leaving.is_none();
    goes_on.then_some((connection.torrent?, peer))
}

impl Connection {
    /// Whether its peer has a place and no use for it: it asks for nothing, or is about to leave.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let Some(peer) = self.peer.as_ref().filter(|peer| !peer.am_choking) else {
            return false;
        };
        let quiet = now.since(peer.service_since.max(peer.asked_us)) >= IDLE;
        let answered =
            peer.incoming.is_empty() && peer.reading.is_empty() && self.outbox.is_empty();
        peer.leaving.is_some() || quiet && answered
    }
}

impl Peer {
    /// It has a piece that we suggested.
    pub fn entrust(&mut self, piece: u32, spread: &Rarity, now: Timestamp) {
        if spread.availability(piece) <= 1 && self.entrusted.len() < MAX_ENTRUSTED {
            self.entrusted.push(Entrusted {
                piece,
                since: now,
                late: false,
            });
        }
    }

    /// Sees which of the pieces that it had of us others have by now.
    fn watch_entrusted(&mut self, spread: &Rarity, now: Timestamp) {
        let (mut kept, mut passed_on) = (0, 0);
        self.entrusted.retain_mut(|entrusted| {
            let has_spread = spread.availability(entrusted.piece) > 1;
            if has_spread {
                passed_on += u32::from(!entrusted.late);
            } else if !entrusted.late && now.since(entrusted.since) >= SPREADING {
                entrusted.late = true;
                kept += 1;
            }
            !has_spread
        });
        self.kept += kept;
        self.passed_on += passed_on;
        if self.kept.max(self.passed_on) > MEMORY {
            (self.kept, self.passed_on) = (self.kept / 2, self.passed_on / 2);
        }
    }

    /// How many pieces that it had of us it kept to itself, those not counted that others which it
    /// passed on in time make up for.
    pub fn hoards(&self) -> u32 {
        self.kept.saturating_sub(MERIT * self.passed_on)
    }

    /// Whether it has what we want, had several pieces of us, and gave next to nothing for them.
    pub fn owes(&self, lengths: &Layout) -> bool {
        let had = self.up.total();
        self.am_interested
            && had >= GIFT * u64::from(lengths.piece_length())
            && self.down.total() < had / RETURN
    }

    /// Whether its turn ends when another waits.
    pub fn is_hoarder(&self) -> bool {
        self.hoards() >= MAX_HOARDED
    }

    /// Whether it fetches a piece that was suggested to it.
    pub fn has_begun(&self) -> bool {
        self.suggested.iter().any(|suggested| suggested.begun)
    }
}
