//! TCP peers: announces over HTTP (BEP 3, 7, 23). A peer is in a swarm from an announce until
//! `stopped`, or until it has not announced for twice the interval.

use std::collections::hash_map::Entry;
use std::mem;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse, Event};
use brackish_wire::{InfoHash, PeerId};

use crate::config::{DEFAULT_NUMWANT, MAX_NUMWANT};
use crate::network::host_of;
use crate::pool::{Among, Pool, Slot};
use crate::swarm::TcpPeer;
use crate::tracker::{Refusal, Tracker, seconds, shrink};

/// The two ends of the connection by which an announce came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The announcing peer's address: the one that other peers are given.
    pub remote: IpAddr,
    /// The tracker's own address, as the peer reaches it.
    pub local: IpAddr,
}

impl Tracker {
    /// Handles an announce over HTTP.
    ///
    /// The peer's address is the connection's, never one that the announce claims. A peer id stands
    /// once for each address it announces from, so nobody can take or end another's place by
    /// knowing its id; from the same address it takes the same `key`.
    pub fn handle_http_announce(
        &mut self,
        request: &AnnounceRequest,
        asker: Asker,
        now: Duration,
    ) -> Result<AnnounceResponse, Refusal> {
        self.counters.tcp_announces += 1;
        let response = self.tcp_announce(request, asker, now);
        self.counters.failures += u64::from(response.is_err());
        response
    }

    fn tcp_announce(
        &mut self,
        request: &AnnounceRequest,
        asker: Asker,
        now: Duration,
    ) -> Result<AnnounceResponse, Refusal> {
        let asker = Asker {
            remote: asker.remote.to_canonical(),
            local: asker.local.to_canonical(),
        };
        let &AnnounceRequest {
            info_hash,
            peer_id,
            port,
            key,
            event,
            ..
        } = request;
        self.check_allowed(info_hash, None)?;
        if port == 0 {
            return Err(Refusal::NoPort);
        }
        let place = self.tcp_place(info_hash, peer_id, asker.remote, key)?;
        if event == Event::Stopped {
            if place.is_some() {
                self.remove_tcp_peer(info_hash, peer_id, asker.remote);
            }
            return Ok(self.response(info_hash, true, Vec::new()));
        }
        let seeding = request.left == 0;
        let slot = match place {
            Some(slot) => slot,
            None => self.add_tcp_peer(request, asker.remote, seeding)?,
        };
        self.expiry_number += 1;
        let expiry = (now + 2 * self.config.tcp_interval, self.expiry_number);
        let Some(swarm) = self.swarms.get_mut(&info_hash) else {
            return Err(Refusal::Full);
        };
        if event == Event::Completed {
            swarm.count_download(&self.hasher, peer_id);
        }
        let slot = swarm.set_tcp_seeding(&self.hasher, asker.remote, slot, seeding);
        let peer = swarm.tcp_mut(asker.remote).get_mut(slot);
        peer.port = port;
        self.expiries
            .remove(&mem::replace(&mut peer.expiry, expiry));
        self.expiries
            .insert(expiry, (info_hash, peer_id, asker.remote));
        let wanted = request
            .numwant
            .map_or(DEFAULT_NUMWANT, |numwant| numwant as usize)
            .min(MAX_NUMWANT);
        let sorts = sorts_for(seeding, event);
        let peers = self.tcp_peers(info_hash, peer_id, asker, slot, wanted, sorts);
        Ok(self.response(info_hash, seeding, peers))
    }

    /// Where the peer stands already; refused if it stands there under another key.
    fn tcp_place(
        &self,
        info_hash: InfoHash,
        peer_id: PeerId,
        ip: IpAddr,
        key: u32,
    ) -> Result<Option<Slot>, Refusal> {
        let Some(swarm) = self.swarms.get(&info_hash) else {
            return Ok(None);
        };
        let Some(slot) = swarm.tcp(ip).find(&self.hasher, &(peer_id, ip)) else {
            return Ok(None);
        };
        let known = swarm.tcp(ip).get(slot).key;
        if known != 0 && known != key {
            Err(Refusal::WrongKey)
        } else {
            Ok(Some(slot))
        }
    }

