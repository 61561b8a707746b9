//! Messages inside the extension protocol (BEP 10): its handshake, `ut_metadata` (BEP 9), `ut_pex` (BEP 11),
//! `lt_donthave` (BEP 54), and `bk_signal`, by which peers pass on each other's offers and answers.

mod dont_have;
mod handshake;
mod metadata;
mod pex;
mod signal;

pub use dont_have::DontHave;
pub use handshake::{ExtendedHandshake, HANDSHAKE_ID, MAX_EXTENSIONS, MAX_HANDSHAKE_LENGTH};
pub use metadata::{MAX_METADATA_SIZE, METADATA_PIECE_LENGTH, UtMetadata};
pub use pex::{MAX_PEX_PEERS, PEX_INTERVAL, PexFlags, PexPeer, UtPex};
pub use signal::{
    INTRODUCTION_INTERVAL, MAX_INTRODUCED, MAX_SIGNAL_LENGTH, MAX_SIGNAL_OFFERS, MAX_SIGNAL_SDP,
    Route, SIGNAL_OFFER_LIFETIME, SIGNAL_OFFERS_PER_MINUTE, Signal, SignalErrorCode,
};

use crate::bencode::BencodeError;

/// The name of the metadata extension in a handshake's `m` (BEP 9).
pub const UT_METADATA: &str = "ut_metadata";

/// The name of the peer exchange extension in a handshake's `m` (BEP 11).
pub const UT_PEX: &str = "ut_pex";

/// The name of the extension by which a peer takes a `have` back (BEP 54).
pub const LT_DONTHAVE: &str = "lt_donthave";

/// The name of the extension by which peers introduce web peers to each other; see `docs/signalling-extension.md`.
pub const BK_SIGNAL: &str = "bk_signal";

/// A message of an extension that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// The handshake is longer than [`MAX_HANDSHAKE_LENGTH`].
    #[error("an extended handshake of {length} bytes is too long")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Not the bencode that it should be.
    #[error("extended message {message}: {error}")]
    Bencode {
        /// Which message.
        message: &'static str,
        /// What is wrong.
        error: BencodeError,
    },
    /// A `ut_metadata` message of a kind that BEP 9 does not have; it is to be passed over.
    #[error("ut_metadata has no message type {0}")]
    UnknownMetadataType(i64),
    /// A field out of range.
    #[error("ut_metadata: {field} cannot be {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it is.
        value: i64,
    },
    /// A `lt_donthave` message is not four bytes long.
    #[error("lt_donthave has 4 bytes, not {length}")]
    DontHaveLength {
        /// How many it has.
        length: usize,
    },
    /// A `bk_signal` message is longer than [`MAX_SIGNAL_LENGTH`].
    #[error("a bk_signal message of {length} bytes is too long")]
    SignalTooLong {
        /// Its length.
        length: usize,
    },
    /// A `bk_signal` message of a kind that this crate does not know; it is to be passed over.
    #[error("bk_signal has no such message type")]
    UnknownSignal,
    /// A field of a `bk_signal` message is missing, of the wrong kind or length, or no text.
    #[error("bk_signal: {field} is missing or malformed")]
    SignalField {
        /// The field.
        field: &'static str,
    },
}
