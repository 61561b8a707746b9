//! The peer set of one torrent: every TCP address known, who named it, whether it is worth a dial,
//! and when. Which comes first goes by canonical peer priority (BEP 40), so that a swarm's graph is
//! a random one that nobody can choose a place in.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use brackish_wire::{PeerId, peer_priority};

use crate::bans::{Bans, Suspect};
use crate::{KeySet, Table, Timestamp};

/// Addresses kept: far more than are ever connected, far fewer than a hostile tracker can name.
const MAX_KNOWN: usize = 2000;

/// Of these, addresses that peers named: trackers always have room.
const MAX_BY_PEERS: usize = 1000;

/// Of these, addresses that peers at one host named and nobody was met at. What BEP 11 lets one
/// peer name in two messages.
const MAX_BY_SENDER: usize = 100;

/// Wait before a second dial; doubled at each failure.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The longest wait of an address that the user named, which is dialled for ever, and of others while
/// nobody else has what is missing: a seed that comes back is found within that.
const MAX_HURRIED: Duration = Duration::from_secs(10);

/// Dials that fail in a row before an address is forgotten.
const MAX_FAILURES: u32 = 5;

/// The same for an address that a peer named.
const MAX_FAILURES_BY_PEER: u32 = 2;

/// Who named an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The user, who comes before all.
    User,
    /// A tracker.
    Tracker,
    /// A peer at this host, which may have made it up.
    Peer(IpAddr),
}

#[derive(Debug)]
pub(crate) struct PeerSet {
    known: Table<SocketAddr, Known>,
    /// To be dialled, the first at the end.
    ready: Vec<(Rank, SocketAddr)>,
    waiting: KeySet<(Timestamp, SocketAddr)>,
    /// How many addresses peers at each host named.
    by_sender: Vec<(IpAddr, usize)>,
    by_peers: usize,
    /// Where we are, as others see it: what priorities are computed with.
    own: SocketAddr,
    bans: Bans,
}

/// What is dialled first: what the user named, then the highest priority.
type Rank = (bool, u32);

#[derive(Debug)]
struct Known {
    source: Source,
    failures: u32,
    busy: bool,
    /// Not to be dialled for now, without being connected.
    forgotten: bool,
    /// It was found in the swarm of version 2.
    v2: bool,
}

