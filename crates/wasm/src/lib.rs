//! Worker-side driver of the Brackish engine for web pages.
//!
//! [`Engine`] is what the Worker's script makes once and then calls for everything that the page
//! asks; [`host::Host`] is the object that the script gives it, through which the engine tells the
//! page what happens. In between, a driver runs one [`brackish_core::Session`]: data channels,
//! WebSockets, a timer, and a store for each torrent.
//!
//! The boundary is narrow on purpose: commands come in, events go out, and payload crosses it once,
//! from a channel's ArrayBuffer into this module's memory, or from there into a channel.

mod add;
mod channel;
mod connections;
mod driver;
mod engine;
mod fault;
mod fetches;
mod host;
mod report;
mod seed;
mod socket;
mod store;
mod trackers;

pub use engine::Engine;
