//! The extension protocol (BEP 10) and the exchange of metadata (BEP 9).

use std::net::SocketAddr;
use std::sync::Arc;

use brackish_wire::extension::{
    BK_SIGNAL, ExtendedHandshake, HANDSHAKE_ID, LT_DONTHAVE, UT_METADATA, UT_PEX, UtMetadata,
};
use brackish_wire::message::Message;
use brackish_wire::metainfo::{Info, PieceLayers, Verifier};
use bytes::{Bytes, BytesMut};

use super::{Secret, Session};
use crate::connection::MAX_INCOMING;
use crate::metadata::{Outcome, PIECE};
use crate::names::Names;
use crate::reports::short;
use crate::torrent::Torrent;
use crate::{ConnectionId, TorrentId};

/// The id under which peers send us `ut_metadata`.
const UT_METADATA_ID: u8 = 1;

/// The id under which peers send us `ut_pex`.
const UT_PEX_ID: u8 = 2;

/// The id under which peers send us `bk_signal`.
const BK_SIGNAL_ID: u8 = 3;

/// The id under which peers send us `lt_donthave`.
const LT_DONTHAVE_ID: u8 = 4;

/// Times that one peer is sent the whole metadata. Once is enough; more allows for its restarts.
const METADATA_COPIES: u32 = 3;

/// An extended handshake, ready to be sent.
pub(super) struct EncodedHandshake(Vec<u8>);

impl EncodedHandshake {
    pub fn encode(&self, out: &mut BytesMut) {
        Message::Extended {
            id: HANDSHAKE_ID,
            payload: &self.0,
        }
        .encode(out);
    }
}

impl Session {
    /// What we tell a peer at this address. A peer whose address is not known is not told it.
    pub(super) fn extended_handshake(
        &self,
        torrent: &Torrent,
        address: Option<SocketAddr>,
        secret: Option<Secret>,
    ) -> EncodedHandshake {
        let size = torrent
            .content
            .as_ref()
            .and_then(|content| u32::try_from(content.info.raw().len()).ok());
        let (tcp, webrtc) = (self.cx.config.tcp, self.cx.config.webrtc);
        let public = torrent.is_public();
        let extensions = [
            (UT_METADATA, UT_METADATA_ID, true),
            (UT_PEX, UT_PEX_ID, tcp && public),
            (BK_SIGNAL, BK_SIGNAL_ID, webrtc && public),
            (LT_DONTHAVE, LT_DONTHAVE_ID, true),
        ];
        let spoken = extensions.into_iter().filter(|(_, _, spoken)| *spoken);
        let handshake = ExtendedHandshake {
            m: spoken.map(|(name, id, _)| (name.to_owned(), id)).collect(),
            client: Some(self.cx.config.client.clone()),
            metadata_size: size,
            reqq: Some(MAX_INCOMING as u32),
            port: self.cx.config.listen_port,
            your_ip: address.map(|address| address.ip()),
            secret,
            // Who seems to have nothing is not taken for a seed.
            upload_only: torrent.is_upload_only() && !torrent.is_hidden(),
        };
        EncodedHandshake(handshake.encode())
    }

    pub(super) fn heard_extended(&mut self, id: ConnectionId, extension: u8, payload: &[u8]) {
        match extension {
            HANDSHAKE_ID => match ExtendedHandshake::decode(payload) {
                Ok(handshake) => self.heard_extended_handshake(id, handshake),
                Err(error) => self.violated(id, error.to_string()),
            },
            UT_METADATA_ID => match UtMetadata::decode(payload) {
                Ok(message) => self.heard_metadata(id, message),
                Err(error) => self.violated(id, error.to_string()),
            },
            UT_PEX_ID => self.heard_pex(id, payload),
            BK_SIGNAL_ID => self.heard_signal(id, payload),
            LT_DONTHAVE_ID => self.heard_dont_have(id, payload),
            _ => {}
        }
    }

    /// Sends a message of an extension, by the id that the peer has for it.
    pub(super) fn say_extended(&mut self, id: ConnectionId, extension: u8, payload: &[u8]) {
        let mut out = BytesMut::with_capacity(payload.len() + 6);
        Message::Extended {
            id: extension,
            payload,
        }
        .encode(&mut out);
        self.send(id, out.freeze());
    }

