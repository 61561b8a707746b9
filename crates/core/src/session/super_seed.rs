//! Super-seeding (BEP 16): an origin with one copy and little upload says that it has nothing, and
//! shows each peer a few pieces at a time, those that have spread least, and the next ones when
//! others have these from it. So it sends hardly a piece twice before the swarm has all of them,
//! whatever its peers would choose, and serves those most who pass on what they get.
//!
//! That ends for good when the peers together have every piece, when another seed comes, and when
//! something is missing here: then everyone is told of everything.

use std::time::Duration;

use brackish_wire::Bitfield;
use brackish_wire::message::Message;
use bytes::BytesMut;

use super::Session;
use crate::connection::Peer;
use crate::rarity::Rarity;
use crate::torrent::Content;
use crate::{ConnectionId, Timestamp, TorrentId};

/// Pieces that a peer is shown ahead: the one that it fetches, and the next.
const AHEAD: usize = 2;

/// Bytes that they hold at least, so that small pieces do not have it wait for us.
const AHEAD_BYTES: u32 = 256 << 10;

/// How long a peer is shown nothing more because nobody has a piece from it, or because all that is
/// left was shown to others: these may have no other peers, or none that want it, or be slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same once nothing was sent for as long: upload that is left idle helps nobody.
const IDLE_PATIENCE: Duration = Duration::from_secs(2);

/// How long a peer has to say which pieces it has. One that has none need not say so.
const SILENCE: Duration = Duration::from_secs(1);

/// What a peer was shown of a torrent that we super-seed.
#[derive(Debug)]
pub(crate) struct Shown {
    pieces: Bitfield,
    /// Those of them that the next ones wait for.
    pending: Vec<Pending>,
    /// When it was last shown something, or came.
    last: Timestamp,
}

#[derive(Debug)]
struct Pending {
    piece: u32,
    /// Since when the peer has it.
    had: Option<Timestamp>,
}

impl Shown {
    pub fn nothing(pieces: u32, now: Timestamp) -> Box<Self> {
        Box::new(Self {
            pieces: Bitfield::new(pieces),
            pending: Vec::new(),
            last: now,
        })
    }

    /// The peer has a piece now; whether that was counted as spread when it was shown.
    pub fn had(&mut self, piece: u32, now: Timestamp) -> bool {
        let mut pending = self.pending.iter_mut();
        let shown = pending.find(|p| p.piece == piece && p.had.is_none());
        shown.is_some_and(|shown| shown.had.replace(now).is_none())
    }

    /// What the peer was shown and does not have is not counted as spread any more.
    pub fn forget(self, spread: Option<&mut Rarity>, rng: &mut impl rand::Rng) {
        if let Some(spread) = spread {
            for pending in self.pending.iter().filter(|p| p.had.is_none()) {
                spread.decrement(pending.piece, rng);
            }
        }
    }

    fn waits_for(&self, piece: u32) -> bool {
        self.pending.iter().any(|pending| pending.piece == piece)
    }

    /// Waits no longer for what others have from the peer, or nobody fetches from it.
    fn settle(&mut self, content: &Content, alone: bool, patience: Duration, now: Timestamp) {
        self.pending.retain(|pending| {
            let spread = alone || content.picker.availability(pending.piece) > 1;
            let settled = |had: Timestamp| spread || now.since(had) >= patience;
            !pending.had.is_some_and(settled)
        });
    }
}

impl Peer {
    /// Whether it may ask for the piece, as far as super-seeding goes.
    pub fn was_shown(&self, piece: u32) -> bool {
        let shown = self.shown.as_ref();
        shown.is_none_or(|shown| shown.pieces.get(piece))
    }
}

impl Session {
    /// Sees whether super-seeding has done its work, and shows peers on whose patience is over.
    pub(super) fn tick_super_seeding(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get(&id).filter(|torrent| torrent.super_seed) else {
            return;
        };
        let spread = |content: &Content| {
            let mut pieces = content.lengths.pieces();
            pieces.all(|piece| content.picker.availability(piece.get()) > 0)
        };
        if torrent.is_complete() && torrent.content.as_ref().is_some_and(spread) {
            self.end_super_seeding(id);
        } else {
            self.show_next(id, None);
        }
    }

