//! How many HTTP requests each host has sent of late.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use super::outbox::lock;
use crate::config::Rate;
use crate::network::host_of;
use crate::socket::Bucket;

/// Hosts whose requests are counted at once, 40 bytes each. Beyond it a host that is not counted yet
/// waits until another's requests are so old that they do not count.
const MAX_HOSTS: usize = 500_000;

/// How often the hosts whose requests are too old to count are forgotten, at most.
const FORGET_EVERY: Duration = Duration::from_secs(10);

/// See the module's own documentation.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    hosts: HashMap<IpAddr, Bucket>,
    /// When the old ones were last forgotten.
    forgotten: Duration,
}

impl Rates {
    /// Counts a request; `false` if it comes too soon after others of its host. Loopback has no
    /// bound: what is behind it is this machine's own business.
    pub(super) fn allow(&self, client: IpAddr, rate: Rate, now: Duration) -> bool {
        let host = host_of(client);
        if host.is_loopback() || rate == Rate::UNLIMITED {
            return true;
        }
        let mut table = lock(&self.0);
        if table.hosts.len() >= MAX_HOSTS {
            table.forget(now);
            if table.hosts.len() >= MAX_HOSTS && !table.hosts.contains_key(&host) {
                return false;
            }
        }
        table.hosts.entry(host).or_default().take(rate, now)
    }

    /// Forgets the hosts whose requests are too old to count.
    pub(super) fn forget(&self, now: Duration) {
        lock(&self.0).forget(now);
    }
}

impl Table {
    fn forget(&mut self, now: Duration) {
        if now < self.forgotten + FORGET_EVERY {
            return;
        }
        self.forgotten = now;
        self.hosts.retain(|_, bucket| !bucket.is_full(now));
        self.hosts.shrink_to(2 * self.hosts.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_slowed_down_alone_and_forgotten_when_it_has_been_silent() {
        let rates = Rates::default();
        let rate = Rate {
            per_second: 1,
            burst: 3,
        };
        let allow = |client: &str, at: u64| {
            let client = client.parse().expect("an address");
            rates.allow(client, rate, Duration::from_secs(at))
        };
        for _ in 0..3 {
            assert!(allow("2001:db8::1", 100));
        }
        assert!(!allow("2001:db8::2", 100), "the same /64");
        assert!(allow("192.0.2.1", 100));
        assert!(allow("2001:db8::3", 101));
        for _ in 0..100 {
            assert!(allow("127.0.0.1", 100));
        }
        assert_eq!(lock(&rates.0).hosts.len(), 2);
        rates.forget(Duration::from_secs(110));
        assert!(lock(&rates.0).hosts.is_empty());
    }
}
