//! Limits, changed while it runs: rates per session and per torrent, and numbers of connections.
//!
//! Upload is held back before a block is read for a peer, download before a block is asked for.
//! Peers that wait for a limit stand in a row and are let through a block at a time, so that all
//! get the same as long as they can use it.

use std::collections::VecDeque;
use std::time::Duration;

use super::Session;
use crate::limit::{Bucket, Limits};
use crate::{ConnectionId, DisconnectReason, Timestamp, TorrentId};

/// Rows move at most so often: what came together meanwhile goes together.
const STEP: Duration = Duration::from_millis(10);

/// The limits of the session, and who waits for one.
#[derive(Debug)]
pub(crate) struct Gate {
    pub up: Bucket,
    pub down: Bucket,
    /// Connections that wait to be served, each once.
    pub to_serve: VecDeque<ConnectionId>,
    /// Connections that wait to be asked, each once.
    pub to_ask: VecDeque<ConnectionId>,
    /// When the rows move again.
    pub next: Option<Timestamp>,
}

impl Gate {
    pub fn new(now: Timestamp) -> Self {
        Self {
            up: Bucket::new(now),
            down: Bucket::new(now),
            to_serve: VecDeque::new(),
            to_ask: VecDeque::new(),
            next: None,
        }
    }

    fn wake_after(&mut self, wait: Duration, now: Timestamp) {
        let due = now + wait.max(STEP);
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }
}

impl Session {
    /// Limits the rates of all torrents together.
    pub fn set_limits(&mut self, limits: Limits, now: Timestamp) {
        self.cx.now = now;
        self.cx.gate.up.set(limits.up, now);
        self.cx.gate.down.set(limits.down, now);
        self.move_rows();
    }

    /// Limits the rates of one torrent.
    pub fn set_torrent_limits(&mut self, torrent: TorrentId, limits: Limits, now: Timestamp) {
        self.cx.now = now;
        if let Some(torrent) = self.torrents.get_mut(&torrent) {
            torrent.up_limit.set(limits.up, now);
            torrent.down_limit.set(limits.down, now);
        }
        self.move_rows();
    }

    /// Limits the connections of the session and of each torrent. Those that give and take least
    /// are closed where there are more.
    pub fn set_connection_limits(&mut self, all: usize, per_torrent: usize, now: Timestamp) {
        self.cx.now = now;
        self.cx.config.connections = all;
        self.cx.config.connections_per_torrent = per_torrent;
        for torrent in self.torrents.keys().copied().collect::<Vec<_>>() {
            self.close_beyond(Some(torrent), per_torrent);
        }
        self.close_beyond(None, all);
    }

    fn close_beyond(&mut self, torrent: Option<TorrentId>, most: usize) {
        let mut all: Vec<(u64, ConnectionId)> = self
            .connections
            .iter()
            .filter(|(_, c)| torrent.is_none() || c.torrent == torrent)
            .map(|(key, connection)| {
                let peer = connection.peer.as_ref();
                let rate = peer.map_or(0, |peer| peer.down.rate() + peer.up.rate());
                (rate, key.into())
            })
            .collect();
        all.sort();
        let over = all.len().saturating_sub(most);
        for (_, id) in all.into_iter().take(over) {
            self.close(id, DisconnectReason::Limit);
        }
    }

    /// Whether a torrent's upload is limited.
    pub(super) fn limits_up(&self, torrent: TorrentId) -> bool {
        let torrent = self.torrents.get(&torrent);
        self.cx.gate.up.is_limited()
            || torrent.is_some_and(|t| t.up_limit.is_limited() || t.relief.bucket.is_limited())
    }

    /// Whether a torrent's download is limited.
    pub(super) fn limits_down(&self, torrent: TorrentId) -> bool {
        let torrent = self.torrents.get(&torrent);
        self.cx.gate.down.is_limited() || torrent.is_some_and(|t| t.down_limit.is_limited())
    }

    /// What was asked for and will not come does not count.
    pub(super) fn refund(&mut self, torrent: TorrentId, bytes: usize) {
        self.cx.gate.down.give_back(bytes);
        if let Some(torrent) = self.torrents.get_mut(&torrent) {
            torrent.down_limit.give_back(bytes);
        }
    }

    /// A connection has requests of its peer to be served, as the limits allow.
    pub(super) fn stand_to_serve(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        if !std::mem::replace(&mut connection.waits_to_serve, true) {
            self.cx.gate.to_serve.push_back(id);
        }
        self.serve_row();
    }

    /// A connection's peer may be asked for blocks, as the limits allow.
    pub(super) fn stand_to_ask(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        if !std::mem::replace(&mut connection.waits_to_ask, true) {
            self.cx.gate.to_ask.push_back(id);
        }
        self.ask_row();
    }

