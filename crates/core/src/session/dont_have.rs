//! Pieces that are no longer there: `lt_donthave` (BEP 54), heard and said.

use brackish_wire::extension::DontHave;
use brackish_wire::{BlockRequest, PieceIndex};

use super::Session;
use crate::connection::Has;
use crate::{ConnectionId, Existing, Priority, TorrentId, TorrentState};

impl Session {
    /// A peer takes back that it has a piece.
    pub(super) fn heard_dont_have(&mut self, id: ConnectionId, payload: &[u8]) {
        let piece = match DontHave::decode(payload) {
            Ok(DontHave(piece)) => piece,
            Err(error) => return self.violated(id, error.to_string()),
        };
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let content = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut());
        let Some(content) = content else {
            return peer.has.forget_early(piece);
        };
        let Some(index) = content.lengths.piece(piece) else {
            return self.violated(id, format!("{piece} is not a piece of the torrent"));
        };
        let Has::Known { pieces, counted } = &mut peer.has else {
            return;
        };
        if !pieces.get(piece) {
            return;
        }
        if !std::mem::replace(counted, true) {
            // It had everything, and was not counted for any.
            for piece in content.lengths.pieces() {
                content.picker.peer_has(piece, &mut self.cx.rng);
                if let Some(spread) = &mut content.spread {
                    spread.increment(piece.get(), &mut self.cx.rng);
                }
            }
        }
        pieces.clear(piece);
        content.picker.peer_lost(index, &mut self.cx.rng);
        if let Some(spread) = &mut content.spread {
            spread.decrement(piece, &mut self.cx.rng);
        }
        if content.wants(piece) {
            peer.wanted = peer.wanted.saturating_sub(1);
        }
        let of_piece = peer
            .requests
            .iter_mut()
            .filter(|asked| asked.piece == index);
        for asked in of_piece.filter(|asked| !asked.released) {
            content.picker.release(id, asked.piece, asked.number);
            asked.released = true;
        }
        self.show_interest(id);
        self.fill_others(torrent_id, id);
    }

    /// A verified piece is not in the store any more: peers are told, and it is fetched again where
    /// the store is ours to write.
    pub(super) fn piece_lost(&mut self, torrent_id: TorrentId, piece: PieceIndex) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        if !content.verified.clear(piece.get()) {
            return;
        }
        content.proven.clear(piece.get());
        if torrent.existing != Existing::Check {
            // Its files are another's: they are read, and nothing is written to them.
            let start = content.lengths.piece_offset(piece);
            let range = start..start + u64::from(content.lengths.piece_size(piece));
            // With so many choices that there is room for none more it is fetched, and not stored.
            let _ = content.selection.set(range, Priority::Skip);
            let reading = content.readers.reading();
            content.selection.settle(&content.info, &reading);
        }
        let wanted = content.lost(piece, &mut self.cx.rng);
        if wanted && torrent.state == TorrentState::Seeding {
            torrent.state = TorrentState::Downloading;
            // That it will be complete again is no news to trackers.
            torrent.was_incomplete = false;
            torrent.peer_set.recall();
        }
        self.end_super_seeding(torrent_id);
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let payload = DontHave(piece.get()).encode();
        for id in torrent.active.clone() {
            let peer = self
                .connections
                .get_mut(id.into())
                .and_then(|c| c.peer.as_mut());
            let Some(peer) = peer else { continue };
            if wanted && peer.has_piece(piece.get()) {
                peer.wanted += 1;
            }
            let of_piece = |request: &&BlockRequest| request.piece == piece.get();
            let asked: Vec<_> = peer.incoming.iter().filter(of_piece).copied().collect();
            peer.incoming.retain(|request| request.piece != piece.get());
            for request in asked {
                self.reject(id, request);
            }
            let extension = self
                .connections
                .get_mut(id.into())
                .and_then(|c| c.peer.as_mut()?.dont_have);
            if let Some(extension) = extension {
                self.say_extended(id, extension, &payload);
            }
            self.show_interest(id);
            self.fill(id);
        }
        self.seek_web_peers(torrent_id);
    }
}
