//! WebRTC connections from offer to open channel. SDPs go by the WebSocket trackers, or by peers
//! (`introductions`); candidates are gathered before an SDP is sent (no trickle), as all WebTorrent peers expect.

use brackish_wire::tracker::ws::{ClientMessage, OfferId, Sdp};
use brackish_wire::{InfoHash, PeerId};

use super::Session;
use crate::announce::SocketState;
use crate::connection::{Carrier, Connection, Stage};
use crate::{ConnectionId, DisconnectReason, Output, SocketId, TorrentId, Via};

impl Session {
    /// Begins a connection by an offer, to be sent with the next announce.
    pub(super) fn make_offer(&mut self, torrent: TorrentId) -> ConnectionId {
        let mut connection = Connection::new(Via::WebRtc, true, Stage::Offering, self.cx.now);
        connection.torrent = Some(torrent);
        let id = self.connections.insert(connection).into();
        self.cx
            .outputs
            .push_back(Output::MakeOffer { connection: id });
        id
    }

    /// The driver made an SDP: an offer for the next announce, or an answer to be sent now.
    pub(super) fn described(&mut self, id: ConnectionId, sdp: String) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(torrent_id) = connection.torrent else {
            return;
        };
        match connection.stage.clone() {
            Stage::Offering if connection.relay.is_some() => self.offer_by_relay(id, &sdp),
            Stage::Answering {
                by: Carrier::Relay(relay),
                offer_id,
            } => self.answer_by_relay(id, relay, offer_id, &sdp),
            Stage::Offering => {
                let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
                    return;
                };
                let batches = torrent
                    .trackers
                    .iter_mut()
                    .filter_map(|tracker| tracker.batch.as_mut());
                let slot = batches
                    .flat_map(|batch| &mut batch.offers)
                    .find(|(offer, _)| *offer == id);
                if let Some((_, slot)) = slot {
                    *slot = Some(sdp);
                }
                self.announce_ready(torrent_id);
            }
            Stage::Answering {
                by: Carrier::Tracker(socket),
                offer_id,
            } => {
                connection.enter(Stage::Connecting, self.cx.now);
                let (to_peer_id, swarm) = (connection.signalled, connection.swarm);
                let open = self
                    .sockets
                    .get(&socket)
                    .is_some_and(|socket| socket.state == SocketState::Open);
                let (Some(to_peer_id), Some(info_hash), true) = (to_peer_id, swarm, open) else {
                    return self.close(
                        id,
                        DisconnectReason::Remote("the tracker is gone".to_owned()),
                    );
                };
                let text = ClientMessage::Answer {
                    info_hash,
                    peer_id: self.cx.config.peer_id,
                    to_peer_id,
                    offer_id,
                    sdp: Sdp::new(sdp),
                }
                .to_json();
                self.send_to_tracker(socket, text);
            }
            _ => {}
        }
    }

    /// A peer offers a connection.
    pub(super) fn offered(
        &mut self,
        socket: SocketId,
        (torrent_id, swarm): (TorrentId, InfoHash),
        peer_id: PeerId,
        offer_id: OfferId,
        sdp: String,
    ) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let banned = torrent.peer_set.bans().has_web_peer(peer_id, self.cx.now);
        let unwanted = banned || peer_id == self.cx.config.peer_id;
        if unwanted || !self.prefer_offer_of(torrent_id, peer_id) {
            return;
        }
        if self.make_room_for_offer(torrent_id) {
            let by = Carrier::Tracker(socket);
            let id = self.make_answer(torrent_id, peer_id, by, offer_id, sdp);
            if let Some(connection) = self.connections.get_mut(id.into()) {
                connection.swarm = Some(swarm);
            }
        }
    }

    /// Our own unanswered offers do not keep a real peer out: the oldest makes room. False where
    /// there is none.
    pub(super) fn make_room_for_offer(&mut self, torrent_id: TorrentId) -> bool {
        if self.room_for_connections(torrent_id) > 0 {
            return true;
        }
        let offer = self
            .torrents
            .get(&torrent_id)
            .and_then(|t| t.offers.values().next().copied());
        if let Some(offer) = offer {
            self.close(offer, DisconnectReason::Timeout);
            return true;
        }
        let of_torrent = self
            .connections
            .iter()
            .filter(|(_, c)| c.torrent == Some(torrent_id));
        let full = of_torrent.count() >= self.cx.config.connections_per_torrent;
        let crowding = self.crowding(full.then_some(torrent_id), Via::WebRtc, None);
        if let Some(crowding) = crowding {
            self.close(crowding, DisconnectReason::Limit);
        }
        crowding.is_some()
    }

    /// Takes an offer.
    pub(super) fn make_answer(
        &mut self,
        torrent_id: TorrentId,
        peer_id: PeerId,
        by: Carrier,
        offer_id: OfferId,
        offer: String,
    ) -> ConnectionId {
        let stage = Stage::Answering { by, offer_id };
        let mut connection = Connection::new(Via::WebRtc, false, stage, self.cx.now);
        connection.torrent = Some(torrent_id);
        connection.signalled = Some(peer_id);
        connection.relay = match by {
            Carrier::Relay(relay) => Some(relay),
            Carrier::Tracker(_) => None,
        };
        let id = self.connections.insert(connection).into();
        self.cx.outputs.push_back(Output::MakeAnswer {
            connection: id,
            offer,
        });
        id
    }

    /// A peer answered an offer of ours.
    pub(super) fn answer_came(
        &mut self,
        torrent_id: TorrentId,
        peer_id: PeerId,
        offer_id: OfferId,
        sdp: String,
    ) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(id) = torrent.offers.remove(&offer_id.0) else {
            return;
        };
        let banned = torrent.peer_set.bans().has_web_peer(peer_id, self.cx.now);
        let unwanted = banned || peer_id == self.cx.config.peer_id;
        if unwanted || !self.prefer_answer_of(torrent_id, peer_id) {
            return self.close(id, DisconnectReason::Duplicate);
        }
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        connection.signalled = Some(peer_id);
        connection.enter(Stage::Connecting, self.cx.now);
        self.cx.outputs.push_back(Output::ApplyAnswer {
            connection: id,
            answer: sdp,
        });
    }

    /// Whether an offer of a peer is worth an answer, given the connection there may be to it.
    /// When two peers offer to each other at once, the offer of the smaller id stands, so that both
    /// keep the same one.
    fn prefer_offer_of(&mut self, torrent: TorrentId, peer_id: PeerId) -> bool {
        let Some((id, connection)) = self.connection_to(torrent, peer_id) else {
            return true;
        };
        let under_way = connection.stage == Stage::Connecting && connection.outgoing;
        if under_way && peer_id < self.cx.config.peer_id {
            self.close(id, DisconnectReason::Duplicate);
            return true;
        }
        false
    }

    /// The same for an answer to an offer of ours.
    fn prefer_answer_of(&mut self, torrent: TorrentId, peer_id: PeerId) -> bool {
        let Some((id, connection)) = self.connection_to(torrent, peer_id) else {
            return true;
        };
        let answering = matches!(
            connection.stage,
            Stage::Answering { .. } | Stage::Connecting
        );
        if answering && !connection.outgoing && self.cx.config.peer_id < peer_id {
            self.close(id, DisconnectReason::Duplicate);
            return true;
        }
        false
    }

    pub(super) fn connection_to(
        &self,
        torrent: TorrentId,
        peer_id: PeerId,
    ) -> Option<(ConnectionId, &Connection)> {
        self.connections
            .iter()
            .find(|(_, c)| c.torrent == Some(torrent) && c.remote_id() == Some(peer_id))
            .map(|(key, connection)| (key.into(), connection))
    }
}
