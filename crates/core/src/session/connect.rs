//! Connections from their opening or acceptance to their end: handshakes, duplicates, bans.

use std::net::SocketAddr;
use std::time::Duration;

use brackish_wire::message::{HANDSHAKE_LENGTH, Handshake, Reserved};
use brackish_wire::{BlockRequest, InfoHash};
use bytes::Bytes;

use super::{Session, Shown};
use crate::connection::{Connection, Has, Peer, Stage};
use crate::torrent::Torrent;
use crate::{AcceptError, ConnectionId, DisconnectReason, Event, Output, TorrentId, Via};

/// Bytes of a `have`: what a torrent says of its own accord is one of each piece.
const HAVE: usize = 9;

/// A peer that asked for more than it reads has so long to read it.
const HELD_TIMEOUT: Duration = Duration::from_secs(60);

impl Session {
    /// Takes an incoming connection, open already. `room` is as in
    /// [`Input::Opened`](crate::Input::Opened).
    pub fn accept(
        &mut self,
        via: Via,
        address: Option<SocketAddr>,
        room: usize,
        now: crate::Timestamp,
    ) -> Result<ConnectionId, AcceptError> {
        self.cx.now = now;
        if self.shutting_down {
            return Err(AcceptError::ShuttingDown);
        }
        if address.is_some_and(|a| {
            self.torrents
                .values()
                .any(|t| t.peer_set.bans().has_address(a))
        }) {
            return Err(AcceptError::Banned);
        }
        if self.connections.len() >= self.cx.config.connections {
            let Some(crowding) = self.crowding(None, via, address) else {
                return Err(AcceptError::TooMany);
            };
            self.close(crowding, DisconnectReason::Limit);
        }
        let mut connection = Connection::new(via, false, Stage::Handshaking, now);
        connection.address = address;
        connection.room = room;
        let id = self.connections.insert(connection).into();
        self.wake_by(now + super::tick::PERIOD);
        Ok(id)
    }

    /// The info-hashes that a handshake may name, for drivers that must know of one before it comes.
    pub fn swarms(&self) -> impl Iterator<Item = InfoHash> {
        self.by_hash.keys().copied()
    }