    /// Shows peers of a torrent that is super-seeded what is next for them: all of them, or those
    /// that wait for this piece to spread.
    pub(super) fn show_next(&mut self, torrent_id: TorrentId, spread: Option<u32>) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        if !torrent.super_seed || !torrent.is_complete() {
            return;
        }
        for id in torrent.active.clone() {
            let connection = self.connections.get(id.into());
            let peer = connection.and_then(|connection| connection.peer.as_ref());
            let shown = peer.and_then(|peer| peer.shown.as_ref());
            let waits = |shown: &Shown| spread.is_none_or(|piece| shown.waits_for(piece));
            if shown.is_some_and(|shown| waits(shown)) {
                self.show_more(torrent_id, id);
            }
        }
    }

    fn show_more(&mut self, torrent_id: TorrentId, id: ConnectionId) {
        let now = self.cx.now;
        let content = self.torrents.get(&torrent_id);
        let content = content.and_then(|torrent| torrent.content.as_ref());
        if content.is_some_and(|content| content.spread.is_none()) {
            self.survey(torrent_id);
        }
        let (Some(connection), Some(torrent)) = (
            self.connections.get_mut(id.into()),
            self.torrents.get_mut(&torrent_id),
        ) else {
            return;
        };
        let since = connection.since;
        let alone = torrent.active.len() == 1;
        let idle = now.since(torrent.served) >= IDLE_PATIENCE;
        let patience = if idle { IDLE_PATIENCE } else { PATIENCE };
        let (Some(peer), Some(content)) = (connection.peer.as_mut(), torrent.content.as_mut())
        else {
            return;
        };
        if !peer.spoke && now.since(since) < SILENCE {
            return;
        }
        let Some(mut shown) = peer.shown.take() else {
            return;
        };
        shown.settle(content, alone, patience, now);
        let ahead = AHEAD.max((AHEAD_BYTES / content.lengths.piece_length().max(1)) as usize);
        let last_resort = now.since(shown.last) >= patience;
        let mut out = BytesMut::new();
        while let Some(spread) = content.spread.as_mut()
            && shown.pending.len() < ahead
        {
            let unknown = |piece: &u32| !peer.has_piece(*piece) && !shown.pieces.get(*piece);
            let rarest = spread.order().find(unknown);
            let Some(piece) = rarest.filter(|p| last_resort || spread.availability(*p) == 0) else {
                break;
            };
            spread.increment(piece, &mut self.cx.rng);
            shown.pieces.set(piece);
            shown.last = now;
            shown.pending.push(Pending { piece, had: None });
            Message::Have(piece).encode(&mut out);
        }
        peer.shown = Some(shown);
        if !out.is_empty() {
            self.cx.transmit(id, connection, out.freeze());
        }
    }

    /// Super-seeding is over: peers are told of everything that is here, and advised as by any seed.
    pub(super) fn end_super_seeding(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        if !std::mem::replace(&mut torrent.super_seed, false) {
            return;
        }
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        let active = torrent.active.clone();
        for id in &active {
            let Some(connection) = self.connections.get_mut((*id).into()) else {
                continue;
            };
            let Some(shown) = connection.peer.as_mut().and_then(|peer| peer.shown.take()) else {
                continue;
            };
            let mut out = BytesMut::new();
            let here = content.verified.ones();
            for piece in here.filter(|piece| !shown.pieces.get(*piece)) {
                Message::Have(piece).encode(&mut out);
            }
            shown.forget(content.spread.as_mut(), &mut self.cx.rng);
            if !out.is_empty() {
                self.cx.transmit(*id, connection, out.freeze());
            }
        }
        for id in active {
            self.suggest(id);
        }
    }
}
