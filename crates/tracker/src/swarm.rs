//! One swarm: its web peers, its TCP peers by address family, and exact counts in which a peer id
//! that is present several times (a hybrid node, or a node with IPv4 and IPv6) stands once.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;

use ahash::RandomState;
use brackish_wire::PeerId;
use brackish_wire::tracker::ScrapeEntry;
use brackish_wire::tracker::ws::OfferId;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::SocketId;
use crate::pool::{Keyed, Pool, Slot};

/// Offers that one web peer was handed and has not answered. More than a peer can have in hand at
/// once; when a new one comes the oldest is forgotten.
pub(crate) const MAX_OUTSTANDING_OFFERS: usize = 64;

/// For how long an offer may be answered. The clients that give up soonest wait 50 s.
pub(crate) const OFFER_LIFETIME: Duration = Duration::from_secs(60);

/// See the module's own documentation.
#[derive(Debug)]
pub(crate) struct Swarm {
    pub(crate) web: Pool<WebPeer>,
    pub(crate) tcp_v4: Pool<TcpPeer>,
    pub(crate) tcp_v6: Pool<TcpPeer>,
    presences: HashTable<Presence>,
    seeders: u32,
    downloaded: u32,
}

/// A peer reached through its socket to this tracker.
#[derive(Debug)]
pub(crate) struct WebPeer {
    pub(crate) id: PeerId,
    pub(crate) socket: SocketId,
    outstanding: VecDeque<Outstanding>,
}

/// A peer that announced over HTTP.
#[derive(Debug)]
pub(crate) struct TcpPeer {
    pub(crate) id: PeerId,
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    /// The secret by which it proves who it is; 0 if it gave none.
    pub(crate) key: u32,
    /// Its entry in the tracker's table of expiries.
    pub(crate) expiry: (Duration, u64),
}

/// An offer that went to a web peer and may yet be answered.
#[derive(Debug)]
struct Outstanding {
    offer_id: OfferId,
    offerer: SocketId,
    expires: Duration,
}

/// How often one peer id is in the swarm.
#[derive(Debug)]
struct Presence {
    id: PeerId,
    entries: u32,
    /// How many of the entries say that they have everything.
    seeding: u32,
}

impl Swarm {
    pub(crate) const fn new() -> Self {
        Self {
            web: Pool::new(),
            tcp_v4: Pool::new(),
            tcp_v6: Pool::new(),
            presences: HashTable::new(),
            seeders: 0,
            downloaded: 0,
        }
    }

