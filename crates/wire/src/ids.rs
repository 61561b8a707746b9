//! The names of the protocol: the hashes that name a torrent and the id that names a peer.

use std::fmt;
use std::str::FromStr;

/// The SHA-1 of a torrent's `info` dictionary, which names the torrent and its swarm (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHash(pub [u8; 20]);

/// The SHA-256 of a torrent's `info` dictionary, which names a torrent of version 2 (BEP 52). Where a swarm has twenty bytes
/// for its name, it is [cut short](Self::truncated).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHashV2(pub [u8; 32]);

/// The id that a peer chose for itself (BEP 3, BEP 20). Any twenty bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub [u8; 20]);

/// A text that is not an info-hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InfoHashError {
    /// Neither 40 hexadecimal nor 32 base32 digits long.
    #[error("an info-hash has 40 hexadecimal or 32 base32 digits, not {length} characters")]
    Length {
        /// How many bytes the text had.
        length: usize,
    },
    /// Not 64 hexadecimal digits long, as one of version 2 is.
    #[error("an info-hash of version 2 has 64 hexadecimal digits, not {length} characters")]
    LengthV2 {
        /// How many bytes the text had.
        length: usize,
    },
    /// Not the multihash of a SHA-256.
    #[error(
        "an info-hash of version 2 in a link has 68 hexadecimal digits, the first of them 1220"
    )]
    Multihash,
    /// A character that is no digit of the encoding which the length stands for.
    #[error("an info-hash has no digit at position {position} (from 0)")]
    Digit {
        /// Where it stands, in bytes from the start.
        position: usize,
    },
}

impl InfoHash {
    /// Reads 40 hexadecimal digits, in either case.
    pub fn from_hex(text: &str) -> Result<Self, InfoHashError> {
        read_hex(text)
            .unwrap_or(Err(InfoHashError::Length { length: text.len() }))
            .map(Self)
    }

    /// The SHA-1 of `info`, the raw bytes of an `info` dictionary.
    pub fn of_info(info: &[u8]) -> Self {
        use sha1::{Digest, Sha1};
        Self(Sha1::digest(info).into())
    }

    fn from_base32(text: &str) -> Result<Self, InfoHashError> {
        let mut hash = [0; 20];
        let (mut bits, mut held) = (0u32, 0);
        let mut bytes = hash.iter_mut();
        for (position, digit) in text.bytes().enumerate() {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a',
                b'2'..=b'7' => digit - b'2' + 26,
                _ => return Err(InfoHashError::Digit { position }),
            };
            bits = bits << 5 | u32::from(value);
            held += 5;
            if held >= 8 {
                held -= 8;
                if let Some(byte) = bytes.next() {
                    *byte = (bits >> held) as u8;
                }
            }
        }
        Ok(Self(hash))
    }
}

impl InfoHashV2 {
    /// Reads 64 hexadecimal digits, in either case.
    pub fn from_hex(text: &str) -> Result<Self, InfoHashError> {
        read_hex(text)
            .unwrap_or(Err(InfoHashError::LengthV2 { length: text.len() }))
            .map(Self)
    }

    /// Reads the multihash of a magnet link (BEP 9): 68 hexadecimal digits, in either case, that begin with `1220`.
    pub fn from_multihash(text: &str) -> Result<Self, InfoHashError> {
        match text.strip_prefix(MULTIHASH_PREFIX) {
            Some(digits) => Self::from_hex(digits).map_err(|_| InfoHashError::Multihash),
            None => Err(InfoHashError::Multihash),
        }
    }

    /// The multihash of a magnet link (BEP 9).
    pub fn to_multihash(self) -> String {
        format!("{MULTIHASH_PREFIX}{self}")
    }

    /// The SHA-256 of `info`, the raw bytes of an `info` dictionary.
    pub fn of_info(info: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        Self(Sha256::digest(info).into())
    }

    /// The first twenty bytes, which stand for the torrent in handshakes and at trackers.
    pub fn truncated(self) -> InfoHash {
        let mut hash = [0; 20];
        hash.copy_from_slice(&self.0[..20]);
        InfoHash(hash)
    }
}

/// What says that a SHA-256 of 32 bytes follows.
const MULTIHASH_PREFIX: &str = "1220";

/// Accepts 40 hexadecimal digits or 32 base32 digits (BEP 9), in either case.
impl FromStr for InfoHash {
    type Err = InfoHashError;

