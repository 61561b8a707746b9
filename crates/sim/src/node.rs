//! One node: its session, store and links, and what the world has seen of it.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use brackish_core::{
    ConnectionId, JobId, Presence, Session, SocketId, StorageError, Timestamp, TorrentId,
};
use brackish_wire::merkle::Hash;
use brackish_wire::{PeerId, PieceHash};
use bytes::Bytes;

use crate::content::Content;
use crate::link::{Downlink, EndIndex, Uplink};
use crate::scenario::{Behaviour, Holds, NodeIndex, NodeSpec};
use crate::store::Store;
use crate::table::Table;

/// The port on which nodes accept TCP.
pub(crate) const PORT: u16 = 6881;

#[derive(Debug)]
pub(crate) struct Node {
    pub spec: NodeSpec,
    pub running: Option<Running>,
    /// How often it was started: inputs for an earlier life are void.
    pub life: u32,
    pub store: Store,
    pub uplink: Uplink,
    pub downlink: Downlink,
    pub seen: Seen,
}

/// What a node has while it runs.
pub(crate) struct Running {
    pub session: Session,
    pub torrent: TorrentId,
    pub ends: Table<ConnectionId, EndIndex>,
    /// Its sockets at the tracker, by the session's names for them.
    pub sockets: BTreeMap<SocketId, u64>,
    /// When it is due to be woken.
    pub timer: Option<Timestamp>,
    /// Answers of an instant store, given once the outputs at hand are done.
    pub answers: VecDeque<Answer>,
    /// Bytes that the store was given and has not written, and how many its session may give.
    pub writing: usize,
    pub write_budget: usize,
    /// Jobs under way, and bytes that the reads among them ask for.
    pub jobs: Table<JobId, usize>,
    pub reading: usize,
    /// The block that the last thing transmitted announced.
    pub announced: Option<(ConnectionId, [u32; 3])>,
    /// Peers that it said were connected.
    pub peers: BTreeMap<ConnectionId, PeerId>,
}

/// What the world has seen of a node, over all of its lives.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub joined: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    /// As last counted before a life ended.
    pub downloaded: u64,
    pub uploaded: u64,
    pub wasted: u64,
    pub downloaded_webrtc: u64,
    pub failed_pieces: u32,
    pub banned: Vec<NodeIndex>,
    pub storage_failed: Option<StorageError>,
    pub peak_peers: usize,
    pub peak_writing: usize,
    /// Blocks that it served.
    pub served: u32,
    /// It crashed or left, and nothing brings it back.
    pub absent: bool,
}

/// What a store answers, and what a driver tells at once.
#[derive(Debug)]
pub(crate) enum Answer {
    Opened(TorrentId, Result<Presence, StorageError>),
    Read(JobId, Result<Bytes, StorageError>),
    Sent(ConnectionId, usize),
    Written(JobId, usize, Result<Option<Hash>, StorageError>),
    Hashed(JobId, Result<PieceHash, StorageError>),
}

impl Node {
    pub fn new(spec: NodeSpec, content: &Content, rng: &mut fastrand::Rng) -> Self {
        Self {
            running: None,
            life: 0,
            store: Store::new(spec.store, &spec.holds, content, rng),
            uplink: Uplink::new(&spec.link),
            downlink: Downlink::new(&spec.link),
            seen: Seen::default(),
            spec,
        }
    }

    /// It began with everything.
    pub fn is_origin(&self) -> bool {
        matches!(self.spec.holds, Holds::Everything)
    }

    /// Whether a run waits for it to finish.
    pub fn must_finish(&self, total: u64) -> bool {
        self.spec.behaviour == Behaviour::Honest
            && !self.seen.absent
            && !self.store.broken
            && self.seen.storage_failed.is_none()
            && self
                .store
                .spec
                .capacity
                .is_none_or(|capacity| capacity >= total)
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running")
            .field("torrent", &self.torrent)
            .field("ends", &self.ends.len())
            .finish_non_exhaustive()
    }
}

/// The address of a node: 10.0.0.0/8 by its index.
pub(crate) fn ip_of(node: NodeIndex) -> IpAddr {
    let [_, a, b, c] = (node as u32 + 1).to_be_bytes();
    Ipv4Addr::new(10, a, b, c).into()
}

pub(crate) fn address_of(node: NodeIndex) -> SocketAddr {
    SocketAddr::new(ip_of(node), PORT)
}

/// The node at an address, if it is one that a node listens at.
pub(crate) fn node_at(address: SocketAddr) -> Option<NodeIndex> {
    let IpAddr::V4(ip) = address.ip() else {
        return None;
    };
    let [10, a, b, c] = ip.octets() else {
        return None;
    };
    let index = u32::from_be_bytes([0, a, b, c]).checked_sub(1)?;
    (address.port() == PORT).then_some(index as NodeIndex)
}

/// The peer id of a node in one of its lives.
pub(crate) fn peer_id(node: NodeIndex, life: u32, rng: &mut fastrand::Rng) -> PeerId {
    let mut id = *b"-SI0001-rrrrnnnnllll";
    // Random first, so that which of two ids is smaller does not go by the order of the nodes.
    id[8..12].fill_with(|| rng.u8(..));
    id[12..16].copy_from_slice(&(node as u32).to_be_bytes());
    id[16..].copy_from_slice(&life.to_be_bytes());
    PeerId(id)
}

/// The node whose peer id it is.
pub(crate) fn node_of(id: PeerId) -> NodeIndex {
    u32::from_be_bytes([12, 13, 14, 15].map(|at: usize| id.0[at])) as NodeIndex
}
