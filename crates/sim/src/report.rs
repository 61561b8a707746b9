//! What came of a run.

use std::time::Duration;

use brackish_core::StorageError;

use crate::scenario::{Behaviour, Kind, NodeIndex};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The scenario's seed.
    pub seed: u64,
    /// A hash over every event of the run: two runs with the same one were the same.
    pub trace: u64,
    /// Events played.
    pub steps: u64,
    /// From the start of the run to the finish of the last honest node.
    pub finished: Duration,
    /// Payload bytes that the origins (the nodes that held everything when they joined) sent, in
    /// copies of the torrent.
    pub origin_copies: f64,
    /// Payload bytes that honest nodes received and could not use, as a share of what they needed.
    pub wasted: f64,
    /// Each node, as in the scenario.
    pub nodes: Vec<NodeReport>,
}

/// What came of one node.
#[derive(Clone, Debug)]
pub struct NodeReport {
    /// As in the scenario.
    pub kind: Kind,
    /// As in the scenario.
    pub behaviour: Behaviour,
    /// When it joined, from the start of the run.
    pub joined: Duration,
    /// When it had every piece, from the start of the run; for one that began with all, when it
    /// joined.
    pub finished: Option<Duration>,
    /// It has every piece, verified and intact in its store.
    pub complete: bool,
    /// Pieces that it has verified.
    pub verified: u32,
    /// Payload bytes received.
    pub downloaded: u64,
    /// Payload bytes sent.
    pub uploaded: u64,
    /// Payload bytes received that were of no use.
    pub wasted: u64,
    /// Pieces that failed their hash.
    pub failed_pieces: u32,
    /// Nodes that it banned.
    pub banned: Vec<NodeIndex>,
    /// How its store failed, where the session said so.
    pub storage_failed: Option<StorageError>,
    /// Most connections with a peer at once.
    pub peak_peers: usize,
    /// Most bytes of blocks that its store was given and had not written.
    pub peak_writing: usize,
    /// Payload bytes received by WebRTC.
    pub downloaded_webrtc: u64,
}

impl Report {
    /// The time to finish of each honest node that joined without everything, shortest first.
    pub fn times(&self) -> Vec<Duration> {
        let leeches = self.nodes.iter().filter(|node| node.downloaded > 0);
        let mut times: Vec<Duration> = leeches
            .filter(|node| node.behaviour == Behaviour::Honest)
            .filter_map(|node| Some(node.finished?.saturating_sub(node.joined)))
            .collect();
        times.sort();
        times
    }
}
