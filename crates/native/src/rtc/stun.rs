//! As much of STUN (RFC 8489) and TURN (RFC 8656) as tells to whom a datagram goes, and from whom
//! one comes. Nothing here checks a signature: that is done by the `webrtc` crate.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Length of a STUN header in bytes.
const HEADER: usize = 20;

/// What every STUN message has in its bytes 4 to 7.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// Message types: method and class in one number.
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const CHANNEL_BIND_REQUEST: u16 = 0x0009;
const SEND_INDICATION: u16 = 0x0016;
const DATA_INDICATION: u16 = 0x0017;

/// Attribute types.
const USERNAME: u16 = 0x0006;
const CHANNEL_NUMBER: u16 = 0x000c;
const XOR_PEER_ADDRESS: u16 = 0x0012;
const DATA: u16 = 0x0013;

/// The number that a request and its response have in common.
pub(super) type Transaction = [u8; 12];

/// A STUN message, as long as it is well-formed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    kind: u16,
    transaction: Transaction,
    attributes: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads a datagram; `None` if it is something else than STUN.
    pub(super) fn read(datagram: &'a [u8]) -> Option<Self> {
        let (header, attributes) = datagram.split_at_checked(HEADER)?;
        if header[0] > 3 || header[4..8] != MAGIC_COOKIE {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        Some(Self {
            kind: u16::from_be_bytes([header[0], header[1]]),
            transaction: header[8..HEADER].try_into().ok()?,
            attributes: attributes.get(..length)?,
        })
    }

    /// The transaction of a binding request, which a connectivity check is.
    pub(super) fn binding_request(&self) -> Option<Transaction> {
        (self.kind == BINDING_REQUEST).then_some(self.transaction)
    }

    /// The transaction of a successful response to a binding request.
    pub(super) fn binding_success(&self) -> Option<Transaction> {
        (self.kind == BINDING_SUCCESS).then_some(self.transaction)
    }

    /// Whether it is a connectivity check of the user that an ICE agent calls `ufrag`.
    pub(super) fn checks(&self, ufrag: &str) -> bool {
        let user = || {
            let name = self.attribute(USERNAME)?;
            name.strip_prefix(ufrag.as_bytes())
        };
        self.kind == BINDING_REQUEST && user().is_some_and(|rest| rest.first() == Some(&b':'))
    }

    /// The channel that a client of a TURN server binds, and the peer that it is bound to.
    pub(super) fn channel_bind(&self) -> Option<(u16, SocketAddr)> {
        let number = self.attribute(CHANNEL_NUMBER)?.get(..2)?.try_into().ok()?;
        let peer = self.peer_address()?;
        (self.kind == CHANNEL_BIND_REQUEST).then_some((u16::from_be_bytes(number), peer))
    }

    /// A datagram that a TURN server is to pass on, or passes on, and its peer.
    pub(super) fn relayed(&self) -> Option<(SocketAddr, &'a [u8])> {
        let relayed = matches!(self.kind, SEND_INDICATION | DATA_INDICATION);
        let data = self.attribute(DATA).filter(|_| relayed)?;
        Some((self.peer_address()?, data))
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        let value = self.attribute(XOR_PEER_ADDRESS)?;
        let cookie = MAGIC_COOKIE;
        let port = u16::from_be_bytes([value.get(2)? ^ cookie[0], value.get(3)? ^ cookie[1]]);
        let mut mask = [0; 16];
        mask[..4].copy_from_slice(&cookie);
        mask[4..].copy_from_slice(&self.transaction);
        let ip: IpAddr = match (value[1], value.len()) {
            (1, 8) => {
                let bytes: [u8; 4] = std::array::from_fn(|at| value[4 + at] ^ mask[at]);
                Ipv4Addr::from(bytes).into()
            }
            (2, 20) => {
                let bytes: [u8; 16] = std::array::from_fn(|at| value[4 + at] ^ mask[at]);
                Ipv6Addr::from(bytes).into()
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }

    fn attribute(&self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.attributes;
        loop {
            let (head, body) = rest.split_at_checked(4)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let value = body.get(..length)?;
            if u16::from_be_bytes([head[0], head[1]]) == wanted {
                return Some(value);
            }
            // Each attribute is padded to a multiple of four bytes.
            rest = body.get(length.next_multiple_of(4)..)?;
        }
    }
}

/// The channel of a datagram to or from a TURN server that goes by a bound channel, and what it
/// carries.
pub(super) fn channel_data(datagram: &[u8]) -> Option<(u16, &[u8])> {
    let (head, body) = datagram.split_at_checked(4)?;
    let channel = u16::from_be_bytes([head[0], head[1]]);
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    (0x4000..0x8000)
        .contains(&channel)
        .then_some((channel, body.get(..length)?))
}
