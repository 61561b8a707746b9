//! What time brings: rates, time-outs, snubs, rounds of the choker, dials, announces.

use std::time::Duration;

use brackish_wire::extension::SIGNAL_OFFER_LIFETIME;
use brackish_wire::message::Message;

use super::Session;
use crate::connection::Stage;
use crate::{ConnectionId, DisconnectReason, Timestamp, TorrentId, TorrentState};

/// How often the session looks around while it has connections.
pub(super) const PERIOD: Duration = Duration::from_millis(500);

/// The same while a torrent's last blocks are out, so that slow ones are doubled soon.
const ENDGAME_PERIOD: Duration = Duration::from_millis(100);

/// The same while a reader waits, so that what it waits for is doubled soon.
pub(super) const URGENT_PERIOD: Duration = Duration::from_millis(100);

/// The same while there is nobody.
const IDLE_PERIOD: Duration = Duration::from_secs(1);

/// A TCP dial.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Making an offer or answer: gathering candidates through slow STUN servers included.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(15);

/// An offer that nobody has answered: what webtorrent waits.
const OFFER_TIMEOUT: Duration = Duration::from_secs(50);

/// From offer and answer to an open channel, and from there to the other side's handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(25);

/// Silence of a connected peer. Peers send keep-alives every two minutes (BEP 3) or sooner.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(150);

/// Our own silence after which a keep-alive goes out: what webtorrent does.
const KEEP_ALIVE: Duration = Duration::from_secs(55);

/// A peer that sends no block for this long while requests are out is snubbing us.
pub(super) const SNUB: Duration = Duration::from_secs(10);

/// A peer that answers no request for this long is of no use.
pub(super) const USELESS: Duration = Duration::from_secs(60);

impl Session {
    pub(super) fn tick(&mut self) {
        let now = self.cx.now;
        self.expire();
        self.tick_sockets();
        for id in self.torrents.keys().copied().collect::<Vec<_>>() {
            self.tick_peers(id);
            self.tick_web_seeds(id);
            self.unpark(id);
            self.watch_readers(id);
            self.tick_super_seeding(id);
            self.watch_entrusted(id);
            let Some(torrent) = self.torrents.get_mut(&id) else {
                continue;
            };
            torrent.down.tick(now);
            torrent.up.tick(now);
            self.tick_relief(id);
            let Some(torrent) = self.torrents.get_mut(&id) else {
                continue;
            };
            if torrent.choker.is_due(now) {
                self.rechoke(id);
            } else {
                self.lend_places(id);
            }
            self.note_seeds(id);
            self.watch_sources(id);
            self.tick_torrent(id);
        }
        let at_rest = self.torrents.is_empty() && self.connections.len() == 0;
        self.next_tick = (!at_rest).then(|| now + self.period());
    }

    /// Looks around again by then at the latest.
    pub(super) fn wake_by(&mut self, due: Timestamp) {
        self.next_tick = Some(self.next_tick.map_or(due, |next| next.min(due)));
    }

    fn period(&self) -> Duration {
        if self.connections.len() == 0 {
            return IDLE_PERIOD;
        }
        let endgame = self.torrents.values().any(|torrent| {
            torrent.state == TorrentState::Downloading
                && torrent
                    .content
                    .as_ref()
                    .is_some_and(|content| content.picker.is_endgame())
        });
        let contents = self.torrents.values().filter_map(|t| t.content.as_ref());
        if contents
            .into_iter()
            .any(|content| content.readers.is_waiting())
        {
            return URGENT_PERIOD;
        }
        if endgame { ENDGAME_PERIOD } else { PERIOD }
    }

    fn expire(&mut self) {
        let now = self.cx.now;
        let mut late: Vec<(ConnectionId, DisconnectReason)> = Vec::new();
        let mut contests = Vec::new();
        for (key, connection) in self.connections.iter() {
            let limit = match connection.stage {
                Stage::Dialling => DIAL_TIMEOUT,
                Stage::Offering | Stage::Answering { .. } => DESCRIBE_TIMEOUT,
                Stage::Offered if connection.relay.is_some() => SIGNAL_OFFER_LIFETIME,
                Stage::Offered => OFFER_TIMEOUT,
                Stage::Connecting | Stage::Handshaking => HANDSHAKE_TIMEOUT,
                Stage::Contending => {
                    if now.since(connection.since) >= super::contest::CONTEST {
                        contests.push(ConnectionId::from(key));
                    }
                    continue;
                }
                Stage::Active => {
                    if self.is_stuck(connection) {
                        late.push((key.into(), DisconnectReason::Unread));
                    } else if now.since(connection.last_received) > SILENCE_TIMEOUT {
                        late.push((key.into(), DisconnectReason::Timeout));
                    }
                    continue;
                }
            };
            if now.since(connection.since) > limit {
                late.push((key.into(), DisconnectReason::Timeout));
            }
        }
        for (id, reason) in late {
            self.close(id, reason);
        }
        for id in contests {
            self.judge(id);
        }
    }

    fn tick_peers(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        for id in torrent.active.clone() {
            let Some(connection) = self.connections.get_mut(id.into()) else {
                continue;
            };
            let idle = now.since(connection.last_sent) > KEEP_ALIVE;
            let Some(peer) = connection.peer.as_mut() else {
                continue;
            };
            peer.down.tick(now);
            peer.up.tick(now);
            let rate = peer.down.rate();
            let saturated = peer.requests.len() * 2 >= peer.pipeline.target();
            peer.pipeline.on_tick(rate, saturated);
            let silent = now.since(peer.last_block);
            let waiting = !peer.requests.is_empty();
            if waiting && silent > USELESS {
                self.close(id, DisconnectReason::Timeout);
                continue;
            }
            if waiting && silent > SNUB && !peer.snubs_us {
                peer.snubs_us = true;
                peer.pipeline.snub();
                self.take_back(id, torrent_id, false);
            }
            if idle {
                self.say(id, &Message::KeepAlive);
            }
            self.ask_metadata(id);
            self.ask_layers(id);
            self.fill(id);
        }
    }

    fn tick_torrent(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get(&id) else {
            return;
        };
        match torrent.state {
            // Peers are of no use before it is known what is here.
            TorrentState::Checking => {}
            TorrentState::Metadata | TorrentState::Downloading | TorrentState::Seeding => {
                self.tick_trackers(id);
                self.dial(id);
                self.exchange_peers(id);
                self.introduce_peers(id);
                self.seek_introductions(id);
            }
            TorrentState::Failed => self.tick_trackers(id),
        }
    }
}