impl PeerSet {
    /// An empty set. Until it is known where we are, priorities are computed with a place that the
    /// peer id gives: another for each peer, and none that others can tell.
    pub fn new(own: PeerId, port: Option<u16>) -> Self {
        let [.., a, b, c, d] = own.0;
        Self {
            known: Table::default(),
            ready: Vec::new(),
            waiting: KeySet::default(),
            by_sender: Vec::new(),
            by_peers: 0,
            own: SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port.unwrap_or(0)),
            bans: Bans::default(),
        }
    }

    /// It is known where we are.
    pub fn set_own(&mut self, ip: IpAddr) {
        if self.own.ip() == ip {
            return;
        }
        self.own.set_ip(ip);
        let ready = std::mem::take(&mut self.ready);
        for (_, address) in ready {
            self.make_ready(address);
        }
    }

    /// How much a connection to this address is to be preferred (BEP 40).
    pub fn priority(&self, address: SocketAddr) -> u32 {
        peer_priority(self.own, address)
    }

    /// Adds an address; a banned or impossible one is left alone, and so is one that is over a
    /// bound of its source.
    pub fn add(&mut self, address: SocketAddr, source: Source) {
        let impossible =
            address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast();
        if impossible || self.bans.has_address(address) {
            return;
        }
        if let Some(known) = self.known.get(&address) {
            if matches!(known.source, Source::Peer(_)) && !matches!(source, Source::Peer(_)) {
                self.credit(address, source);
            }
            return;
        }
        match source {
            Source::Peer(sender) => {
                let named = self.by_sender.iter().find(|(host, _)| *host == sender);
                if named.is_some_and(|(_, count)| *count >= MAX_BY_SENDER)
                    || self.by_peers >= MAX_BY_PEERS
                    || self.known.len() >= MAX_KNOWN
                {
                    return;
                }
                match self.by_sender.iter_mut().find(|(host, _)| *host == sender) {
                    Some((_, count)) => *count += 1,
                    None => self.by_sender.push((sender, 1)),
                }
                self.by_peers += 1;
            }
            _ if self.known.len() >= MAX_KNOWN && !self.evict() => return,
            _ => {}
        }
        let known = Known {
            source,
            failures: 0,
            busy: false,
            forgotten: false,
            v2: false,
        };
        self.known.insert(address, known);
        self.make_ready(address);
    }

    /// Adds an address that a tracker has in the swarm of version 2 (BEP 52).
    pub fn add_of_v2(&mut self, address: SocketAddr) {
        self.add(address, Source::Tracker);
        if let Some(known) = self.known.get_mut(&address) {
            known.v2 = true;
        }
    }

    /// Whether the peer there is to be spoken to by the name of version 2, where the torrent has both: it was found by
    /// that, or the last dial, by the other, came to nothing.
    pub fn is_of_v2(&self, address: SocketAddr) -> bool {
        let known = self.known.get(&address);
        known.is_some_and(|known| known.v2 || known.failures % 2 == 1)
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The next address to dial of those that `may` be dialled, marked as busy.
    pub fn next_dial(
        &mut self,
        now: Timestamp,
        may: impl Fn(SocketAddr) -> bool,
    ) -> Option<SocketAddr> {
        while let Some(&(due, address)) = self.waiting.first() {
            if due > now {
                break;
            }
            self.waiting.pop_first();
            self.make_ready(address);
        }
        loop {
            let at = self.ready.iter().rposition(|(_, address)| may(*address))?;
            let (_, address) = self.ready.remove(at);
            if let Some(known) = self.known.get_mut(&address)
                && !known.busy
            {
                known.busy = true;
                return Some(address);
            }
        }
    }

    /// The peer of a connection that came in listens at this address: it is not to be dialled while
    /// that lasts. False where it is busy otherwise.
    pub fn claim(&mut self, address: SocketAddr) -> bool {
        self.add(address, Source::Peer(address.ip()));
        self.known
            .get_mut(&address)
            .is_some_and(|known| !std::mem::replace(&mut known.busy, true))
    }

    /// A connection to the address ended. `useful` says that data was traded:
    /// the peer is worth an early dial. `hurry` says that nobody else has what is missing.
    pub fn released(&mut self, address: SocketAddr, useful: bool, hurry: bool, now: Timestamp) {
        if useful {
            // A peer was there: it does not matter who said so.
            self.credit(address, Source::Tracker);
        }
        let Some(known) = self.known.get_mut(&address) else {
            return;
        };
        if !known.busy {
            return;
        }
        known.busy = false;
        known.failures = match useful {
            true => 1,
            false => known.failures.saturating_add(1),
        };
        let most = match known.source {
            Source::Peer(_) => MAX_FAILURES_BY_PEER,
            Source::Tracker => MAX_FAILURES,
            Source::User => u32::MAX,
        };
        let hurry = hurry || known.source == Source::User;
        if known.failures >= most {
            self.remove(address);
            return;
        }
        let wait = FIRST_RETRY * 2u32.pow(known.failures.saturating_sub(1).min(MAX_FAILURES));
        let wait = if hurry { wait.min(MAX_HURRIED) } else { wait };
        self.waiting.insert((now + wait, address));
    }

    /// The address leads to this session itself, or to a seed while this is a seed: not to be
    /// dialled again.
    pub fn forget(&mut self, address: SocketAddr) {
        // It stays known, and busy, so that a tracker that names it again changes nothing.
        if let Some(known) = self.known.get_mut(&address) {
            known.busy = true;
            known.forgotten = true;
        }
    }

    /// Something is to be fetched again: seeds that were parted from are worth a dial.
    pub fn recall(&mut self) {
        let mut recalled = Vec::new();
        for (address, known) in self.known.iter_mut().filter(|(_, known)| known.forgotten) {
            known.busy = false;
            known.forgotten = false;
            recalled.push(*address);
        }
        for address in recalled {
            self.make_ready(address);
        }
    }

    /// Forgets all that no tracker named: the torrent turned out to be private. Gives those that
    /// are connected or being dialled.
    pub fn keep_trackers_own(&mut self) -> Vec<SocketAddr> {
        let others: Vec<(SocketAddr, bool)> = self
            .known
            .iter()
            .filter(|(_, known)| known.source != Source::Tracker)
            .map(|(address, known)| (*address, known.busy))
            .collect();
        for (address, _) in &others {
            self.remove(*address);
        }
        let busy = others.into_iter().filter(|(_, busy)| *busy);
        busy.map(|(address, _)| address).collect()
    }

    /// The peer there sent bad data: it is forgotten with all that its host listens at, and not added
    /// again.
    pub fn ban(&mut self, peer: &Suspect, now: Timestamp) {
        self.bans.ban(peer, now);
        let known = self.known.keys().copied();
        let banned: Vec<SocketAddr> = known
            .filter(|address| self.bans.has_address(*address))
            .collect();
        for address in banned {
            self.remove(address);
        }
    }

    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    fn make_ready(&mut self, address: SocketAddr) {
        if let Some(known) = self.known.get(&address) {
            let rank = (known.source == Source::User, self.priority(address));
            let entry = (rank, address);
            if let Err(at) = self.ready.binary_search(&entry) {
                self.ready.insert(at, entry);
            }
        }
    }

    /// Counts an address no longer as named by a peer alone.
    fn credit(&mut self, address: SocketAddr, source: Source) {
        if let Some(known) = self.known.get_mut(&address)
            && let Source::Peer(sender) = known.source
        {
            known.source = source;
            self.uncount(sender);
        }
    }

    fn uncount(&mut self, sender: IpAddr) {
        self.by_peers = self.by_peers.saturating_sub(1);
        let count = self.by_sender.iter_mut().find(|(host, _)| *host == sender);
        if let Some((_, count)) = count {
            *count = count.saturating_sub(1);
        }
        self.by_sender.retain(|(_, count)| *count > 0);
    }

    fn remove(&mut self, address: SocketAddr) {
        if let Some(known) = self.known.remove(&address)
            && let Source::Peer(sender) = known.source
        {
            self.uncount(sender);
        }
    }

    /// Makes room for an address that a tracker or the user names: the worst of those that only
    /// peers named goes.
    fn evict(&mut self) -> bool {
        if self.by_peers == 0 {
            return false;
        }
        let worst = self
            .known
            .iter()
            .filter(|(_, known)| !known.busy && matches!(known.source, Source::Peer(_)))
            .max_by_key(|(address, known)| (known.failures, Reverse(self.priority(**address))))
            .map(|(address, _)| *address);
        if let Some(worst) = worst {
            self.remove(worst);
        }
        worst.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> PeerSet {
        PeerSet::new(PeerId([1; 20]), Some(6881))
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    fn sender(number: u8) -> Source {
        Source::Peer(Ipv4Addr::new(198, 51, 100, number).into())
    }

    #[test]
    fn an_address_that_fails_is_tried_later_and_later_and_then_forgotten() {
        for (source, most) in [
            (Source::Tracker, MAX_FAILURES),
            (sender(1), MAX_FAILURES_BY_PEER),
        ] {
            let mut set = set();
            set.add(address(1), source);
            let mut now = Timestamp::ZERO;
            let mut dials = Vec::new();
            for _ in 0..1000 {
                if let Some(peer) = set.next_dial(now, |_| true) {
                    dials.push(now);
                    set.released(peer, false, false, now);
                }
                now = now + Duration::from_secs(1);
            }
            assert_eq!(dials.len(), most as usize);
            assert!(
                dials
                    .windows(3)
                    .all(|w| w[2].since(w[1]) > w[1].since(w[0]))
            );
            assert_eq!(set.len(), 0);
            assert!(set.by_sender.is_empty());
        }
    }

    #[test]
    fn what_the_user_named_is_dialled_for_ever_and_so_is_what_is_in_a_hurry_dialled_soon() {
        for (source, hurry) in [(Source::User, false), (Source::Tracker, true)] {
            let mut set = set();
            set.add(address(1), source);
            let mut dials = Vec::new();
            for second in 0..1000 {
                let now = Timestamp::ZERO + Duration::from_secs(second);
                if let Some(peer) = set.next_dial(now, |_| true) {
                    dials.push(second);
                    set.released(peer, false, hurry, now);
                }
            }
            assert!(dials.windows(2).all(|w| w[1] - w[0] <= 10), "{dials:?}");
            assert_eq!(set.len(), usize::from(source == Source::User));
        }
    }

    #[test]
    fn a_banned_host_is_not_dialled_at_another_port() {
        let mut set = set();
        set.add(address(1), Source::Tracker);
        set.add(address(2), Source::Tracker);
        let liar = Suspect {
            id: PeerId([2; 20]),
            address: Some(address(1)),
            dialled: true,
        };
        set.ban(&liar, Timestamp::ZERO);
        set.add(address(3), Source::Tracker);
        assert_eq!(set.next_dial(Timestamp::ZERO, |_| true), None);
    }

    #[test]
    fn a_peer_that_does_not_know_one_name_is_tried_by_the_other() {
        let mut set = set();
        set.add(address(1), Source::Tracker);
        assert_eq!(set.next_dial(Timestamp::ZERO, |_| true), Some(address(1)));
        set.add_of_v2(address(2));
        assert!(!set.is_of_v2(address(1)) && set.is_of_v2(address(2)));
        set.released(address(1), false, false, Timestamp::ZERO);
        assert!(set.is_of_v2(address(1)));
    }

    #[test]
    fn the_set_is_bounded() {
        let mut set = set();
        for port in 1..=u16::MAX {
            set.add(address(port), Source::Tracker);
        }
        assert_eq!(set.len(), MAX_KNOWN);
    }

    #[test]
    fn peers_that_name_many_leave_room_for_each_other_and_for_trackers() {
        let mut set = set();
        for port in 1..=1000 {
            set.add(address(port), sender(1));
        }
        assert_eq!(set.len(), MAX_BY_SENDER);
        for number in 2..=50 {
            for port in 1..=100 {
                set.add(address(u16::from(number) * 1000 + port), sender(number));
            }
        }
        assert_eq!(set.len(), MAX_BY_PEERS);
        for port in 1..=u16::MAX {
            set.add(SocketAddr::from(([10, 0, 0, 2], port)), Source::Tracker);
        }
        assert_eq!(set.len(), MAX_KNOWN);
        assert_eq!(
            set.by_peers, 0,
            "a tracker's word takes the place of a peer's"
        );
    }

    #[test]
    fn the_user_s_peers_come_first_and_then_the_highest_priority() {
        let mut set = set();
        set.set_own(Ipv4Addr::new(203, 0, 113, 9).into());
        let hosts = || (1..50).map(|host| SocketAddr::from(([10, host, 7, 1], 6881)));
        for address in hosts() {
            set.add(address, Source::Tracker);
        }
        let chosen = SocketAddr::from(([10, 99, 7, 1], 6881));
        set.add(chosen, Source::User);
        let now = Timestamp::ZERO;
        assert_eq!(set.next_dial(now, |_| true), Some(chosen));
        let dialled: Vec<u32> = std::iter::from_fn(|| set.next_dial(now, |_| true))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|address| set.priority(address))
            .collect();
        assert_eq!(dialled.len(), hosts().count());
        assert!(dialled.is_sorted_by(|a, b| a >= b));
    }
}
