//! The places among a torrent's connections: how many there are, who is dialled for them, and who
//! makes room when they are taken.

use std::net::SocketAddr;
use std::time::Duration;

use super::Session;
use crate::connection::{Connection, Stage};
use crate::dials::MAX_PER_HOST;
use crate::host::Host;
use crate::{ConnectionId, Output, TorrentId, Via};

/// A connection is not given up for a better one before it had this long to prove its worth.
const SETTLED: Duration = Duration::from_secs(60);

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
}
