//! Canonical peer priority (BEP 40): which connections to keep, the same at both ends and hard to choose for anyone.

use std::net::{IpAddr, SocketAddr};

/// The priority of the connection between these two peers; the higher is to be kept. It is the same whichever comes
/// first. For our own end, take the address by which the other peer sees us, not one of a local network.
pub fn peer_priority(one: SocketAddr, other: SocketAddr) -> u32 {
    let (one, one_port) = (one.ip().to_canonical(), one.port());
    let (other, other_port) = (other.ip().to_canonical(), other.port());
    if one == other {
        return of_bytes(one_port.to_be_bytes(), other_port.to_be_bytes());
    }
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let (one, other) = masked(one.octets(), other.octets(), 2);
            of_bytes(one, other)
        }
        _ => {
            let (one, other) = masked(octets(one), octets(other), 6);
            of_bytes(one, other)
        }
    }
}

/// Both addresses with every second bit cleared in what follows the first byte in which they differ, and their first
/// `network` bytes: so that within one network, which anyone may own as a whole, the choice of an address counts less.
fn masked<const N: usize>(
    mut one: [u8; N],
    mut other: [u8; N],
    network: usize,
) -> ([u8; N], [u8; N]) {
    let same = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let kept = network.max(same + 1);
    for (a, b) in one.iter_mut().zip(&mut other).skip(kept) {
        *a &= 0x55;
        *b &= 0x55;
    }
    (one, other)
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn of_bytes<const N: usize>(one: [u8; N], other: [u8; N]) -> u32 {
    let (first, second) = if one <= other {
        (one, other)
    } else {
        (other, one)
    };
    crc32c(first.into_iter().chain(second))
}

/// CRC-32C (Castagnoli), bit by bit: the input has 32 bytes at most.
fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    const REVERSED_POLYNOMIAL: u32 = 0x82f6_3b78;
    let crc = bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ (REVERSED_POLYNOMIAL & (crc & 1).wrapping_neg())
        })
    });
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priority(one: &str, other: &str) -> u32 {
        let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(peer_priority(one, other), peer_priority(other, one));
        peer_priority(one, other)
    }

    #[test]
    fn the_priority_is_that_of_bep_40() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
        assert_eq!(priority("123.213.32.10:1", "98.76.54.32:2"), 0xec2d_7224);
        assert_eq!(priority("123.213.32.10:1", "123.213.32.234:2"), 0x9956_8189);
        let ports = crc32c([0x00, 0x50, 0x1a, 0xe1].into_iter());
        assert_eq!(priority("10.0.0.1:6881", "10.0.0.1:80"), ports);
    }

    #[test]
    fn addresses_are_masked_behind_the_first_byte_that_differs() {
        let of = |bytes: &[u8]| crc32c(bytes.iter().copied());
        assert_eq!(
            priority("10.1.255.255:1", "10.1.0.255:1"),
            of(&[10, 1, 0, 0x55, 10, 1, 255, 0x55])
        );
        let far = [
            [0x20, 0x01, 0x0d, 0xb8, 0, 0].as_slice(),
            &[0x55; 10],
            &[0x20, 0x01, 0x0d, 0xb8, 0, 1],
            &[0x55; 10],
        ];
        assert_eq!(
            priority(
                "[2001:db8:0:ffff:ffff:ffff:ffff:ffff]:1",
                "[2001:db8:1:ffff:ffff:ffff:ffff:ffff]:1"
            ),
            of(&far.concat())
        );
        let near = [
            [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0xfe].as_slice(),
            &[0x55; 9],
            &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0xff],
            &[0x55; 9],
        ];
        assert_eq!(
            priority(
                "[2001:db8:0:feff:ffff:ffff:ffff:ffff]:1",
                "[2001:db8:0:ffff:ffff:ffff:ffff:ffff]:1"
            ),
            of(&near.concat())
        );
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_the_same_peer() {
        assert_eq!(
            priority("[::ffff:123.213.32.10]:1", "98.76.54.32:2"),
            0xec2d_7224
        );
        assert_eq!(
            priority("[::ffff:10.0.0.1]:1", "10.0.0.1:2"),
            priority("10.0.0.1:1", "10.0.0.1:2")
        );
    }
}
