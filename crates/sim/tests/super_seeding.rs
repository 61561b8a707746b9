//! Super-seeding (BEP 16): an origin with the only copy and little upload, and what it sends until
//! the swarm has a copy of its own.

mod common;

use std::time::Duration;

use brackish_sim::{Behaviour, Kind, Leave, NodeSpec, Report, Scenario};
use common::{assert_all_complete, play};

const TOTAL: u64 = 8 << 20;
const PIECE: u32 = 1 << 16;

/// A quarter of the upload of each of its peers, in bytes per second.
const UPLINK: u64 = 312_500;

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

fn scenario(seed: u64, kinds: &[Kind], peers: usize, origin: NodeSpec) -> Scenario {
    let mut scenario = Scenario::new(seed, TOTAL, PIECE);
    scenario.add(origin);
    for index in 0..peers {
        scenario.add(NodeSpec::leech(kinds[index % kinds.len()]));
    }
    scenario
}

fn origin(super_seed: bool) -> NodeSpec {
    let mut origin = NodeSpec::seed(Kind::Hybrid).rates(UPLINK, 5_000_000);
    origin.super_seed = super_seed;
    origin
}

/// A swarm whose origin leaves when there is a copy of every piece elsewhere: what it sent is what
/// that took.
fn until_whole(seed: u64, kinds: &[Kind], mut origin: NodeSpec) -> Report {
    origin.leaves = Leave::CopyOut;
    let report = play(scenario(seed, kinds, 24, origin).run());
    let unfinished = report.nodes.iter().skip(1).filter(|node| !node.complete);
    assert_eq!(unfinished.count(), 0, "{kinds:?}, seed {seed}");
    report
}

/// Means over the seeds: copies that the origin sent, and seconds until all have everything.
fn means(name: &str, kinds: &[Kind], origin: &NodeSpec) -> (f64, f64) {
    let (mut copies, mut time) = (0.0, 0.0);
    for seed in SEEDS {
        let report = until_whole(seed, kinds, origin.clone());
        copies += report.origin_copies / SEEDS.count() as f64;
        time += report.finished.as_secs_f64() / SEEDS.count() as f64;
    }
    println!("{kinds:?}, {name}: {copies:.3} copies sent, all complete after {time:.1} s");
    (copies, time)
}

#[test]
fn a_super_seed_sends_little_more_than_one_copy_though_its_peers_take_no_advice() {
    for kinds in [
        &[Kind::Tcp][..],
        &[Kind::Page],
        &[Kind::Tcp, Kind::Page, Kind::Hybrid],
    ] {
        let usual = means("advising", kinds, &origin(false));
        let mute = origin(false).behaving(Behaviour::Unadvising);
        let mute = means("not advising", kinds, &mute);
        let hidden = means("super-seeding", kinds, &origin(true));
        assert!(hidden.0 < mute.0, "{kinds:?}: no fewer than a plain seed");
        assert!(hidden.0 < 1.15, "{kinds:?}: {:.3} copies", hidden.0);
        assert!(hidden.1 < usual.1 * 1.2, "{kinds:?}: {:.1} s", hidden.1);
    }
}

#[test]
fn a_single_peer_of_a_super_seed_gets_everything_at_the_rate_of_its_uplink() {
    let report = assert_all_complete(scenario(1, &[Kind::Tcp], 1, origin(true)));
    let least = Duration::from_secs_f64(TOTAL as f64 / UPLINK as f64);
    assert!(
        report.finished < least.mul_f64(1.2),
        "{:?}",
        report.finished
    );
}
