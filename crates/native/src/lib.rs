//! tokio drivers for the Brackish engine: TCP, WebRTC, files, hashing and trackers, around the
//! sans-IO session of `brackish-core`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use brackish_native::{Add, Node, NodeConfig, source};
//!
//! let node = Node::start(NodeConfig::default()).await?;
//! let source = source::load("debian.torrent").await?;
//! let torrent = node.add(Add::new(source, "downloads")).await?;
//! torrent.wait_finished().await?;
//! node.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! One thread, the engine, owns the session and every TCP socket; a small pool of threads does
//! the file work and the hashing; WebRTC has threads of its own, since its cryptography would
//! hold up the engine. [`Node`] and [`Torrent`] are handles that may be used from any runtime.

mod certificates;
mod config;
pub mod create;
mod descriptors;
mod engine;
mod hashing;
mod http;
mod mse;
mod node;
mod outline;
mod reach;
mod rtc;
pub mod source;
mod storage;
mod torrent;
mod trackers;
pub mod verify;
mod web_seeds;

pub use brackish_core::{
    Event, Existing, Limits, PeerStats, Priority, Select, SelectError, StallReason, StorageError,
    TorrentId, TorrentState, TorrentStats, TrackerStats, TrackerStatus, Via, WebSeedStats,
    WebSeedStatus,
};
pub use config::{Allocation, NodeConfig};
pub use create::{CreateError, CreateOptions, Created, Links, Version};
pub use node::{Node, NodeError};
pub use source::{Source, SourceError};
pub use storage::map::{Place, StorageMap};
pub use storage::names::{Renamed, place_of};
pub use storage::ownership::{Access, Notice, Refusal, WriteOptions};
pub use torrent::{Add, AddError, Torrent, TorrentError};
pub use verify::VerifyError;
