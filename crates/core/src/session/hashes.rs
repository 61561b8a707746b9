//! Hashes of trees, asked of peers and given to them (BEP 52).

use brackish_wire::merkle::{Hash, HashRequest};
use brackish_wire::message::Message;
use brackish_wire::metainfo::{AnswerError, Verifier};
use brackish_wire::{PieceHash, PieceIndex};
use bytes::BytesMut;
use std::time::Duration;

use super::{Job, Session};
use crate::blocks::Proof;
use crate::connection::Peer;
use crate::layers::Layers;
use crate::trees::Answer;
use crate::{ConnectionId, JobId, Output, StorageError, Timestamp, TorrentId};

/// Requests for hashes that wait to be answered, of one peer; it is refused more. One comes with each piece that a peer
/// begins.
const MAX_REQUESTS: usize = 512;

/// A peer that refused hashes is asked again after this long: it may have got them.
const REFUSED: Duration = Duration::from_secs(20);

/// Pieces that are hashed for one peer beyond two for each piece of the torrent.
const SPARE_PIECES: u32 = 16;

/// How a peer stands with hashes.
#[derive(Debug, Default)]
pub(crate) struct PeerHashes {
    /// When it refused some last.
    refused: Option<Timestamp>,
    /// What it wants to know, not answered yet.
    requests: std::collections::VecDeque<HashRequest>,
    /// A piece is being hashed for the first of them.
    hashing: Option<JobId>,
    /// Pieces that were hashed for it.
    hashed: u32,
}

impl Session {
    /// Asks a peer for the next hashes of piece layers, where they are missing.
    pub(super) fn ask_layers(&mut self, id: ConnectionId) {
        let now = self.cx.now;
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        if !peer.may_know_hashes(now) {
            return;
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let content = torrent.content.as_ref().map(|content| &content.verifier);
        let Some(verifier) = content.or(torrent.unready.as_ref()) else {
            return;
        };
        let mut out = BytesMut::new();
        while let Some(request) = torrent.layers.next_request(verifier, id, now) {
            Message::HashRequest(request).encode(&mut out);
        }
        if !out.is_empty() {
            self.send(id, out.freeze());
        }
    }

    pub(super) fn heard_hashes(
        &mut self,
        id: ConnectionId,
        request: &HashRequest,
        hashes: &[Hash],
    ) {
        let Some(torrent_id) = self.connections.get(id.into()).and_then(|c| c.torrent) else {
            return;
        };
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        if let Some(content) = torrent.content.as_mut() {
            let (checks, verifier) = (&mut content.checks, &content.verifier);
            match checks.received(verifier, id, request, hashes) {
                Proof::Unasked => {}
                Proof::True(piece, wrong) => {
                    for number in wrong {
                        self.block_wrong(torrent_id, piece, number);
                    }
                    return;
                }
                Proof::Wrong(error) => return self.hashes_wrong(torrent_id, id, error),
            }
        }
        let content = torrent
            .content
            .as_mut()
            .map(|content| &mut content.verifier);
        let Some(verifier) = content.or(torrent.unready.as_mut()) else {
            return;
        };
        match torrent.layers.received(verifier, id, request, hashes) {
            Layers::Unasked => {}
            Layers::Taken => {
                if torrent.layers.is_done(verifier)
                    && let Some(verifier) = torrent.unready.take()
                {
                    self.learn_content(torrent_id, verifier);
                } else {
                    self.ask_layers(id);
                }
            }
            Layers::Wrong(error) => self.hashes_wrong(torrent_id, id, error),
        }
    }

    fn hashes_wrong(&mut self, torrent_id: TorrentId, id: ConnectionId, error: AnswerError) {
        match error {
            AnswerError::False => self.ban(torrent_id, id),
            error => self.violated(id, error.to_string()),
        }
    }

    /// A block is in the store, and what it hashes to is known.
    pub(super) fn block_stored(
        &mut self,
        torrent_id: TorrentId,
        piece: PieceIndex,
        number: u32,
        hash: Hash,
    ) {
        let content = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut());
        if content.is_some_and(|content| content.checks.stored(piece, number, hash)) {
            self.block_wrong(torrent_id, piece, number);
        }
    }

