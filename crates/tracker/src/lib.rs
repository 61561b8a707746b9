//! WebSocket and HTTP BitTorrent tracker with WebRTC signalling.
//!
//! [`Tracker`] is a pure machine: one table of swarms in which the web peers (reached through their
//! sockets) and the TCP peers (from HTTP announces) of one info-hash are one swarm. It has no
//! sockets and no clock, so the simulator drives the very code that the [`server`] serves.
//!
//! ```
//! use std::time::Duration;
//! use brackish_tracker::{Output, SocketId, Tracker, TrackerConfig};
//!
//! let mut tracker = Tracker::new(TrackerConfig::default(), [7; 32]);
//! let scrape = r#"{"action":"scrape","info_hash":"aaaaaaaaaaaaaaaaaaaa"}"#;
//! tracker.handle_message(SocketId(1), scrape, Duration::ZERO);
//! let Some(Output::Send { socket, text }) = tracker.poll_output() else { panic!() };
//! assert_eq!(socket, SocketId(1));
//! assert!(text.contains(r#""complete":0"#));
//! ```

mod config;
mod network;
mod output;
mod pool;
pub mod server;
mod socket;
mod swarm;
mod tcp;
mod tracker;
mod web;

pub use config::{
    DEFAULT_NUMWANT, MAX_MALFORMED_MESSAGES, MAX_NUMWANT, MAX_OFFERS, Rate, TrackerConfig,
};
pub use output::{CloseReason, Output, SocketId, Stats};
pub use tcp::Asker;
pub use tracker::{Refusal, Tracker};
