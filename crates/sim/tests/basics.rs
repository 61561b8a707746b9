//! Swarms of two and three, in which everything that follows must work.

mod common;

use std::time::Duration;

use brackish_sim::{Behaviour, Kind, Leave, LinkSpec, NodeSpec, Scenario, World};
use common::{assert_all_complete, play};

const TOTAL: u64 = 5_000_000;
const PIECE: u32 = 1 << 16;

#[test]
fn a_tcp_peer_downloads_from_another_without_a_tracker() {
    let mut scenario = Scenario::new(1, TOTAL, PIECE);
    scenario.trackers = 0;
    let seed = scenario.add(NodeSpec::seed(Kind::Tcp));
    scenario.add(NodeSpec::leech(Kind::Tcp).knows(&[seed]));
    let report = assert_all_complete(scenario);
    assert_eq!(report.nodes[1].downloaded, TOTAL);
}

#[test]
fn a_page_downloads_from_a_page_through_the_tracker() {
    let mut scenario = Scenario::new(2, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Page));
    scenario.add(NodeSpec::leech(Kind::Page));
    let report = assert_all_complete(scenario);
    assert_eq!(report.nodes[1].downloaded_webrtc, TOTAL);
}

#[test]
fn one_link_is_filled_to_nine_tenths() {
    for kind in [Kind::Tcp, Kind::Page] {
        let mut scenario = Scenario::new(3, 20_000_000, 1 << 18);
        scenario.add(NodeSpec::seed(kind).rates(2_000_000, 2_000_000));
        scenario.add(NodeSpec::leech(kind).rates(2_000_000, 2_000_000));
        let report = assert_all_complete(scenario);
        let seconds = report.finished.as_secs_f64();
        assert!(seconds < 11.1, "{kind:?} took {seconds} s for 10 s of data");
    }
}

#[test]
fn a_far_link_of_a_gigabit_is_filled_once_it_is_known() {
    let link = LinkSpec {
        up: Some(125_000_000),
        down: Some(125_000_000),
        delay: Duration::from_millis(40),
        room: 4 << 20,
        ..LinkSpec::default()
    };
    let mut scenario = Scenario::new(4, 500_000_000, 1 << 20);
    scenario.add(NodeSpec::seed(Kind::Tcp).link(link));
    scenario.add(NodeSpec::leech(Kind::Tcp).link(link));
    let report = assert_all_complete(scenario);
    // 160 ms of round trip at 64 MiB of requests: 4 s at full rate.
    let seconds = report.finished.as_secs_f64();
    assert!(seconds < 10.0, "took {seconds} s");
}

#[test]
fn a_magnet_link_is_enough_for_pages_and_tcp_peers() {
    // Small pieces: metadata of several pieces of its own.
    let mut scenario = Scenario::new(5, 40_000_000, 1 << 14);
    scenario.add(NodeSpec::seed(Kind::Hybrid));
    scenario.add(NodeSpec::leech(Kind::Page).by_magnet());
    scenario.add(NodeSpec::leech(Kind::Tcp).by_magnet());
    assert_all_complete(scenario);
}

#[test]
fn metadata_comes_from_a_peer_that_itself_began_with_a_magnet_link() {
    let mut scenario = Scenario::new(6, TOTAL, PIECE);
    let seed = scenario.add(NodeSpec::seed(Kind::Tcp));
    scenario.add(NodeSpec::leech(Kind::Hybrid).by_magnet().knows(&[seed]));
    // It can only meet the hybrid node.
    scenario.add(NodeSpec::leech(Kind::Page).by_magnet());
    assert_all_complete(scenario);
}

#[test]
fn a_hybrid_node_carries_a_torrent_from_a_tcp_seed_to_a_page() {
    let mut scenario = Scenario::new(7, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Tcp));
    scenario.add(NodeSpec::leech(Kind::Hybrid));
    let page = scenario.add(NodeSpec::leech(Kind::Page));
    let report = assert_all_complete(scenario);
    assert_eq!(report.nodes[page].downloaded_webrtc, TOTAL);
}

