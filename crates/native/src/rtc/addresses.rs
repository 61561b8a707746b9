//! The local addresses that WebRTC offers to be reached at.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Most addresses used: each is a socket of every connection, and machines with many bridges have
/// dozens.
const MAX_ADDRESSES: usize = 6;

/// The addresses to bind, each with a port of the system's choice: those in `bind`, or all if there
/// is none in it. Bound one by one, not as a wildcard, which would leave loopback out: on a machine
/// without a network it is the only one.
pub(super) fn local(bind: &[IpAddr]) -> Vec<SocketAddr> {
    let addresses = match bind {
        [] => all(),
        some => some.iter().copied().take(MAX_ADDRESSES).collect(),
    };
    addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, 0))
        .collect()
}

fn all() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .map(|interface| interface.ip())
        .filter(is_usable)
        .collect();
    // IPv4 first: it is what most pages can reach.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    addresses.push(Ipv4Addr::LOCALHOST.into());
    addresses
}

fn is_usable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !address.is_loopback() && !address.is_link_local() && !address.is_unspecified()
        }
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unicast_link_local() && !address.is_unspecified()
        }
    }
}
