//! Peers' addresses in 6 bytes (IPv4, BEP 23) or 18 (IPv6, BEP 7) each: address, then port, highest byte first.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// IPv4 peers; what is left over at the end is passed over.
pub(crate) fn v4(raw: &[u8]) -> impl Iterator<Item = SocketAddr> {
    raw.as_chunks().0.iter().map(|&[a, b, c, d, high, low]| {
        let port = u16::from_be_bytes([high, low]);
        SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), port)
    })
}

/// IPv6 peers; what is left over at the end is passed over.
pub(crate) fn v6(raw: &[u8]) -> impl Iterator<Item = SocketAddr> {
    raw.as_chunks::<18>().0.iter().filter_map(|chunk| {
        let (&ip, &port) = (chunk.first_chunk::<16>()?, chunk.last_chunk()?);
        Some(SocketAddr::new(
            Ipv6Addr::from(ip).into(),
            u16::from_be_bytes(port),
        ))
    })
}

/// Whether there can be a peer at that address.
pub(crate) fn can_be_dialled(peer: &SocketAddr) -> bool {
    peer.port() != 0 && !peer.ip().is_unspecified() && !peer.ip().is_multicast()
}

/// Writes the peer's address and port.
pub(crate) fn write(peer: &SocketAddr, out: &mut Vec<u8>) {
    match peer.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(&peer.port().to_be_bytes());
}
