//! Requests and the blocks that answer them.

use std::collections::VecDeque;
use std::time::Duration;

use brackish_wire::message::Message;
use brackish_wire::{BLOCK_LENGTH, BlockRequest, PieceIndex};
use bytes::{Bytes, BytesMut};

use super::readers::UNKNOWN;
use super::{Job, Session};
use crate::connection::{Asked, Has, Stage};
use crate::picker::Receipt;
use crate::pipeline::Pipeline;
use crate::{ConnectionId, Output, Timestamp, TorrentId, TorrentState};

/// Requests that a peer may reject in a row while it does not choke us.
const MAX_REJECTIONS: u32 = 100;

impl Session {
    /// Asks a peer for as many blocks as its pipeline has room for and the limits allow.
    pub(super) fn fill(&mut self, id: ConnectionId) {
        let torrent = self.connections.get(id.into()).and_then(|c| c.torrent);
        if torrent.is_some_and(|torrent| self.limits_down(torrent)) {
            self.stand_to_ask(id);
        } else {
            self.fill_with(id, usize::MAX);
        }
    }

    /// Asks a peer for up to `most` blocks, as many as its pipeline has room for; how many bytes.
    pub(super) fn fill_with(&mut self, id: ConnectionId, most: usize) -> usize {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return 0;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return 0;
        };
        let closed = peer.choking_us && peer.allowed_us.is_empty();
        if closed || peer.wanted == 0 {
            return 0;
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return 0;
        };
        let Some(content) = torrent
            .content
            .as_mut()
            .filter(|_| torrent.state == TorrentState::Downloading)
        else {
            return 0;
        };
        let mut count = peer.pipeline.target().saturating_sub(peer.requests.len());
        let reading = !content.readers.due().is_empty();
        if count == 0 && reading {
            count = self.make_room(id, torrent_id);
        }
        if count == 0 {
            return 0;
        }
        let claims = if reading {
            self.claims(id, count, false)
        } else {
            Vec::new()
        };
        let (Some(connection), Some(torrent)) = (
            self.connections.get_mut(id.into()),
            self.torrents.get_mut(&torrent_id),
        ) else {
            return 0;
        };
        let (Some(peer), Some(content)) = (connection.peer.as_mut(), torrent.content.as_mut())
        else {
            return 0;
        };
        let block = BLOCK_LENGTH as usize;
        let budget = self
            .cx
            .config
            .request_budget
            .saturating_sub(self.cx.requested)
            / block;
        if self.cx.storing >= self.cx.config.store_budget || budget == 0 {
            self.cx.held_back = true;
            return 0;
        }
        count = count.min(budget).min(most);
        let Has::Known { pieces, .. } = &peer.has else {
            return 0;
        };
        let (advice, now, rng) = (&mut peer.advice, self.cx.now, &mut self.cx.rng);
        let picker = &mut content.picker;
        let chosen = if peer.choking_us {
            let allowed = peer.allowed_us.iter().copied();
            let allowed = allowed.filter(|piece| pieces.get(*piece));
            picker.pick_among(id, allowed, count, now)
        } else {
            let mut chosen = if content.blame.is_suspected(id) {
                picker.pick_alone(id, pieces, advice, count, now, rng)
            } else {
                let mut chosen = picker.pick_claims(id, &claims, count, now);
                let rest = count.saturating_sub(chosen.len());
                if rest > 0 {
                    chosen.extend(picker.pick(id, pieces, advice, rest, now, rng));
                }
                chosen
            };
            let rest = count.saturating_sub(chosen.len());
            let delay = delay(&peer.pipeline, peer.requests.front(), now);
            chosen.extend(picker.pick_again(id, pieces, rest, delay, now));
            chosen
        };
        if chosen.is_empty() {
            return 0;
        }
        if peer.requests.is_empty() {
            peer.last_block = self.cx.now;
        }
        let mut bytes = 0;
        let mut out = BytesMut::with_capacity(chosen.len() * 17);
        let mut last = None;
        for request in chosen {
            let Some((piece, number)) = content.lengths.block_number(&request) else {
                continue;
            };
            // What the blocks should hash to comes before them, so that each is judged as it comes.
            if last.replace(piece) != Some(piece) && peer.may_know_hashes(self.cx.now) {
                let (checks, verifier) = (&mut content.checks, &content.verifier);
                for request in checks.begin(verifier, piece, id, self.cx.now) {
                    Message::HashRequest(request).encode(&mut out);
                }
            }
            Message::Request(request).encode(&mut out);
            bytes += request.length as usize;
            self.cx.requested += request.length as usize;
            peer.requests.push_back(Asked {
                piece,
                number,
                request,
                at: self.cx.now,
                released: false,
            });
        }
        self.cx.transmit(id, connection, out.freeze());
        bytes
    }

    /// Asks all peers and web seeds of a torrent: something became free.
    pub(super) fn fill_all(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        for id in torrent.active.clone() {
            self.fill(id);
        }
        self.fill_web_seeds(torrent_id);
    }

    pub(super) fn block_received(&mut self, id: ConnectionId, piece: u32, begin: u32, data: &[u8]) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let length = data.len() as u64;
        peer.down.add(length);
        torrent.down.add(length);
        if connection.via == crate::Via::WebRtc {
            torrent.down_webrtc += length;
        }
        let request = BlockRequest {
            piece,
            begin,
            length: data.len() as u32,
        };
        // Blocks come in the order asked, nearly always.
        let at = |queue: &VecDeque<Asked>| queue.iter().position(|a| a.request == request);
        let asked = match at(&peer.requests) {
            Some(at) => {
                self.cx.requested -= data.len();
                peer.requests.remove(at)
            }
            None => at(&peer.given_up).and_then(|at| peer.given_up.remove(at)),
        };
        let Some(asked) = asked else {
            torrent.wasted += length;
            return;
        };
        let silence = self.cx.now.since(peer.last_block);
        peer.last_block = self.cx.now;
        peer.snubs_us = false;
        peer.rejections = 0;
        peer.pipeline.on_block(self.cx.now.since(asked.at), silence);
        self.take_block(torrent_id, id, asked.piece, asked.number, request, || {
            Bytes::copy_from_slice(data)
        });
    }

    /// A block that was asked for came, from a peer or a web seed: it is written if it is wanted.
    pub(super) fn take_block(
        &mut self,
        torrent_id: TorrentId,
        sender: ConnectionId,
        piece: PieceIndex,
        number: u32,
        request: BlockRequest,
        data: impl FnOnce() -> Bytes,
    ) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let length = u64::from(request.length);
        let Some(content) = torrent.content.as_mut().filter(|_| {
            // Also when what was on its way was deselected meanwhile.
            let state = torrent.state;
            matches!(state, TorrentState::Downloading | TorrentState::Seeding)
        }) else {
            torrent.wasted += length;
            return;
        };
        let Receipt::Wanted {
            completes_piece,
            cancel,
        } = content.picker.received(sender, piece, number)
        else {
            torrent.wasted += length;
            return;
        };
        let blocks = content.lengths.block_count(piece) as usize;
        let senders = content
            .senders
            .get_or_insert_with(piece.get(), || vec![None; blocks]);
        if let Some(place) = senders.get_mut(number as usize) {
            *place = Some(sender);
        }
        let mut block = data();
        let offset = content.lengths.piece_offset(piece) + u64::from(request.begin);
        if content.padding.touches(offset, request.length) {
            let mut cleared = BytesMut::from(block);
            content.padding.clear(offset, &mut cleared);
            block = cleared.freeze();
        }
        self.cx.storing += request.length as usize;
        let job = self.cx.add_job(Job::Write {
            torrent: torrent_id,
            length: request.length as usize,
            piece,
            number,
        });
        self.cx.outputs.push_back(Output::Write {
            job,
            torrent: torrent_id,
            piece,
            begin: request.begin,
            data: block,
        });
        if completes_piece {
            self.piece_came(torrent_id, piece);
        }
        for other in cancel {
            self.cancel(torrent_id, other, request);
        }
    }

    /// A block that was asked of several came from another: this one need not send it.
    fn cancel(&mut self, torrent: TorrentId, id: ConnectionId, request: BlockRequest) {
        if id.is_web_seed() {
            return self.cancel_of_web_seed(torrent, id, request);
        }
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let Some(at) = peer
            .requests
            .iter()
            .position(|asked| asked.request == request)
        else {
            return;
        };
        peer.requests.remove(at);
        self.cx.requested -= request.length as usize;
        self.say(id, &Message::Cancel(request));
        self.fill(id);
    }

    /// The peer will not send this block (BEP 6).
    pub(super) fn rejected(&mut self, id: ConnectionId, request: BlockRequest) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(at) = peer
            .requests
            .iter()
            .position(|asked| asked.request == request)
        else {
            return;
        };
        let Some(asked) = peer.requests.remove(at) else {
            return;
        };
        self.cx.requested -= request.length as usize;
        self.refund(torrent_id, request.length as usize);
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut())
        else {
            return;
        };
        if !asked.released {
            content.picker.release(id, asked.piece, asked.number);
        }
        if peer.choking_us {
            // So the piece is not to be had while it chokes us, whatever it said.
            peer.allowed_us.retain(|piece| *piece != request.piece);
        } else {
            // It refuses while serving: it is asked slowly, and not for ever.
            peer.pipeline.snub();
            peer.rejections += 1;
            if peer.rejections > MAX_REJECTIONS {
                return self.violated(id, "it rejects every request");
            }
        }
        self.fill_others(torrent_id, id);
    }

    pub(super) fn heard_choke(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        peer.choking_us = true;
        if let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        {
            content.picker.let_go(id);
        }
        // With the fast extension each request is still answered, by a block or a reject.
        if !peer.fast && !peer.requests.is_empty() {
            self.take_back(id, torrent_id, true);
            self.fill_others(torrent_id, id);
        }
    }

    pub(super) fn heard_unchoke(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        peer.choking_us = false;
        self.fill(id);
    }

    /// Gives a peer's requests back to the picker. `forget` says that they will not be answered;
    /// else a late block is still taken.
    pub(super) fn take_back(&mut self, id: ConnectionId, torrent_id: TorrentId, forget: bool) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let content = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|t| t.content.as_mut());
        if let Some(content) = content {
            for asked in peer.requests.iter_mut().filter(|asked| !asked.released) {
                content.picker.release(id, asked.piece, asked.number);
                asked.released = true;
            }
        }
        if forget {
            let asked = peer.requests.drain(..);
            let bytes: usize = asked.map(|asked| asked.request.length as usize).sum();
            self.cx.requested -= bytes;
            self.refund(torrent_id, bytes);
        }
    }

    pub(super) fn fill_others(&mut self, torrent_id: TorrentId, except: ConnectionId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        for id in torrent.active.clone() {
            let idle = |c: &crate::connection::Connection| {
                c.stage == Stage::Active && c.peer.as_ref().is_some_and(|p| p.requests.is_empty())
            };
            if id != except && self.connections.get(id.into()).is_some_and(idle) {
                self.fill(id);
            }
        }
        self.fill_web_seeds(torrent_id);
    }
}

/// How long a peer is likely to need for one more block: as long as for the last one, or as the first
/// that it owes us is waited for already.
fn delay(pipeline: &Pipeline, owed: Option<&Asked>, now: Timestamp) -> Duration {
    let waited = owed.map(|asked| now.since(asked.at));
    let last = pipeline.last_delay().unwrap_or(UNKNOWN);
    last.max(waited.unwrap_or_default())
}
