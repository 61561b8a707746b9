//! `bk_signal` for ourselves (docs/signalling-extension.md): peers that relays introduce are
//! offered connections while there are few, and offers that relays bring are answered.

use std::time::Duration;

use brackish_wire::PeerId;
use brackish_wire::extension::{MAX_SIGNAL_SDP, Route, Signal, SignalErrorCode};
use brackish_wire::tracker::ws::OfferId;
use rand::RngExt;

use super::Session;
use super::relay::signaller_mut;
use crate::connection::{Carrier, Connection, Stage};
use crate::{ConnectionId, DisconnectReason, Output, TorrentId};

/// Peers after which a page seeks no more by introductions; it still takes offers. Enough for
/// pieces to find their way when several of them leave.
const ENOUGH_PEERS: usize = 20;

/// The same for one that can dial: it has better ways to peers.
const ENOUGH_FOR_DIALLER: usize = 10;

/// What it gives those ways before it makes use of an introduction.
const DIALLER_WAITS: Duration = Duration::from_secs(10);

/// Offers under way by relays in one torrent: each is a connection being made.
const OFFERS_AT_ONCE: usize = 4;

/// Connections being made at once, in one torrent, of offers that relays brought. What making one
/// costs is far more than an offer does.
const ANSWERS_AT_ONCE: usize = 10;

/// How often it is seen whether an offer is worth making.
const LOOK: Duration = Duration::from_secs(2);

/// Introductions by one relay that come closer together are passed over. They are sent ten seconds
/// apart, and may catch up with each other on the way.
const INTRODUCTION_GAP: Duration = Duration::from_secs(5);

impl Session {
    /// A relay named the peers to which it passes on offers.
    pub(super) fn introduced(&mut self, id: ConnectionId, mut peers: Vec<PeerId>) {
        let now = self.cx.now;
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let torrent = connection.torrent.and_then(|t| self.torrents.get_mut(&t));
        let (Some(peer), Some(torrent)) = (connection.peer.as_mut(), torrent) else {
            return;
        };
        let theirs = peer.id;
        let Some(relay) = peer.signal.as_mut() else {
            return;
        };
        if relay
            .named_at
            .is_some_and(|at| now.since(at) < INTRODUCTION_GAP)
        {
            return;
        }
        peers.retain(|peer| *peer != self.cx.config.peer_id && *peer != theirs);
        relay.named = peers.into_boxed_slice();
        relay.named_at = Some(now);
        torrent.relay.next_look = now;
    }

    /// Makes offers to introduced peers while there are few.
    pub(super) fn seek_introductions(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        if torrent.relay.next_look > now || torrent.is_complete() {
            return;
        }
        torrent.relay.next_look = now + LOOK;
        if !self.signals(torrent_id) {
            return;
        }
        let room = self.room_for_connections(torrent_id);
        for (relay, peer) in self.worth_offering(torrent_id, room) {
            let id = self.make_offer(torrent_id);
            if let Some(connection) = self.connections.get_mut(id.into()) {
                connection.relay = Some(relay);
                connection.signalled = Some(peer);
            }
        }
    }