    /// A block is wrong: who sent it is banned, and it is fetched anew.
    fn block_wrong(&mut self, torrent_id: TorrentId, piece: PieceIndex, number: u32) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        let senders = content.senders.get_mut(&piece.get());
        let sender = senders.and_then(|senders| senders.get_mut(number as usize)?.take());
        let Some(sender) = sender else {
            return; // The piece was judged meanwhile.
        };
        let block = content.lengths.block(piece, number);
        torrent.wasted += block.map_or(0, |block| block.length.into());
        content.checks.lost(piece, number);
        content.picker.discard(piece, number);
        content.parked.remove(&piece.get());
        content.hashing.remove(&piece.get());
        self.sent_bad_data(torrent_id, sender, piece);
        self.fill_all(torrent_id);
    }

    pub(super) fn heard_hash_reject(&mut self, id: ConnectionId, request: &HashRequest) {
        let now = self.cx.now;
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let content = torrent.content.as_mut();
        let of_blocks = content.is_some_and(|content| content.checks.rejected(id, request));
        if of_blocks {
            peer.hashes.refused = Some(now);
        } else if torrent.layers.rejected(id, request) {
            peer.hashes.refused = Some(now);
            for other in torrent.active.clone() {
                self.ask_layers(other);
            }
        }
    }

    pub(super) fn heard_hash_request(&mut self, id: ConnectionId, request: HashRequest) {
        let Some(peer) = self
            .connections
            .get_mut(id.into())
            .and_then(|c| c.peer.as_mut())
        else {
            return;
        };
        if !peer.v2 || peer.hashes.requests.len() >= MAX_REQUESTS {
            return self.say(id, &Message::HashReject(request));
        }
        peer.hashes.requests.push_back(request);
    }

    /// Gives a peer the hashes that it asked for, as far as its credit goes.
    pub(super) fn serve_hashes(&mut self, id: ConnectionId) {
        loop {
            let Some(connection) = self.connections.get_mut(id.into()) else {
                return;
            };
            let credit = connection.has_credit();
            let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent)
            else {
                return;
            };
            let Some(request) = peer.hashes.requests.front().copied() else {
                return;
            };
            if !credit || peer.hashes.hashing.is_some() {
                return;
            }
            let content = self
                .torrents
                .get_mut(&torrent_id)
                .and_then(|t| t.content.as_mut());
            let answer = content.map_or(Answer::Reject, |content| {
                let answer = content.trees.answer(&content.verifier, &request);
                let spent = peer.hashes.hashed / 2 > content.lengths.piece_count() + SPARE_PIECES;
                match answer {
                    Answer::Hash(piece) if spent || !content.verified.get(piece.get()) => {
                        Answer::Reject
                    }
                    answer => answer,
                }
            });
            if let Answer::Hash(piece) = answer {
                let job = self.cx.add_job(Job::HashBlocks {
                    torrent: torrent_id,
                    piece,
                    connection: id,
                });
                peer.hashes.hashed += 1;
                peer.hashes.hashing = Some(job);
                self.cx.outputs.push_back(Output::Hash {
                    job,
                    torrent: torrent_id,
                    piece,
                });
                return;
            }
            peer.hashes.requests.pop_front();
            match answer {
                Answer::Hashes(hashes) => {
                    let hashes = &hashes;
                    let length = 64 + hashes.as_flattened().len();
                    let mut out = BytesMut::with_capacity(length);
                    Message::Hashes { request, hashes }.encode(&mut out);
                    self.send(id, out.freeze());
                }
                _ => self.say(id, &Message::HashReject(request)),
            }
        }
    }

    /// A piece was hashed, so that a peer can be told of its blocks.
    pub(super) fn blocks_hashed(
        &mut self,
        torrent_id: TorrentId,
        piece: PieceIndex,
        id: ConnectionId,
        result: Result<PieceHash, StorageError>,
    ) {
        let content = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut());
        let right = match (content, result) {
            (Some(content), Ok(hash)) if content.is_right(piece, &hash) => {
                content.trees.keep_blocks(piece, hash.blocks);
                true
            }
            _ => false,
        };
        let Some(peer) = self
            .connections
            .get_mut(id.into())
            .and_then(|c| c.peer.as_mut())
        else {
            return;
        };
        peer.hashes.hashing = None;
        if !right && let Some(request) = peer.hashes.requests.pop_front() {
            self.say(id, &Message::HashReject(request));
        }
        self.serve_hashes(id);
    }

    /// The content of a torrent that was added without it is known.
    pub(super) fn learn_content(&mut self, torrent_id: TorrentId, verifier: Verifier) {
        self.cx.events.push_back(crate::Event::Metadata {
            torrent: torrent_id,
            info: verifier.info().clone(),
            piece_layers: verifier.layers().clone(),
        });
        self.open_content(torrent_id, verifier);
        self.read_early(torrent_id);
        self.shake_again(torrent_id);
    }
}

impl Peer {
    /// Whether it is worth asking for hashes.
    pub fn may_know_hashes(&self, now: Timestamp) -> bool {
        let refused = self.hashes.refused;
        self.v2 && refused.is_none_or(|since| now.since(since) >= REFUSED)
    }
}
