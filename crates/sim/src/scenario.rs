//! What is to be played: the torrent, the nodes with their links, stores and behaviours, and what
//! goes wrong when.

use std::time::Duration;

use brackish_core::{Config, PAGE_PEERS, Select};
use brackish_wire::PeerId;

use crate::failure::Failure;
use crate::report::Report;
use crate::world::World;

/// A node of a scenario, by its place in [`Scenario::nodes`].
pub type NodeIndex = usize;

/// Everything that decides a run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Decides every random choice, of the world and of the sessions.
    pub seed: u64,
    /// Bytes that are shared, in one file; in version 2 in two.
    pub total: u64,
    /// Bytes of a piece.
    pub piece_length: u32,
    /// The versions of the torrent.
    pub version: Version,
    /// Who takes part.
    pub nodes: Vec<NodeSpec>,
    /// How many trackers there are, each for WebSocket and HTTP both; without one, nodes know only
    /// [`NodeSpec::peers`].
    pub trackers: usize,
    /// What goes wrong, and when, from the start of the run.
    pub faults: Vec<(Duration, Fault)>,
    /// Honest nodes that have not finished by then, from the start of the run, fail it.
    pub limit: Duration,
}

/// The versions of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 1 (BEP 3).
    V1,
    /// Version 2 (BEP 52) alone.
    V2,
    /// Both.
    Hybrid,
}

/// One peer.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// What it can connect by.
    pub kind: Kind,
    /// Its access to the network.
    pub link: LinkSpec,
    /// Its store.
    pub store: StoreSpec,
    /// What its store holds when it joins.
    pub holds: Holds,
    /// It joins with the info-hash alone, and gets the metadata from peers.
    pub magnet: bool,
    /// What it wants of the torrent when it joins.
    pub select: Select,
    /// It super-seeds while it has everything.
    pub super_seed: bool,
    /// What it does that a session would not.
    pub behaviour: Behaviour,
    /// When it joins, from the start of the run.
    pub joins: Duration,
    /// When it leaves.
    pub leaves: Leave,
    /// Nodes whose TCP address it knows from the start.
    pub peers: Vec<NodeIndex>,
    /// Changes to the settings of its session.
    pub tune: fn(&mut Config),
}

/// What a node can connect by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// WebRTC alone.
    Page,
    /// TCP alone.
    Tcp,
    /// Both.
    Hybrid,
}

/// A node's access to the network. Rates are shared by all of its connections.
#[derive(Clone, Copy, Debug)]
pub struct LinkSpec {
    /// Bytes per second; `None` is no limit.
    pub up: Option<u64>,
    /// Bytes per second; `None` is no limit.
    pub down: Option<u64>,
    /// One-way delay to the network's core: a path has those of both its ends.
    pub delay: Duration,
    /// How its connections share `up`.
    pub discipline: Discipline,
    /// Who can reach it.
    pub nat: Nat,
    /// Bytes that the driver takes for a connection before the network has taken them.
    pub room: usize,
}

/// How the connections of a node share its upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discipline {
    /// What was sent first goes first, whoever it is for.
    Fifo,
    /// Connections take turns.
    Fair,
}

/// Who can reach a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nat {
    /// Everyone.
    Open,
    /// By TCP nobody; by WebRTC everyone.
    Cone,
    /// By TCP nobody; by WebRTC those whose port it can know beforehand: all that are not behind a
    /// symmetric NAT.
    PortRestricted,
    /// By TCP nobody; by WebRTC those that take what comes from any port: open or behind a cone.
    Symmetric,
}

/// A node's store.
#[derive(Clone, Copy, Debug)]
pub struct StoreSpec {
    /// Time for each job.
    pub delay: Duration,
    /// Bytes per second over all jobs; `None` is no limit.
    pub rate: Option<u64>,
    /// Bytes that it takes; writes beyond fail as full.
    pub capacity: Option<u64>,
}

/// What a store holds when its node joins.
#[derive(Clone, Debug)]
pub enum Holds {
    /// Nothing.
    Nothing,
    /// Every piece, verified.
    Everything,
    /// Some of what it claims. Of the pieces claimed and not true, half the blocks are wrong.
    Some {
        /// Pieces that the store says may be there.
        claimed: Vec<u32>,
        /// Pieces that really are.
        intact: Vec<u32>,
    },
}

/// What a node does that a session would not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Nothing.
    Honest,
    /// One block in so many that it sends is wrong.
    Corrupting(u32),
    /// It serves so many blocks, then takes requests and answers none.
    Silent(u32),
    /// It never unchokes anyone.
    FreeRiding,
    /// It suggests no piece to anyone, as though all its peers passed suggestions over.
    Unadvising,
    /// One in so many of the things that it sends is damaged: bytes changed, put in or left out.
    Hostile(u32),
}

/// When a node leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Never.
    Never,
    /// So long after it has finished.
    Finished(Duration),
    /// As soon as every piece is verified by some other node.
    CopyOut,
}

