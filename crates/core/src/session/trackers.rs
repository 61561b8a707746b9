//! Announces: to HTTP and UDP trackers as jobs of the driver, to WebSocket trackers as messages on
//! sockets that the torrents share.

use brackish_wire::InfoHash;
use brackish_wire::tracker::ws::{ClientMessage, Offer, OfferId, Sdp};
use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse, Event as AnnounceEvent};
use rand::RngExt;

use super::{Context, Job, Session, tiers};
use crate::announce::{Batch, Socket, SocketState, Tracker};
use crate::connection::Stage;
use crate::peer_set::Source;
use crate::reports::short;
use crate::torrent::Torrent;
use crate::{ConnectionId, Event, JobId, Output, SocketId, TorrentId};

/// Trackers of one torrent that are used; a `.torrent` may name thousands.
const MAX_TRACKERS: usize = 24;

/// Peers asked of an HTTP or UDP tracker.
const NUMWANT: u32 = 100;

/// A frame below 16 KiB is what every WebSocket tracker accepts.
const MAX_FRAME: usize = 16 * 1024 - 1;

/// A download with fewer peers than this asks a WebSocket tracker that knows of more for them
/// before its interval is over: one announce brings five at the most.
pub(super) const FEW_PEERS: usize = 20;

impl Session {
    pub(super) fn add_trackers(&mut self, id: TorrentId, tiers: Vec<Vec<String>>) {
        for (tier, url) in tiers::shuffled(tiers, &mut self.cx.rng) {
            let scheme = url
                .split("://")
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            let socket = match scheme.as_str() {
                "ws" | "wss" if self.cx.config.webrtc => Some(self.socket_for(&url)),
                "http" | "https" | "udp" if self.cx.config.tcp => None,
                _ => continue,
            };
            let Some(torrent) = self.torrents.get_mut(&id) else {
                return;
            };
            let swarm = torrent.info_hash;
            if torrent.trackers.len() < MAX_TRACKERS
                && !torrent.trackers.iter().any(|t| t.url == url)
            {
                let mut tracker = Tracker::new(url, swarm, socket, self.cx.now);
                tracker.tier = tier;
                tracker.place = torrent.trackers.len() as i32;
                torrent.trackers.push(tracker);
            }
        }
        self.add_swarms(id);
    }

    /// Announces a torrent by each name that it has.
    pub(super) fn add_swarms(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let known = torrent.info_hash;
        for swarm in torrent.names.swarms().filter(|swarm| *swarm != known) {
            if torrent
                .trackers
                .iter()
                .any(|tracker| tracker.swarm == swarm)
            {
                continue;
            }
            let same = torrent.trackers.iter().filter(|t| t.swarm == known);
            let more = same.map(|tracker| tracker.of_swarm(swarm, self.cx.now));
            let more: Vec<Tracker> = more.collect();
            torrent.trackers.extend(more);
        }
    }

    pub(super) fn tick_trackers(&mut self, id: TorrentId) {
        for index in self.trackers_in_use(id) {
            let Some(torrent) = self.torrents.get_mut(&id) else {
                return;
            };
            let Some(tracker) = torrent.trackers.get_mut(index) else {
                return;
            };
            if !torrent.starves {
                tracker.has_sources();
            }
            let soon = torrent.starves && tracker.socket.is_none() && tracker.soon <= self.cx.now;
            let due = tracker.next <= self.cx.now || soon;
            match tracker.socket {
                None if due && tracker.job.is_none() => self.announce_by_job(id, index),
                Some(socket) => {
                    // Offers are made while the socket opens, so that neither waits for the other.
                    let closed = |s: &Socket| matches!(s.state, SocketState::Closed { .. });
                    let reachable = self
                        .sockets
                        .get(&socket)
                        .is_some_and(|socket| !closed(socket));
                    if due && reachable && tracker.batch.is_none() {
                        self.make_offers(id, index);
                    }
                    self.announce_by_socket(id, index, socket);
                }
                None => {}
            }
        }
    }

    fn request(
        &mut self,
        id: TorrentId,
        swarm: InfoHash,
        event: AnnounceEvent,
    ) -> Option<AnnounceRequest> {
        let torrent = self.torrents.get(&id)?;
        Some(AnnounceRequest {
            info_hash: swarm,
            peer_id: self.cx.config.peer_id,
            port: self.cx.config.listen_port.unwrap_or(0),
            uploaded: torrent.up.total(),
            downloaded: torrent.down.total(),
            left: torrent.left(),
            event,
            numwant: Some(if event == AnnounceEvent::Stopped {
                0
            } else {
                NUMWANT
            }),
            key: u32::from_be_bytes([0, 1, 2, 3].map(|i| self.cx.config.peer_id.0[16 + i])),
        })
    }