    fn from_str(text: &str) -> Result<Self, InfoHashError> {
        if text.len() == 32 {
            Self::from_base32(text)
        } else {
            Self::from_hex(text)
        }
    }
}

/// Forty lower-case hexadecimal digits.
impl fmt::Display for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for InfoHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// Sixty-four lower-case hexadecimal digits.
impl fmt::Display for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

/// The id as clients show it: printable ASCII as it is, any other byte as `\xNN`.
impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<[u8; 20]> for InfoHash {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl From<[u8; 20]> for PeerId {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for InfoHash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for PeerId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// `None` if there are not two digits for each byte.
fn read_hex<const N: usize>(text: &str) -> Option<Result<[u8; N], InfoHashError>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != N {
        return None;
    }
    let mut hash = [0; N];
    for (index, (pair, byte)) in pairs.iter().zip(&mut hash).enumerate() {
        for (offset, &digit) in pair.iter().enumerate() {
            let Some(nibble) = (digit as char).to_digit(16) else {
                let position = index * 2 + offset;
                return Some(Err(InfoHashError::Digit { position }));
            };
            *byte = *byte << 4 | nibble as u8;
        }
    }
    Some(Ok(hash))
}

/// Writes up to 32 bytes.
fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [byte >> 4, byte & 15].map(|nibble| DIGITS[usize::from(nibble)]);
    }
    let text = text.get(..bytes.len() * 2).unwrap_or_default();
    f.write_str(std::str::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "08ada5a7a6183aae1e09d831df6748d566095a10";

    #[test]
    fn an_info_hash_reads_back_from_hexadecimal_in_either_case() {
        let hash: InfoHash = HEX.parse().unwrap();
        assert_eq!(hash.to_string(), HEX);
        assert_eq!(InfoHash::from_hex(&HEX.to_uppercase()), Ok(hash));
    }

    #[test]
    fn base32_and_hexadecimal_of_one_hash_are_the_same_info_hash() {
        let hash: InfoHash = HEX.parse().unwrap();
        assert_eq!("BCW2LJ5GDA5K4HQJ3AY56Z2I2VTASWQQ".parse(), Ok(hash));
        assert_eq!("bcw2lj5gda5k4hqj3ay56z2i2vtaswqq".parse(), Ok(hash));
    }

    #[test]
    fn a_text_that_is_no_info_hash_says_what_is_wrong() {
        assert_eq!(
            "".parse::<InfoHash>(),
            Err(InfoHashError::Length { length: 0 })
        );
        assert_eq!(
            "0".repeat(39).parse::<InfoHash>(),
            Err(InfoHashError::Length { length: 39 })
        );
        assert_eq!(
            HEX.replacen('a', "g", 1).parse::<InfoHash>(),
            Err(InfoHashError::Digit { position: 2 })
        );
        assert_eq!(
            "1".repeat(32).parse::<InfoHash>(),
            Err(InfoHashError::Digit { position: 0 })
        );
        assert!("é".repeat(20).parse::<InfoHash>().is_err());
    }

    #[test]
    fn an_info_hash_of_version_2_reads_back_and_is_cut_short_for_swarms() {
        let hex = HEX.to_owned() + "0123456789abcdef01234567";
        let hash = InfoHashV2::from_hex(&hex).unwrap();
        assert_eq!(hash.to_string(), hex);
        assert_eq!(hash.truncated().to_string(), HEX);
        assert_eq!(hash.to_multihash(), format!("1220{hex}"));
        assert_eq!(InfoHashV2::from_multihash(&hash.to_multihash()), Ok(hash));
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(InfoHashV2::of_info(b"abc").to_string(), of_abc);
        assert_eq!(
            InfoHashV2::from_hex(HEX),
            Err(InfoHashError::LengthV2 { length: 40 })
        );
        assert_eq!(
            InfoHashV2::from_hex(&hex.replacen('a', "g", 1)),
            Err(InfoHashError::Digit { position: 2 })
        );
        for text in ["", &hex, &format!("1120{hex}"), &format!("1220{HEX}"), "é"] {
            assert_eq!(
                InfoHashV2::from_multihash(text),
                Err(InfoHashError::Multihash)
            );
        }
    }

    #[test]
    fn a_peer_id_shows_its_client_and_escapes_the_rest() {
        let mut id = *b"-BR0010-            ";
        id[19] = 0xff;
        assert_eq!(PeerId(id).to_string(), "-BR0010-           \\xff");
    }
}
