//! The places among a torrent's connections: how many there are, who is dialled for them, and who
//! makes room when they are taken.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

use super::Session;
use crate::connection::{Connection, Stage};
use crate::dials::MAX_PER_HOST;
use crate::host::Host;
use crate::{ConnectionId, Output, Table, TorrentId, Via};

/// A connection is not given up for a better one before it had this long to prove its worth.
const SETTLED: Duration = Duration::from_secs(60);

/// Where places are short, one in so many is kept for web peers.
const WEB_SHARE: usize = 4;

/// A connection that has not shaken hands for this long gives its place to one that may.
const TO_SHAKE_HANDS: Duration = Duration::from_secs(2);

impl Session {
    /// Dials as many known addresses as there is room for.
    pub(super) fn dial(&mut self, torrent_id: TorrentId) {
        if !self.cx.config.tcp {
            return;
        }
        let under_way = |c: &&Connection| {
            let early = matches!(c.stage, Stage::Dialling | Stage::Handshaking);
            early && c.outgoing && c.via == Via::Tcp
        };
        let dials = self.connections.iter().map(|(_, connection)| connection);
        let mut dialled: Vec<Host> = Vec::new();
        let mut dialling = 0;
        for connection in dials.filter(under_way) {
            dialling += usize::from(connection.stage == Stage::Dialling);
            dialled.extend(connection.address.map(|address| Host::of(address.ip())));
        }
        let mut free = self.cx.config.half_open.saturating_sub(dialling);
        free = free.min(self.room_for_connections(torrent_id));
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        while free > 0 {
            let (dials, now) = (&self.cx.dials, self.cx.now);
            let may = |address: SocketAddr| {
                let host = Host::of(address.ip());
                let under_way = dialled.iter().filter(|dialled| **dialled == host);
                under_way.count() < MAX_PER_HOST && dials.allows(host, now)
            };
            let Some(address) = torrent.peer_set.next_dial(now, may) else {
                return;
            };
            dialled.push(Host::of(address.ip()));
            free -= 1;
            let mut connection = Connection::new(Via::Tcp, true, Stage::Dialling, self.cx.now);
            connection.address = Some(address);
            connection.dialable = Some(address);
            connection.torrent = Some(torrent_id);
            if torrent.peer_set.is_of_v2(address) {
                connection.swarm = torrent.names.v2_swarm();
            }
            let id = self.connections.insert(connection).into();
            self.cx.outputs.push_back(Output::Dial {
                connection: id,
                address,
            });
        }
    }

    /// Connections that a torrent may still make, offers and dials under way counted.
    pub(super) fn room_for_connections(&self, torrent: TorrentId) -> usize {
        let of_torrent = self
            .connections
            .iter()
            .filter(|(_, c)| c.torrent == Some(torrent))
            .count();
        let here = self
            .cx
            .config
            .connections_per_torrent
            .saturating_sub(of_torrent);
        here.min(
            self.cx
                .config
                .connections
                .saturating_sub(self.connections.len()),
        )
    }

    /// The connection that makes room for a comer from this address: of those that have traded
    /// nothing lately, the one of the lowest priority, if it is lower than the comer's (BEP 40).
    pub(super) fn outranked(
        &self,
        torrent_id: TorrentId,
        comer: SocketAddr,
    ) -> Option<ConnectionId> {
        let torrent = self.torrents.get(&torrent_id)?;
        let worst = torrent.active.iter().filter_map(|id| {
            let connection = self.connections.get((*id).into())?;
            let (peer, address) = (connection.peer.as_ref()?, connection.address?);
            let idle = peer.down.rate() == 0
                && peer.up.rate() == 0
                && self.cx.now.since(connection.since) > SETTLED;
            idle.then(|| (torrent.peer_set.priority(address), *id))
        });
        let (priority, worst) = worst.min()?;
        (priority < torrent.peer_set.priority(comer)).then_some(worst)
    }

    /// The TCP connection that makes room for a comer where places are short, those of a torrent or, with
    /// `None`, of the session: hosts share them alike. Of the host with the most it is the one that is
    /// silent longest, first of those that never shook hands, then of those that trade nothing. A web
    /// peer has room made while web peers have less than their share. Loopback has no bound.
    pub(super) fn crowding(
        &self,
        torrent: Option<TorrentId>,
        via: Via,
        comer: Option<SocketAddr>,
    ) -> Option<ConnectionId> {
        let all = self
            .connections
            .iter()
            .map(|(key, c)| (ConnectionId::from(key), c));
        let scope = |c: &Connection| torrent.is_none() || c.torrent == torrent;
        let here: Vec<_> = all.filter(|(_, c)| scope(c)).collect();
        if via == Via::WebRtc {
            let web = here.iter().filter(|(_, c)| c.via == Via::WebRtc).count();
            let most = match torrent {
                Some(_) => self.cx.config.connections_per_torrent,
                None => self.cx.config.connections,
            };
            if web >= most / WEB_SHARE {
                return None;
            }
        }
        let host = |address: SocketAddr| {
            let ip = address.ip().to_canonical();
            (!ip.is_loopback()).then(|| Host::of(ip))
        };
        let mut hosts: Table<Host, usize> = Table::default();
        let tcp = here.iter().filter(|(_, c)| c.via == Via::Tcp);
        let placed: Vec<_> = tcp
            .filter_map(|(id, c)| Some((*id, *c, host(c.address?)?)))
            .collect();
        for (_, _, host) in &placed {
            *hosts.get_or_insert_with(*host, || 0) += 1;
        }
        let count = |host: &Host| hosts.get(host).copied().unwrap_or(0);
        let own = comer.and_then(host).map_or(0, |host| count(&host));
        let now = self.cx.now;
        let gives_way = placed.iter().filter(|(_, connection, host)| {
            let stranger = connection.stage == Stage::Handshaking
                && now.since(connection.since) >= TO_SHAKE_HANDS;
            count(host) >= own + 2 || stranger && count(host) > own
        });
        let first = gives_way.min_by_key(|(id, connection, host)| {
            let peer = connection.peer.as_ref();
            let trades = peer.is_some_and(|peer| peer.down.rate() + peer.up.rate() > 0);
            let rank = (peer.is_some(), trades, connection.last_received);
            (Reverse(count(host)), rank, *id)
        });
        first.map(|(id, ..)| *id)
    }
}
