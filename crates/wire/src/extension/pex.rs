//! `ut_pex` (BEP 11), by which peers tell each other whom they are connected to, in changes since the last message.

use super::ExtensionError;
use crate::{bencode, compact};
use serde::Serialize;
use serde_bytes::ByteBuf;
use std::net::SocketAddr;
use std::time::Duration;

/// The most peers added, and the most dropped, in a message: what BEP 11 allows. Only a first message may have more, and
/// then 50 are enough to go on with; what is over is passed over.
pub const MAX_PEX_PEERS: usize = 50;

/// The shortest time between two messages of one peer (BEP 11).
pub const PEX_INTERVAL: Duration = Duration::from_secs(60);

/// Whom the sender met and lost since its last message. What comes from outside is only a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UtPex {
    /// Peers that it is now connected to: IPv4 in front, each once.
    pub added: Vec<PexPeer>,
    /// Peers that it is no longer connected to: IPv4 in front, each once.
    pub dropped: Vec<SocketAddr>,
}

/// A peer that another is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PexPeer {
    /// Where it accepts connections.
    pub address: SocketAddr,
    /// What it is like.
    pub flags: PexFlags,
}

/// What a peer named by `ut_pex` is like. Bits that BEP 11 does not have are kept as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PexFlags(pub u8);

impl UtPex {
    /// The payload of a `ut_pex` message, with the first [`MAX_PEX_PEERS`] of each list.
    pub fn encode(&self) -> Vec<u8> {
        let mut form = PexForm::default();
        for peer in self.added.iter().take(MAX_PEX_PEERS) {
            let (peers, flags) = if peer.address.is_ipv4() {
                (&mut form.added, &mut form.added_f)
            } else {
                (&mut form.added6, &mut form.added6_f)
            };
            compact::write(&peer.address, peers);
            flags.push(peer.flags.0);
        }
        for address in self.dropped.iter().take(MAX_PEX_PEERS) {
            let peers = if address.is_ipv4() {
                &mut form.dropped
            } else {
                &mut form.dropped6
            };
            compact::write(address, peers);
        }
        bencode::to_bytes(&form)
    }

    /// Reads the payload of a `ut_pex` message. Addresses that cannot be dialled, lists that are no strings and flags of
    /// nobody are passed over; a peer without flags has none set.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtensionError> {
        let wrong = |error| ExtensionError::Bencode {
            message: "ut_pex",
            error,
        };
        let [mut v4, mut v4_flags, mut v6, mut v6_flags] = [&[][..]; 4];
        let [mut dropped_v4, mut dropped_v6] = [&[][..]; 2];
        for entry in bencode::dict_entries(payload).map_err(wrong)? {
            let (key, value) = entry.map_err(wrong)?;
            let list = match key {
                b"added" => &mut v4,
                b"added.f" => &mut v4_flags,
                b"added6" => &mut v6,
                b"added6.f" => &mut v6_flags,
                b"dropped" => &mut dropped_v4,
                b"dropped6" => &mut dropped_v6,
                _ => continue,
            };
            *list = bencode::byte_string(value).unwrap_or_default();
        }
        let mut pex = Self::default();
        for (number, address) in compact::v4(v4).enumerate() {
            pex.add(address, v4_flags.get(number));
        }
        for (number, address) in compact::v6(v6).enumerate() {
            pex.add(address, v6_flags.get(number));
        }
        for address in compact::v4(dropped_v4).chain(compact::v6(dropped_v6)) {
            if pex.dropped.len() == MAX_PEX_PEERS {
                break;
            }
            if compact::can_be_dialled(&address) && !pex.dropped.contains(&address) {
                pex.dropped.push(address);
            }
        }
        Ok(pex)
    }

    fn add(&mut self, address: SocketAddr, flags: Option<&u8>) {
        if self.added.len() < MAX_PEX_PEERS
            && compact::can_be_dialled(&address)
            && !self.added.iter().any(|known| known.address == address)
        {
            let flags = PexFlags(flags.copied().unwrap_or_default());
            self.added.push(PexPeer { address, flags });
        }
    }
}

impl PexFlags {
    /// The peer prefers encrypted connections (0x01).
    pub const ENCRYPTION: Self = Self(0x01);
    /// The peer is a seed, or wants nothing more (0x02, BEP 21).
    pub const UPLOAD_ONLY: Self = Self(0x02);
    /// The peer speaks uTP (0x04, BEP 29).
    pub const UTP: Self = Self(0x04);
    /// The peer passes on hole punches (0x08, BEP 55).
    pub const HOLEPUNCH: Self = Self(0x08);
    /// The sender dialled the peer, so that it can be reached (0x10).
    pub const REACHABLE: Self = Self(0x10);

    /// Whether all of `flags` are set.
    pub const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// These flags and those.
    pub const fn with(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }
}

/// The lists of IPv4 are always there, as some clients take them for granted.
#[derive(Serialize, Default)]
struct PexForm {
    added: ByteBuf,
    #[serde(rename = "added.f")]
    added_f: ByteBuf,
    #[serde(skip_serializing_if = "is_empty")]
    added6: ByteBuf,
    #[serde(rename = "added6.f", skip_serializing_if = "is_empty")]
    added6_f: ByteBuf,
    dropped: ByteBuf,
    #[serde(skip_serializing_if = "is_empty")]
    dropped6: ByteBuf,
}

fn is_empty(list: &ByteBuf) -> bool {
    list.is_empty()
}
