//! One swarm to be measured.

use std::time::Duration;

use brackish_sim::{Kind, NodeSpec, Scenario, StoreSpec, homogeneous, mixed};
use brackish_wire::metainfo::default_piece_length;

/// Bytes of a piece at the least: `share` makes smaller ones of less than 64 MiB, and these take long
/// to play.
const MIN_PIECE: u32 = 1 << 16;

/// What the peers are and have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Links {
    /// Pages, each with 10 Mbit/s up and 40 Mbit/s down.
    Equal,
    /// TCP nodes with the same.
    Tcp,
    /// Pages and nodes, from 2 to 50 Mbit/s up.
    Mixed,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub links: Links,
    /// Those that begin with nothing.
    pub peers: usize,
    /// Those that begin with everything.
    pub seeds: usize,
    /// Bytes of the file.
    pub total: u64,
    /// Every store takes a disk's and a hash's time for what it is given: [`DISK`].
    pub disk: bool,
    pub seed: u64,
}

/// A busy laptop's store, or a browser's (OPFS writes 160 to 185 MB/s in Chromium): 5 ms a job, and 100 MB/s for what is
/// written, read and hashed together.
const DISK: StoreSpec = StoreSpec {
    delay: Duration::from_millis(5),
    rate: Some(100_000_000),
    capacity: None,
};

impl Links {
    pub const ALL: [Self; 3] = [Self::Equal, Self::Tcp, Self::Mixed];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|links| links.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Tcp => "tcp",
            Self::Mixed => "mixed",
        }
    }

    /// What a chart calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Equal => "pages, equal links",
            Self::Tcp => "TCP, equal links",
            Self::Mixed => "both, mixed links",
        }
    }
}

impl Case {
    pub fn scenario(&self) -> Scenario {
        let piece = default_piece_length(self.total).max(MIN_PIECE);
        let (seed, peers, total) = (self.seed, self.peers, self.total);
        let mut scenario = match self.links {
            Links::Equal => homogeneous(seed, peers, total, piece, Kind::Page),
            Links::Tcp => homogeneous(seed, peers, total, piece, Kind::Tcp),
            Links::Mixed => mixed(seed, peers, total, piece),
        };
        let origin: NodeSpec = scenario.nodes[0].clone();
        for _ in 1..self.seeds {
            scenario.add(origin.clone());
        }
        if self.disk {
            for node in &mut scenario.nodes {
                node.store = DISK;
            }
        }
        scenario
    }
}
