//! Swarms in which one peer in ten corrupts what it serves: the liars are found soon and at little
//! cost, and nobody is taken for one. (That no honest peer is banned is checked in every run.)

mod common;

use std::time::Duration;

use brackish_sim::{Behaviour, Kind, NodeSpec, Report, Scenario, homogeneous};
use common::assert_all_complete;

const HONEST: usize = 36;
const LIARS: usize = 4;
const TOTAL: u64 = 32 << 20;
const PIECE: u32 = 1 << 18;

/// How much longer a swarm with liars takes at most, in the mean of the seeds.
const LATER: f64 = 1.2;

/// Seeds of a mean: one differs from another by up to 0.1, so that the mean of four says little.
const SEEDS: u64 = 12;

/// By how much the last honest peer may be later than the one in the middle: no piece waits for a
/// liar that is gone.
const STRAGGLES: Duration = Duration::from_secs(6);

/// One in ten makes one block in `one_in` wrong; 0 leaves those out.
fn swarm(seed: u64, kind: Kind, one_in: u32) -> Report {
    let mut scenario: Scenario = homogeneous(seed, HONEST, TOTAL, PIECE, kind);
    if one_in > 0 {
        for _ in 0..LIARS {
            scenario.add(NodeSpec::leech(kind).behaving(Behaviour::Corrupting(one_in)));
        }
    }
    assert_all_complete(scenario)
}

fn assert_held_off(kind: Kind, later: f64) {
    for one_in in [1, 16] {
        let mut ratios = Vec::new();
        for seed in 0..SEEDS {
            let without = swarm(seed, kind, 0).finished.as_secs_f64();
            let report = swarm(seed, kind, one_in);
            ratios.push(report.finished.as_secs_f64() / without);
            let times = report.times();
            assert!(
                report.finished < times[times.len() / 2] + STRAGGLES,
                "{kind:?}, one in {one_in}, seed {seed}: one is last by far: {times:?}"
            );
            for (index, node) in report.nodes.iter().enumerate().take(HONEST + 1) {
                let allowed = 3 * LIARS as u32;
                assert!(
                    node.failed_pieces <= allowed,
                    "{kind:?}, seed {seed}: node {index} took {} bad pieces",
                    node.failed_pieces
                );
            }
        }
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        println!("{kind:?}, one block in {one_in}: {ratios:.2?} of the time");
        assert!(
            mean <= later,
            "{kind:?}, one in {one_in}: {mean:.2} of the time"
        );
    }
}

#[test]
fn one_tcp_peer_in_ten_that_corrupts_makes_the_others_hardly_later() {
    assert_held_off(Kind::Tcp, LATER);
}

#[test]
fn one_page_in_ten_that_corrupts_makes_the_others_hardly_later() {
    assert_held_off(Kind::Page, LATER);
}