    /// To whom to offer a connection now, and by whom: first those that several relays named.
    fn worth_offering(
        &mut self,
        torrent_id: TorrentId,
        room: usize,
    ) -> Vec<(ConnectionId, PeerId)> {
        let now = self.cx.now;
        let (mut there, mut under_way) = (0, 0);
        let mut known = vec![self.cx.config.peer_id];
        let mut carriers: Vec<ConnectionId> = Vec::new();
        let of_torrent = self.connections.iter().map(|(_, connection)| connection);
        for connection in of_torrent.filter(|c| c.torrent == Some(torrent_id)) {
            known.extend(connection.remote_id());
            carriers.extend(connection.relay);
            let offered = matches!(connection.stage, Stage::Offering | Stage::Offered);
            under_way += usize::from(offered && connection.relay.is_some());
            there += usize::from(!offered && connection.stage != Stage::Dialling);
        }
        let (enough, patience) = if self.cx.config.tcp {
            (ENOUGH_FOR_DIALLER, DIALLER_WAITS)
        } else {
            (ENOUGH_PEERS, Duration::ZERO)
        };
        let count = enough
            .saturating_sub(there + under_way)
            .min(OFFERS_AT_ONCE - under_way.min(OFFERS_AT_ONCE))
            .min(room);
        let Some(torrent) = self.torrents.get(&torrent_id).filter(|_| count > 0) else {
            return Vec::new();
        };
        let most = self.most_by_one_relay();
        // Whom each relay names, with how many offers it was given lately.
        let mut named: Vec<(PeerId, usize, ConnectionId)> = Vec::new();
        for id in &torrent.active {
            let relay = self
                .connections
                .get_mut((*id).into())
                .and_then(signaller_mut);
            let Some(relay) = relay else {
                continue;
            };
            let carried = carriers.iter().filter(|carrier| *carrier == id).count();
            if !relay.given.has_room(now)
                || relay.named_at.is_none_or(|at| now.since(at) < patience)
                || carried >= most
            {
                continue;
            }
            let wanted = relay.named.iter().filter(|peer| {
                !known.contains(peer)
                    && !torrent.peer_set.bans().has_web_peer(**peer, now)
                    && !torrent.relay.rests(peer, now)
            });
            named.extend(wanted.map(|peer| (*peer, relay.given.count(), *id)));
        }
        named.sort_unstable();
        let rng = &mut self.cx.rng;
        let mut ranked: Vec<_> = named
            .chunk_by(|a, b| a.0 == b.0)
            .filter_map(|by| {
                let (peer, _, relay) = *by.first()?;
                Some((by.len(), rng.random::<u32>(), relay, peer))
            })
            .collect();
        ranked.sort_unstable_by(|a, b| b.cmp(a));
        let best = ranked.into_iter().take(count);
        best.map(|(_, _, relay, peer)| (relay, peer)).collect()
    }

    /// The offer to an introduced peer is made.
    pub(super) fn offer_by_relay(&mut self, id: ConnectionId, sdp: &str) {
        let now = self.cx.now;
        let Some(connection) = self.connections.get(id.into()) else {
            return;
        };
        let (Some(torrent), Some(relay), Some(peer)) =
            (connection.torrent, connection.relay, connection.signalled)
        else {
            return;
        };
        let named = |c: &mut Connection| {
            let relay = signaller_mut(c)?;
            (relay.named.contains(&peer) && relay.given.take(now)).then_some(())
        };
        let carried = self.connections.get_mut(relay.into()).and_then(named);
        if carried.is_none() || sdp.len() > MAX_SIGNAL_SDP {
            return self.close(id, DisconnectReason::Duplicate);
        }
        let route = Route {
            from: self.cx.config.peer_id,
            to: peer,
            id: OfferId(self.cx.rng.random()),
        };
        if let Some(connection) = self.connections.get_mut(id.into()) {
            connection.enter(Stage::Offered, now);
        }
        if let Some(torrent) = self.torrents.get_mut(&torrent) {
            torrent.relay.offers.push((route.id, id));
        }
        self.say_signal(relay, &Signal::Offer { route, sdp });
    }

    /// A relay brought an offer.
    pub(super) fn offered_by_relay(
        &mut self,
        torrent_id: TorrentId,
        relay: ConnectionId,
        route: Route,
        sdp: &str,
    ) {
        let now = self.cx.now;
        let by = self
            .connections
            .get_mut(relay.into())
            .and_then(signaller_mut);
        if !by.is_some_and(|by| by.brought.take(now)) {
            return;
        }
        if self.welcomes(torrent_id, relay, &route) && self.make_room_for_offer(torrent_id) {
            let by = Carrier::Relay(relay);
            self.make_answer(torrent_id, route.from, by, route.id, sdp.to_owned());
        } else {
            self.refuse(relay, route, SignalErrorCode::Refused);
        }
    }

    /// Whether an offer that a relay brought is to be answered. Where we have offered to the same
    /// peer, the offer of the greater id counts.
    fn welcomes(&mut self, torrent_id: TorrentId, relay: ConnectionId, offer: &Route) -> bool {
        let (torrent, now) = (self.torrents.get(&torrent_id), self.cx.now);
        if torrent.is_none_or(|t| t.peer_set.bans().has_web_peer(offer.from, now)) {
            return false;
        }
        let of_torrent = || {
            let all = self.connections.iter().map(|(_, connection)| connection);
            all.filter(|c| c.torrent == Some(torrent_id))
        };
        let carried = of_torrent().filter(|c| c.relay == Some(relay)).count();
        let being_made = |c: &&Connection| {
            let stages = matches!(
                c.stage,
                Stage::Answering { .. } | Stage::Connecting | Stage::Handshaking
            );
            stages && c.relay.is_some() && !c.outgoing
        };
        if carried >= self.most_by_one_relay()
            || of_torrent().filter(being_made).count() >= ANSWERS_AT_ONCE
        {
            return false;
        }
        let Some((id, connection)) = self.connection_to(torrent_id, offer.from) else {
            return true;
        };
        let offered = matches!(connection.stage, Stage::Offering | Stage::Offered);
        let gives_way = offered && self.cx.config.peer_id < offer.from;
        if gives_way {
            self.close(id, DisconnectReason::Duplicate);
        }
        gives_way
    }