    /// Lets through as many as the limits allow now.
    pub(super) fn move_rows(&mut self) {
        self.cx.gate.next = None;
        self.serve_row();
        self.ask_row();
        for id in self.torrents.keys().copied().collect::<Vec<_>>() {
            self.fill_web_seeds(id);
        }
    }

    fn serve_row(&mut self) {
        let now = self.cx.now;
        let mut held = VecDeque::new();
        while let Some(id) = self.cx.gate.to_serve.pop_front() {
            let Some(connection) = self.connections.get_mut(id.into()) else {
                continue;
            };
            let torrent = connection.torrent;
            let peer = connection.peer.as_ref();
            let waits = connection.has_credit() && peer.is_some_and(|p| !p.incoming.is_empty());
            let carried = peer.is_some_and(|peer| peer.carried);
            let Some(torrent_id) = torrent.filter(|_| waits) else {
                connection.waits_to_serve = false;
                continue;
            };
            if !self.cx.gate.up.allows(now) {
                held.push_back(id);
                let wait = self.cx.gate.up.wait();
                self.cx.gate.wake_after(wait, now);
                break;
            }
            let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
                continue;
            };
            if !torrent.up_limit.allows(now) {
                held.push_back(id);
                self.cx.gate.wake_after(torrent.up_limit.wait(), now);
                continue;
            }
            if carried && !torrent.relief.bucket.allows(now) {
                held.push_back(id);
                self.cx.gate.wake_after(torrent.relief.bucket.wait(), now);
                continue;
            }
            let bytes = self.serve_one(id);
            if bytes == 0 {
                // What it asks for is hashed first: it stands again after that.
                if let Some(connection) = self.connections.get_mut(id.into()) {
                    connection.waits_to_serve = false;
                }
                continue;
            }
            self.cx.gate.up.take(bytes);
            if let Some(torrent) = self.torrents.get_mut(&torrent_id) {
                torrent.up_limit.take(bytes);
                torrent.relief.bucket.take(if carried { bytes } else { 0 });
            }
            self.cx.gate.to_serve.push_back(id);
        }
        held.append(&mut self.cx.gate.to_serve);
        self.cx.gate.to_serve = held;
    }

    fn ask_row(&mut self) {
        let now = self.cx.now;
        let mut held = VecDeque::new();
        while let Some(id) = self.cx.gate.to_ask.pop_front() {
            let Some(connection) = self.connections.get_mut(id.into()) else {
                continue;
            };
            let Some(torrent_id) = connection.torrent else {
                connection.waits_to_ask = false;
                continue;
            };
            if !self.cx.gate.down.allows(now) {
                held.push_back(id);
                let wait = self.cx.gate.down.wait();
                self.cx.gate.wake_after(wait, now);
                break;
            }
            if let Some(torrent) = self.torrents.get_mut(&torrent_id)
                && !torrent.down_limit.allows(now)
            {
                held.push_back(id);
                self.cx.gate.wake_after(torrent.down_limit.wait(), now);
                continue;
            }
            let bytes = self.fill_with(id, 1);
            if bytes > 0 {
                self.charge(torrent_id, bytes);
                self.cx.gate.to_ask.push_back(id);
            } else if let Some(connection) = self.connections.get_mut(id.into()) {
                connection.waits_to_ask = false;
            }
        }
        held.append(&mut self.cx.gate.to_ask);
        self.cx.gate.to_ask = held;
    }

    /// Counts bytes that were asked for.
    pub(super) fn charge(&mut self, torrent: TorrentId, bytes: usize) {
        self.cx.gate.down.take(bytes);
        if let Some(torrent) = self.torrents.get_mut(&torrent) {
            torrent.down_limit.take(bytes);
        }
    }

    /// Blocks that may be asked for in one go without a burst: what the limits let through in a
    /// second.
    pub(super) fn blocks_at_once(&self, torrent: TorrentId) -> usize {
        let of_torrent = self
            .torrents
            .get(&torrent)
            .and_then(|t| t.down_limit.rate());
        let rates = self.cx.gate.down.rate().into_iter().chain(of_torrent);
        rates.min().map_or(usize::MAX, |rate| {
            usize::try_from(rate / u64::from(brackish_wire::BLOCK_LENGTH))
                .unwrap_or(usize::MAX)
                .max(1)
        })
    }

    /// Whether something may be asked for now; else the rows move when it may.
    pub(super) fn may_ask(&mut self, torrent: TorrentId) -> bool {
        let now = self.cx.now;
        let gate = &mut self.cx.gate;
        if !gate.down.allows(now) {
            let wait = gate.down.wait();
            gate.wake_after(wait, now);
            return false;
        }
        let Some(torrent) = self.torrents.get_mut(&torrent) else {
            return false;
        };
        let allows = torrent.down_limit.allows(now);
        if !allows {
            gate.wake_after(torrent.down_limit.wait(), now);
        }
        allows
    }
}
