//! `bk_signal`, by which a peer that is connected to two web peers introduces them and passes on their offers and
//! answers, so that a swarm of web peers grows without its tracker. `docs/signalling-extension.md` specifies it.

use super::ExtensionError;
use crate::tracker::ws::OfferId;
use crate::{PeerId, bencode};
use serde::Serialize;
use serde_bytes::Bytes as ByteStr;
use std::time::Duration;

/// The longest SDP passed on, in bytes. Browsers' have 500 to 3,000.
pub const MAX_SIGNAL_SDP: usize = 16 * 1024;

/// The longest message read, in bytes: the longest SDP with all that goes around it, and room for later fields.
pub const MAX_SIGNAL_LENGTH: usize = MAX_SIGNAL_SDP + 1024;

/// The most peers named in an introduction; what is over is passed over.
pub const MAX_INTRODUCED: usize = 50;

/// The shortest time between two introductions to one peer.
pub const INTRODUCTION_INTERVAL: Duration = Duration::from_secs(10);

/// How long an offer may be answered. A relay forgets it then, and so does who made it.
pub const SIGNAL_OFFER_LIFETIME: Duration = Duration::from_secs(60);

/// How many offers of one peer a relay holds at once, unanswered.
pub const MAX_SIGNAL_OFFERS: usize = 5;

/// How many offers a relay takes from one peer in a minute, and how many it passes to one peer.
pub const SIGNAL_OFFERS_PER_MINUTE: u32 = 10;

/// A message of `bk_signal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal<'a> {
    /// To these peers, each named once, the sender will pass on offers from now on, and to no others.
    Peers(Vec<PeerId>),
    /// One peer would like a WebRTC connection with another.
    Offer {
        /// Whose offer it is, and for whom.
        route: Route,
        /// The session description (RFC 8866), with all its candidates.
        sdp: &'a str,
    },
    /// A peer takes an offer.
    Answer {
        /// Whose answer it is, and for whom: the offer's route turned round.
        route: Route,
        /// The session description (RFC 8866), with all its candidates.
        sdp: &'a str,
    },
    /// An offer will not be answered.
    Error {
        /// Who does not answer, and to whom: the offer's route turned round.
        route: Route,
        /// Why.
        code: SignalErrorCode,
    },
}

/// Which offer a message is about, and which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// The peer that the message comes from. A relay holds it against the handshake of the connection.
    pub from: PeerId,
    /// The peer that the message is for.
    pub to: PeerId,
    /// The offer's name, which whoever made it drew at random.
    pub id: OfferId,
}

/// Why an offer is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignalErrorCode {
    /// The relay is not connected to that peer, or the peer does not speak the extension (1).
    Unreachable,
    /// There are too many offers; later it may go (2).
    Limited,
    /// The peer does not want the connection: it has it already, or as many as it can have (3).
    Refused,
    /// A reason that this crate does not know.
    Other(u32),
}

impl Route {
    /// The way back.
    pub fn reversed(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            id: self.id,
        }
    }
}

impl Signal<'_> {
    /// Whom the message goes from and to; `None` for an introduction, which is the sender's own.
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Peers(_) => None,
            Self::Offer { route, .. } | Self::Answer { route, .. } | Self::Error { route, .. } => {
                Some(route)
            }
        }
    }

    /// The payload of a `bk_signal` message; an introduction with its first [`MAX_INTRODUCED`] peers.
    pub fn encode(&self) -> Vec<u8> {
        let introduced: Vec<u8> = match self {
            Self::Peers(peers) => peers
                .iter()
                .take(MAX_INTRODUCED)
                .flat_map(|peer| peer.0)
                .collect(),
            _ => Vec::new(),
        };
        let (kind, code, sdp) = match *self {
            Self::Peers(_) => (PEERS, None, None),
            Self::Offer { sdp, .. } => (OFFER, None, Some(sdp)),
            Self::Answer { sdp, .. } => (ANSWER, None, Some(sdp)),
            Self::Error { code, .. } => (ERROR, Some(code.number()), None),
        };
        let route = self.route();
        bencode::to_bytes(&SignalForm {
            code,
            from: route.map(|route| ByteStr::new(&route.from.0)),
            id: route.map(|route| ByteStr::new(&route.id.0)),
            peers: matches!(self, Self::Peers(_)).then_some(ByteStr::new(&introduced)),
            sdp,
            to: route.map(|route| ByteStr::new(&route.to.0)),
            kind,
        })
    }
}

