//! Swarms as they are measured: one origin, many leeches, and the time that no strategy can beat.

use std::time::Duration;

use crate::scenario::{Kind, LinkSpec, NodeSpec, Scenario};

/// The fluid lower bound of distributing a scenario's torrent to all of its leeches.
#[derive(Clone, Copy, Debug)]
pub struct Bound {
    /// max(F/u_s, F/min d_i, N·F/(u_s + Σu_i)): the origin must send everything once, the slowest
    /// must receive everything, and all must be sent what all receive.
    pub time: Duration,
}

impl Bound {
    /// Of a scenario whose links all have rates; nodes that hold everything are origins.
    pub fn of(scenario: &Scenario) -> Self {
        let total = scenario.total as f64;
        let rate = |rate: Option<u64>| rate.map_or(f64::INFINITY, |rate| rate as f64);
        let is_origin = |node: &&NodeSpec| matches!(node.holds, crate::scenario::Holds::Everything);
        let origin: f64 = scenario
            .nodes
            .iter()
            .filter(is_origin)
            .map(|node| rate(node.link.up))
            .sum();
        let up: f64 = scenario.nodes.iter().map(|node| rate(node.link.up)).sum();
        let leeches = || scenario.nodes.iter().filter(|node| !is_origin(node));
        let slowest = leeches()
            .map(|node| rate(node.link.down))
            .fold(f64::INFINITY, f64::min);
        let seconds = (total / origin)
            .max(total / slowest)
            .max(leeches().count() as f64 * total / up);
        Self {
            time: Duration::from_secs_f64(seconds),
        }
    }
}

/// One origin and `peers` leeches of which all have the same link: 10 Mbit/s up, 40 Mbit/s down.
pub fn homogeneous(seed: u64, peers: usize, total: u64, piece_length: u32, kind: Kind) -> Scenario {
    let mut scenario = Scenario::new(seed, total, piece_length);
    scenario.add(NodeSpec::seed(if kind == Kind::Page {
        Kind::Hybrid
    } else {
        kind
    }));
    for _ in 0..peers {
        scenario.add(NodeSpec::leech(kind));
    }
    scenario
}

/// One origin and `peers` leeches of all kinds, on links from 1 Mbit/s to 100 Mbit/s up.
pub fn mixed(seed: u64, peers: usize, total: u64, piece_length: u32) -> Scenario {
    // Up and down in Mbit/s, one-way delay in ms.
    const LINKS: [(u64, u64, u64); 5] = [
        (2, 16, 20),
        (5, 25, 15),
        (10, 50, 15),
        (20, 100, 10),
        (50, 50, 5),
    ];
    const KINDS: [Kind; 4] = [Kind::Page, Kind::Tcp, Kind::Hybrid, Kind::Page];
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x6d69_7865);
    let mut scenario = Scenario::new(seed, total, piece_length);
    scenario.add(NodeSpec::seed(Kind::Hybrid).rates(2_500_000, 2_500_000));
    for index in 0..peers {
        let (up, down, delay) = LINKS[rng.usize(..LINKS.len())];
        let link = LinkSpec {
            up: Some(up * 125_000),
            down: Some(down * 125_000),
            delay: Duration::from_millis(delay),
            ..LinkSpec::default()
        };
        scenario.add(NodeSpec::leech(KINDS[index % KINDS.len()]).link(link));
    }
    scenario
}
