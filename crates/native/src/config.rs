//! What a node may be told before it starts.

use std::net::IpAddr;

use brackish_core::{Limits, NODE_PEERS};
use brackish_wire::PeerId;

/// The settings of a [`Node`](crate::Node).
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// The TCP port on which peers are accepted, on IPv4 and IPv6. `None` leaves the choice to the
    /// system.
    pub port: Option<u16>,
    /// The addresses of this machine that TCP and UDP peers are spoken to from: connections are
    /// accepted on them, made from them, and offered by them over WebRTC. Peers of a family that none
    /// is of are not spoken to. Empty: all addresses.
    pub bind: Vec<IpAddr>,
    /// Whether to speak TCP with peers, both ways.
    pub tcp: bool,
    /// Whether to speak WebRTC with peers.
    pub webrtc: bool,
    /// STUN and TURN servers: `stun:host[:port]`, `turn:[user:password@]host[:port][?transport=udp]`.
    pub ice_servers: Vec<String>,
    /// Who the node is to peers and trackers. `None` makes a new identity, as is usual.
    pub peer_id: Option<PeerId>,
    /// Most connections of one torrent.
    pub connections_per_torrent: usize,
    /// Most connections of all torrents.
    pub connections: usize,
    /// Most payload bytes per second over all torrents; it can be changed while the node runs.
    pub limits: Limits,
    /// How a file that is being downloaded takes its space.
    pub allocation: Allocation,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            port: None,
            bind: Vec::new(),
            tcp: true,
            webrtc: true,
            ice_servers: Vec::new(),
            peer_id: None,
            connections_per_torrent: NODE_PEERS,
            connections: NODE_PEERS * 4,
            limits: Limits::default(),
            allocation: Allocation::Sparse,
        }
    }
}

/// How a file that is being downloaded takes its space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// As blocks are written.
    Sparse,
    /// All of it before the first block is written, where the file system can; a full disk then
    /// shows at once.
    Full,
}