    fn heard_extended_handshake(&mut self, id: ConnectionId, handshake: ExtendedHandshake) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        if let Some(reqq) = handshake.reqq {
            peer.pipeline.set_limit(reqq);
        }
        if handshake.secret.is_some() && peer.secret.is_none() {
            peer.secret = handshake.secret;
        }
        if let Some(client) = handshake.client {
            peer.client = Some(short(&client));
        }
        if let Some(extension) = handshake.m.get(UT_METADATA) {
            peer.ut_metadata = Some(*extension).filter(|extension| *extension != 0);
        }
        if let Some(extension) = handshake.m.get(LT_DONTHAVE) {
            peer.dont_have = Some(*extension).filter(|extension| *extension != 0);
        }
        // A dictionary does not change its size: a peer that claims another one later is not believed.
        let claimed = handshake.metadata_size.filter(|size| *size > 0);
        peer.metadata_size = peer.metadata_size.or(claimed);
        // A peer that dialled us came from a port of the moment; this one can be dialled.
        if let (Some(port), Some(address), None) =
            (handshake.port, connection.address, connection.dialable)
            && connection.via == crate::Via::Tcp
            && let Some(torrent) = self.torrents.get_mut(&torrent_id)
            && !torrent.is_private()
        {
            let listens = (address.ip(), port).into();
            if torrent.peer_set.claim(listens) {
                connection.dialable = Some(listens);
                torrent.pex.push(listens, true);
            }
        }
        // Only those that we chose to dial are asked where we are.
        if let (Some(own), true, crate::Via::Tcp) =
            (handshake.your_ip, connection.outgoing, connection.via)
            && self.cx.own_address.told(own)
        {
            for torrent in self.torrents.values_mut() {
                torrent.peer_set.set_own(own);
            }
        }
        if let Some(extension) = handshake.m.get(UT_PEX) {
            self.heard_exchanger(id, *extension);
        }
        if let Some(extension) = handshake.m.get(BK_SIGNAL) {
            self.heard_signaller(id, *extension);
        }
        self.compare_contenders_of(torrent_id, id);
        self.ask_metadata(id);
    }

    /// Asks a peer for the next pieces of the metadata, where it is missing.
    pub(super) fn ask_metadata(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(torrent) = self
            .torrents
            .get_mut(&torrent_id)
            .filter(|t| t.content.is_none() && t.unready.is_none())
        else {
            return;
        };
        let (Some(extension), Some(size)) = (peer.ut_metadata, peer.metadata_size) else {
            return;
        };
        let mut out = BytesMut::new();
        while let Some(piece) = torrent.metadata.next_request(id, size, self.cx.now) {
            let payload = UtMetadata::Request { piece }.encode();
            Message::Extended {
                id: extension,
                payload: &payload,
            }
            .encode(&mut out);
        }
        if !out.is_empty() {
            self.send(id, out.freeze());
        }
    }

    fn heard_metadata(&mut self, id: ConnectionId, message: UtMetadata<'_>) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        match message {
            UtMetadata::Request { piece } => {
                let Some(extension) = peer.ut_metadata else {
                    return;
                };
                let info = torrent
                    .content
                    .as_ref()
                    .map(|content| content.info.raw().clone());
                match metadata_piece(info.as_ref(), piece) {
                    Some((_, total_size))
                        if peer.metadata_served < METADATA_COPIES * total_size.div_ceil(PIECE) =>
                    {
                        peer.metadata_served += 1;
                        peer.metadata_asked.push_back(piece);
                    }
                    _ => {
                        let payload = UtMetadata::Reject { piece }.encode();
                        self.say_extended(id, extension, &payload);
                    }
                }
            }
            UtMetadata::Data { piece, data, .. } => {
                if torrent.content.is_some() || torrent.unready.is_some() {
                    return;
                }
                let (names, now) = (torrent.names, self.cx.now);
                let size = peer.metadata_size.unwrap_or(0);
                match torrent.metadata.received(id, size, piece, data, &names, now) {
                    Outcome::Unasked => {}
                    Outcome::Incomplete => self.ask_metadata(id),
                    Outcome::WrongLength(expected) => self.violated(
                        id,
                        format!(
                            "metadata piece {piece} has {} bytes, expected {expected} of the {size} claimed",
                            data.len()
                        ),
                    ),
                    Outcome::Complete(info) => self.metadata_complete(torrent_id, info),
                    Outcome::Bad(liar) => {
                        if let Some(liar) = liar {
                            self.ban(torrent_id, liar);
                        }
                        self.ask_all_for_metadata(torrent_id);
                    }
                }
            }
            UtMetadata::Reject { .. } => {
                torrent.metadata.refused(id, self.cx.now);
                self.ask_all_for_metadata(torrent_id);
            }
        }
    }

    /// Asks the peers of a torrent for its metadata: something that others were asked for is free.
    pub(super) fn ask_all_for_metadata(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        if torrent.content.is_some() || torrent.unready.is_some() {
            return;
        }
        for id in torrent.active.clone() {
            self.ask_metadata(id);
        }
    }

    /// Sends a peer the pieces of the metadata that it asked for, as far as its credit goes.
    pub(super) fn serve_metadata(&mut self, id: ConnectionId) {
        loop {
            let connection = self.connections.get_mut(id.into());
            let Some(connection) = connection.filter(|connection| connection.has_credit()) else {
                return;
            };
            let (Some(peer), Some(torrent)) = (connection.peer.as_mut(), connection.torrent) else {
                return;
            };
            let content = self.torrents.get(&torrent).and_then(|t| t.content.as_ref());
            let info = content.map(|content| content.info.raw().clone());
            let (Some(extension), Some(piece)) =
                (peer.ut_metadata, peer.metadata_asked.pop_front())
            else {
                return;
            };
            let Some((data, total_size)) = metadata_piece(info.as_ref(), piece) else {
                return;
            };
            let payload = UtMetadata::Data {
                piece,
                total_size,
                data,
            };
            self.say_extended(id, extension, &payload.encode());
        }
    }

    fn metadata_complete(&mut self, torrent_id: TorrentId, raw: Bytes) {
        let info = match Info::from_bytes(raw) {
            Ok(info) => Arc::new(info),
            Err(error) => {
                // The dictionary that the magnet link names is itself no good.
                let error = crate::StorageError::Failed {
                    place: "info".to_owned(),
                    reason: error.to_string(),
                };
                self.fail_torrent(torrent_id, error);
                return;
            }
        };
        self.add_names(torrent_id, Names::of_info(&info));
        let private = info.is_private();
        let verifier = Verifier::new(info, PieceLayers::default());
        if verifier.is_ready() {
            self.learn_content(torrent_id, verifier);
        } else {
            self.begin_content(torrent_id, verifier);
        }
        if private {
            self.keep_to_trackers(torrent_id);
        }
        let active = self.torrents.get(&torrent_id).map(|t| t.active.clone());
        for id in active.unwrap_or_default() {
            self.ask_layers(id);
        }
    }

    /// Sends all peers another extended handshake: what it says has changed (BEP 10), for instance
    /// that whoever joined before there was metadata can now have it from us.
    pub(super) fn shake_again(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let mut out = BytesMut::new();
        self.extended_handshake(torrent, None, None)
            .encode(&mut out);
        let out = out.freeze();
        for id in torrent.active.clone() {
            let extended = |c: &crate::connection::Connection| {
                c.peer.as_ref().is_some_and(|peer| peer.extended)
            };
            if self.connections.get(id.into()).is_some_and(extended) {
                self.send(id, out.clone());
            }
        }
    }
}

/// One piece of the `info` dictionary, and the dictionary's size.
fn metadata_piece(info: Option<&Bytes>, piece: u32) -> Option<(&[u8], u32)> {
    let info = info?;
    let begin = (piece as usize).checked_mul(PIECE as usize)?;
    let end = begin.checked_add(PIECE as usize)?.min(info.len());
    let data = info.get(begin..end).filter(|data| !data.is_empty())?;
    Some((data, u32::try_from(info.len()).ok()?))
}
