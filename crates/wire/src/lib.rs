//! Codecs and types of BitTorrent and WebTorrent: bencode, metainfo of versions 1 and 2, magnet links, Merkle trees, peer
//! messages and their extensions, tracker messages; and the functions of addresses on which peers have to agree.
//!
//! Every codec is total: any bytes give a value or a typed error, in memory bounded by the input's length and without
//! recursion on its depth. Nothing here does I/O, reads a clock or draws a random number, so a page, a server and the
//! simulator share it.

pub mod bencode;
mod bitfield;
mod compact;
pub mod extension;
mod fast;
mod hasher;
mod ids;
mod layout;
mod lengths;
pub mod magnet;
pub mod merkle;
pub mod message;
pub mod metainfo;
mod percent;
mod priority;
pub mod tracker;
pub mod web_seed;

pub use bitfield::{Bitfield, BitfieldError};
pub use fast::{ALLOWED_FAST_PIECES, MAX_ALLOWED_FAST, allowed_fast_set};
pub use hasher::{PieceHash, PieceHasher, PieceHashers};
pub use ids::{InfoHash, InfoHashError, InfoHashV2, PeerId};
pub use layout::Layout;
pub use lengths::{
    BLOCK_LENGTH, BlockRequest, Lengths, LengthsError, MAX_PIECE_LENGTH, MAX_PIECES, PieceIndex,
};
pub use priority::peer_priority;
