//! Allowed-fast pieces (BEP 6): a newcomer that has nothing to trade may ask for a few pieces while
//! it is choked, and so may we.
//!
//! What is given away so is bounded for each peer and for the torrent: every neighbour of a seed
//! would else take the same pieces from it, which it had better send once and let spread.

use std::net::IpAddr;

use brackish_wire::message::Message;
use brackish_wire::{ALLOWED_FAST_PIECES, BlockRequest, MAX_ALLOWED_FAST, allowed_fast_set};

use super::Session;
use crate::connection::Peer;
use crate::torrent::Torrent;
use crate::{ConnectionId, TorrentId};

/// Bytes that one choked peer is sent: its first piece or more.
const FOR_ONE_PEER: u64 = 1 << 20;

/// All choked peers of a torrent are sent at most one in so many of the bytes that it has uploaded.
const SHARE: u64 = 64;

impl Session {
    /// Tells a peer that has next to nothing which pieces it may ask for at once.
    pub(super) fn allow_fast(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let torrent = connection
            .torrent
            .and_then(|torrent| self.torrents.get(&torrent));
        let (Some(peer), Some(torrent)) = (connection.peer.as_mut(), torrent) else {
            return;
        };
        // BEP 6 has sets for IPv4 alone; a web peer has no address at all.
        let address = connection
            .address
            .map(|address| address.ip().to_canonical());
        let (Some(IpAddr::V4(address)), Some(content)) = (address, &torrent.content) else {
            return;
        };
        if !peer.fast
            || peer.shown.is_some()
            || !peer.allowed.is_empty()
            || peer.pieces() >= ALLOWED_FAST_PIECES
        {
            return;
        }
        let count = content.lengths.piece_count();
        let mut set = allowed_fast_set(address, &torrent.info_hash, count, ALLOWED_FAST_PIECES);
        set.retain(|piece| content.verified.get(*piece) && !peer.has_piece(*piece));
        peer.allowed = set.into_boxed_slice();
        for piece in peer.allowed.clone() {
            self.say(id, &Message::AllowedFast(piece));
        }
    }

    /// A peer lets us ask for a piece while it chokes us.
    pub(super) fn heard_allowed(&mut self, id: ConnectionId, piece: u32) {
        let peer = self
            .connections
            .get_mut(id.into())
            .and_then(|c| c.peer.as_mut());
        let Some(peer) = peer.filter(|peer| peer.fast) else {
            return;
        };
        if peer.allowed_us.len() < MAX_ALLOWED_FAST as usize && !peer.allowed_us.contains(&piece) {
            peer.allowed_us.push(piece);
            self.fill(id);
        }
    }

    /// Counts what a choked peer is sent.
    pub(super) fn gave_fast(&mut self, torrent: TorrentId, length: u32) {
        if let Some(torrent) = self.torrents.get_mut(&torrent) {
            torrent.given_fast += u64::from(length);
        }
    }
}

/// Whether a choked peer may have this block.
pub(super) fn may_have(peer: &Peer, torrent: &Torrent, request: &BlockRequest) -> bool {
    let length = u64::from(request.length);
    peer.allowed.contains(&request.piece)
        && peer.pieces() < ALLOWED_FAST_PIECES
        && peer.taken_fast + length <= FOR_ONE_PEER
        && torrent.given_fast + length <= torrent.up.total() / SHARE
}
