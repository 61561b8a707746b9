//! What peers and trackers say to each other: the announce that HTTP, UDP and WebSocket trackers share, and one module
//! for each transport's form of it.

pub mod http;
pub mod udp;
pub mod ws;

use crate::{InfoHash, PeerId, compact};
use std::net::SocketAddr;

/// The most peers taken from one response. Trackers give 200 or fewer; more would only crowd out other sources.
pub const MAX_PEERS: usize = 1000;

/// The most info-hashes in one scrape: what one UDP datagram holds (BEP 15).
pub const MAX_SCRAPE: usize = 74;

/// What a peer tells a tracker (BEP 3, BEP 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// The swarm.
    pub info_hash: InfoHash,
    /// Who announces.
    pub peer_id: PeerId,
    /// The TCP port on which it accepts peers.
    pub port: u16,
    /// Bytes given to peers since `started`.
    pub uploaded: u64,
    /// Bytes got from peers since `started`.
    pub downloaded: u64,
    /// Bytes still missing; 0 makes the peer a seed.
    pub left: u64,
    /// Why it announces.
    pub event: Event,
    /// How many peers it wants; `None` leaves it to the tracker.
    pub numwant: Option<u32>,
    /// A number by which the tracker knows the peer again when its address changes.
    pub key: u32,
}

/// Why a peer announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Event {
    /// The interval is over.
    #[default]
    None,
    /// The download begins.
    Started,
    /// The download is complete.
    Completed,
    /// The peer leaves.
    Stopped,
}

/// What a tracker answers to an announce.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnnounceResponse {
    /// Seconds until the next regular announce.
    pub interval: u32,
    /// Seconds that must pass before any announce.
    pub min_interval: Option<u32>,
    /// How many peers have everything.
    pub complete: Option<u32>,
    /// How many peers lack something.
    pub incomplete: Option<u32>,
    /// To be sent back with the next announce.
    pub tracker_id: Option<Vec<u8>>,
    /// Words for the user; the announce succeeded.
    pub warning: Option<String>,
    /// Where other peers are.
    pub peers: Vec<SocketAddr>,
    /// Hosts and ports of peers that the tracker gave by name, at most [`MAX_PEERS`]. Trackers of HTTP alone do so.
    pub hosts: Vec<(String, u16)>,
}

/// What a tracker knows of one swarm (BEP 48, BEP 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScrapeEntry {
    /// How many peers have everything.
    pub complete: u32,
    /// How many peers lack something.
    pub incomplete: u32,
    /// How many peers ever completed.
    pub downloaded: u32,
}

impl Event {
    /// The word of HTTP and WebSocket trackers; `None` for a regular announce.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Started => Some("started"),
            Self::Completed => Some("completed"),
            Self::Stopped => Some("stopped"),
        }
    }

    /// Reads the word of HTTP and WebSocket trackers. Any other word is a regular announce, as every tracker has it.
    pub fn from_name(name: &str) -> Self {
        match name {
            "started" => Self::Started,
            "completed" => Self::Completed,
            "stopped" => Self::Stopped,
            _ => Self::None,
        }
    }
}

/// Takes the peers that can be dialled, while there is room.
fn add_peers(peers: &mut Vec<SocketAddr>, found: impl IntoIterator<Item = SocketAddr>) {
    let room = MAX_PEERS.saturating_sub(peers.len());
    let usable = found.into_iter().filter(compact::can_be_dialled);
    peers.extend(usable.take(room));
}