impl<'a> Signal<'a> {
    /// Reads the payload of a `bk_signal` message. Fields that are not known are passed over.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ExtensionError> {
        if payload.len() > MAX_SIGNAL_LENGTH {
            return Err(ExtensionError::SignalTooLong {
                length: payload.len(),
            });
        }
        let wrong = |error| ExtensionError::Bencode {
            message: "bk_signal",
            error,
        };
        bencode::scan(payload).map_err(wrong)?;
        let mut fields = Fields::default();
        for entry in bencode::dict_entries(payload).map_err(wrong)? {
            let (key, value) = entry.map_err(wrong)?;
            let field = match key {
                b"code" => {
                    fields.code = bencode::int(value).ok();
                    continue;
                }
                b"from" => &mut fields.from,
                b"id" => &mut fields.id,
                b"peers" => &mut fields.peers,
                b"sdp" => &mut fields.sdp,
                b"to" => &mut fields.to,
                b"type" => &mut fields.kind,
                _ => continue,
            };
            *field = bencode::byte_string(value).ok();
        }
        let kind = fields.kind.ok_or(malformed("type"))?;
        match std::str::from_utf8(kind) {
            Ok(PEERS) => Ok(Self::Peers(fields.peers()?)),
            Ok(OFFER) => Ok(Self::Offer {
                route: fields.route()?,
                sdp: fields.sdp()?,
            }),
            Ok(ANSWER) => Ok(Self::Answer {
                route: fields.route()?,
                sdp: fields.sdp()?,
            }),
            Ok(ERROR) => Ok(Self::Error {
                route: fields.route()?,
                code: fields.code()?,
            }),
            _ => Err(ExtensionError::UnknownSignal),
        }
    }
}

const PEERS: &str = "peers";
const OFFER: &str = "offer";
const ANSWER: &str = "answer";
const ERROR: &str = "error";

#[derive(Serialize)]
struct SignalForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a ByteStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a ByteStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peers: Option<&'a ByteStr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sdp: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a ByteStr>,
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Default)]
struct Fields<'a> {
    code: Option<i64>,
    from: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    peers: Option<&'a [u8]>,
    sdp: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn route(&self) -> Result<Route, ExtensionError> {
        Ok(Route {
            from: PeerId(name("from", self.from)?),
            to: PeerId(name("to", self.to)?),
            id: OfferId(name("id", self.id)?),
        })
    }

    fn sdp(&self) -> Result<&'a str, ExtensionError> {
        self.sdp
            .filter(|sdp| !sdp.is_empty() && sdp.len() <= MAX_SIGNAL_SDP)
            .and_then(|sdp| std::str::from_utf8(sdp).ok())
            .ok_or(malformed("sdp"))
    }

    fn code(&self) -> Result<SignalErrorCode, ExtensionError> {
        self.code
            .and_then(|code| u32::try_from(code).ok())
            .map(SignalErrorCode::from_number)
            .ok_or(malformed("code"))
    }

    fn peers(&self) -> Result<Vec<PeerId>, ExtensionError> {
        let raw = self.peers.ok_or(malformed("peers"))?;
        let (ids, []) = raw.as_chunks() else {
            return Err(malformed("peers"));
        };
        let mut peers = Vec::new();
        for &id in ids.iter().take(MAX_INTRODUCED) {
            if !peers.contains(&PeerId(id)) {
                peers.push(PeerId(id));
            }
        }
        Ok(peers)
    }
}

impl SignalErrorCode {
    fn number(self) -> u32 {
        match self {
            Self::Unreachable => 1,
            Self::Limited => 2,
            Self::Refused => 3,
            Self::Other(number) => number,
        }
    }

    fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Unreachable,
            2 => Self::Limited,
            3 => Self::Refused,
            other => Self::Other(other),
        }
    }
}

fn name(field: &'static str, raw: Option<&[u8]>) -> Result<[u8; 20], ExtensionError> {
    raw.and_then(|raw| raw.try_into().ok())
        .ok_or(malformed(field))
}

fn malformed(field: &'static str) -> ExtensionError {
    ExtensionError::SignalField { field }
}