    fn announce_by_job(&mut self, id: TorrentId, index: usize) {
        let Some(tracker) = self.torrents.get(&id).and_then(|t| t.trackers.get(index)) else {
            return;
        };
        let (event, swarm) = (tracker.event(), tracker.swarm);
        let Some(request) = self.request(id, swarm, event) else {
            return;
        };
        let job = self.cx.add_job(Job::Announce {
            torrent: id,
            tracker: index,
        });
        let Some(tracker) = self
            .torrents
            .get_mut(&id)
            .and_then(|t| t.trackers.get_mut(index))
        else {
            return;
        };
        tracker.job = Some(job);
        tracker.telling(event);
        let (url, tracker_id) = (tracker.url.clone(), tracker.tracker_id.clone());
        self.cx.outputs.push_back(Output::Announce {
            job,
            url,
            request,
            tracker_id,
        });
    }

    pub(super) fn announced(&mut self, job: JobId, result: Result<AnnounceResponse, String>) {
        let Some(Job::Announce {
            torrent: id,
            tracker: index,
        }) = self.cx.take_job(job)
        else {
            return;
        };
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(tracker) = torrent.trackers.get_mut(index) else {
            return;
        };
        tracker.job = None;
        let response = match result {
            Ok(response) => response,
            Err(reason) => {
                let reason = short(&reason);
                tracker.failed(reason.clone(), self.cx.now, &mut self.cx.rng);
                return self.cx.tracker_failed(id, tracker, &reason);
            }
        };
        tracker.told();
        tracker.answered(Some(response.interval), response.min_interval, self.cx.now);
        tracker.seeds = response.complete.or(tracker.seeds);
        tracker.tracker_id = response.tracker_id.or(tracker.tracker_id.take());
        let (url, swarm) = (tracker.url.clone(), tracker.swarm);
        if let Some(warning) = response.warning {
            self.cx.tracker_failed(id, tracker, &short(&warning));
        }
        tiers::promote(&mut torrent.trackers, index);
        torrent.relief.counted();
        self.cx.events.push_back(Event::TrackerAnnounced {
            torrent: id,
            url,
            complete: response.complete,
            incomplete: response.incomplete,
        });
        let of_v2 = torrent.names.v2_swarm() == Some(swarm);
        for peer in response.peers {
            match of_v2 {
                true => torrent.peer_set.add_of_v2(peer),
                false => torrent.peer_set.add(peer, Source::Tracker),
            }
        }
        self.dial(id);
    }

    fn announce_by_socket(&mut self, id: TorrentId, index: usize, socket: SocketId) {
        let open = self
            .sockets
            .get(&socket)
            .is_some_and(|socket| socket.state == SocketState::Open);
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(tracker) = torrent.trackers.get_mut(index) else {
            return;
        };
        if !open
            || !tracker
                .batch
                .as_ref()
                .is_some_and(|batch| batch.is_ready(now))
        {
            return;
        }
        let Some(batch) = tracker.batch.take() else {
            return;
        };
        let (event, swarm) = (tracker.event(), tracker.swarm);
        tracker.telling(event);
        tracker.told();
        tracker.next = now + tracker.interval;
        let mut offers: Vec<(ConnectionId, OfferId, String)> = Vec::new();
        let mut late = Vec::new();
        for (connection, sdp) in batch.offers {
            match sdp {
                Some(sdp) => offers.push((connection, OfferId(self.cx.rng.random()), sdp)),
                None => late.push(connection),
            }
        }
        let text = loop {
            let text = self.announcement(id, swarm, event, &offers);
            if text.len() <= MAX_FRAME || offers.is_empty() {
                break text;
            }
            late.extend(offers.pop().map(|(connection, ..)| connection));
        };
        for connection in late {
            self.close(connection, crate::DisconnectReason::Timeout);
        }
        for (connection_id, offer_id, _) in offers {
            let Some(connection) = self.connections.get_mut(connection_id.into()) else {
                continue;
            };
            connection.enter(Stage::Offered, now);
            if let Some(torrent) = self.torrents.get_mut(&id) {
                torrent.offers.insert(offer_id.0, connection_id);
            }
        }
        self.send_to_tracker(socket, text);
    }

