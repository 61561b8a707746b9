//! Streaming: readers with a position, and which peer is asked for what they need next.
//!
//! A piece ahead of a reader has a time. A peer may be asked for it if it is likely to send it by
//! then, or if nobody is likely to be much sooner; else it is asked for what the swarm has least
//! of, as ever. So what is urgent comes from the fast peers, and the slow ones do not hold it up.

use std::ops::Range;
use std::time::Duration;

use brackish_wire::BLOCK_LENGTH;
use brackish_wire::message::Message;
use bytes::BytesMut;

use super::Session;
use crate::connection::{Asked, Connection, Peer, Stage};
use crate::picker::Claim;
use crate::torrent::{Content, Torrent};
use crate::{ConnectionId, ReaderId, SelectError, Timestamp, TorrentId};

/// A peer is as good as the best for an urgent block if it takes at most so many times as long.
const AS_GOOD: f64 = 1.5;

/// A block that is needed this soon is asked of a peer that has as much to send as it should in the
/// place of something else.
const URGENT: Duration = Duration::from_secs(3);

/// A block that is needed this soon is asked of a second peer when it is late.
const LATE: Duration = Duration::from_secs(2);

/// Requests that a peer gives up at once for urgent ones.
const GIVEN_UP: usize = 8;

/// Requests of one peer that were given up and are remembered: what was on its way already still
/// comes, and is taken.
const MAX_GIVEN_UP: usize = 256;

/// When a reader jumps, what a peer will send within this time is let come; what it was asked for
/// beyond that is given up for what is needed now.
const LET_COME: Duration = Duration::from_millis(250);

/// What is taken for the time that a peer needs to answer when nothing is known of it.
pub(super) const UNKNOWN: Duration = Duration::from_millis(500);

impl Session {
    /// Begins to read a stretch of the torrent's bytes: what comes next in it is fetched before
    /// everything else, also of files that were not wanted. Until it is closed, the reader is to be
    /// told where it is.
    pub fn open_reader(
        &mut self,
        torrent: TorrentId,
        range: Range<u64>,
        now: Timestamp,
    ) -> Result<ReaderId, SelectError> {
        self.cx.now = now;
        let content = self.content_to_select(torrent)?;
        let total = content.lengths.lengths().total();
        if range.is_empty() || range.end > total {
            return Err(SelectError::OutOfRange {
                start: range.start,
                end: range.end,
                total,
            });
        }
        if content.readers.is_full() {
            return Err(SelectError::TooManyReaders);
        }
        let reader = content.readers.open(range, now);
        self.reader_jumped(torrent);
        Ok(reader)
    }

    /// Says that a reader has read up to `position`, in bytes from the start of the torrent. One
    /// that is not shortly ahead of the last one is a jump: what is fetched is planned anew at once.
    pub fn move_reader(
        &mut self,
        torrent: TorrentId,
        reader: ReaderId,
        position: u64,
        now: Timestamp,
    ) {
        self.cx.now = now;
        let Some(content) = self.content_mut(torrent) else {
            return;
        };
        let lengths = content.lengths.lengths();
        match content.readers.advance(reader, position, &lengths, now) {
            Some(true) => self.reader_jumped(torrent),
            Some(false) => {
                content.readers.plan(&lengths, &content.verified);
                let missing = !content.readers.due().is_empty();
                self.watch_readers(torrent);
                if missing {
                    self.fill_all(torrent);
                }
            }
            None => {}
        }
    }

    /// Ends a reader: what it read is wanted as it was chosen.
    pub fn close_reader(&mut self, torrent: TorrentId, reader: ReaderId, now: Timestamp) {
        self.cx.now = now;
        let Some(content) = self.content_mut(torrent) else {
            return;
        };
        if content.readers.close(reader) {
            let lengths = content.lengths.lengths();
            content.readers.plan(&lengths, &content.verified);
            self.reading_changed(torrent);
        }
    }

    fn content_mut(&mut self, torrent: TorrentId) -> Option<&mut Content> {
        self.torrents.get_mut(&torrent)?.content.as_mut()
    }

    /// Where unwanted files are read, they are wanted meanwhile.
    fn reading_changed(&mut self, torrent: TorrentId) {
        let content = self.content_mut(torrent);
        if content.is_some_and(|content| !content.selection.is_uniform()) {
            self.selected(torrent);
        }
    }

    fn reader_jumped(&mut self, torrent: TorrentId) {
        self.reading_changed(torrent);
        let Some(content) = self.content_mut(torrent) else {
            return;
        };
        let lengths = content.lengths.lengths();
        content.readers.plan(&lengths, &content.verified);
        let missing = !content.readers.due().is_empty();
        self.watch_readers(torrent);
        if missing {
            self.give_way(torrent);
            self.fill_all(torrent);
            self.wake_by(self.cx.now + super::tick::URGENT_PERIOD);
        }
    }

    /// Sees which readers wait for data, and tells.
    pub(super) fn watch_readers(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut().filter(|c| !c.readers.is_empty()) else {
            return;
        };
        let (lengths, now) = (content.lengths.lengths(), self.cx.now);
        let told = content.readers.watch(id, &lengths, &content.verified, now);
        self.cx.events.extend(told);
    }

    /// Takes back what peers were asked for and will not send soon, unless a reader needs it.
    fn give_way(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        for id in torrent.active.clone() {
            let connection = self.connections.get(id.into());
            let Some(peer) = connection.and_then(|c| c.peer.as_ref()) else {
                continue;
            };
            let soon = peer.down.rate() as f64 * LET_COME.as_secs_f64();
            let kept = 2 + (soon / f64::from(BLOCK_LENGTH)) as usize;
            let count = peer.requests.len().saturating_sub(kept);
            self.give_up(id, torrent_id, count);
        }
    }

