//! `bk_signal` as a relay (docs/signalling-extension.md): peers that speak it are introduced to
//! each other, and their offers and answers are passed on, within the extension's limits. What is
//! for us goes to `introductions`.

use brackish_wire::PeerId;
use brackish_wire::extension::{
    INTRODUCTION_INTERVAL, MAX_SIGNAL_OFFERS, Route, Signal, SignalErrorCode,
};
use rand::seq::SliceRandom;

use super::Session;
use crate::connection::{Connection, Peer};
use crate::relay::{Held, Signaller};
use crate::{ConnectionId, TorrentId};

/// Peers named in an introduction: more than anyone connects to at once by one relay.
const NAMED: usize = 30;

/// With so many peers named that are still here, nobody needs a new introduction.
const ENOUGH_NAMED: usize = 20;

/// Bytes beyond a connection's credit that may wait in the driver when an offer is passed on: a
/// peer that is slow to read gets none.
const BACKLOG: usize = 256 << 10;

/// What to do with a message, by the ids in its route.
enum Concern {
    /// From the peer itself to us, who are connected to it.
    Direct,
    /// From the peer to another.
    Relay,
    /// By the peer from another to us.
    Ours,
}

impl Session {
    /// Whether a torrent's peers may signal through us, and we through them.
    pub(super) fn signals(&self, torrent: TorrentId) -> bool {
        self.cx.config.webrtc && self.torrents.get(&torrent).is_some_and(|t| t.is_public())
    }