/// Something that goes wrong, or comes right again.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The trackers are gone: their sockets close, announces fail.
    TrackerDies,
    /// One in so many of their messages to sockets is damaged from now on; 0: none.
    TrackerLies(u32),
    /// They are back, with empty tables.
    TrackerReturns,
    /// A node is killed: its peers see their connections end, jobs of its store are lost.
    Crash(NodeIndex),
    /// A node that crashed or left is started again on its store, under a new peer id.
    Return(NodeIndex),
    /// A node says goodbye and leaves.
    Leave(NodeIndex),
    /// Each open connection is cut with this chance, in parts of a thousand.
    Cut(u32),
    /// So many nodes, in parts of a thousand, are cut off from the others and the trackers for so
    /// long.
    Split(u32, Duration),
    /// A node's store fails each job from now on.
    StoreBreaks(NodeIndex),
    /// A node's store is given this speed.
    StoreIs(NodeIndex, StoreSpec),
    /// The credit of each open connection of a node becomes so many bytes.
    Room(NodeIndex, usize),
    /// A node's link changes its rates.
    Rates(NodeIndex, Option<u64>, Option<u64>),
}

impl Scenario {
    /// A scenario without nodes: `total` bytes in pieces of `piece_length`, with one tracker.
    pub fn new(seed: u64, total: u64, piece_length: u32) -> Self {
        Self {
            seed,
            total,
            piece_length,
            version: Version::V1,
            nodes: Vec::new(),
            trackers: 1,
            faults: Vec::new(),
            limit: Duration::from_secs(3600),
        }
    }

    /// Adds a node.
    pub fn add(&mut self, node: NodeSpec) -> NodeIndex {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Adds a fault `after` the start of the run.
    pub fn fault(&mut self, after: Duration, fault: Fault) {
        self.faults.push((after, fault));
    }

    /// Plays it until every honest node has finished.
    pub fn run(self) -> Result<Report, Failure> {
        let mut world = World::new(self);
        world.run()?;
        Ok(world.report())
    }
}

impl NodeSpec {
    /// A node that has everything.
    pub fn seed(kind: Kind) -> Self {
        Self {
            holds: Holds::Everything,
            ..Self::leech(kind)
        }
    }

    /// A node that has nothing.
    pub fn leech(kind: Kind) -> Self {
        Self {
            kind,
            link: LinkSpec::default(),
            store: StoreSpec::FAST,
            holds: Holds::Nothing,
            magnet: false,
            select: Select::Everything,
            super_seed: false,
            behaviour: Behaviour::Honest,
            joins: Duration::ZERO,
            leaves: Leave::Never,
            peers: Vec::new(),
            tune: |_| {},
        }
    }

    /// The same with another link.
    pub fn link(mut self, link: LinkSpec) -> Self {
        self.link = link;
        self
    }

    /// The same with upload and download rates, in bytes per second.
    pub fn rates(mut self, up: u64, down: u64) -> Self {
        self.link.up = Some(up);
        self.link.down = Some(down);
        self
    }

    /// The same with another behaviour.
    pub fn behaving(mut self, behaviour: Behaviour) -> Self {
        self.behaviour = behaviour;
        self
    }

    /// The same with another store.
    pub fn store(mut self, store: StoreSpec) -> Self {
        self.store = store;
        self
    }

    /// The same, joining with the info-hash alone.
    pub fn by_magnet(mut self) -> Self {
        self.magnet = true;
        self
    }

    /// The same, joining later.
    pub fn joins(mut self, after: Duration) -> Self {
        self.joins = after;
        self
    }

    /// The same, knowing these nodes' addresses.
    pub fn knows(mut self, peers: &[NodeIndex]) -> Self {
        self.peers = peers.to_vec();
        self
    }
}

impl Default for LinkSpec {
    fn default() -> Self {
        Self {
            up: Some(1_250_000),
            down: Some(5_000_000),
            delay: Duration::from_millis(15),
            discipline: Discipline::Fair,
            nat: Nat::Open,
            room: 128 * 1024,
        }
    }
}

impl StoreSpec {
    /// Jobs are done at once.
    pub const FAST: Self = Self {
        delay: Duration::ZERO,
        rate: None,
        capacity: None,
    };
}

impl Nat {
    /// Whether ICE connects two nodes without a relay.
    pub(crate) fn connects(self, other: Self) -> bool {
        let strict = |nat| matches!(nat, Self::PortRestricted | Self::Symmetric);
        let symmetric = self == Self::Symmetric || other == Self::Symmetric;
        !(symmetric && strict(self) && strict(other))
    }
}

impl Kind {
    /// Whether it can dial and be dialled.
    pub fn tcp(self) -> bool {
        self != Self::Page
    }

    /// Whether it can make data channels.
    pub fn webrtc(self) -> bool {
        self != Self::Tcp
    }

    /// The settings of a session of this kind.
    pub(crate) fn config(self, peer_id: PeerId, port: u16) -> Config {
        if self == Self::Page {
            return Config::page(peer_id, PAGE_PEERS);
        }
        let mut config = Config::new(peer_id);
        config.webrtc = self.webrtc();
        config.listen_port = self.tcp().then_some(port);
        config
    }
}
