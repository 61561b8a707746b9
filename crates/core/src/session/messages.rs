//! What peers say, message by message (BEP 3, BEP 6), and what we say of our pieces.

use brackish_wire::message::Message;
use brackish_wire::{Bitfield, BlockRequest};
use bytes::{Bytes, BytesMut};

use super::Session;
use crate::connection::{Has, Stage};
use crate::{ConnectionId, DisconnectReason, TorrentId};

impl Session {
    pub(super) fn received(&mut self, id: ConnectionId, mut data: &[u8]) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        connection.last_received = self.cx.now;
        match connection.stage {
            Stage::Active => {}
            Stage::Contending => return self.contender_received(id, data),
            Stage::Handshaking => match self.receive_handshake(id, data) {
                Some(rest) => data = rest,
                None => return,
            },
            _ => return self.violated(id, "bytes before the connection was open"),
        }
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        if connection.stage == Stage::Contending {
            return self.contender_received(id, data);
        }
        // Its limit is that of the decoder: a message may raise it.
        let idle = brackish_wire::message::Decoder::new(connection.decoder.max_frame());
        let mut decoder = std::mem::replace(&mut connection.decoder, idle);
        loop {
            match decoder.next(&mut data) {
                Ok(Some(message)) => self.hear(id, message),
                Ok(None) => break,
                Err(error) => self.violated(id, error.to_string()),
            }
            // Any message may end its connection.
            let Some(connection) = self.connections.get(id.into()) else {
                return;
            };
            if self.is_stuck(connection) {
                return self.close(id, DisconnectReason::Unread);
            }
            decoder.set_max_frame(connection.decoder.max_frame());
        }
        if let Some(connection) = self.connections.get_mut(id.into()) {
            connection.decoder = decoder;
            self.fill(id);
            self.serve(id);
        }
    }

    fn hear(&mut self, id: ConnectionId, message: Message<'_>) {
        match message {
            Message::Piece { piece, begin, data } => self.block_received(id, piece, begin, data),
            Message::Request(request) => self.requested(id, request),
            Message::Have(piece) => self.heard_have(id, piece),
            Message::Choke => self.heard_choke(id),
            Message::Unchoke => self.heard_unchoke(id),
            Message::Interested => self.heard_interest(id, true),
            Message::NotInterested => self.heard_interest(id, false),
            Message::Bitfield(bits) => self.heard_pieces(id, Announced::Bits(bits)),
            Message::HaveAll => self.heard_pieces(id, Announced::All),
            Message::HaveNone => self.heard_pieces(id, Announced::None),
            Message::Cancel(request) => self.cancelled(id, request),
            Message::Reject(request) => self.rejected(id, request),
            Message::Extended {
                id: extension,
                payload,
            } => self.heard_extended(id, extension, payload),
            Message::HashRequest(request) => self.heard_hash_request(id, request),
            Message::Hashes { request, hashes } => self.heard_hashes(id, &request, hashes),
            Message::HashReject(request) => self.heard_hash_reject(id, &request),
            Message::Suggest(piece) => self.heard_suggestion(id, piece),
            Message::AllowedFast(piece) => self.heard_allowed(id, piece),
            // Hints that this engine does not follow, and what it does not know.
            Message::KeepAlive | Message::Port(_) | Message::Unknown { .. } => {}
        }
    }

    /// Sends one small message.
    pub(super) fn say(&mut self, id: ConnectionId, message: &Message<'_>) {
        let mut out = BytesMut::with_capacity(32);
        message.encode(&mut out);
        self.send(id, out.freeze());
    }

    /// Sends encoded messages.
    pub(super) fn send(&mut self, id: ConnectionId, data: Bytes) {
        if let Some(connection) = self.connections.get_mut(id.into()) {
            self.cx.transmit(id, connection, data);
        }
    }

    /// Says what we have and can do, right after the handshake.
    pub(super) fn introduce(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent)) = (
            &connection.peer,
            connection
                .torrent
                .and_then(|torrent| self.torrents.get(&torrent)),
        ) else {
            return;
        };
        let mut out = BytesMut::new();
        match torrent.content.as_ref().filter(|_| peer.shown.is_none()) {
            Some(content) if peer.fast && content.verified.is_full() => {
                Message::HaveAll.encode(&mut out)
            }
            Some(content) if !content.verified.is_empty() => {
                Message::Bitfield(content.verified.as_bytes()).encode(&mut out);
            }
            _ if peer.fast => Message::HaveNone.encode(&mut out),
            _ => {}
        }
        if peer.extended {
            let secret = self.secret_for(peer.id);
            self.extended_handshake(torrent, connection.address, Some(secret))
                .encode(&mut out);
        }
        self.send(id, out.freeze());
    }

    fn heard_have(&mut self, id: ConnectionId, piece: u32) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        peer.spoke = true;
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut())
        else {
            return peer.has.note_early(piece);
        };
        let Some(index) = content.lengths.piece(piece) else {
            return self.violated(id, format!("have {piece} is not a piece of the torrent"));
        };
        let Has::Known { pieces, counted } = &mut peer.has else {
            return;
        };
        if !pieces.set(piece) {
            return;
        }
        if content.verified.is_full() {
            peer.intake.add(content.lengths.piece_size(index).into());
        }
        if *counted {
            content.picker.peer_has(index, &mut self.cx.rng);
            let shown = peer.shown.as_mut();
            let was_counted = shown.is_some_and(|shown| shown.had(piece, self.cx.now));
            let suggested = peer.suggested.iter().position(|s| s.piece == piece);
            match (suggested, &mut content.spread) {
                // It was counted when it was suggested.
                (Some(at), spread) => {
                    peer.suggested.swap_remove(at);
                    if let Some(spread) = spread {
                        peer.entrust(piece, spread, self.cx.now);
                    }
                }
                (None, Some(spread)) if !was_counted => spread.increment(piece, &mut self.cx.rng),
                (None, _) => {}
            }
        }
        if content.wants(piece) {
            peer.wanted += 1;
            self.show_interest(id);
            self.fill(id);
        }
        self.show_next(torrent_id, Some(piece));
        self.ended_piece(id);
        self.part_if_both_seeds(id);
    }

    fn heard_pieces(&mut self, id: ConnectionId, announced: Announced<'_>) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let first = !std::mem::replace(&mut peer.spoke, true);
        let Some(content) = self
            .torrents
            .get(&torrent_id)
            .and_then(|t| t.content.as_ref())
        else {
            if let Has::Early { all, bitfield, .. } = &mut peer.has {
                match announced {
                    Announced::All => *all = true,
                    Announced::Bits(bits) => *bitfield = Some(bits.to_vec()),
                    Announced::None => {}
                }
            }
            return;
        };
        let count = content.lengths.piece_count();
        let pieces = match announced {
            Announced::All => Ok(Bitfield::full(count)),
            Announced::None => Ok(Bitfield::new(count)),
            Announced::Bits(bits) => Bitfield::from_bytes(bits, count),
        };
        match pieces {
            Ok(pieces) if first => self.learn_pieces(id, pieces),
            Ok(pieces) => self.learn_more_pieces(id, &pieces),
            Err(error) => self.violated(id, error.to_string()),
        }
    }

    /// A bitfield that is not the first message: aria2 sends one in place of many `have`s.
    fn learn_more_pieces(&mut self, id: ConnectionId, pieces: &Bitfield) {
        let peer = self
            .connections
            .get(id.into())
            .and_then(|c| c.peer.as_ref());
        let Some(peer) = peer else { return };
        let new: Vec<u32> = pieces
            .ones()
            .filter(|piece| !peer.has_piece(*piece))
            .collect();
        for piece in new {
            self.heard_have(id, piece);
        }
    }

    /// The pieces of a peer are known as a whole.
    pub(super) fn learn_pieces(&mut self, id: ConnectionId, pieces: Bitfield) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut())
        else {
            return;
        };
        // A peer with everything counts for all pieces alike, so it need not count for any.
        let counted = !pieces.is_full();
        if counted {
            for piece in pieces
                .ones()
                .filter_map(|piece| content.lengths.piece(piece))
            {
                content.picker.peer_has(piece, &mut self.cx.rng);
                if let Some(spread) = &mut content.spread {
                    spread.increment(piece.get(), &mut self.cx.rng);
                }
            }
        }
        let wanted = pieces.ones().filter(|piece| content.wants(*piece)).count();
        peer.wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        peer.has = Has::Known { pieces, counted };
        self.allow_fast(id);
        self.show_interest(id);
        self.part_if_both_seeds(id);
    }

    /// The metadata has come: what peers said before it is read now.
    pub(super) fn read_early(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let Some(count) = torrent
            .content
            .as_ref()
            .map(|content| content.lengths.piece_count())
        else {
            return;
        };
        for id in torrent.active.clone() {
            let peer = self
                .connections
                .get_mut(id.into())
                .and_then(|c| c.peer.as_mut());
            let Some(peer) = peer else { continue };
            let Has::Early {
                all,
                bitfield,
                haves,
            } = std::mem::replace(&mut peer.has, Has::nothing(count))
            else {
                continue;
            };
            let bits = bitfield.map_or_else(
                || Ok(Bitfield::new(count)),
                |bits| Bitfield::from_bytes(&bits, count),
            );
            let mut pieces = match bits {
                Ok(_) if all => Bitfield::full(count),
                Ok(pieces) => pieces,
                Err(error) => {
                    self.violated(id, error.to_string());
                    continue;
                }
            };
            for piece in haves.iter().copied().filter(|piece| *piece < count) {
                pieces.set(piece);
            }
            if let Some(connection) = self.connections.get_mut(id.into()) {
                let bitfield = count / 8 + 64;
                connection
                    .decoder
                    .set_max_frame(bitfield.max(brackish_wire::message::DEFAULT_MAX_FRAME));
            }
            self.learn_pieces(id, pieces);
        }
    }

    /// Tells a peer whether it has something for us, when that has changed.
    pub(super) fn show_interest(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let interested = peer.wanted > 0;
        if std::mem::replace(&mut peer.am_interested, interested) != interested {
            let message = if interested {
                Message::Interested
            } else {
                Message::NotInterested
            };
            self.say(id, &message);
        }
    }

    /// Two seeds have nothing to trade.
    pub(super) fn part_if_both_seeds(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id.into()) else {
            return;
        };
        let complete = connection
            .torrent
            .and_then(|torrent| self.torrents.get(&torrent))
            .is_some_and(|torrent| torrent.is_complete());
        if complete && connection.peer.as_ref().is_some_and(|peer| peer.is_seed()) {
            if let Some(id) = connection.torrent {
                if let Some(torrent) = self.torrents.get_mut(&id) {
                    torrent.relief.parted();
                }
                self.end_super_seeding(id);
            }
            self.close(id, DisconnectReason::BothSeeds);
        }
    }

    /// A piece is verified: every peer is told, and those that had it have less for us.
    pub(super) fn tell_have(&mut self, torrent_id: TorrentId, piece: u32) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let content = torrent.content.as_ref();
        let wanted = content.is_some_and(|content| content.selection.wants(piece));
        let mut out = BytesMut::with_capacity(16);
        Message::Have(piece).encode(&mut out);
        let message = out.freeze();
        for id in torrent.active.clone() {
            let Some(connection) = self.connections.get_mut(id.into()) else {
                continue;
            };
            let Some(peer) = connection.peer.as_mut() else {
                continue;
            };
            if wanted && peer.has_piece(piece) {
                peer.wanted = peer.wanted.saturating_sub(1);
            }
            if peer.was_shown(piece) {
                self.cx.transmit(id, connection, message.clone());
            }
            self.show_interest(id);
        }
    }

    fn cancelled(&mut self, id: ConnectionId, request: BlockRequest) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let before = peer.incoming.len() + peer.reading.len();
        peer.incoming.retain(|incoming| *incoming != request);
        // A read under way is not answered when it ends.
        peer.reading.retain(|(_, reading)| *reading != request);
        if peer.incoming.len() + peer.reading.len() < before {
            self.reject(id, request);
        }
    }
}

/// What a first message says of a peer's pieces.
enum Announced<'a> {
    All,
    None,
    Bits(&'a [u8]),
}
