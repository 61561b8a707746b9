//! One swarm to be measured.

use brackish_sim::{Kind, NodeSpec, Scenario, homogeneous, mixed};
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
    pub seed: u64,
}

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
        scenario
    }
}