    /// The answer to an offer that a relay brought is made.
    pub(super) fn answer_by_relay(
        &mut self,
        id: ConnectionId,
        relay: ConnectionId,
        offer_id: OfferId,
        sdp: &str,
    ) {
        let Some(to) = self.connections.get(id.into()).and_then(|c| c.signalled) else {
            return;
        };
        let there = self
            .connections
            .get_mut(relay.into())
            .and_then(signaller_mut);
        if there.is_none() || sdp.len() > MAX_SIGNAL_SDP {
            let reason = "the peer that introduced it is gone".to_owned();
            return self.close(id, DisconnectReason::Remote(reason));
        }
        if let Some(connection) = self.connections.get_mut(id.into()) {
            connection.enter(Stage::Connecting, self.cx.now);
        }
        let route = Route {
            from: self.cx.config.peer_id,
            to,
            id: offer_id,
        };
        self.say_signal(relay, &Signal::Answer { route, sdp });
    }

    /// A relay brought an answer to an offer of ours.
    pub(super) fn answered_by_relay(
        &mut self,
        torrent_id: TorrentId,
        relay: ConnectionId,
        route: &Route,
        sdp: &str,
    ) {
        let Some(id) = self.take_offer(torrent_id, relay, route) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(id.into()) {
            connection.enter(Stage::Connecting, self.cx.now);
            self.cx.outputs.push_back(Output::ApplyAnswer {
                connection: id,
                answer: sdp.to_owned(),
            });
        }
    }

    /// A relay says that an offer of ours will not be answered.
    pub(super) fn refused_by_relay(
        &mut self,
        torrent_id: TorrentId,
        relay: ConnectionId,
        route: &Route,
    ) {
        if let Some(id) = self.take_offer(torrent_id, relay, route) {
            self.close(id, DisconnectReason::Timeout);
        }
    }

    /// The connection of an offer of ours, by what comes back: it must come by the same relay, from
    /// the peer that it was for.
    fn take_offer(
        &mut self,
        torrent_id: TorrentId,
        relay: ConnectionId,
        route: &Route,
    ) -> Option<ConnectionId> {
        let torrent = self.torrents.get_mut(&torrent_id)?;
        let offers = &mut torrent.relay.offers;
        let at = offers.iter().position(|(offer, _)| *offer == route.id)?;
        let (_, id) = *offers.get(at)?;
        let connection = self.connections.get(id.into())?;
        let right = connection.relay == Some(relay) && connection.signalled == Some(route.from);
        right.then(|| offers.swap_remove(at).1)
    }

    /// Our offers that a relay carried are void: it is gone.
    pub(super) fn drop_offers_by(&mut self, relay: ConnectionId) {
        let void = |c: &Connection| {
            c.relay == Some(relay) && matches!(c.stage, Stage::Offering | Stage::Offered)
        };
        let offers: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, connection)| void(connection))
            .map(|(key, _)| key.into())
            .collect();
        for offer in offers {
            self.close(offer, DisconnectReason::Duplicate);
        }
    }

    /// A connection that a relay helped to make has ended, or did not come about.
    pub(super) fn introduction_over(
        &mut self,
        torrent_id: TorrentId,
        connection: &Connection,
        reason: &DisconnectReason,
    ) {
        let Some(peer) = connection.signalled else {
            return;
        };
        if let Stage::Answering {
            by: Carrier::Relay(relay),
            offer_id,
        } = connection.stage
        {
            let route = Route {
                from: peer,
                to: self.cx.config.peer_id,
                id: offer_id,
            };
            self.refuse(relay, route, SignalErrorCode::Refused);
        }
        let torrent = self.torrents.get_mut(&torrent_id);
        if let Some(torrent) = torrent.filter(|_| *reason != DisconnectReason::Duplicate) {
            torrent.relay.rest(peer, self.cx.now);
        }
    }

    /// Connections of a torrent that one relay may have helped to make, so that no peer decides
    /// alone whom we know.
    fn most_by_one_relay(&self) -> usize {
        (self.cx.config.connections_per_torrent / 2).max(1)
    }
}