    fn add_tcp_peer(
        &mut self,
        request: &AnnounceRequest,
        ip: IpAddr,
        seeding: bool,
    ) -> Result<Slot, Refusal> {
        let &AnnounceRequest {
            info_hash,
            peer_id: id,
            port,
            key,
            ..
        } = request;
        let limit = self.config.max_address_peers;
        if self
            .networks
            .get(&host_of(ip))
            .is_some_and(|&peers| peers >= limit)
        {
            return Err(Refusal::TooManyPeersAtAddress);
        }
        let hasher = self.hasher.clone();
        let expiry = (Duration::ZERO, 0);
        let peer = TcpPeer {
            id,
            ip,
            port,
            key,
            expiry,
        };
        let slot = self
            .swarm_with_room(info_hash)?
            .add_tcp(&hasher, peer, seeding);
        *self.networks.entry(host_of(ip)).or_default() += 1;
        Ok(slot)
    }

    pub(crate) fn remove_tcp_peer(&mut self, info_hash: InfoHash, peer_id: PeerId, ip: IpAddr) {
        let Some(swarm) = self.swarms.get_mut(&info_hash) else {
            return;
        };
        let Some(slot) = swarm.tcp(ip).find(&self.hasher, &(peer_id, ip)) else {
            return;
        };
        let peer = swarm.remove_tcp(&self.hasher, ip, slot);
        self.expiries.remove(&peer.expiry);
        self.drop_if_empty(info_hash);
        if let Entry::Occupied(mut peers) = self.networks.entry(host_of(ip)) {
            *peers.get_mut() -= 1;
            if *peers.get() == 0 {
                peers.remove();
                shrink(&mut self.networks);
            }
        }
    }

    /// Peers for an asker, of these sorts in this order: of each those of its own address family
    /// first, for it can reach those, then of the other.
    fn tcp_peers(
        &mut self,
        info_hash: InfoHash,
        own_id: PeerId,
        asker: Asker,
        own: Slot,
        wanted: usize,
        sorts: &[Among],
    ) -> Vec<SocketAddr> {
        let Some(swarm) = self.swarms.get(&info_hash) else {
            return Vec::new();
        };
        let families = match asker.remote {
            IpAddr::V4(_) => [&swarm.tcp_v4, &swarm.tcp_v6],
            IpAddr::V6(_) => [&swarm.tcp_v6, &swarm.tcp_v4],
        };
        let mut chosen = mem::take(&mut self.chosen);
        let mut peers = Vec::with_capacity(wanted.min(swarm.entries()));
        for &among in sorts {
            for (pool, except) in families.into_iter().zip([Some(own), None]) {
                let pool: &Pool<TcpPeer> = pool;
                chosen.clear();
                let more = wanted - peers.len();
                pool.sample(&mut self.random, more, among, except, &mut chosen);
                let others = chosen
                    .iter()
                    .map(|&slot| pool.get(slot))
                    .filter(|peer| peer.id != own_id);
                peers.extend(others.filter_map(|peer| reachable(peer, asker)));
            }
        }
        self.chosen = chosen;
        peers
    }

    fn response(
        &self,
        info_hash: InfoHash,
        seeding: bool,
        peers: Vec<SocketAddr>,
    ) -> AnnounceResponse {
        let counts = self
            .swarms
            .get(&info_hash)
            .map(|swarm| swarm.counts())
            .unwrap_or_default();
        let min_interval = match seeding || counts.complete > 0 {
            true => self.config.min_interval,
            false => self.config.seedless_min_interval,
        };
        AnnounceResponse {
            interval: seconds(self.config.tcp_interval),
            min_interval: Some(seconds(min_interval)),
            complete: Some(counts.complete),
            incomplete: Some(counts.incomplete),
            tracker_id: None,
            warning: None,
            peers,
            hosts: Vec::new(),
        }
    }
}

/// Whom a peer is told of. A seeder has nothing to ask of another, so it gets leechers; but who has
/// a magnet link alone may say as well that nothing is left to it (aria2 does), since it knows no
/// length. So at its first announce a peer is told of seeders too, after the leechers.
fn sorts_for(seeding: bool, event: Event) -> &'static [Among] {
    match (seeding, event) {
        (false, _) => &[Among::Everyone],
        (true, Event::Started) => &[Among::Leechers, Among::Seeders],
        (true, _) => &[Among::Leechers],
    }
}

/// The address by which `asker` can reach a peer. A peer on the tracker's own host, which announced
/// over loopback, is for any other host where the tracker is.
fn reachable(peer: &TcpPeer, asker: Asker) -> Option<SocketAddr> {
    if !peer.ip.is_loopback() || asker.remote.is_loopback() {
        return Some(SocketAddr::new(peer.ip, peer.port));
    }
    // Behind a proxy on this host the tracker does not know how it is reached.
    (!asker.local.is_loopback()).then(|| SocketAddr::new(asker.local, peer.port))
}
