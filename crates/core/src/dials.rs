//! How often one host is dialled, whatever its ports: a tracker or a peer may name a thousand of one host
//! that has nothing to do with it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::host::Host;
use crate::{Table, Timestamp};

/// Dials of one host that are under way at once: begun, and no handshake has come.
pub(crate) const MAX_PER_HOST: usize = 4;

/// Dials of one host that fail in a row, at one address after the other, before it is left alone.
const MAX_FAILURES: u32 = 8;

/// For how long a host is left alone first. Doubled each time that a dial fails after that.
const FIRST_WAIT: Duration = Duration::from_secs(15);

/// For how long a host is left alone at most: two dials a minute harm nobody.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Hosts remembered: as many as there are addresses known of one torrent.
const MAX_HOSTS: usize = 2000;

/// The hosts at which dials failed lately.
#[derive(Debug, Default)]
pub(crate) struct Dials {
    failing: Table<Host, Failing>,
}

#[derive(Debug)]
struct Failing {
    /// Failures in a row, those at the same address one after the other counted once: an address that
    /// is dialled again has its own wait.
    count: u32,
    last: SocketAddr,
    wait: Duration,
    /// It is not dialled before this time.
    until: Timestamp,
}

impl Dials {
    /// Whether this host may be dialled now, as far as its failures go.
    pub fn allows(&self, host: Host, now: Timestamp) -> bool {
        let failing = self.failing.get(&host);
        failing.is_none_or(|failing| failing.until <= now)
    }

    /// A dial ended without a handshake.
    pub fn failed(&mut self, address: SocketAddr, now: Timestamp) {
        let host = Host::of(address.ip());
        if self.failing.len() >= MAX_HOSTS && !self.failing.contains_key(&host) {
            let oldest = self.failing.iter().min_by_key(|(_, failing)| failing.until);
            if let Some(oldest) = oldest.map(|(host, _)| *host) {
                self.failing.remove(&oldest);
            }
        }
        let mut is_new = false;
        let failing = self.failing.get_or_insert_with(host, || {
            is_new = true;
            Failing {
                count: 1,
                last: address,
                wait: FIRST_WAIT,
                until: now,
            }
        });
        if !is_new && failing.last != address {
            failing.count += 1;
        }
        failing.last = address;
        if failing.count >= MAX_FAILURES && failing.until <= now {
            failing.until = now + failing.wait;
            failing.wait = (failing.wait * 2).min(LONGEST_WAIT);
        }
    }

    /// A handshake came from this host.
    pub fn succeeded(&mut self, address: SocketAddr) {
        self.failing.remove(&Host::of(address.ip()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, 7], port))
    }

    #[test]
    fn a_host_that_fails_at_many_ports_is_left_alone_longer_and_longer_until_it_answers() {
        let mut dials = Dials::default();
        let host = Host::of(address(1).ip());
        let mut now = Timestamp::ZERO;
        let mut begun = 0;
        for port in 1..=600 {
            if dials.allows(host, now) {
                begun += 1;
                dials.failed(address(port), now);
            }
            now = now + Duration::from_secs(1);
        }
        assert!((10..20).contains(&begun), "{begun} dials in ten minutes");
        dials.succeeded(address(9));
        assert!(dials.allows(host, now));
    }

    #[test]
    fn one_address_that_fails_again_and_again_does_not_bar_its_host() {
        let mut dials = Dials::default();
        for _ in 0..100 {
            dials.failed(address(1), Timestamp::ZERO);
        }
        assert!(dials.allows(Host::of(address(1).ip()), Timestamp::ZERO));
    }
}
