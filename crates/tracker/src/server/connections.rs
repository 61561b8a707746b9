//! The connections that there are, by host, and which one gives way when there is no room for
//! another.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::outbox::lock;
use crate::network::host_of;
use crate::tracker::shrink;

/// How long a connection must have been silent to give way to one of a host that has no fewer.
const SILENT: Duration = Duration::from_secs(5);

/// See the module's own documentation.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    origin: Instant,
    table: Mutex<Table>,
}

/// All connections in order of when they were last heard, and those of each host.
///
/// What is heard on a connection moves it in neither order, so that no message takes the lock. Its
/// places are put right when its turn to give way seems to have come.
#[derive(Debug, Default)]
struct Table {
    last_id: u64,
    lines: HashMap<u64, Line>,
    order: Order,
    hosts: HashMap<IpAddr, Order>,
    /// The hosts by how many connections they have.
    sizes: BTreeSet<(usize, IpAddr)>,
}

/// Numbers of connections, each after the time at which it was last known to have been heard.
type Order = BTreeSet<(u64, u64)>;

#[derive(Debug)]
struct Line {
    host: IpAddr,
    heard: Arc<AtomicU64>,
    /// The times with which it stands in the order of all and in that of its host.
    places: [u64; 2],
    task: Option<AbortHandle>,
}

/// One counted connection; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Ticket {
    connections: Arc<Connections>,
    id: u64,
    /// When the connection was last heard, in milliseconds since the origin of the connections.
    heard: Arc<AtomicU64>,
}