    pub(crate) fn counts(&self) -> ScrapeEntry {
        let peers = self.presences.len() as u32;
        ScrapeEntry {
            complete: self.seeders,
            incomplete: peers - self.seeders,
            downloaded: self.downloaded,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.presences.is_empty()
    }

    /// Entries, not peers: what the swarm costs in memory.
    pub(crate) fn entries(&self) -> usize {
        self.web.len() + self.tcp_v4.len() + self.tcp_v6.len()
    }

    pub(crate) fn tcp(&self, ip: IpAddr) -> &Pool<TcpPeer> {
        if ip.is_ipv4() {
            &self.tcp_v4
        } else {
            &self.tcp_v6
        }
    }

    pub(crate) fn tcp_mut(&mut self, ip: IpAddr) -> &mut Pool<TcpPeer> {
        if ip.is_ipv4() {
            &mut self.tcp_v4
        } else {
            &mut self.tcp_v6
        }
    }

    pub(crate) fn add_web(&mut self, hasher: &RandomState, peer: WebPeer, seeding: bool) -> Slot {
        self.enter(hasher, peer.id, seeding);
        self.web.insert(hasher, peer, seeding)
    }

    pub(crate) fn remove_web(&mut self, hasher: &RandomState, slot: Slot) {
        let peer = self.web.remove(hasher, slot);
        self.leave(hasher, peer.id, slot.is_seeding());
    }

    pub(crate) fn set_web_seeding(
        &mut self,
        hasher: &RandomState,
        slot: Slot,
        seeding: bool,
    ) -> Slot {
        if slot.is_seeding() != seeding {
            self.change(hasher, self.web.get(slot).id, seeding);
        }
        self.web.set_seeding(hasher, slot, seeding)
    }

    pub(crate) fn add_tcp(&mut self, hasher: &RandomState, peer: TcpPeer, seeding: bool) -> Slot {
        self.enter(hasher, peer.id, seeding);
        self.tcp_mut(peer.ip).insert(hasher, peer, seeding)
    }

    pub(crate) fn remove_tcp(&mut self, hasher: &RandomState, ip: IpAddr, slot: Slot) -> TcpPeer {
        let peer = self.tcp_mut(ip).remove(hasher, slot);
        self.leave(hasher, peer.id, slot.is_seeding());
        peer
    }

    pub(crate) fn set_tcp_seeding(
        &mut self,
        hasher: &RandomState,
        ip: IpAddr,
        slot: Slot,
        seeding: bool,
    ) -> Slot {
        if slot.is_seeding() != seeding {
            self.change(hasher, self.tcp(ip).get(slot).id, seeding);
        }
        self.tcp_mut(ip).set_seeding(hasher, slot, seeding)
    }

    /// Counts a download that was completed, once for each stay of a peer: not if any entry of its
    /// id has said already that it has everything.
    pub(crate) fn count_download(&mut self, hasher: &RandomState, id: PeerId) {
        let known = self
            .presences
            .find(hasher.hash_one(id), |presence| presence.id == id);
        if known.is_some_and(|presence| presence.seeding == 0) {
            self.downloaded = self.downloaded.saturating_add(1);
        }
    }

    fn enter(&mut self, hasher: &RandomState, id: PeerId, seeding: bool) {
        let presence = self.presences.entry(
            hasher.hash_one(id),
            |presence| presence.id == id,
            |presence| hasher.hash_one(presence.id),
        );
        let presence = match presence {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry
                .insert(Presence {
                    id,
                    entries: 0,
                    seeding: 0,
                })
                .into_mut(),
        };
        presence.entries += 1;
        if seeding {
            presence.seeding += 1;
            self.seeders += u32::from(presence.seeding == 1);
        }
    }

    fn leave(&mut self, hasher: &RandomState, id: PeerId, seeding: bool) {
        let found = self
            .presences
            .find_entry(hasher.hash_one(id), |presence| presence.id == id);
        let Ok(mut entry) = found else { return };
        let presence = entry.get_mut();
        presence.entries -= 1;
        if seeding {
            presence.seeding -= 1;
            self.seeders -= u32::from(presence.seeding == 0);
        }
        if presence.entries == 0 {
            entry.remove();
        }
    }

    /// One entry of `id` has become a seeder, or is one no more.
    fn change(&mut self, hasher: &RandomState, id: PeerId, seeding: bool) {
        let found = self
            .presences
            .find_mut(hasher.hash_one(id), |presence| presence.id == id);
        let Some(presence) = found else { return };
        if seeding {
            presence.seeding += 1;
            self.seeders += u32::from(presence.seeding == 1);
        } else {
            presence.seeding -= 1;
            self.seeders -= u32::from(presence.seeding == 0);
        }
    }
}

impl WebPeer {
    pub(crate) fn new(id: PeerId, socket: SocketId) -> Self {
        Self {
            id,
            socket,
            outstanding: VecDeque::new(),
        }
    }

    /// Notes that the peer is handed an offer, so that it may answer it.
    pub(crate) fn note_offer(&mut self, offer_id: OfferId, offerer: SocketId, now: Duration) {
        // Offers stand in the order in which they came, so the expired ones are in front.
        while self
            .outstanding
            .front()
            .is_some_and(|offer| offer.expires <= now)
        {
            self.outstanding.pop_front();
        }
        if self.outstanding.len() == MAX_OUTSTANDING_OFFERS {
            self.outstanding.pop_front();
        }
        self.outstanding.push_back(Outstanding {
            offer_id,
            offerer,
            expires: now + OFFER_LIFETIME,
        });
    }

    /// Whether the peer holds this offer of `offerer` unanswered; it holds it no more afterwards.
    pub(crate) fn take_offer(
        &mut self,
        offer_id: OfferId,
        offerer: SocketId,
        now: Duration,
    ) -> bool {
        let position = self
            .outstanding
            .iter()
            .position(|offer| offer.offer_id == offer_id && offer.offerer == offerer);
        let offer = position.and_then(|position| self.outstanding.remove(position));
        offer.is_some_and(|offer| now < offer.expires)
    }
}

impl Keyed for WebPeer {
    type Key = PeerId;

    fn key(&self) -> PeerId {
        self.id
    }
}

impl Keyed for TcpPeer {
    /// With the address, so that nobody who merely knows a peer id can take the peer's place.
    type Key = (PeerId, IpAddr);

    fn key(&self) -> (PeerId, IpAddr) {
        (self.id, self.ip)
    }
}