    pub(super) fn opened(&mut self, id: ConnectionId, room: usize) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        if !matches!(connection.stage, Stage::Dialling | Stage::Connecting) {
            return;
        }
        connection.room = room;
        connection.last_received = self.cx.now;
        connection.enter(Stage::Handshaking, self.cx.now);
        // A TCP peer that accepts waits for the info-hash; over WebRTC both sides speak at once.
        self.send_handshake(id);
    }

    pub(super) fn send_handshake(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(torrent) = connection
            .torrent
            .and_then(|torrent| self.torrents.get(&torrent))
        else {
            return;
        };
        if std::mem::replace(&mut connection.handshake_sent, true) {
            return;
        }
        let mut reserved = Reserved::NONE.with_extension_protocol().with_fast();
        if torrent.names.v2.is_some() {
            reserved = reserved.with_v2();
        }
        let swarm = connection.swarm.or(torrent.names.first());
        let handshake = Handshake {
            reserved,
            info_hash: swarm.unwrap_or(torrent.info_hash),
            peer_id: self.cx.config.peer_id,
        };
        self.cx
            .transmit(id, connection, Bytes::copy_from_slice(&handshake.encode()));
    }

    /// Takes handshake bytes; gives what follows them once the handshake is whole and good.
    pub(super) fn receive_handshake<'a>(
        &mut self,
        id: ConnectionId,
        mut data: &'a [u8],
    ) -> Option<&'a [u8]> {
        let connection = self.connections.get_mut(id.into())?;
        let missing = HANDSHAKE_LENGTH - connection.handshake.len().min(HANDSHAKE_LENGTH);
        let (head, rest) = data.split_at(missing.min(data.len()));
        connection.handshake.extend_from_slice(head);
        data = rest;
        match Handshake::decode(&connection.handshake) {
            Ok(None) => None,
            Ok(Some(handshake)) => match self.shake(id, &handshake) {
                Ok(()) => Some(data),
                Err(reason) => {
                    self.close(id, reason);
                    None
                }
            },
            Err(error) => {
                self.close(id, DisconnectReason::Protocol(error.to_string()));
                None
            }
        }
    }

    fn shake(&mut self, id: ConnectionId, handshake: &Handshake) -> Result<(), DisconnectReason> {
        let connection = self
            .connections
            .get_mut(id.into())
            .ok_or(DisconnectReason::Removed)?;
        let torrent_id = self.by_hash.get(&handshake.info_hash).copied();
        let expected = connection.torrent;
        let Some(torrent_id) =
            torrent_id.filter(|found| expected.is_none_or(|want| want == *found))
        else {
            return Err(DisconnectReason::Protocol(format!(
                "the handshake names {}, which is not served here",
                handshake.info_hash
            )));
        };
        let torrent = self
            .torrents
            .get_mut(&torrent_id)
            .ok_or(DisconnectReason::Removed)?;
        if handshake.peer_id == self.cx.config.peer_id {
            return Err(DisconnectReason::Itself);
        }
        let peer = connection.suspect(handshake.peer_id);
        if torrent.peer_set.bans().has_id(&peer, self.cx.now) {
            return Err(DisconnectReason::Banned);
        }
        if connection.relay.is_some() && connection.signalled != Some(handshake.peer_id) {
            return Err(DisconnectReason::Protocol(
                "another peer than the one that was introduced".to_owned(),
            ));
        }
        let v2_swarm = torrent.names.v2_swarm();
        // Who opened by the name of version 1 and could go on by the other is answered by that (BEP 52).
        let mut v2 = v2_swarm == Some(handshake.info_hash);
        if let Some(connection) = self.connections.get_mut(id.into()) {
            connection.torrent = Some(torrent_id);
            v2 |= !connection.handshake_sent && handshake.reserved.v2() && v2_swarm.is_some();
            connection.swarm = v2_swarm.filter(|_| v2).or(Some(handshake.info_hash));
        }
        if let Some(first) = self.connected_as(torrent_id, handshake.peer_id) {
            return self.contend(id, torrent_id, first, handshake, v2);
        }
        // What a dial or an offer made was counted when it was made; only comers are refused here.
        let active = self
            .torrents
            .get(&torrent_id)
            .map_or(0, |torrent| torrent.active.len());
        let full = active >= self.cx.config.connections_per_torrent;
        if expected.is_none() && full {
            let worst = peer
                .address
                .and_then(|address| self.outranked(torrent_id, address));
            let worst = worst.or_else(|| {
                let via = self.connections.get(id.into()).map_or(Via::Tcp, |c| c.via);
                self.crowding(Some(torrent_id), via, peer.address)
            });
            let Some(worst) = worst else {
                return Err(DisconnectReason::Protocol(
                    "too many connections of this torrent".to_owned(),
                ));
            };
            self.close(worst, DisconnectReason::Outranked);
        }
        self.establish(id, torrent_id, handshake, v2);
        Ok(())
    }

    /// The peer is there from now on.
    pub(super) fn establish(
        &mut self,
        id: ConnectionId,
        torrent_id: TorrentId,
        handshake: &Handshake,
        v2: bool,
    ) {
        let (Some(connection), Some(torrent)) = (
            self.connections.get_mut(id.into()),
            self.torrents.get_mut(&torrent_id),
        ) else {
            return;
        };
        let has = match &torrent.content {
            Some(content) => {
                // Room for the bitfield of this torrent, however many pieces it has.
                let bitfield = content.lengths.piece_count() / 8 + 64;
                connection
                    .decoder
                    .set_max_frame(bitfield.max(brackish_wire::message::DEFAULT_MAX_FRAME));
                Has::nothing(content.lengths.piece_count())
            }
            None => Has::early(),
        };
        let mut peer = Peer::new(
            handshake.peer_id,
            handshake.reserved.fast(),
            handshake.reserved.extension_protocol(),
            has,
            self.cx.now,
        );
        if connection.relay.is_some() {
            torrent.relay.met(&handshake.peer_id);
        }
        peer.v2 = v2;
        if let Some(content) = torrent.content.as_ref().filter(|_| torrent.is_hidden()) {
            peer.shown = Some(Shown::nothing(content.lengths.piece_count(), self.cx.now));
        }
        connection.peer = Some(Box::new(peer));
        connection.handshake = Vec::new();
        if let Some(address) = connection.address.filter(|_| connection.outgoing) {
            self.cx.dials.succeeded(address);
        }
        connection.enter(Stage::Active, self.cx.now);
        torrent.active.push(id);
        if let Some(address) = connection.dialable {
            torrent.pex.push(address, true);
        }
        self.cx.events.push_back(Event::PeerConnected {
            torrent: torrent_id,
            connection: id,
            peer_id: handshake.peer_id,
            via: connection.via,
            address: connection.address,
        });
        self.send_handshake(id);
        self.introduce(id);
        self.ask_layers(id);
    }

    /// The driver says where the other end of a data channel is.
    pub(super) fn located(&mut self, id: ConnectionId, address: SocketAddr) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        connection.remote = Some(address);
        let torrent = connection.torrent.and_then(|id| self.torrents.get(&id));
        if torrent.is_some_and(|torrent| torrent.peer_set.bans().has_address(address)) {
            self.close(id, DisconnectReason::Banned);
        }
    }

    pub(super) fn sent(&mut self, id: ConnectionId, bytes: usize) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        self.cx.taken(id, connection, bytes);
        self.serve(id);
    }

    pub(super) fn room_changed(&mut self, id: ConnectionId, room: usize) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        connection.room = room;
        self.serve(id);
    }

    /// Whether more waits on a connection than a living peer would leave unread.
    pub(super) fn is_stuck(&self, connection: &Connection) -> bool {
        let torrent = connection.torrent.and_then(|id| self.torrents.get(&id));
        let content = torrent.and_then(|torrent| torrent.content.as_ref());
        let haves = content.map_or(0, |content| content.lengths.piece_count() as usize * HAVE);
        let held = connection.held;
        connection.outbox.is_beyond(haves)
            || held.is_some_and(|since| self.cx.now.since(since) > HELD_TIMEOUT)
    }

    pub(super) fn closed(&mut self, id: ConnectionId, reason: String) {
        self.forget(id, DisconnectReason::Remote(reason));
    }

    /// Ends a connection, whatever its stage, and tells the driver.
    pub(super) fn close(&mut self, id: ConnectionId, reason: DisconnectReason) {
        if self.forget(id, reason) {
            self.cx.outputs.push_back(Output::Close { connection: id });
        }
    }

    fn forget(&mut self, id: ConnectionId, reason: DisconnectReason) -> bool {
        let Some(mut connection) = self.connections.remove(id.into()) else {
            return false;
        };
        let Some(torrent_id) = connection.torrent else {
            return true;
        };
        self.end_contests_of(torrent_id, id);
        if let Some(address) = connection.failed_dial(&reason) {
            self.cx.dials.failed(address, self.cx.now);
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return true;
        };
        torrent.offers.retain(|_, offer| *offer != id);
        torrent.relay.offers.retain(|(_, offer)| *offer != id);
        for tracker in &mut torrent.trackers {
            tracker.offer_gone(id);
        }
        let traded = connection
            .peer
            .as_ref()
            .is_some_and(|p| p.down.total() + p.up.total() > 0);
        if let Some(address) = connection.dialable {
            match reason {
                DisconnectReason::Itself | DisconnectReason::BothSeeds => {
                    torrent.peer_set.forget(address)
                }
                _ => {
                    let hurry = torrent.starves;
                    torrent
                        .peer_set
                        .released(address, traded, hurry, self.cx.now);
                }
            }
        }
        if connection.relay.is_some() {
            self.introduction_over(torrent_id, &connection, &reason);
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return true;
        };
        let Some(mut peer) = connection.peer.take() else {
            return true;
        };
        torrent.depart(id, connection.suspect(peer.id));
        if let Some(address) = connection.dialable {
            torrent.pex.push(address, false);
        }
        if peer.is_seed() {
            torrent.note_seed(peer.id, self.cx.now);
        }
        torrent.metadata.released(id);
        torrent.layers.released(id);
        for asked in &peer.requests {
            let bytes = asked.request.length as usize;
            self.cx.requested -= bytes;
            self.cx.gate.down.give_back(bytes);
            torrent.down_limit.give_back(bytes);
        }
        if let Some(content) = &mut torrent.content {
            content.checks.released(id);
            for asked in peer.requests.iter().filter(|asked| !asked.released) {
                content.picker.release(id, asked.piece, asked.number);
            }
            content.picker.let_go(id);
            if let Has::Known {
                pieces,
                counted: true,
            } = &peer.has
            {
                for piece in pieces
                    .ones()
                    .filter_map(|piece| content.lengths.piece(piece))
                {
                    content.picker.peer_lost(piece, &mut self.cx.rng);
                    if let Some(spread) = &mut content.spread {
                        spread.decrement(piece.get(), &mut self.cx.rng);
                    }
                }
            }
            peer.forget_suggestions(content.spread.as_mut(), &mut self.cx.rng);
            if let Some(shown) = peer.shown.take() {
                shown.forget(content.spread.as_mut(), &mut self.cx.rng);
            }
        }
        // A TCP peer is dialled again; a web peer is met again at a tracker alone.
        let lost = matches!(
            reason,
            DisconnectReason::Remote(_) | DisconnectReason::Timeout
        );
        let seek = lost
            && connection.via == Via::WebRtc
            && torrent.active.len() < super::trackers::FEW_PEERS
            && !(torrent.is_complete() && peer.is_seed());
        if peer.signal.is_some() {
            self.signaller_left(torrent_id, id, peer.id);
        }
        self.cx.events.push_back(Event::PeerDisconnected {
            torrent: torrent_id,
            connection: id,
            reason,
        });
        self.ask_all_for_metadata(torrent_id);
        if seek {
            self.seek_web_peers(torrent_id);
        }
        if !peer.requests.is_empty() {
            self.fill_all(torrent_id);
        }
        if !peer.am_choking && peer.interested {
            self.rechoke_soon(torrent_id);
        }
        true
    }

    /// Ends the connection to a peer that sent bad data, if it is still there, and never speaks to
    /// it again.
    pub(super) fn ban(&mut self, torrent_id: TorrentId, id: ConnectionId) {
        if id.is_web_seed() {
            if let Some(torrent) = self.torrents.get_mut(&torrent_id) {
                torrent.bad_sources += 1;
            }
            return self.drop_web_seed(torrent_id, id, "it sent bad data".to_owned());
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let connected = self.connections.get(id.into());
        let connected = connected.and_then(|c| Some(c.suspect(c.peer.as_ref()?.id)));
        // One that has left is banned once: more of its blocks may come to light.
        let departed = |torrent: &mut Torrent| {
            let at = torrent.departed.iter().position(|(left, _)| *left == id)?;
            Some(torrent.departed.remove(at)?.1)
        };
        let Some(liar) = connected.or_else(|| departed(torrent)) else {
            return;
        };
        torrent.peer_set.ban(&liar, self.cx.now);
        torrent.bad_sources += 1;
        let (peer_id, address) = (liar.id, liar.address);
        let banned_too = self.of_banned_addresses(torrent_id);
        self.cx.events.push_back(Event::PeerBanned {
            torrent: torrent_id,
            peer_id,
            address,
        });
        self.close(id, DisconnectReason::Banned);
        if let Some(torrent) = self.torrents.get_mut(&torrent_id) {
            torrent.departed.retain(|(left, _)| *left != id);
        }
        self.discard_blocks_of(torrent_id, id);
        for id in banned_too {
            self.close(id, DisconnectReason::Banned);
        }
        self.fill_all(torrent_id);
    }

    /// Connections from where bad data came: a liar may have more than one, under other names.
    fn of_banned_addresses(&self, torrent_id: TorrentId) -> Vec<ConnectionId> {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return Vec::new();
        };
        let banned = |c: &Connection| {
            c.torrent == Some(torrent_id)
                && (c.address.or(c.remote))
                    .is_some_and(|address| torrent.peer_set.bans().has_address(address))
        };
        let connections = self.connections.iter().filter(|(_, c)| banned(c));
        connections.map(|(key, _)| key.into()).collect()
    }

    /// A peer broke the protocol.
    pub(super) fn violated(&mut self, id: ConnectionId, what: impl Into<String>) {
        self.close(id, DisconnectReason::Protocol(what.into()));
    }

    /// Tells a peer of ours that a request of its will not be served (BEP 6), where it understands.
    pub(super) fn reject(&mut self, id: ConnectionId, request: BlockRequest) {
        let fast = |c: &Connection| c.peer.as_ref().is_some_and(|peer| peer.fast);
        if self.connections.get(id.into()).is_some_and(fast) {
            self.say(id, &brackish_wire::message::Message::Reject(request));
        }
    }
}