impl Connections {
    /// At most `max` connections.
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            origin: Instant::now(),
            table: Mutex::default(),
        }
    }

    pub(super) fn total(&self) -> usize {
        lock(&self.table).lines.len()
    }

    /// Counts a connection from `address`. If there are too many, another one is ended for it, or
    /// there is no ticket.
    ///
    /// The host with the most connections gives way to one that has at least two fewer. Otherwise
    /// the connection that has been silent for longest does, if that is five seconds. Loopback has
    /// no bound of its own: it stands for all that this machine and a proxy on it bring.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Ticket> {
        let host = host_of(address);
        let now = self.now();
        let mut table = lock(&self.table);
        if table.lines.len() >= self.max && !table.make_room(Some(host), now) {
            return None;
        }
        let heard = Arc::new(AtomicU64::new(now));
        table.last_id += 1;
        let id = table.last_id;
        let line = Line {
            host,
            heard: Arc::clone(&heard),
            places: [now; 2],
            task: None,
        };
        table.insert(id, line);
        Some(Ticket {
            connections: Arc::clone(self),
            id,
            heard,
        })
    }

    /// Names the task of the connection, which is ended when the connection gives way.
    pub(super) fn attach(&self, id: u64, task: AbortHandle) {
        if let Some(line) = lock(&self.table).lines.get_mut(&id) {
            line.task = Some(task);
        }
    }

    /// Ends a connection, as [`enter`](Self::enter) does, for one that cannot even be accepted.
    pub(super) fn make_room(&self) {
        let now = self.now();
        lock(&self.table).make_room(None, now);
    }

    fn now(&self) -> u64 {
        self.time(Instant::now())
    }

    fn time(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.origin);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Ticket {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// A request or a message has come by the connection.
    pub(super) fn heard(&self, at: Instant) {
        self.heard
            .store(self.connections.time(at), Ordering::Relaxed);
    }

    /// The connection is that of a proxy, which speaks for this address from now on.
    pub(super) fn speaks_for(&self, address: IpAddr) {
        let host = host_of(address);
        let mut table = lock(&self.connections.table);
        if table
            .lines
            .get(&self.id)
            .is_some_and(|line| line.host != host)
            && let Some(line) = table.remove(self.id)
        {
            table.insert(self.id, Line { host, ..line });
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        lock(&self.connections.table).remove(self.id);
    }
}

impl Table {
    fn insert(&mut self, id: u64, line: Line) {
        let [in_all, in_host] = line.places;
        self.order.insert((in_all, id));
        let host = line.host;
        let of_host = self.hosts.entry(host).or_default();
        self.sizes.remove(&(of_host.len(), host));
        of_host.insert((in_host, id));
        self.sizes.insert((of_host.len(), host));
        self.lines.insert(id, line);
    }

    fn remove(&mut self, id: u64) -> Option<Line> {
        let line = self.lines.remove(&id)?;
        let [in_all, in_host] = line.places;
        self.order.remove(&(in_all, id));
        if let Some(of_host) = self.hosts.get_mut(&line.host) {
            self.sizes.remove(&(of_host.len(), line.host));
            of_host.remove(&(in_host, id));
            match of_host.len() {
                0 => drop(self.hosts.remove(&line.host)),
                left => drop(self.sizes.insert((left, line.host))),
            }
        }
        // After a flood the memory for it is given back.
        shrink(&mut self.lines);
        shrink(&mut self.hosts);
        Some(line)
    }

    /// Ends the connection that is to give way to one of `newcomer`; `false` if none is.
    fn make_room(&mut self, newcomer: Option<IpAddr>, now: u64) -> bool {
        let own = newcomer.and_then(|host| self.hosts.get(&host));
        let own = match newcomer {
            Some(host) if host.is_loopback() => 0,
            _ => own.map_or(0, BTreeSet::len),
        };
        let mut bounded = self
            .sizes
            .iter()
            .rev()
            .filter(|(_, host)| !host.is_loopback());
        let largest = bounded.next().copied();
        let victim = match largest {
            Some((size, host)) if size >= own + 2 => self.longest_silent(Some(host)),
            _ => {
                let oldest = self.longest_silent(None);
                let silent = |(heard, _): &(u64, u64)| {
                    now.saturating_sub(*heard) >= SILENT.as_millis() as u64
                };
                oldest.filter(silent)
            }
        };
        let Some((_, id)) = victim else {
            return false;
        };
        // Its ticket, dropped with its task, finds nothing to remove any more.
        if let Some(task) = self.remove(id).and_then(|line| line.task) {
            task.abort();
        }
        true
    }

    /// When the connection that has been silent for longest was heard, and its number: of all, or of
    /// one host.
    fn longest_silent(&mut self, host: Option<IpAddr>) -> Option<(u64, u64)> {
        let (order, place) = match host {
            Some(host) => (self.hosts.get_mut(&host)?, 1),
            None => (&mut self.order, 0),
        };
        loop {
            let &(known, id) = order.first()?;
            let line = self.lines.get_mut(&id)?;
            let heard = line.heard.load(Ordering::Relaxed);
            if heard <= known {
                return Some((known, id));
            }
            order.remove(&(known, id));
            order.insert((heard, id));
            line.places[place] = heard;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full {
        connections: Arc<Connections>,
        tickets: Vec<(IpAddr, Ticket)>,
    }

    impl Full {
        fn with(hosts: &[&str]) -> Self {
            let connections = Arc::new(Connections::new(hosts.len()));
            let enter = |host: &&str| {
                let address = host.parse().expect("an address");
                (address, connections.enter(address).expect("room"))
            };
            let tickets = hosts.iter().map(enter).collect();
            Self {
                connections,
                tickets,
            }
        }

        /// Sets when each connection was last heard, in milliseconds.
        fn heard(self, times: &[u64]) -> Self {
            for ((_, ticket), &time) in self.tickets.iter().zip(times) {
                ticket.heard.store(time, Ordering::Relaxed);
            }
            self
        }

        /// Which of the connections gives way to one of this host at this time.
        fn gives_way(&self, newcomer: &str, now: u64) -> Option<usize> {
            let host = host_of(newcomer.parse().expect("an address"));
            let mut table = lock(&self.connections.table);
            if !table.make_room(Some(host), now) {
                return None;
            }
            let gone = |(_, ticket): &(IpAddr, Ticket)| !table.lines.contains_key(&ticket.id);
            self.tickets.iter().position(gone)
        }
    }

    #[test]
    fn the_host_with_the_most_connections_gives_way_by_the_longest_silent_of_them() {
        let hosts = ["192.0.2.1", "192.0.2.9", "192.0.2.9", "192.0.2.9"];
        let full = Full::with(&hosts).heard(&[0, 30, 10, 20]);
        assert_eq!(full.gives_way("192.0.2.5", 31), Some(2));
    }

    #[test]
    fn all_addresses_of_a_64_are_one_host() {
        let hosts = ["192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8::3"];
        let full = Full::with(&hosts).heard(&[0, 1, 2, 3]);
        assert_eq!(full.gives_way("192.0.2.5", 4), Some(1));
        // Which has two now.
        assert_eq!(full.gives_way("2001:db8::4", 4), None);
    }

    #[test]
    fn the_host_with_the_most_connections_cannot_push_out_others_that_speak() {
        let hosts = ["192.0.2.1", "192.0.2.9", "192.0.2.9"];
        let full = Full::with(&hosts).heard(&[100, 5_000, 5_000]);
        assert_eq!(full.gives_way("192.0.2.9", 5_099), None);
        assert_eq!(full.gives_way("192.0.2.9", 5_100), Some(0));
    }

    #[test]
    fn loopback_has_no_bound_and_gives_way_only_by_silence() {
        let hosts = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "192.0.2.1"];
        let full = Full::with(&hosts).heard(&[2, 1, 2, 3]);
        assert_eq!(full.gives_way("192.0.2.5", 100), None);
        assert_eq!(full.gives_way("192.0.2.5", 5_001), Some(1));
    }

    #[test]
    fn a_connection_of_a_proxy_counts_for_whom_it_speaks() {
        let hosts = ["127.0.0.1", "127.0.0.1", "127.0.0.1", "192.0.2.1"];
        let full = Full::with(&hosts).heard(&[9, 8, 7, 0]);
        for (_, ticket) in &full.tickets[..3] {
            ticket.speaks_for("192.0.2.9".parse().expect("an address"));
        }
        assert_eq!(full.gives_way("192.0.2.5", 10), Some(2));
    }

    #[test]
    fn what_has_ended_leaves_nothing_behind() {
        let full = Full::with(&["192.0.2.1", "192.0.2.1", "192.0.2.2"]);
        let connections = Arc::clone(&full.connections);
        drop(full);
        let table = lock(&connections.table);
        assert!(table.lines.is_empty() && table.order.is_empty());
        assert!(table.hosts.is_empty() && table.sizes.is_empty());
    }
}
