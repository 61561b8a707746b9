//! WebSockets to trackers, which the torrents share, and what trackers say on them.

use brackish_wire::InfoHash;
use brackish_wire::tracker::ws::ServerMessage;
use rand::RngExt;

use super::trackers::FEW_PEERS;
use super::{Session, tiers};
use crate::announce::{Socket, SocketState, Tracker};
use crate::reports::short;
use crate::{Event, Output, SocketId, TorrentId, TrackerStatus};

impl Session {
    pub(super) fn socket_for(&mut self, url: &str) -> SocketId {
        if let Some((id, _)) = self.sockets.iter().find(|(_, socket)| socket.url == url) {
            return *id;
        }
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        self.sockets
            .insert(id, Socket::new(url.to_owned(), self.cx.now));
        id
    }

    pub(super) fn close_unused_sockets(&mut self) {
        let torrents = &self.torrents;
        let outputs = &mut self.cx.outputs;
        self.sockets.retain(|id, socket| {
            let used = torrents
                .values()
                .any(|t| t.trackers.iter().any(|t| t.socket == Some(*id)));
            if !used && !matches!(socket.state, SocketState::Closed { .. }) {
                outputs.push_back(Output::CloseSocket { socket: *id });
            }
            used
        });
    }

    /// Opens the sockets that are due.
    pub(super) fn tick_sockets(&mut self) {
        let now = self.cx.now;
        let in_use = self.sockets_in_use();
        let starving = self.torrents.values().filter(|torrent| torrent.starves);
        let starved = starving.flat_map(|torrent| &torrent.trackers);
        let starved: Vec<SocketId> = starved.filter_map(|tracker| tracker.socket).collect();
        for (id, socket) in self.sockets.iter_mut() {
            if !in_use.contains(id) {
                continue;
            }
            let soon = starved.contains(id) && socket.soon <= now;
            if matches!(socket.state, SocketState::Closed { retry } if retry <= now || soon) {
                socket.state = SocketState::Opening;
                self.cx.outputs.push_back(Output::OpenSocket {
                    socket: *id,
                    url: socket.url.clone(),
                });
            }
        }
    }

    pub(super) fn socket_opened(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        socket.opened(self.cx.now);
        for torrent in self.torrents_on(id) {
            self.tick_trackers(torrent);
        }
    }

    pub(super) fn socket_closed(&mut self, id: SocketId, reason: String) {
        self.socket_ended(id, reason, false);
    }

    fn socket_ended(&mut self, id: SocketId, reason: String, silenced: bool) {
        let closed = |socket: &Socket| matches!(socket.state, SocketState::Closed { .. });
        let Some(socket) = self.sockets.get_mut(&id).filter(|s| !closed(s)) else {
            return; // It was closed for what came on it.
        };
        socket.closed(silenced, self.cx.now, &mut self.cx.rng);
        let reason = short(&reason);
        let mut unsent = Vec::new();
        for (torrent_id, torrent) in self.torrents.iter_mut() {
            let trackers = torrent.trackers.iter_mut();
            for tracker in trackers.filter(|tracker| tracker.socket == Some(id)) {
                unsent.extend(tracker.disconnected(reason.clone()));
                self.cx.tracker_failed(*torrent_id, tracker, &reason);
            }
        }
        for (offer, _) in unsent.into_iter().flat_map(|batch| batch.offers) {
            self.close(offer, crate::DisconnectReason::Timeout);
        }
    }

