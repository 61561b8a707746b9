//! Swarms that grow by `bk_signal` alone: peers that all know one, and meet each other through it.

mod common;

use std::time::Duration;

use brackish_sim::{Fault, Kind, Leave, LinkSpec, Nat, NodeIndex, NodeSpec, Scenario, World};
use common::play;

const TOTAL: u64 = 5_000_000;
const PIECE: u32 = 1 << 16;

/// `pages` pages that offer nothing to the tracker, so that they only ever meet the origin, a node
/// that offers to them; then the tracker dies.
fn pages_that_know_one_node(seed: u64, pages: usize) -> (Scenario, NodeIndex) {
    let mut scenario = Scenario::new(seed, TOTAL, PIECE);
    for _ in 0..pages {
        let mut page = NodeSpec::leech(Kind::Page);
        page.tune = |config| config.offers_per_announce = 0;
        scenario.add(page);
    }
    let mut origin = NodeSpec::seed(Kind::Hybrid).joins(Duration::from_secs(2));
    origin.tune = |config| config.offers_per_announce = 10;
    let origin = scenario.add(origin);
    scenario.fault(Duration::from_secs(6), Fault::TrackerDies);
    (scenario, origin)
}

fn peers(world: &World, node: NodeIndex) -> usize {
    let (session, torrent) = world.session(node).expect("it runs");
    session.peer_stats(torrent).len()
}

#[test]
fn pages_that_met_one_node_complete_among_themselves_after_it_has_left() {
    for seed in 0..5 {
        let (mut scenario, origin) = pages_that_know_one_node(seed, 6);
        scenario.nodes[origin].leaves = Leave::CopyOut;
        let report = play(scenario.run());
        let last = report.times().into_iter().max().expect("pages finish");
        assert!(last < Duration::from_secs(120), "seed {seed}: {last:?}");
    }
}

#[test]
fn pages_that_met_one_node_are_introduced_to_each_other_and_spare_its_upload() {
    let (mut scenario, origin) = pages_that_know_one_node(7, 10);
    scenario.nodes[origin].link.up = Some(125_000);
    let mut world = World::new(scenario);
    play(world.run_until(Duration::from_secs(30)));
    for page in 0..10 {
        assert_eq!(peers(&world, page), 10, "page {page} knows all others");
    }
    play(world.run());
    let copies = world.report().origin_copies;
    assert!(copies < 3.0, "the node sent {copies} copies to ten pages");
}

#[test]
fn nodes_that_cannot_dial_each_other_meet_by_webrtc_through_one_that_they_can_dial() {
    let behind_nat = LinkSpec {
        nat: Nat::Cone,
        ..LinkSpec::default()
    };
    let mut scenario = Scenario::new(8, TOTAL, PIECE);
    scenario.trackers = 0;
    let mut origin = NodeSpec::seed(Kind::Hybrid).rates(100_000, 1_000_000);
    origin.leaves = Leave::CopyOut;
    let origin = scenario.add(origin);
    for _ in 0..4 {
        let node = NodeSpec::leech(Kind::Hybrid).link(behind_nat);
        scenario.add(node.knows(&[origin]));
    }
    let report = play(scenario.run());
    let by_webrtc: u64 = report.nodes.iter().map(|n| n.downloaded_webrtc).sum();
    assert!(by_webrtc > 0);
}

#[test]
fn a_page_that_comes_to_one_page_of_a_swarm_without_its_tracker_meets_the_others() {
    // The pages of the swarm know each other; the late node reaches one node by TCP alone, and
    // through it the pages.
    let mut scenario = Scenario::new(9, TOTAL, PIECE);
    let bridge = scenario.add(NodeSpec::leech(Kind::Hybrid));
    scenario.add(NodeSpec::seed(Kind::Page).rates(30_000, 30_000));
    scenario.add(NodeSpec::leech(Kind::Page));
    scenario.add(NodeSpec::leech(Kind::Page));
    scenario.fault(Duration::from_secs(30), Fault::TrackerDies);
    let late = NodeSpec::leech(Kind::Hybrid).joins(Duration::from_secs(40));
    let late = scenario.add(late.knows(&[bridge]));
    let mut world = World::new(scenario);
    play(world.run_until(Duration::from_secs(100)));
    assert_eq!(peers(&world, late), 4);
}
