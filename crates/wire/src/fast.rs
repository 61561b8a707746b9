//! The allowed-fast set (BEP 6): which pieces a peer may request while it is choked.

use crate::InfoHash;
use sha1::{Digest, Sha1};
use std::net::Ipv4Addr;

/// How many pieces a peer is usually allowed (BEP 6): enough to begin trading with.
pub const ALLOWED_FAST_PIECES: u32 = 10;

/// The most pieces in a set: more would be a way round the choking.
pub const MAX_ALLOWED_FAST: u32 = 64;

/// The pieces that the peer at `address` may request while choked, in the canonical order: a longer set begins with the
/// shorter one, whoever computes it. `pieces` is how many the torrent has; the set has `k` of them, or
/// [`MAX_ALLOWED_FAST`], or all, whichever is least.
///
/// Addresses of one /24 have the same set. BEP 6 has none for IPv6, nor for peers without an address.
pub fn allowed_fast_set(address: Ipv4Addr, info_hash: &InfoHash, pieces: u32, k: u32) -> Vec<u32> {
    let wanted = k.min(MAX_ALLOWED_FAST);
    if pieces <= wanted {
        return (0..pieces).collect();
    }
    let [a, b, c, _] = address.octets();
    let mut hash: [u8; 20] = Sha1::new()
        .chain_update([a, b, c, 0])
        .chain_update(info_hash)
        .finalize()
        .into();
    let mut set = Vec::with_capacity(wanted as usize);
    loop {
        for &number in hash.as_chunks().0 {
            if set.len() == wanted as usize {
                return set;
            }
            let piece = u32::from_be_bytes(number) % pieces;
            if !set.contains(&piece) {
                set.push(piece);
            }
        }
        hash = Sha1::digest(hash).into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(80, 4, 4, 200);

    #[test]
    fn the_set_is_that_of_bep_6() {
        let hash = InfoHash([0xaa; 20]);
        let nine = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508];
        assert_eq!(allowed_fast_set(ADDRESS, &hash, 1313, 9), nine);
        assert_eq!(allowed_fast_set(ADDRESS, &hash, 1313, 7), nine[..7]);
        let neighbour = Ipv4Addr::new(80, 4, 4, 3);
        assert_eq!(allowed_fast_set(neighbour, &hash, 1313, 9), nine);
        let stranger = Ipv4Addr::new(80, 4, 5, 200);
        assert_ne!(allowed_fast_set(stranger, &hash, 1313, 9), nine);
    }

    #[test]
    fn the_set_is_bounded_and_has_each_piece_once() {
        let hash = InfoHash([1; 20]);
        assert_eq!(allowed_fast_set(ADDRESS, &hash, 3, 10), [0, 1, 2]);
        assert!(allowed_fast_set(ADDRESS, &hash, 0, 10).is_empty());
        assert!(allowed_fast_set(ADDRESS, &hash, 1000, 0).is_empty());
        let mut all_but_one = allowed_fast_set(ADDRESS, &hash, MAX_ALLOWED_FAST + 1, u32::MAX);
        all_but_one.sort_unstable();
        all_but_one.dedup();
        assert_eq!(all_but_one.len(), MAX_ALLOWED_FAST as usize);
    }
}
