//! Peer exchange (BEP 11): peers that can be dialled tell each other whom else they are connected
//! to. Web peers cannot be dialled and are never named; `relay` introduces those.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use brackish_wire::extension::{MAX_PEX_PEERS, PEX_INTERVAL, PexFlags, PexPeer, UtPex};
use rand::seq::SliceRandom;

use super::Session;
use crate::peer_set::Source;
use crate::pex::{Exchanger, Scope};
use crate::{ConnectionId, Timestamp, TorrentId, Via};

/// Before a peer is told the first time: it then hears of those that came with it.
const FIRST: Duration = Duration::from_secs(3);

/// Messages of one peer that come closer together are passed over. They are sent a minute apart,
/// and may catch up with each other on the way.
const GAP: Duration = Duration::from_secs(30);

/// A connected peer that can be dialled.
struct Dialable {
    connection: ConnectionId,
    address: SocketAddr,
    flags: PexFlags,
}

impl Session {
    /// Whether a torrent's peers may come from other peers.
    pub(super) fn exchanges_peers(&self, torrent: TorrentId) -> bool {
        self.cx.config.tcp && self.torrents.get(&torrent).is_some_and(|t| t.is_public())
    }

    /// A peer said, in its extended handshake, by which id it takes `ut_pex`; 0 is not at all.
    pub(super) fn heard_exchanger(&mut self, id: ConnectionId, extension: u8) {
        let peer = self
            .connections
            .get_mut(id.into())
            .and_then(|c| c.peer.as_mut());
        let Some(peer) = peer else { return };
        match &mut peer.pex {
            Some(pex) if extension != 0 => pex.extension = extension,
            pex => *pex = (extension != 0).then(|| Exchanger::new(extension)),
        }
    }

    /// A peer names others.
    pub(super) fn heard_pex(&mut self, id: ConnectionId, payload: &[u8]) {
        let now = self.cx.now;
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (Some(peer), Some(torrent_id)) = (connection.peer.as_mut(), connection.torrent) else {
            return;
        };
        let address = connection.address;
        let early = |at: Timestamp| now.since(at) < GAP;
        match &mut peer.pex {
            Some(pex) if !pex.heard_at.is_some_and(early) => pex.heard_at = Some(now),
            _ => return,
        }
        if !self.exchanges_peers(torrent_id) {
            return;
        }
        let pex = match UtPex::decode(payload) {
            Ok(pex) => pex,
            Err(error) => return self.violated(id, error.to_string()),
        };
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let complete = torrent.is_complete();
        let scope = Scope::of_peer(address);
        let sender = address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip());
        for peer in pex.added {
            let useless = complete && peer.flags.has(PexFlags::UPLOAD_ONLY);
            // A stranger on the internet knows nothing of the networks that we are in.
            if !useless && Scope::of(peer.address.ip()) >= scope {
                torrent.peer_set.add(peer.address, Source::Peer(sender));
            }
        }
    }

    /// Tells each peer who came and left, where that is due.
    pub(super) fn exchange_peers(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        if !self.exchanges_peers(torrent_id) {
            return;
        }
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let end = torrent.pex.end();
        let due: Vec<ConnectionId> = torrent
            .active
            .iter()
            .copied()
            .filter(|id| {
                let Some(connection) = self.connections.get((*id).into()) else {
                    return false;
                };
                let pex = connection.peer.as_ref().and_then(|peer| peer.pex.as_ref());
                pex.is_some_and(|pex| {
                    let waited = match pex.sent_at {
                        Some(at) => now.since(at) >= PEX_INTERVAL,
                        None => now.since(connection.since) >= FIRST,
                    };
                    waited && pex.told != Some(end)
                })
            })
            .collect();
        if due.is_empty() {
            return;
        }
        let here = self.dialable(torrent_id);
        for id in due {
            self.tell_peers(torrent_id, id, &here);
        }
    }

    /// The connected peers that can be dialled.
    fn dialable(&self, torrent_id: TorrentId) -> Vec<Dialable> {
        let active = self.torrents.get(&torrent_id).map(|t| t.active.as_slice());
        let connections = active.unwrap_or_default().iter();
        connections
            .filter_map(|id| {
                let connection = self.connections.get((*id).into())?;
                let peer = connection.peer.as_ref()?;
                let mut flags = PexFlags::default();
                if connection.outgoing {
                    flags = flags.with(PexFlags::REACHABLE);
                }
                if peer.is_seed() {
                    flags = flags.with(PexFlags::UPLOAD_ONLY);
                }
                (connection.via == Via::Tcp).then_some(Dialable {
                    connection: *id,
                    address: connection.dialable?,
                    flags,
                })
            })
            .collect()
    }

    fn tell_peers(&mut self, torrent_id: TorrentId, id: ConnectionId, here: &[Dialable]) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let (scope, own) = (Scope::of_peer(connection.address), connection.dialable);
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let is_seed = peer.is_seed();
        let Some(pex) = peer.pex.as_mut() else {
            return;
        };
        let tellable = |address: SocketAddr| {
            Scope::of(address.ip()) >= scope && own.is_none_or(|own| own != address)
        };
        let mut message = UtPex::default();
        // Since the last message: each that came or left, whether it was there before, and is now.
        let mut news: Option<Vec<(SocketAddr, bool, bool)>> = None;
        if let Some(changes) = pex.told.and_then(|place| torrent.pex.since(place)) {
            let mut seen: Vec<(SocketAddr, bool, bool)> = Vec::new();
            for change in changes {
                match seen
                    .iter_mut()
                    .find(|(address, ..)| *address == change.address)
                {
                    Some((_, _, now)) => *now = change.came,
                    None => seen.push((change.address, !change.came, change.came)),
                }
            }
            let gone = seen
                .iter()
                .filter(|(a, before, now)| *before && !now && tellable(*a));
            let gone = gone.map(|(address, ..)| *address);
            message.dropped = gone.take(MAX_PEX_PEERS).collect();
            news = Some(seen);
        }
        let mut added: Vec<PexPeer> = here
            .iter()
            .filter(|other| other.connection != id && tellable(other.address))
            .filter(|other| !(is_seed && other.flags.has(PexFlags::UPLOAD_ONLY)))
            .filter(|other| {
                let came = |news: &Vec<(SocketAddr, bool, bool)>| {
                    let news = news.iter().find(|(address, ..)| *address == other.address);
                    news.is_some_and(|(_, before, _)| !before)
                };
                news.as_ref().is_none_or(came)
            })
            .map(|other| PexPeer {
                address: other.address,
                flags: other.flags,
            })
            .collect();
        if added.len() > MAX_PEX_PEERS {
            added.shuffle(&mut self.cx.rng);
            added.truncate(MAX_PEX_PEERS);
        }
        message.added = added;
        pex.told = Some(torrent.pex.end());
        if message.added.is_empty() && message.dropped.is_empty() {
            return;
        }
        pex.sent_at = Some(self.cx.now);
        let extension = pex.extension;
        self.say_extended(id, extension, &message.encode());
    }
}
