//! The host behind an address: what bans, dials and places are counted by.

use std::net::{IpAddr, Ipv6Addr};

/// A host, as far as its address tells: one IPv4 address, or the /64 of an IPv6 address, which is what
/// one customer of a provider has. Link-local, unique-local and loopback addresses of IPv6 are hosts each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Host(IpAddr);

impl Host {
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip)
                if !ip.is_loopback() && !ip.is_unicast_link_local() && !ip.is_unique_local() =>
            {
                let [a, b, c, d, ..] = ip.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            ip => Self(ip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_addresses_of_one_customer_are_one_host_and_local_ones_are_not() {
        let same = |a: &str, b: &str| Host::of(a.parse().unwrap()) == Host::of(b.parse().unwrap());
        assert!(same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"));
        assert!(!same("2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same("::ffff:203.0.113.5", "203.0.113.5"));
        assert!(!same("203.0.113.5", "203.0.113.6"));
        for local in ["fe80::", "fd00:1:2:3::", "127.0.0."] {
            assert!(!same(&format!("{local}1"), &format!("{local}2")), "{local}");
        }
    }
}
