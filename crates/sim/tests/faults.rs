//! What goes wrong in a swarm, and what must not come of it.

mod common;

use std::time::Duration;

use brackish_core::StorageError;
use brackish_sim::{Behaviour, Fault, Holds, Kind, Leave, NodeSpec, Scenario, StoreSpec, World};
use common::{assert_all_complete, play};

const TOTAL: u64 = 8_000_000;
const PIECE: u32 = 1 << 17;

fn swarm(seed: u64, kind: Kind, leeches: usize) -> Scenario {
    let mut scenario = Scenario::new(seed, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(kind));
    for _ in 0..leeches {
        scenario.add(NodeSpec::leech(kind));
    }
    scenario
}

#[test]
fn a_corrupting_peer_is_banned_and_no_honest_one_is() {
    for (seed, kind) in [(1, Kind::Tcp), (2, Kind::Page), (3, Kind::Hybrid)] {
        let mut scenario = swarm(seed, kind, 8);
        // It has everything, so that many will ask it.
        let liar = scenario.add(NodeSpec::seed(kind).behaving(Behaviour::Corrupting(4)));
        let report = assert_all_complete(scenario);
        let mut judges = 0;
        for (index, node) in report.nodes.iter().enumerate().filter(|(n, _)| *n != liar) {
            assert!(
                node.banned.iter().all(|banned| *banned == liar),
                "{kind:?}: node {index} banned {:?}",
                node.banned
            );
            assert!(
                node.failed_pieces <= 6,
                "{kind:?}: node {index} took {} bad pieces",
                node.failed_pieces
            );
            judges += usize::from(node.banned == [liar]);
        }
        assert!(judges >= 4, "{kind:?}: only {judges} nodes banned the liar");
    }
}

#[test]
fn a_peer_that_takes_requests_and_answers_none_does_not_stall_the_download() {
    let time = |scenario: Scenario| assert_all_complete(scenario).finished.as_secs_f64();
    for kind in [Kind::Tcp, Kind::Page] {
        let without = time(swarm(4, kind, 3));
        let mut scenario = swarm(4, kind, 3);
        for _ in 0..2 {
            scenario.add(NodeSpec::seed(kind).behaving(Behaviour::Silent(0)));
        }
        let with = time(scenario);
        assert!(
            with < without + 11.0,
            "{kind:?}: {with} s, and {without} s without the silent peers"
        );
    }
}

#[test]
fn a_very_slow_peer_does_not_hold_the_last_piece() {
    for kind in [Kind::Tcp, Kind::Page] {
        let mut scenario = Scenario::new(5, TOTAL, PIECE);
        scenario.add(NodeSpec::seed(kind).rates(1_000_000, 1_000_000));
        // 8 seconds for a block of its own.
        scenario.add(NodeSpec::seed(kind).rates(2_000, 1_000_000));
        scenario.add(NodeSpec::leech(kind).rates(1_000_000, 2_000_000));
        let report = assert_all_complete(scenario);
        let seconds = report.finished.as_secs_f64();
        assert!(seconds < 12.0, "{kind:?}: {seconds} s for 8 s of data");
    }
}

#[test]
fn a_swarm_that_has_met_finishes_without_its_tracker() {
    for kind in [Kind::Tcp, Kind::Page, Kind::Hybrid] {
        let mut scenario = swarm(6, kind, 10);
        scenario.fault(Duration::from_secs(3), Fault::TrackerDies);
        assert_all_complete(scenario);
    }
}

#[test]
fn web_peers_whose_connection_breaks_meet_again_long_before_the_next_announce() {
    let mut scenario = swarm(12, Kind::Page, 1);
    // The file takes 7 s, the tracker's interval is two minutes.
    scenario.fault(Duration::from_secs(3), Fault::Cut(1000));
    let report = assert_all_complete(scenario);
    let seconds = report.finished.as_secs_f64();
    assert!(seconds < 25.0, "{seconds} s");
}

#[test]
fn peers_that_join_while_the_tracker_is_dead_find_the_swarm_when_it_is_back() {
    for kind in [Kind::Tcp, Kind::Page] {
        let mut scenario = swarm(7, kind, 2);
        scenario.fault(Duration::from_secs(3), Fault::TrackerDies);
        scenario.fault(Duration::from_secs(60), Fault::TrackerReturns);
        scenario.add(NodeSpec::leech(kind).joins(Duration::from_secs(10)));
        let report = assert_all_complete(scenario);
        let seconds = report.finished.as_secs_f64();
        assert!(seconds < 240.0, "{kind:?}: {seconds} s");
    }
}