    /// Sends a message on a socket that is open.
    pub(super) fn send_to_tracker(&mut self, id: SocketId, text: String) {
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.sent();
        }
        let output = Output::SendSocket { socket: id, text };
        self.cx.outputs.push_back(output);
    }

    fn announcement(
        &self,
        id: TorrentId,
        swarm: InfoHash,
        event: AnnounceEvent,
        offers: &[(ConnectionId, OfferId, String)],
    ) -> String {
        let Some(torrent) = self.torrents.get(&id) else {
            return String::new();
        };
        let offers: Vec<Offer<'_>> = offers
            .iter()
            .map(|(_, offer_id, sdp)| Offer {
                offer_id: *offer_id,
                sdp: Sdp::new(sdp.as_str()),
            })
            .collect();
        ClientMessage::Announce {
            info_hash: swarm,
            peer_id: self.cx.config.peer_id,
            numwant: Some(offers.len() as u32),
            uploaded: torrent.up.total(),
            downloaded: torrent.down.total(),
            left: Some(torrent.left()),
            event,
            tracker_id: None,
            offers,
        }
        .to_json()
    }

    /// Begins the offers of the next announce.
    fn make_offers(&mut self, id: TorrentId, index: usize) {
        let count = self
            .room_for_connections(id)
            .min(self.cx.config.offers_per_announce);
        let tracker = self.torrents.get(&id).and_then(|t| t.trackers.get(index));
        let swarm = tracker.map(|tracker| tracker.swarm);
        let mut offers = Vec::new();
        for _ in 0..count {
            let offer = self.make_offer(id);
            if let Some(connection) = self.connections.get_mut(offer.into()) {
                connection.swarm = swarm;
            }
            offers.push(offer);
        }
        let batch = Batch::new(offers, self.cx.now);
        if let Some(tracker) = self
            .torrents
            .get_mut(&id)
            .and_then(|t| t.trackers.get_mut(index))
        {
            tracker.batch = Some(batch);
        }
    }

    /// A batch may have become ready.
    pub(super) fn announce_ready(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get(&id) else {
            return;
        };
        let sockets: Vec<_> = torrent
            .trackers
            .iter()
            .enumerate()
            .filter_map(|(i, t)| Some((i, t.socket?)))
            .collect();
        for (index, socket) in sockets {
            self.announce_by_socket(id, index, socket);
        }
    }

    pub(super) fn announce_completed(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        if !torrent.was_incomplete {
            return;
        }
        for tracker in &mut torrent.trackers {
            tracker.complete(self.cx.now);
        }
        self.wake_by(self.cx.now);
    }

    pub(super) fn announce_stopped(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get(&id) else {
            return;
        };
        let told: Vec<_> = torrent
            .trackers
            .iter()
            .filter(|tracker| tracker.knows_us())
            .map(|tracker| {
                (
                    tracker.url.clone(),
                    tracker.swarm,
                    tracker.socket,
                    tracker.tracker_id.clone(),
                )
            })
            .collect();
        for (url, swarm, socket, tracker_id) in told {
            match socket {
                Some(socket) => {
                    if self
                        .sockets
                        .get(&socket)
                        .is_some_and(|socket| socket.state == SocketState::Open)
                    {
                        let text = self.announcement(id, swarm, AnnounceEvent::Stopped, &[]);
                        self.send_to_tracker(socket, text);
                    }
                }
                None => {
                    let Some(request) = self.request(id, swarm, AnnounceEvent::Stopped) else {
                        continue;
                    };
                    let job = self.cx.add_job(Job::Announce {
                        torrent: id,
                        tracker: usize::MAX,
                    });
                    self.cx.outputs.push_back(Output::Announce {
                        job,
                        url,
                        request,
                        tracker_id,
                    });
                }
            }
        }
    }
}

impl Torrent {
    /// Its tracker at the other end of a socket, for one of its swarms.
    pub(super) fn tracker_on(&mut self, socket: SocketId, swarm: InfoHash) -> Option<&mut Tracker> {
        let mut trackers = self.trackers.iter_mut();
        trackers.find(|tracker| tracker.socket == Some(socket) && tracker.swarm == swarm)
    }
}

impl Context {
    /// Tells that a tracker failed or warned, unless that was told a moment ago.
    pub(super) fn tracker_failed(
        &mut self,
        torrent: TorrentId,
        tracker: &mut Tracker,
        reason: &str,
    ) {
        if tracker.reports.is_due(reason, self.now) {
            self.events.push_back(Event::TrackerFailed {
                torrent,
                url: tracker.url.clone(),
                reason: reason.to_owned(),
            });
        }
    }
}
