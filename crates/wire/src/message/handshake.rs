//! The handshake that opens a connection (BEP 3), and the reserved bits in it by which peers tell each other which
//! extensions they speak.

use crate::{InfoHash, PeerId};
use std::fmt;

/// Bytes in a handshake.
pub const HANDSHAKE_LENGTH: usize = 68;

const PROTOCOL: &[u8; 20] = b"\x13BitTorrent protocol";

/// The first 68 bytes of a connection, in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// Which extensions the sender speaks.
    pub reserved: Reserved,
    /// The torrent that the connection is for.
    pub info_hash: InfoHash,
    /// Who the sender is.
    pub peer_id: PeerId,
}

/// The eight reserved bytes of a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserved(pub [u8; 8]);

/// The bytes do not begin a BitTorrent handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the peer does not speak the BitTorrent protocol (byte {position} of its handshake is wrong)"
)]
pub struct HandshakeError {
    /// The first wrong byte, from 0.
    pub position: usize,
}

impl Handshake {
    /// The handshake's bytes.
    pub fn encode(&self) -> [u8; HANDSHAKE_LENGTH] {
        let mut bytes = [0; HANDSHAKE_LENGTH];
        bytes[..20].copy_from_slice(PROTOCOL);
        bytes[20..28].copy_from_slice(&self.reserved.0);
        bytes[28..48].copy_from_slice(&self.info_hash.0);
        bytes[48..].copy_from_slice(&self.peer_id.0);
        bytes
    }

    /// Reads the handshake at the start of `input`, [`HANDSHAKE_LENGTH`] bytes. `None` if more has to come; an error as
    /// soon as it cannot become one.
    pub fn decode(input: &[u8]) -> Result<Option<Self>, HandshakeError> {
        if let Some(position) = input
            .iter()
            .zip(PROTOCOL)
            .position(|(found, expected)| found != expected)
        {
            return Err(HandshakeError { position });
        }
        Ok(Self::after_protocol(
            input.get(PROTOCOL.len()..).unwrap_or_default(),
        ))
    }

    fn after_protocol(input: &[u8]) -> Option<Self> {
        let (reserved, rest) = input.split_first_chunk()?;
        let (info_hash, rest) = rest.split_first_chunk()?;
        let (peer_id, _) = rest.split_first_chunk()?;
        Some(Self {
            reserved: Reserved(*reserved),
            info_hash: InfoHash(*info_hash),
            peer_id: PeerId(*peer_id),
        })
    }
}

impl Reserved {
    /// No extension.
    pub const NONE: Self = Self([0; 8]);

    /// The extension protocol (BEP 10).
    pub const fn extension_protocol(self) -> bool {
        self.0[5] & 0x10 != 0
    }

    /// The fast extension (BEP 6).
    pub const fn fast(self) -> bool {
        self.0[7] & 0x04 != 0
    }

    /// Version 2 (BEP 52): set by who opens a connection by the version 1 info-hash of a hybrid torrent, and could go on
    /// by the other.
    pub const fn v2(self) -> bool {
        self.0[7] & 0x10 != 0
    }

    /// The DHT (BEP 5).
    pub const fn dht(self) -> bool {
        self.0[7] & 0x01 != 0
    }

    /// The same bits and the extension protocol's (BEP 10).
    pub const fn with_extension_protocol(mut self) -> Self {
        self.0[5] |= 0x10;
        self
    }

    /// The same bits and the fast extension's (BEP 6).
    pub const fn with_fast(mut self) -> Self {
        self.0[7] |= 0x04;
        self
    }

    /// The same bits and that of version 2 (BEP 52).
    pub const fn with_v2(mut self) -> Self {
        self.0[7] |= 0x10;
        self
    }

    /// The same bits and the DHT's (BEP 5).
    pub const fn with_dht(mut self) -> Self {
        self.0[7] |= 0x01;
        self
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserved({:016x})", u64::from_be_bytes(self.0))
    }
}
