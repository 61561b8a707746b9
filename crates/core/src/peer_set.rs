//! The peer set of one torrent: every TCP address known, whether it is worth a dial, and when.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::Timestamp;

/// Addresses kept: far more than are ever connected, far fewer than a hostile tracker can name.
const MAX_KNOWN: usize = 2000;

/// Wait before a second dial; doubled at each failure.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Dials that fail in a row before an address is forgotten.
const MAX_FAILURES: u32 = 5;

/// Bans remembered.
const MAX_BANNED: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct PeerSet {
    known: BTreeMap<SocketAddr, Known>,
    ready: VecDeque<SocketAddr>,
    waiting: BTreeSet<(Timestamp, SocketAddr)>,
    banned: BTreeSet<IpAddr>,
    banned_addresses: BTreeSet<SocketAddr>,
}

#[derive(Debug, Default)]
struct Known {
    failures: u32,
    busy: bool,
}

impl PeerSet {
    /// Adds an address; a known, banned or impossible one is left alone.
    pub fn add(&mut self, address: SocketAddr) {
        let impossible =
            address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast();
        if impossible || self.is_banned(address) || self.known.contains_key(&address) {
            return;
        }
        if self.known.len() >= MAX_KNOWN {
            return;
        }
        self.known.insert(address, Known::default());
        self.ready.push_back(address);
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The next address to dial, marked as busy.
    pub fn next_dial(&mut self, now: Timestamp) -> Option<SocketAddr> {
        while let Some(&(due, address)) = self.waiting.first() {
            if due > now {
                break;
            }
            self.waiting.pop_first();
            self.ready.push_back(address);
        }
        while let Some(address) = self.ready.pop_front() {
            if let Some(known) = self.known.get_mut(&address)
                && !known.busy
            {
                known.busy = true;
                return Some(address);
            }
        }
        None
    }

    /// The peer of a connection that came in listens at this address: it is not to be dialled while
    /// that lasts. False where it is busy otherwise.
    pub fn claim(&mut self, address: SocketAddr) -> bool {
        self.add(address);
        self.known
            .get_mut(&address)
            .is_some_and(|known| !std::mem::replace(&mut known.busy, true))
    }

    /// A connection to the address ended. `useful` says that data was traded:
    /// the peer is worth an early dial.
    pub fn released(&mut self, address: SocketAddr, useful: bool, now: Timestamp) {
        let Some(known) = self.known.get_mut(&address) else {
            return;
        };
        if !known.busy {
            return;
        }
        known.busy = false;
        known.failures = if useful { 1 } else { known.failures + 1 };
        if known.failures >= MAX_FAILURES {
            self.known.remove(&address);
            return;
        }
        let wait = FIRST_RETRY * 2u32.pow(known.failures - 1);
        self.waiting.insert((now + wait, address));
    }

    /// The address leads to this session itself, or to a seed while this is a seed: not to be
    /// dialled again.
    pub fn forget(&mut self, address: SocketAddr) {
        // It stays known, and busy, so that a tracker that names it again changes nothing.
        self.known.entry(address).or_default().busy = true;
    }

    /// The peer there sent bad data. A host on the internet is banned whole; on loopback, where
    /// many peers may share the address, one port is.
    pub fn ban(&mut self, address: SocketAddr) {
        self.known.remove(&address);
        if address.ip().is_loopback() {
            if self.banned_addresses.len() < MAX_BANNED {
                self.banned_addresses.insert(address);
            }
        } else if self.banned.len() < MAX_BANNED {
            self.banned.insert(address.ip());
        }
    }

    pub fn is_banned(&self, address: SocketAddr) -> bool {
        self.banned.contains(&address.ip()) || self.banned_addresses.contains(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn an_address_that_fails_is_tried_later_and_later_and_then_forgotten() {
        let mut set = PeerSet::default();
        set.add(address(1));
        let mut now = Timestamp::ZERO;
        let mut dials = Vec::new();
        for _ in 0..1000 {
            if let Some(peer) = set.next_dial(now) {
                dials.push(now);
                set.released(peer, false, now);
            }
            now = now + Duration::from_secs(1);
        }
        assert_eq!(dials.len(), MAX_FAILURES as usize);
        assert!(
            dials
                .windows(3)
                .all(|w| w[2].since(w[1]) > w[1].since(w[0]))
        );
        assert_eq!(set.len(), 0);
    }

    #[test]
    fn a_banned_host_is_not_added_under_another_port() {
        let mut set = PeerSet::default();
        set.add(address(1));
        set.ban(address(1));
        set.add(address(2));
        assert_eq!(set.next_dial(Timestamp::ZERO), None);
    }

    #[test]
    fn the_set_is_bounded() {
        let mut set = PeerSet::default();
        for port in 1..=u16::MAX {
            set.add(address(port));
        }
        assert_eq!(set.len(), MAX_KNOWN);
    }
}
