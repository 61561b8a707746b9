//! Two connections of one peer id. An id is no proof: anyone may read it, and use it. So who came second
//! contends for the place, for five seconds at most, and hears and gives nothing meanwhile.
//!
//! - Each session gives every peer a secret of its own in the extended handshake (`bk_secret`). Where
//!   the second connection repeats that of the first, both are of one peer: TCP stays before WebRTC, and
//!   a reconnect takes the place at once. Who dialled or offered tells first.
//! - Else the first connection is asked for something, and stays if anything comes on it in time.
//! - Where the first ends meanwhile, the second takes its place: other clients have their own rules for
//!   which of two to keep.

use std::time::Duration;

use brackish_wire::extension::{ExtendedHandshake, HANDSHAKE_ID, UtMetadata};
use brackish_wire::message::{DEFAULT_MAX_FRAME, Decoder, Handshake, Message};
use brackish_wire::{BLOCK_LENGTH, BlockRequest, PeerId};
use bytes::BytesMut;
use sha1::{Digest as _, Sha1};

use super::Session;
use crate::connection::{Connection, Stage};
use crate::{ConnectionId, DisconnectReason, Timestamp, TorrentId, Via};

/// How long a connection contends, and how long the first has to show that it lives.
pub(super) const CONTEST: Duration = Duration::from_secs(5);

/// Two connections to one peer that open within this time began without knowing of each other.
const SIMULTANEOUS: Duration = Duration::from_secs(5);

/// Connections that contend for one place: a peer that comes again is one, and who else uses its id.
const MAX_CONTENDERS: usize = 4;

/// Bytes kept of what a contender says before it is heard: its extended handshake and its pieces.
const MAX_EARLY_BYTES: usize = 64 << 10;

/// A secret that a session gives to one peer.
pub(crate) type Secret = [u8; 16];

/// A connection whose peer id is that of another.
#[derive(Debug)]
pub(crate) struct Contender {
    handshake: Handshake,
    v2: bool,
    /// The connection that was there first.
    first: ConnectionId,
    since: Timestamp,
    /// The first connection was asked for something.
    asked: bool,
    secret: Option<Secret>,
    /// What it said, to be heard if it wins.
    early: Vec<u8>,
    decoder: Decoder,
}

impl Session {
    /// What this session proves by to a peer of this id that it is who was there before.
    pub(super) fn secret_for(&self, peer: PeerId) -> Secret {
        let digest = Sha1::new()
            .chain_update(self.cx.secret)
            .chain_update(peer.0)
            .finalize();
        let mut secret = [0; 16];
        secret
            .iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        secret
    }

    /// The connection of a torrent whose peer has this id.
    pub(super) fn connected_as(
        &self,
        torrent_id: TorrentId,
        peer_id: PeerId,
    ) -> Option<ConnectionId> {
        let torrent = self.torrents.get(&torrent_id)?;
        let of_peer = |id: &ConnectionId| {
            let connection = self.connections.get((*id).into());
            let peer = connection.and_then(|connection| connection.peer.as_ref());
            peer.is_some_and(|peer| peer.id == peer_id)
        };
        torrent.active.iter().copied().find(of_peer)
    }

    /// A peer shook hands whose id is that of a connection that is there.
    pub(super) fn contend(
        &mut self,
        id: ConnectionId,
        torrent_id: TorrentId,
        first: ConnectionId,
        handshake: &Handshake,
        v2: bool,
    ) -> Result<(), DisconnectReason> {
        let torrent = self
            .torrents
            .get_mut(&torrent_id)
            .ok_or(DisconnectReason::Removed)?;
        let contenders = torrent.contenders.iter().filter(|(_, of)| *of == first);
        if contenders.count() >= MAX_CONTENDERS {
            return Err(DisconnectReason::Duplicate);
        }
        torrent.contenders.push((id, first));
        let asked = self.ask_for_a_sign(first);
        let connection = self
            .connections
            .get_mut(id.into())
            .ok_or(DisconnectReason::Removed)?;
        let outgoing = connection.outgoing;
        connection.handshake = Vec::new();
        connection.contender = Some(Box::new(Contender {
            handshake: *handshake,
            v2,
            first,
            since: self.cx.now,
            asked,
            secret: None,
            early: Vec::new(),
            decoder: Decoder::new(DEFAULT_MAX_FRAME),
        }));
        connection.enter(Stage::Contending, self.cx.now);
        self.send_handshake(id);
        if outgoing && handshake.reserved.extension_protocol() {
            self.tell_secret(id, torrent_id, handshake.peer_id);
        }
        Ok(())
    }

    fn tell_secret(&mut self, id: ConnectionId, torrent_id: TorrentId, peer: PeerId) {
        let secret = self.secret_for(peer);
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let mut out = BytesMut::new();
        self.extended_handshake(torrent, None, Some(secret))
            .encode(&mut out);
        self.send(id, out.freeze());
    }

