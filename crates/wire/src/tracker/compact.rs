//! Peers' addresses in 6 bytes (IPv4, BEP 23) or 18 (IPv6, BEP 7) each: address, then port, highest byte first.

use super::MAX_PEERS;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reads IPv4 peers; what is left over at the end is passed over.
pub(super) fn read_v4(raw: &[u8], peers: &mut Vec<SocketAddr>) {
    for &[a, b, c, d, high, low] in raw.as_chunks().0 {
        add(
            peers,
            SocketAddr::new(
                Ipv4Addr::new(a, b, c, d).into(),
                u16::from_be_bytes([high, low]),
            ),
        );
    }
}

/// Reads IPv6 peers; what is left over at the end is passed over.
pub(super) fn read_v6(raw: &[u8], peers: &mut Vec<SocketAddr>) {
    for chunk in raw.as_chunks::<18>().0 {
        if let (Some(&ip), Some(&port)) = (chunk.first_chunk::<16>(), chunk.last_chunk::<2>()) {
            add(
                peers,
                SocketAddr::new(Ipv6Addr::from(ip).into(), u16::from_be_bytes(port)),
            );
        }
    }
}

/// Takes a peer that can be dialled, while there is room.
pub(super) fn add(peers: &mut Vec<SocketAddr>, peer: SocketAddr) {
    if peers.len() < MAX_PEERS
        && peer.port() != 0
        && !peer.ip().is_unspecified()
        && !peer.ip().is_multicast()
    {
        peers.push(peer);
    }
}

/// Writes the peer's address and port.
pub(super) fn write(peer: &SocketAddr, out: &mut Vec<u8>) {
    match peer.ip() {
        IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
        IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
    }
    out.extend_from_slice(&peer.port().to_be_bytes());
}