    /// A peer said, in its extended handshake, by which id it takes `bk_signal`; 0 is not at all.
    pub(super) fn heard_signaller(&mut self, id: ConnectionId, extension: u8) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent)) = (
            connection.peer.as_mut(),
            connection
                .torrent
                .and_then(|torrent| self.torrents.get_mut(&torrent)),
        ) else {
            return;
        };
        match (&mut peer.signal, extension) {
            (Some(signaller), 1..) => {
                signaller.extension = extension;
                return;
            }
            (None, 0) => return,
            (signal @ None, _) => *signal = Some(Box::new(Signaller::new(extension))),
            (signal @ Some(_), 0) => *signal = None,
        }
        torrent.relay.changes += 1;
    }

    /// A `bk_signal` message came. One that makes no sense is passed over: a peer may have passed
    /// on what another wrote.
    pub(super) fn heard_signal(&mut self, id: ConnectionId, payload: &[u8]) {
        let Some(connection) = self.connections.get(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent)) = (&connection.peer, connection.torrent) else {
            return;
        };
        if peer.signal.is_none() || !self.signals(torrent) {
            return;
        }
        let theirs = peer.id;
        let Ok(signal) = Signal::decode(payload) else {
            return;
        };
        let ours = self.cx.config.peer_id;
        let concern = |route: &Route| match (route.from == theirs, route.to == ours) {
            (true, true) => Some(Concern::Direct),
            (true, false) => Some(Concern::Relay),
            (false, true) => Some(Concern::Ours),
            (false, false) => None,
        };
        let Some(route) = signal.route().copied() else {
            if let Signal::Peers(peers) = signal {
                self.introduced(id, peers);
            }
            return;
        };
        match (concern(&route), signal) {
            (Some(Concern::Direct), Signal::Offer { .. }) => {
                self.refuse(id, route, SignalErrorCode::Refused);
            }
            (Some(Concern::Relay), Signal::Offer { .. }) => {
                if let Err(code) = self.pass_on_offer(torrent, id, &route, payload) {
                    self.refuse(id, route, code);
                }
            }
            (Some(Concern::Relay), _) => self.pass_back(torrent, id, &route, payload),
            (Some(Concern::Ours), Signal::Offer { sdp, .. }) => {
                self.offered_by_relay(torrent, id, route, sdp);
            }
            (Some(Concern::Ours), Signal::Answer { sdp, .. }) => {
                self.answered_by_relay(torrent, id, &route, sdp);
            }
            (Some(Concern::Ours), Signal::Error { .. }) => {
                self.refused_by_relay(torrent, id, &route);
            }
            _ => {}
        }
    }

    /// Sends a peer that speaks the extension a message of it.
    pub(super) fn say_signal(&mut self, id: ConnectionId, signal: &Signal<'_>) {
        self.pass_on(id, &signal.encode());
    }

    /// Tells a peer that an offer that came from it, or through it, will not be answered.
    pub(super) fn refuse(&mut self, id: ConnectionId, offer: Route, code: SignalErrorCode) {
        let route = offer.reversed();
        self.say_signal(id, &Signal::Error { route, code });
    }

    fn pass_on(&mut self, id: ConnectionId, payload: &[u8]) {
        let extension = self
            .connections
            .get(id.into())
            .and_then(signaller)
            .map(|s| s.extension);
        if let Some(extension) = extension {
            self.say_extended(id, extension, payload);
        }
    }

    /// Passes an offer on as it is, or says why not.
    fn pass_on_offer(
        &mut self,
        torrent_id: TorrentId,
        from: ConnectionId,
        route: &Route,
        payload: &[u8],
    ) -> Result<(), SignalErrorCode> {
        let now = self.cx.now;
        let named = self
            .connections
            .get(from.into())
            .and_then(signaller)
            .map(|signaller| &signaller.told);
        let to = named
            .and_then(|told| {
                told.iter()
                    .copied()
                    .find(|named| self.speaker(*named) == Some(route.to))
            })
            .ok_or(SignalErrorCode::Unreachable)?;
        let torrent = self
            .torrents
            .get_mut(&torrent_id)
            .ok_or(SignalErrorCode::Unreachable)?;
        torrent.relay.expire(now);
        let held = &torrent.relay.held;
        let twice = held.iter().any(|h| h.from == from && h.id == route.id);
        if twice || torrent.relay.held_of(from) >= MAX_SIGNAL_OFFERS {
            return Err(SignalErrorCode::Limited);
        }
        let target = self
            .connections
            .get_mut(to.into())
            .ok_or(SignalErrorCode::Unreachable)?;
        if target.outbox.load() > target.room + BACKLOG {
            return Err(SignalErrorCode::Limited);
        }
        let room = |signaller: &mut Signaller| signaller.passed.has_room(now);
        if !signaller_mut(target).is_some_and(room) {
            return Err(SignalErrorCode::Limited);
        }
        let taken = self
            .connections
            .get_mut(from.into())
            .and_then(signaller_mut);
        if !taken.is_some_and(|signaller| signaller.taken.take(now)) {
            return Err(SignalErrorCode::Limited);
        }
        if let Some(target) = self.connections.get_mut(to.into()).and_then(signaller_mut) {
            target.passed.take(now);
        }
        torrent.relay.held.push(Held {
            from,
            id: route.id,
            to,
            at: now,
        });
        self.pass_on(to, payload);
        Ok(())
    }

    /// Passes an answer or an error back to who made the offer, if that is held, and forgets it.
    fn pass_back(
        &mut self,
        torrent_id: TorrentId,
        from: ConnectionId,
        route: &Route,
        payload: &[u8],
    ) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        torrent.relay.expire(self.cx.now);
        let held = torrent.relay.held.iter().position(|held| {
            let offerer = self.connections.get(held.from.into());
            let peer = offerer.and_then(|connection| connection.peer.as_ref());
            held.to == from && held.id == route.id && peer.is_some_and(|peer| peer.id == route.to)
        });
        if let Some(at) = held {
            let offerer = torrent.relay.held.swap_remove(at).from;
            self.pass_on(offerer, payload);
        }
    }

    /// A peer that spoke the extension is gone: what was held of it is forgotten, what was held for
    /// it is answered, and our own offers that it carried are void.
    pub(super) fn signaller_left(&mut self, torrent_id: TorrentId, id: ConnectionId, peer: PeerId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        torrent.relay.changes += 1;
        let held = std::mem::take(&mut torrent.relay.held);
        let (ended, kept) = held
            .into_iter()
            .filter(|held| held.from != id)
            .partition::<Vec<_>, _>(|held| held.to == id);
        torrent.relay.held = kept;
        for held in ended {
            if let Some(from) = self.speaker(held.from) {
                let route = Route {
                    from,
                    to: peer,
                    id: held.id,
                };
                self.refuse(held.from, route, SignalErrorCode::Unreachable);
            }
        }
        self.drop_offers_by(id);
    }

    /// Introduces those that speak the extension to each other, where that is due.
    pub(super) fn introduce_peers(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        if !self.signals(torrent_id) {
            return;
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        torrent.relay.expire(now);
        let changes = torrent.relay.changes;
        let waited = |signaller: &Signaller| {
            signaller
                .told_at
                .is_none_or(|at| now.since(at) >= INTRODUCTION_INTERVAL)
        };
        let speakers: Vec<(ConnectionId, &Peer, &Signaller)> = torrent
            .active
            .iter()
            .filter_map(|id| {
                let peer = self.connections.get((*id).into())?.peer.as_ref()?;
                Some((*id, &**peer, &**peer.signal.as_ref()?))
            })
            .collect();
        // A seed wants nobody: those that want it offer to it.
        let due: Vec<ConnectionId> = speakers
            .iter()
            .filter(|(_, peer, s)| s.told_changes != changes && waited(s) && !peer.is_seed())
            .map(|(id, ..)| *id)
            .collect();
        if due.is_empty() {
            return;
        }
        let mut all: Vec<(ConnectionId, PeerId)> = speakers
            .iter()
            .map(|(id, peer, _)| (*id, peer.id))
            .collect();
        all.sort_unstable();
        for id in due {
            let Some(signaller) = self.connections.get_mut(id.into()).and_then(signaller_mut)
            else {
                continue;
            };
            signaller.told_changes = changes;
            let is_here = |named: &&ConnectionId| {
                all.binary_search_by_key(*named, |(speaker, _)| *speaker)
                    .is_ok()
            };
            let here = signaller.told.iter().filter(is_here).count();
            let others = all.len() - 1;
            if here >= ENOUGH_NAMED.min(others) && here * 2 >= signaller.told.len() {
                continue;
            }
            let mut others: Vec<_> = all.iter().filter(|(other, _)| *other != id).collect();
            let (named, _) = others.partial_shuffle(&mut self.cx.rng, NAMED);
            signaller.told = named.iter().map(|(named, _)| *named).collect();
            signaller.told_at = Some(now);
            let peers = named.iter().map(|(_, peer)| *peer).collect();
            self.say_signal(id, &Signal::Peers(peers));
        }
    }

    /// Who is at a connection, if it speaks the extension.
    fn speaker(&self, id: ConnectionId) -> Option<PeerId> {
        let peer = self.connections.get(id.into())?.peer.as_ref()?;
        peer.signal.as_ref().map(|_| peer.id)
    }
}

fn signaller(connection: &Connection) -> Option<&Signaller> {
    connection.peer.as_ref()?.signal.as_deref()
}

pub(super) fn signaller_mut(connection: &mut Connection) -> Option<&mut Signaller> {
    connection.peer.as_mut()?.signal.as_deref_mut()
}