    /// Asks a peer for what every living client answers at once, be it by a refusal; false where it
    /// speaks nothing of the kind.
    fn ask_for_a_sign(&mut self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id.into());
        let Some(peer) = connection.and_then(|connection| connection.peer.as_ref()) else {
            return false;
        };
        if let Some(extension) = peer.ut_metadata {
            let payload = UtMetadata::Request { piece: 0 }.encode();
            self.say_extended(id, extension, &payload);
            return true;
        }
        let torrent = connection.and_then(|connection| connection.torrent);
        let content = torrent.and_then(|torrent| self.torrents.get(&torrent)?.content.as_ref());
        let first = content.and_then(|content| {
            let piece = content.lengths.piece(0)?;
            Some(content.lengths.piece_size(piece).min(BLOCK_LENGTH))
        });
        let (true, Some(length)) = (peer.fast, first) else {
            return false;
        };
        let request = BlockRequest {
            piece: 0,
            begin: 0,
            length,
        };
        self.say(id, &Message::Request(request));
        true
    }

    /// Bytes came on a connection that contends.
    pub(super) fn contender_received(&mut self, id: ConnectionId, mut data: &[u8]) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(contender), Some(torrent)) = (connection.contender.as_mut(), connection.torrent)
        else {
            return;
        };
        let content = self.torrents.get(&torrent).and_then(|t| t.content.as_ref());
        let bitfield = content.map_or(0, |content| content.lengths.piece_count() as usize / 8);
        if contender.early.len() + data.len() > MAX_EARLY_BYTES + bitfield {
            return self.close(id, DisconnectReason::Duplicate);
        }
        contender.early.extend_from_slice(data);
        loop {
            match contender.decoder.next(&mut data) {
                Ok(Some(Message::Extended {
                    id: HANDSHAKE_ID,
                    payload,
                })) => {
                    let told = ExtendedHandshake::decode(payload).ok();
                    contender.secret = told.and_then(|told| told.secret).or(contender.secret);
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return self.violated(id, error.to_string()),
            }
        }
        self.compare_secrets(id);
    }

    /// A connection has told its secret: others that contend for its place are compared with it.
    pub(super) fn compare_contenders_of(&mut self, torrent_id: TorrentId, first: ConnectionId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let of_it = torrent.contenders.iter().filter(|(_, of)| *of == first);
        for id in of_it.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.compare_secrets(id);
        }
    }

    /// Where a contender repeats the secret of the first connection, it is known which one stays.
    fn compare_secrets(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id.into()) else {
            return;
        };
        let Some(contender) = connection.contender.as_ref() else {
            return;
        };
        let Some(first) = self.connections.get(contender.first.into()) else {
            return;
        };
        let known = first.peer.as_ref().and_then(|peer| peer.secret);
        if contender.secret.is_none() || known != contender.secret {
            return;
        }
        let silent = self.cx.now.since(first.last_received) >= CONTEST;
        if first.via == Via::Tcp && connection.via != Via::Tcp && silent {
            return; // The better one may be dead; it was asked.
        }
        if self.takes_over(connection, first, contender.handshake.peer_id) {
            let first = contender.first;
            self.close(first, DisconnectReason::Duplicate);
        } else {
            self.close(id, DisconnectReason::Duplicate);
        }
    }

    /// Which of two connections of one peer stays; both ends come to the same choice.
    fn takes_over(&self, new: &Connection, first: &Connection, peer_id: PeerId) -> bool {
        if new.via != first.via {
            return new.via == Via::Tcp;
        }
        let crossed = new.outgoing != first.outgoing;
        if crossed && self.cx.now.since(first.since) <= SIMULTANEOUS {
            // The one that the peer with the smaller id began.
            return new.outgoing == (self.cx.config.peer_id < peer_id);
        }
        true
    }

    /// The time of a contender is over.
    pub(super) fn judge(&mut self, id: ConnectionId) {
        let connection = self.connections.get(id.into());
        let Some(contender) = connection.and_then(|c| c.contender.as_ref()) else {
            return;
        };
        let first = contender.first;
        let lives = self.connections.get(first.into()).is_some_and(|first| {
            let silent = first.last_received <= contender.since;
            !contender.asked || !silent
        });
        if lives {
            self.close(id, DisconnectReason::Duplicate);
        } else {
            self.close(first, DisconnectReason::Duplicate);
        }
    }

    /// A connection is gone: of those that contended for its place, the oldest has it.
    pub(super) fn end_contests_of(&mut self, torrent_id: TorrentId, id: ConnectionId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let won = &mut self.cx.won;
        torrent.contenders.retain(|(contender, first)| {
            if *first == id && *contender != id {
                won.push_back(*contender);
            }
            *first != id && *contender != id
        });
    }

    /// Lets in those that have won.
    pub(super) fn admit_winners(&mut self) {
        while let Some(id) = self.cx.won.pop_front() {
            let Some(connection) = self.connections.get_mut(id.into()) else {
                continue;
            };
            let (Some(contender), Some(torrent_id)) =
                (connection.contender.take(), connection.torrent)
            else {
                continue;
            };
            let Contender {
                handshake,
                v2,
                early,
                ..
            } = *contender;
            let peer = connection.suspect(handshake.peer_id);
            let torrent = self.torrents.get(&torrent_id);
            let banned = torrent.is_none_or(|torrent| {
                let bans = torrent.peer_set.bans();
                let address = peer
                    .address
                    .is_some_and(|address| bans.has_address(address));
                address || bans.has_id(&peer, self.cx.now)
            });
            if banned {
                self.close(id, DisconnectReason::Banned);
                continue;
            }
            if let Some(first) = self.connected_as(torrent_id, handshake.peer_id) {
                // Another one was quicker.
                let contends = self.contend(id, torrent_id, first, &handshake, v2);
                match contends {
                    Ok(()) => self.contender_received(id, &early),
                    Err(reason) => self.close(id, reason),
                }
                continue;
            }
            self.establish(id, torrent_id, &handshake, v2);
            if !early.is_empty() {
                self.received(id, &early);
            }
        }
    }
}
