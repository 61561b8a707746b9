//! Serving: requests of peers, the reads for them, and whom to serve.

use brackish_wire::BlockRequest;
use brackish_wire::message::Message;
use bytes::Bytes;

use super::{Job, Session, fast};
use crate::choker::Candidate;
use crate::connection::{MAX_INCOMING, Peer};
use crate::outbox::RUN_COST;
use crate::{ConnectionId, JobId, Output, StorageError, TorrentId, Via};

/// The longest block served (BEP 3 has 16 KiB in use everywhere; peers have asked for up to this).
const MAX_REQUEST: u32 = 128 * 1024;

/// What a block costs a driver besides its bytes: it is two runs, a header and the data.
const BLOCK_COST: usize = 2 * RUN_COST;

/// Requests of a peer that are still served when it is choked: a few, as it may be a free-rider.
const KEPT_AT_CHOKE: usize = 8;

impl Session {
    pub(super) fn requested(&mut self, id: ConnectionId, request: BlockRequest) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let Some(content) = &torrent.content else {
            return self.reject(id, request);
        };
        if content.lengths.validate(&request).is_none() || request.length > MAX_REQUEST {
            return self.violated(
                id,
                format!(
                    "a request for {} bytes at {} of piece {}",
                    request.length, request.begin, request.piece
                ),
            );
        }
        let fast = peer.am_choking && fast::may_have(peer, torrent, &request);
        if peer.am_choking && !fast
            || !content.verified.get(request.piece)
            || !peer.was_shown(request.piece)
            || peer.incoming.len() >= MAX_INCOMING
        {
            return self.reject(id, request);
        }
        if peer.leaving.is_some() && !peer.suggested.iter().any(|s| s.piece == request.piece) {
            // It is done with what it had begun.
            self.set_choking(id, true);
            return self.reject(id, request);
        }
        peer.incoming.push_back(request);
        peer.asked_us = self.cx.now;
        let proven = content.proven.get(request.piece);
        if fast {
            peer.taken_fast += u64::from(request.length);
            self.gave_fast(torrent_id, request.length);
        }
        if !proven {
            // So that it is done when the request's turn comes.
            self.prove(torrent_id, request.piece);
        }
        self.followed(id, request.piece);
    }

    /// Reads blocks for a peer as far as its credit and the limits go.
    pub(super) fn serve(&mut self, id: ConnectionId) {
        self.serve_hashes(id);
        self.serve_metadata(id);
        let torrent = self.connections.get(id.into()).and_then(|c| c.torrent);
        if torrent.is_some_and(|torrent| self.limits_up(torrent)) {
            return self.stand_to_serve(id);
        }
        while self.serve_one(id) > 0 {}
    }

    /// Reads one block for a peer, if it asks for some and has credit; how many bytes.
    pub(super) fn serve_one(&mut self, id: ConnectionId) -> usize {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return 0;
        };
        let Some(torrent) = connection.torrent.filter(|_| connection.has_credit()) else {
            return 0;
        };
        let Some(content) = self.torrents.get(&torrent).and_then(|t| t.content.as_ref()) else {
            return 0;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return 0;
        };
        let proven = |request: &BlockRequest| content.proven.get(request.piece);
        let next = peer.incoming.iter().position(proven);
        let next = next.and_then(|at| peer.incoming.remove(at));
        let Some((request, piece)) =
            next.and_then(|request| Some((request, content.lengths.piece(request.piece)?)))
        else {
            let mut pieces: Vec<u32> = peer.incoming.iter().map(|request| request.piece).collect();
            pieces.dedup();
            for piece in pieces {
                self.prove(torrent, piece);
            }
            return 0;
        };
        let length = request.length as usize;
        let offset = content.lengths.piece_offset(piece) + u64::from(request.begin);
        if content.padding.covers(offset, request.length) {
            // Who asks for padding gets it, though no store has it.
            let zeros = Bytes::from(vec![0; length]);
            self.cx.transmit_block(id, connection, &request, zeros);
            return length;
        }
        let job = self.cx.add_job(Job::Serve {
            connection: id,
            request,
        });
        peer.reading.push((job, request));
        connection.reading_bytes += length + BLOCK_COST;
        self.cx.outputs.push_back(Output::Read {
            job,
            torrent,
            piece,
            begin: request.begin,
            length: request.length,
        });
        length
    }

    /// A block for a peer was read.
    pub(super) fn send_block(
        &mut self,
        id: ConnectionId,
        job: JobId,
        request: BlockRequest,
        result: Result<Bytes, StorageError>,
    ) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        connection.reading_bytes = connection
            .reading_bytes
            .saturating_sub(request.length as usize + BLOCK_COST);
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let Some(at) = peer.reading.iter().position(|(reading, _)| *reading == job) else {
            return self.serve(id); // It was cancelled meanwhile.
        };
        peer.reading.remove(at);
        match result {
            Ok(data) if data.len() == request.length as usize => {
                peer.up.add(u64::from(request.length));
                if let Some(torrent) = self.torrents.get_mut(&torrent_id) {
                    torrent.up.add(u64::from(request.length));
                    torrent.served = self.cx.now;
                    if connection.via == Via::WebRtc {
                        torrent.up_webrtc += u64::from(request.length);
                    }
                }
                self.cx.transmit_block(id, connection, &request, data);
            }
            // Too few bytes are no block either.
            Ok(_) | Err(_) => self.read_failed(id, torrent_id, request),
        }
        self.serve(id);
    }

    fn read_failed(&mut self, id: ConnectionId, torrent: TorrentId, request: BlockRequest) {
        self.reject(id, request);
        self.doubt(torrent, request.piece);
    }

    pub(super) fn heard_interest(&mut self, id: ConnectionId, interested: bool) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        if std::mem::replace(&mut peer.interested, interested) == interested {
            return;
        }
        if interested {
            peer.service_since = self.cx.now;
            self.unchoke_if_room(torrent_id, id);
        } else if !peer.am_choking {
            self.set_choking(id, true);
            self.rechoke_soon(torrent_id);
        }
    }

    fn unchoke_if_room(&mut self, torrent_id: TorrentId, id: ConnectionId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let served = |id: &&ConnectionId| {
            let peer = self
                .connections
                .get((**id).into())
                .and_then(|c| c.peer.as_ref());
            peer.is_some_and(|p| !p.am_choking && p.interested && p.leaving.is_none())
        };
        let served = torrent.active.iter().filter(served).count();
        let connection = self.connections.get(id.into());
        let carried = connection
            .and_then(|c| c.peer.as_ref())
            .is_some_and(|p| p.carried);
        if torrent.choker.room(served, 0, carried) > 0 {
            self.set_choking(id, false);
        }
    }

    /// A place in the active peer set became free: someone who waits gets it.
    pub(super) fn rechoke_soon(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let owes = |peer: &Peer| {
            let content = torrent.content.as_ref();
            content.is_some_and(|content| peer.owes(&content.lengths))
        };
        let next = torrent
            .active
            .iter()
            .filter_map(|id| Some((*id, self.connections.get((*id).into())?.peer.as_deref()?)))
            .filter(|(_, peer)| peer.interested && peer.am_choking)
            .min_by_key(|(_, peer)| (peer.hoards(), owes(peer), peer.service_since));
        if let Some((id, _)) = next {
            self.unchoke_if_room(torrent_id, id);
        }
    }

    /// Chooses the active peer set anew.
    pub(super) fn rechoke(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let (mut candidates, now) = (Vec::new(), self.cx.now);
        let content = torrent.content.as_ref();
        let suspected = |id| content.is_some_and(|content| content.blame.is_suspected(id));
        for id in &torrent.active {
            let Some(connection) = self.connections.get((*id).into()) else {
                continue;
            };
            if let Some(peer) = connection.peer.as_ref().filter(|peer| peer.interested) {
                candidates.push(Candidate {
                    connection: *id,
                    gives: peer.down.rate(),
                    unchoked: !peer.am_choking,
                    since: peer.service_since,
                    snubs_us: peer.snubs_us,
                    suspected: suspected(*id),
                    idle: connection.is_idle(now),
                    hoards: peer.hoards(),
                    carried: peer.carried,
                    owes: content.is_some_and(|content| peer.owes(&content.lengths)),
                    pieces: peer.pieces(),
                    backed_up: !peer.am_choking && !connection.outbox.is_empty(),
                });
            }
        }
        let all: Vec<ConnectionId> = candidates.iter().map(|c| c.connection).collect();
        let seeding = torrent.is_upload_only();
        let rate = torrent.up.rate();
        let chosen = torrent
            .choker
            .choose(candidates, seeding, rate, now, &mut self.cx.rng);
        for id in all {
            if chosen.contains(&id) {
                self.set_choking(id, false);
            } else if !seeding || !self.leaves(id) {
                self.set_choking(id, true);
            }
        }
    }

    pub(super) fn set_choking(&mut self, id: ConnectionId, choke: bool) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        peer.leaving = None;
        if std::mem::replace(&mut peer.am_choking, choke) == choke {
            return;
        }
        peer.service_since = self.cx.now;
        let dropped: Vec<BlockRequest> = if choke {
            let content = connection
                .torrent
                .and_then(|torrent| self.torrents.get_mut(&torrent)?.content.as_mut());
            peer.forget_suggestions(
                content.and_then(|content| content.spread.as_mut()),
                &mut self.cx.rng,
            );
            // With the fast extension each request is answered; the first ones are served, so that
            // the upload is not idle until those who come next have asked, and a piece that is half
            // there is not left so.
            let kept = if peer.fast { KEPT_AT_CHOKE } else { 0 };
            peer.incoming
                .drain(kept.min(peer.incoming.len())..)
                .collect()
        } else {
            // First, so that it asks for what is suggested.
            self.suggest(id);
            Vec::new()
        };
        self.say(
            id,
            if choke {
                &Message::Choke
            } else {
                &Message::Unchoke
            },
        );
        for request in dropped {
            self.reject(id, request);
        }
    }
}
