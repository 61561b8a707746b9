//! What of an address one host can choose freely, so that hosts and not addresses are counted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The part of an address that stands for one host: an IPv4 address; of an IPv6 address the /64,
/// whose addresses are all the host's own. Link-local and unique-local IPv6 addresses stand for
/// themselves, since one /64 of those holds many hosts. All of loopback is one host.
pub(crate) fn host_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        ip if ip.is_loopback() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if !ip.is_unicast_link_local() && !ip.is_unique_local() => {
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_one_host_chooses_among_are_one_host() {
        let host = |text: &str| host_of(text.parse().expect("an address"));
        for (one, other, same) in [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("fe80::1", "fe80::2", false),
            ("fd00::1", "fd00::2", false),
            ("::ffff:192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("127.0.0.1", "127.9.9.9", true),
            ("::1", "127.0.0.1", true),
        ] {
            assert_eq!(host(one) == host(other), same, "{one} and {other}");
        }
    }
}
