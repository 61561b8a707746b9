//! The sans-IO BitTorrent session of Brackish: one engine for a page, a server and a simulator.
//!
//! [`Session`] holds torrents, the peers of each, the piece picker, the choker, the announces and
//! the WebRTC signalling. It does no input or output of its own, reads no clock and no random
//! source: a driver feeds it [`Input`]s with the time, does what its [`Output`]s say, and may show
//! its [`Event`]s to a person. The loop of every driver is the same:
//!
//! 1. call [`Session::handle_input`] (any number of times), or [`Session::handle_timeout`] when
//!    the time that [`Session::poll_timeout`] gave has come;
//! 2. do every [`Output`] that [`Session::poll_output`] gives, until it gives none;
//! 3. read every [`Event`] that [`Session::poll_event`] gives;
//! 4. wait for input, or for the time of [`Session::poll_timeout`].
//!
//! Remote input never fails the session: hostile bytes end the connection that sent them.

mod announce;
mod asking;
mod bans;
mod begun;
mod blame;
mod blocks;
mod choker;
mod config;
mod connection;
mod dials;
mod event;
mod host;
mod input;
mod layers;
mod limit;
mod metadata;
mod meter;
mod names;
mod outbox;
mod output;
mod own_address;
mod padding;
mod peer_set;
mod pex;
mod picker;
mod pipeline;
mod rarity;
mod readers;
mod relay;
mod reports;
mod selection;
mod session;
mod slab;
mod stall;
mod stats;
mod table;
mod time;
mod torrent;
mod trees;
mod web_seed;

pub use config::{AddTorrent, AddTorrentError, Config, Existing, NODE_PEERS, PAGE_PEERS, Source};
pub use event::{DisconnectReason, Event};
pub use input::{AcceptError, FetchError, Input, Presence, StorageError};
pub use limit::Limits;
pub use output::Output;
pub use selection::{Priority, Select, SelectError};
pub use session::Session;
pub use stall::StallReason;
pub use stats::{
    PeerStats, TorrentState, TorrentStats, TrackerStats, TrackerStatus, WebSeedStats, WebSeedStatus,
};
pub use table::{KeySet, Pairs, Table};
pub use time::Timestamp;

/// A torrent of one session. Never reused within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TorrentId(pub(crate) u32);

/// A reader of one torrent, from its opening to its end. Not reused while it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReaderId(pub(crate) u32);

impl ReaderId {
    /// The identity as a number, for a driver that keys a table outside Rust by it.
    pub fn to_u32(self) -> u32 {
        self.0
    }

    /// The reader of such a number.
    pub fn from_u32(number: u32) -> Self {
        Self(number)
    }
}

/// A connection of one session, from its dial or acceptance to its end. Never reused within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl ConnectionId {
    /// The identity as one number, for a driver that keys a table outside Rust by it.
    /// Always below 2^53, so that it is exact as a JavaScript number.
    pub fn to_u64(self) -> u64 {
        (u64::from(self.generation) << 20) | u64::from(self.slot)
    }
}

/// A job that the driver does for the session: a read, a write, a hash, a fetch or an announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub(crate) u64);

/// A WebSocket to a tracker, shared by all torrents of the session that use its URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub(crate) u32);

/// By which water a connection runs. To the session both are ordered byte streams with credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Via {
    /// A TCP stream.
    Tcp,
    /// A WebRTC data channel.
    WebRtc,
}
