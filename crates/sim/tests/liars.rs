//! Peers that corrupt what they serve: found soon, at little cost, and nobody else for them.

mod common;

use brackish_sim::{Behaviour, Kind, NodeSpec, Report, Scenario, homogeneous};
use common::assert_all_complete;

const HONEST: usize = 36;
const LIARS: usize = 4;
const TOTAL: u64 = 32 << 20;
const PIECE: u32 = 1 << 18;

/// A swarm in which one peer in ten makes one block in `one_in` wrong; 0 leaves those out.
fn swarm(seed: u64, kind: Kind, one_in: u32) -> Report {
    let mut scenario: Scenario = homogeneous(seed, HONEST, TOTAL, PIECE, kind);
    if one_in > 0 {
        for _ in 0..LIARS {
            scenario.add(NodeSpec::leech(kind).behaving(Behaviour::Corrupting(one_in)));
        }
    }
    assert_all_complete(scenario)
}

#[test]
fn measure() {
    for kind in [Kind::Tcp, Kind::Page] {
        for seed in 0..3 {
            let without = swarm(seed, kind, 0).finished.as_secs_f64();
            for one_in in [1, 3, 16, 100] {
                let report = swarm(seed, kind, one_in);
                let ratio = report.finished.as_secs_f64() / without;
                let honest = || report.nodes.iter().take(HONEST + 1).skip(1);
                let failed: Vec<_> = honest().map(|n| n.failed_pieces).collect();
                let banned: usize = honest().map(|n| n.banned.len()).sum();
                let worst = honest()
                    .map(|n| f64::from(n.failed_pieces) / n.banned.len().max(1) as f64)
                    .fold(0.0, f64::max);
                println!("{kind:?} seed {seed} 1 in {one_in}: {ratio:.2}, failed max {:?} sum {}, banned {banned}, worst per ban {worst:.1}, wasted {:.3}",
                    failed.iter().max(), failed.iter().sum::<u32>(), report.wasted);
            }
        }
    }
}