#[test]
fn a_swarm_completes_after_its_seed_left_with_one_copy_out() {
    for (seed, kind) in [(8, Kind::Tcp), (9, Kind::Page)] {
        let mut scenario = swarm(seed, kind, 12);
        scenario.nodes[0].leaves = Leave::CopyOut;
        let report = play(scenario.run());
        assert!(report.nodes[1..].iter().all(|node| node.complete));
        assert!(
            report.origin_copies < 1.6,
            "{kind:?}: {} copies",
            report.origin_copies
        );
    }
}

#[test]
fn a_node_resumes_what_its_store_holds_and_believes_no_lie_in_it() {
    let mut scenario = swarm(10, Kind::Hybrid, 0);
    let claimed: Vec<u32> = (0..50).collect();
    let intact: Vec<u32> = (0..40).collect();
    let mut node = NodeSpec::leech(Kind::Hybrid);
    node.holds = Holds::Some { claimed, intact };
    let node = scenario.add(node);
    let report = assert_all_complete(scenario);
    assert_eq!(
        report.nodes[node].downloaded,
        TOTAL - 40 * u64::from(PIECE),
        "only what was not intact is fetched"
    );
}

#[test]
fn a_node_that_is_killed_resumes_when_it_comes_back() {
    for kind in [Kind::Tcp, Kind::Page] {
        let mut scenario = swarm(11, kind, 3);
        scenario.fault(Duration::from_secs(6), Fault::Crash(2));
        scenario.fault(Duration::from_secs(20), Fault::Return(2));
        let report = assert_all_complete(scenario);
        let node = &report.nodes[2];
        assert!(
            node.downloaded < TOTAL + TOTAL / 4,
            "{kind:?}: {} bytes",
            node.downloaded
        );
    }
}

#[test]
fn a_full_store_is_reported_and_the_node_goes_on_serving() {
    let mut scenario = swarm(12, Kind::Tcp, 1);
    let full = scenario.add(NodeSpec::leech(Kind::Tcp).store(StoreSpec {
        capacity: Some(TOTAL / 2),
        ..StoreSpec::FAST
    }));
    let mut world = World::new(scenario);
    play(world.run());
    let report = world.report();
    let node = &report.nodes[full];
    assert!(matches!(
        node.storage_failed,
        Some(StorageError::Full { .. })
    ));
    assert!(!node.complete && node.verified > 0);
    assert!(world.session(full).is_some());
}

#[test]
fn a_store_that_breaks_is_reported_and_nobody_is_banned_for_it() {
    let mut scenario = swarm(13, Kind::Hybrid, 3);
    scenario.fault(Duration::from_secs(4), Fault::StoreBreaks(2));
    let report = play(scenario.run());
    assert!(report.nodes[2].storage_failed.is_some());
    assert!(report.nodes.iter().all(|node| node.banned.is_empty()));
    assert!(report.nodes[1].complete && report.nodes[3].complete);
}

#[test]
fn what_waits_for_a_slow_store_is_bounded() {
    const BUDGET: usize = 1 << 20;
    let mut scenario = Scenario::new(14, 30_000_000, PIECE);
    for _ in 0..4 {
        scenario.add(NodeSpec::seed(Kind::Tcp).rates(5_000_000, 5_000_000));
    }
    let mut slow = NodeSpec::leech(Kind::Tcp).store(StoreSpec {
        rate: Some(1_000_000),
        ..StoreSpec::FAST
    });
    slow.link.down = None;
    slow.tune = |config| {
        config.store_budget = BUDGET;
        config.request_budget = BUDGET;
    };
    let slow = scenario.add(slow);
    let report = assert_all_complete(scenario);
    let peak = report.nodes[slow].peak_writing;
    assert!(peak <= 2 * BUDGET, "{peak} bytes waited");
    // The store must not run dry either: it also reads each piece back to hash it.
    let seconds = report.finished.as_secs_f64();
    assert!(seconds < 66.0, "{seconds} s for 60 s of its work");
}

#[test]
fn connections_that_break_are_made_again() {
    for kind in [Kind::Tcp, Kind::Page] {
        let mut scenario = swarm(15, kind, 5);
        for second in 2..10 {
            scenario.fault(Duration::from_secs(second), Fault::Cut(500));
        }
        let report = assert_all_complete(scenario);
        let seconds = report.finished.as_secs_f64();
        assert!(seconds < 120.0, "{kind:?}: {seconds} s");
    }
}