    /// Makes room for urgent blocks at a peer that has as much to send as it should, by giving up
    /// what it would send last. How much room there is now.
    pub(super) fn make_room(&mut self, id: ConnectionId, torrent: TorrentId) -> usize {
        let claims = self.claims(id, GIVEN_UP, true);
        let content = self.torrents.get(&torrent).and_then(|t| t.content.as_ref());
        let free = |claim: &Claim| {
            claim.is_urgent
                && content.is_some_and(|content| content.picker.is_to_be_had(claim.piece))
        };
        if !claims.iter().any(free) {
            return 0;
        }
        self.give_up(id, torrent, GIVEN_UP)
    }

    /// Gives up the last requests of a peer that no reader needs soon, up to `most`; how many.
    fn give_up(&mut self, id: ConnectionId, torrent: TorrentId, most: usize) -> usize {
        let (Some(connection), Some(torrent)) = (
            self.connections.get_mut(id.into()),
            self.torrents.get_mut(&torrent),
        ) else {
            return 0;
        };
        let (Some(peer), Some(content)) = (connection.peer.as_mut(), torrent.content.as_mut())
        else {
            return 0;
        };
        let due = content.readers.due();
        let mut given_up = Vec::new();
        // The first is on its way.
        for at in (1..peer.requests.len()).rev() {
            if given_up.len() >= most {
                break;
            }
            let needed = |asked: &Asked| due.iter().any(|due| due.piece == asked.piece.get());
            if peer.requests.get(at).is_some_and(|asked| !needed(asked)) {
                given_up.extend(peer.requests.remove(at));
            }
        }
        let mut out = BytesMut::with_capacity(17 * given_up.len());
        for asked in &given_up {
            self.cx.requested -= asked.request.length as usize;
            if !asked.released {
                content.picker.release(id, asked.piece, asked.number);
            }
            Message::Cancel(asked.request).encode(&mut out);
        }
        let count = given_up.len();
        for mut asked in given_up {
            asked.released = true;
            peer.given_up.push_back(asked);
        }
        while peer.given_up.len() > MAX_GIVEN_UP {
            peer.given_up.pop_front();
        }
        if count > 0 {
            self.cx.transmit(id, connection, out.freeze());
        }
        count
    }

    /// The urgent pieces that a peer is to be asked for, up to `goal` of them; where it must be the
    /// best one, those alone that nobody is likely to send much sooner, in time or not.
    pub(super) fn claims(&self, id: ConnectionId, goal: usize, best: bool) -> Vec<Claim> {
        let mut claims = Vec::new();
        let Some(connection) = self.connections.get(id.into()) else {
            return claims;
        };
        let torrent = connection.torrent.and_then(|id| self.torrents.get(&id));
        let Some((torrent, content)) = torrent.and_then(|t| Some((t, t.content.as_ref()?))) else {
            return claims;
        };
        let Some(peer) = connection.peer.as_ref() else {
            return claims;
        };
        if content.readers.due().is_empty() {
            return claims;
        }
        let lead = lead(peer);
        let much_sooner = |other: &Connection| {
            let other = other.peer.as_ref().filter(|_| other.stage == Stage::Active);
            other.filter(|peer| {
                let gives = !peer.choking_us && !peer.snubs_us;
                gives && self::lead(peer).mul_f64(AS_GOOD) < lead
            })?;
            Some(())
        };
        let rivals: Vec<&Connection> = torrent
            .active
            .iter()
            .filter(|other| **other != id)
            .filter_map(|other| self.connections.get((*other).into()))
            .filter(|other| much_sooner(other).is_some())
            .collect();
        let has = |other: &&Connection, piece: u32| {
            other
                .peer
                .as_ref()
                .is_some_and(|peer| peer.has_piece(piece))
        };
        // A seed among many who want the torrent advises what these lack: if all of them read, and ask
        // it for what they read next, it sends each of them the same.
        let advises = !peer.advice.is_empty() && self.has_few_seeds(torrent);
        for due in content.readers.due() {
            if claims.len() >= goal || advises && due.needed_in > URGENT {
                break;
            }
            let doubles = due.needed_in <= LATE;
            let free = content.picker.is_to_be_had(due.piece);
            if !peer.has_piece(due.piece) || !free && !doubles {
                continue;
            }
            let late = best || lead > due.needed_in;
            if late && rivals.iter().any(|other| has(other, due.piece)) {
                continue;
            }
            claims.push(Claim {
                piece: due.piece,
                is_urgent: due.needed_in <= URGENT,
                double_after: doubles.then(|| lead * 2),
            });
        }
        claims
    }

    /// Whether fewer peers of a torrent have all of it than have not.
    fn has_few_seeds(&self, torrent: &Torrent) -> bool {
        let active = torrent.active.iter();
        let connections = active.filter_map(|id| self.connections.get((*id).into()));
        let peers = connections.filter_map(|connection| connection.peer.as_ref());
        peers.filter(|peer| peer.is_seed()).count() * 2 < torrent.active.len()
    }
}

/// How long a peer is likely to take to send a block that it is asked for now: as long as its queue
/// takes at its rate, or as long as the last one took, while its rate still grows.
fn lead(peer: &Peer) -> Duration {
    let queue = peer.requests.len() as f64 + 1.0;
    let by_rate = match peer.down.rate() {
        0 => None,
        rate => Some(Duration::from_secs_f64(
            queue * f64::from(BLOCK_LENGTH) / rate as f64,
        )),
    };
    let last = peer
        .pipeline
        .last_delay()
        .filter(|_| peer.pipeline.is_growing());
    let known = by_rate.into_iter().chain(last).min();
    known.unwrap_or(UNKNOWN)
}