#[test]
fn a_hybrid_node_carries_a_torrent_from_a_page_to_a_tcp_peer() {
    let mut scenario = Scenario::new(8, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Page));
    scenario.add(NodeSpec::leech(Kind::Hybrid));
    let tcp = scenario.add(NodeSpec::leech(Kind::Tcp));
    let report = assert_all_complete(scenario);
    assert_eq!(report.nodes[tcp].downloaded_webrtc, 0);
}

#[test]
fn pages_that_offer_to_each_other_at_once_keep_one_connection() {
    for seed in 0..20 {
        let mut scenario = Scenario::new(seed, TOTAL, PIECE);
        // At four trackers: one page is first here, the other there.
        scenario.trackers = 4;
        let a = scenario.add(NodeSpec::seed(Kind::Page));
        let b = scenario.add(NodeSpec::leech(Kind::Page));
        let mut world = World::new(scenario);
        play(world.run_until(Duration::from_secs(3)));
        for node in [a, b] {
            let (session, torrent) = world.session(node).expect("it runs");
            let peers = session.peer_stats(torrent).len();
            assert_eq!(peers, 1, "seed {seed}, node {node}");
        }
        play(world.run());
    }
}

#[test]
fn hybrid_nodes_that_meet_by_tcp_and_webrtc_keep_one_connection() {
    for seed in 0..20 {
        let mut scenario = Scenario::new(seed, TOTAL, PIECE);
        for _ in 0..2 {
            scenario.add(NodeSpec::seed(Kind::Hybrid));
            scenario.add(NodeSpec::leech(Kind::Hybrid));
        }
        let mut world = World::new(scenario);
        play(world.run_until(Duration::from_secs(3)));
        for node in 0..4 {
            let (session, torrent) = world.session(node).expect("it runs");
            let mut peers: Vec<_> = session
                .peer_stats(torrent)
                .iter()
                .map(|peer| peer.peer_id)
                .collect();
            let count = peers.len();
            peers.sort();
            peers.dedup();
            assert_eq!(peers.len(), count, "seed {seed}, node {node}");
        }
        play(world.run());
    }
}

#[test]
fn peers_behind_symmetric_nats_complete_through_one_that_is_not() {
    let closed = LinkSpec {
        nat: brackish_sim::Nat::Symmetric,
        ..LinkSpec::default()
    };
    let mut scenario = Scenario::new(9, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Page).link(closed));
    scenario.add(NodeSpec::leech(Kind::Page).link(closed));
    scenario.add(NodeSpec::leech(Kind::Page));
    assert_all_complete(scenario);
}

#[test]
fn a_peer_that_says_goodbye_leaves_nothing_behind() {
    let mut scenario = Scenario::new(10, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Hybrid));
    let mut leaver = NodeSpec::leech(Kind::Hybrid);
    leaver.leaves = Leave::Finished(Duration::ZERO);
    let leaver = scenario.add(leaver);
    scenario.add(NodeSpec::leech(Kind::Page).joins(Duration::from_secs(30)));
    // The world checks what a session leaves behind when it shuts down.
    let mut world = World::new(scenario);
    play(world.run());
    assert!(world.session(leaver).is_none());
}

#[test]
fn a_free_rider_does_not_keep_others_from_finishing() {
    let mut scenario = Scenario::new(11, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Tcp));
    for _ in 0..3 {
        scenario.add(NodeSpec::leech(Kind::Tcp));
        scenario.add(NodeSpec::leech(Kind::Tcp).behaving(Behaviour::FreeRiding));
    }
    play(World::new(scenario).run());
}

#[test]
fn tcp_peers_that_know_only_the_seed_find_each_other_by_peer_exchange() {
    let mut scenario = Scenario::new(12, TOTAL, PIECE);
    scenario.trackers = 0;
    let seed = scenario.add(NodeSpec::seed(Kind::Tcp).rates(50_000, 1_000_000));
    for _ in 0..10 {
        scenario.add(NodeSpec::leech(Kind::Tcp).knows(&[seed]));
    }
    let report = assert_all_complete(scenario);
    let copies = report.origin_copies;
    assert!(copies < 2.0, "the seed sent {copies} copies to ten peers");
}
