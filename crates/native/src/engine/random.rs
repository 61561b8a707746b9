//! The system's random numbers.

use std::io;

use brackish_wire::PeerId;

/// Fills a seed or identity.
pub(crate) fn fill(bytes: &mut [u8]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(io::Error::other)
}

/// A number that nobody can guess. The system has random numbers at this point: the engine did not
/// start without them.
pub(crate) fn random_u32() -> u32 {
    let mut bytes = [0; 4];
    // Zeros, should the system fail after all, are only guessable.
    let _ = fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

/// A new identity (BEP 20): `-BK`, the version in four characters, `-`, then random letters and
/// digits.
pub(super) fn peer_id() -> io::Result<PeerId> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let version = [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ];
    let mut id = [b'0'; 20];
    let prefix = format!("-BK{:.1}{:.1}{:.1}0-", version[0], version[1], version[2]);
    let (head, tail) = id.split_at_mut(8);
    head.iter_mut()
        .zip(prefix.bytes())
        .for_each(|(place, byte)| *place = byte);
    fill(tail)?;
    for byte in tail {
        *byte = ALPHABET
            .get(usize::from(*byte) % ALPHABET.len())
            .copied()
            .unwrap_or(b'0');
    }
    Ok(PeerId(id))
}
