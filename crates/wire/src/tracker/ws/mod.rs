//! What peers and a WebTorrent tracker say over a WebSocket: JSON objects that carry announces, and offers and answers
//! from peer to peer.
//!
//! Twenty-byte names are strings of twenty characters, U+0000 to U+00FF, one for each byte. Reading is tolerant, as
//! the clients and trackers in use require: unknown fields are passed over, and a number that is none is taken as not
//! there. Writing keeps to what every public tracker accepts.

mod binary;
mod client;
mod sdp;
mod server;

pub use client::{ClientMessage, Offer};
pub use sdp::Sdp;
pub use server::ServerMessage;

use std::fmt;

/// The most offers taken from one announce; more are passed over. Clients send 5 to 10.
pub const MAX_OFFERS: usize = 16;

/// The longest SDP, in bytes, as in libtorrent. Those of data channels have up to about 2,000.
pub const MAX_SDP_LENGTH: usize = 64 * 1024;

/// The most info-hashes in one scrape; more are passed over.
pub const MAX_SCRAPE: usize = 64;

/// The name that a peer gives to one of its offers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(pub [u8; 20]);

/// A text that is no message of this protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WsError {
    /// Not the JSON that it should be.
    #[error("not a tracker message: {0}")]
    Json(String),
    /// A field that this message must have is not there.
    #[error("a tracker message needs the field {field}")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A name is not twenty characters of U+0000 to U+00FF.
    #[error("field {field} of a tracker message is not 20 binary characters")]
    Binary {
        /// The field.
        field: &'static str,
    },
    /// An SDP is longer than [`MAX_SDP_LENGTH`], or no string.
    #[error("field {field} of a tracker message has no usable SDP")]
    Sdp {
        /// The field.
        field: &'static str,
    },
    /// An action that the protocol does not have.
    #[error("unknown action {action:?} in a tracker message")]
    Action {
        /// Its name, cut to 32 characters.
        action: String,
    },
}

impl fmt::Debug for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl From<[u8; 20]> for OfferId {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

fn json_error(error: serde_json::Error) -> WsError {
    WsError::Json(error.to_string())
}

fn unknown_action(action: &str) -> WsError {
    WsError::Action {
        action: action.chars().take(32).collect(),
    }
}