    pub(super) fn socket_message(&mut self, id: SocketId, text: &str) {
        let open = |socket: &Socket| socket.state == SocketState::Open;
        let Some(socket) = self.sockets.get_mut(&id).filter(|s| open(s)) else {
            return;
        };
        if !socket.takes(text.len(), self.cx.now) {
            return self.silence(id, "it sends messages without end");
        }
        let Ok(message) = ServerMessage::parse(text) else {
            return;
        };
        match message {
            ServerMessage::Announce {
                info_hash,
                interval,
                complete,
                incomplete,
                warning,
                ..
            } => {
                let Some(torrent_id) = self.by_hash.get(&info_hash).copied() else {
                    return;
                };
                let place = (torrent_id, id, info_hash);
                self.answered(place, interval, complete, incomplete);
                if let Some(warning) = warning {
                    self.tracker_said(place, &short(&warning), false);
                }
            }
            ServerMessage::Offer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            } => {
                if let Some(torrent) = self.by_hash.get(&info_hash).copied() {
                    let sdp = sdp.text().into_owned();
                    self.offered(id, (torrent, info_hash), peer_id, offer_id, sdp);
                }
            }
            ServerMessage::Answer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            } => {
                if let Some(torrent) = self.by_hash.get(&info_hash).copied() {
                    self.answer_came(torrent, peer_id, offer_id, sdp.text().into_owned());
                }
            }
            ServerMessage::Failure { info_hash, reason } => {
                let often = !socket.takes_failure();
                let reason = short(&reason);
                let named = info_hash.and_then(|hash| self.by_hash.get(&hash).copied());
                let torrents = named.map_or_else(|| self.torrents_on(id), |torrent| vec![torrent]);
                for torrent in torrents {
                    let swarm = self.torrents.get(&torrent).map(|t| t.info_hash);
                    if let Some(swarm) = info_hash.or(swarm) {
                        self.tracker_said((torrent, id, swarm), &reason, true);
                    }
                }
                if often {
                    self.silence(id, &format!("it fails without end: {reason}"));
                }
            }
            ServerMessage::Scrape { .. } => {}
        }
    }

    fn answered(
        &mut self,
        place: (TorrentId, SocketId, InfoHash),
        interval: Option<u32>,
        complete: Option<u32>,
        incomplete: Option<u32>,
    ) {
        let now = self.cx.now;
        let jitter = self.cx.rng.random_range(0.9..1.1);
        let id = place.0;
        let Some(torrent) = self.torrents.get(&id) else {
            return;
        };
        let peers = torrent.active.len();
        let known = u64::from(complete.unwrap_or(0)) + u64::from(incomplete.unwrap_or(0));
        let wants_more = peers < FEW_PEERS && !torrent.is_upload_only() && known > peers as u64 + 1;
        let Some(tracker) = self.tracker_on(place) else {
            return;
        };
        tracker.answered(interval, None, now);
        tracker.seeds = complete.or(tracker.seeds);
        tracker.ask_early(wants_more, jitter, now);
        let counts = format!("{complete:?} {incomplete:?}");
        let told = tracker.answers.is_due(&counts, now);
        let url = tracker.url.clone();
        if let Some(torrent) = self.torrents.get_mut(&id) {
            torrent.relief.counted();
            let index = torrent
                .trackers
                .iter()
                .position(|t| t.socket == Some(place.1) && t.swarm == place.2);
            tiers::promote(&mut torrent.trackers, index.unwrap_or(usize::MAX));
        }
        if told {
            self.cx.events.push_back(Event::TrackerAnnounced {
                torrent: id,
                url,
                complete,
                incomplete,
            });
        }
    }

    /// A web peer is gone that there was something to trade with: WebSocket trackers are asked for
    /// it before their interval is over.
    pub(super) fn seek_web_peers(&mut self, id: TorrentId) {
        let jitter = self.cx.rng.random_range(0.9..1.1);
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        for tracker in torrent.trackers.iter_mut().filter(|t| t.socket.is_some()) {
            tracker.ask_early(true, jitter, self.cx.now);
        }
    }

    /// A tracker warned, or failed.
    fn tracker_said(&mut self, place: (TorrentId, SocketId, InfoHash), reason: &str, failed: bool) {
        let Some(torrent) = self.torrents.get_mut(&place.0) else {
            return;
        };
        let Some(tracker) = torrent.tracker_on(place.1, place.2) else {
            return;
        };
        if failed {
            tracker.status = TrackerStatus::Failed(reason.to_owned());
        }
        self.cx.tracker_failed(place.0, tracker, reason);
    }

    /// A tracker sends more than one that works would: its socket is closed, and opened again later.
    fn silence(&mut self, id: SocketId, reason: &str) {
        self.cx
            .outputs
            .push_back(Output::CloseSocket { socket: id });
        self.socket_ended(id, reason.to_owned(), true);
    }

    /// A torrent's tracker at the other end of a socket, for one of the torrent's swarms.
    fn tracker_on(
        &mut self,
        (id, socket, swarm): (TorrentId, SocketId, InfoHash),
    ) -> Option<&mut Tracker> {
        self.torrents.get_mut(&id)?.tracker_on(socket, swarm)
    }

    fn torrents_on(&self, socket: SocketId) -> Vec<TorrentId> {
        let uses = |torrent: &crate::torrent::Torrent| {
            torrent.trackers.iter().any(|t| t.socket == Some(socket))
        };
        self.torrents
            .iter()
            .filter(|(_, torrent)| uses(torrent))
            .map(|(id, _)| *id)
            .collect()
    }
}
