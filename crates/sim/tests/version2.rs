//! Swarms of torrents of version 2 and of both versions (BEP 52).

mod common;

use brackish_sim::{Behaviour, Holds, Kind, NodeSpec, Scenario, Version};
use common::assert_all_complete;

/// Two files, the first of which ends within a block of its last piece.
const TOTAL: u64 = 5_000_000;
const PIECE: u32 = 1 << 16;

fn scenario(seed: u64, version: Version) -> Scenario {
    let mut scenario = Scenario::new(seed, TOTAL, PIECE);
    scenario.version = version;
    scenario
}

#[test]
fn a_swarm_of_version_2_fetches_no_byte_but_those_of_the_files() {
    for kind in [Kind::Tcp, Kind::Page] {
        let mut scenario = scenario(1, Version::V2);
        scenario.add(NodeSpec::seed(kind));
        scenario.add(NodeSpec::leech(kind));
        let report = assert_all_complete(scenario);
        assert_eq!(report.nodes[1].downloaded, TOTAL, "{kind:?}");
    }
}

#[test]
fn padding_is_fetched_only_with_the_end_of_a_file() {
    let mut scenario = scenario(13, Version::Hybrid);
    scenario.add(NodeSpec::seed(Kind::Tcp));
    scenario.add(NodeSpec::leech(Kind::Tcp));
    let report = assert_all_complete(scenario);
    let blocks = |bytes: u64| bytes.div_ceil(1 << 14) << 14;
    let fetched = blocks(TOTAL / 3) + blocks(TOTAL - TOTAL / 3);
    assert_eq!(report.nodes[1].downloaded, fetched);
}

#[test]
fn nodes_and_pages_complete_torrents_of_every_version() {
    for (seed, version) in [(2, Version::V2), (3, Version::Hybrid)] {
        let mut scenario = scenario(seed, version);
        scenario.add(NodeSpec::seed(Kind::Hybrid));
        for kind in [Kind::Page, Kind::Tcp, Kind::Hybrid, Kind::Page, Kind::Tcp] {
            scenario.add(NodeSpec::leech(kind));
        }
        let report = assert_all_complete(scenario);
        assert!(report.nodes.iter().all(|node| node.banned.is_empty()));
    }
}

#[test]
fn what_a_store_has_is_checked_by_either_version() {
    for version in [Version::V2, Version::Hybrid] {
        let mut scenario = scenario(4, version);
        scenario.add(NodeSpec::seed(Kind::Tcp));
        let claimed: Vec<u32> = (0..60).collect();
        let holds = Holds::Some {
            intact: claimed.iter().copied().filter(|n| n % 3 > 0).collect(),
            claimed,
        };
        scenario.add(NodeSpec {
            holds,
            ..NodeSpec::leech(Kind::Tcp)
        });
        let report = assert_all_complete(scenario);
        assert!(report.nodes[1].downloaded < TOTAL / 2);
    }
}

#[test]
fn in_version_2_a_liar_is_known_by_a_block_and_no_piece_fails() {
    for (seed, version) in [(10, Version::V2), (11, Version::V2), (12, Version::Hybrid)] {
        let mut scenario = Scenario::new(seed, TOTAL, 1 << 20);
        scenario.version = version;
        scenario.add(NodeSpec::seed(Kind::Tcp));
        let liar = NodeSpec::seed(Kind::Tcp).behaving(Behaviour::Corrupting(4));
        let liar = scenario.add(liar);
        for _ in 0..6 {
            scenario.add(NodeSpec::leech(Kind::Tcp));
        }
        let report = assert_all_complete(scenario);
        let honest = report
            .nodes
            .iter()
            .filter(|n| n.behaviour == Behaviour::Honest);
        for node in honest.clone() {
            assert_eq!(node.failed_pieces, 0, "{version:?}");
        }
        assert!(honest.clone().any(|node| node.banned == [liar]));
        // What came of it was lost, and no more: less than half a piece for each node.
        let wasted: u64 = honest.map(|node| node.wasted).sum();
        assert!(wasted < 6 * (1 << 19), "{wasted} bytes");
    }
}

#[test]
fn liars_are_found_out_in_either_version_and_nobody_else_is_banned() {
    for (seed, version) in [(5, Version::V2), (6, Version::Hybrid)] {
        let mut scenario = scenario(seed, version);
        scenario.add(NodeSpec::seed(Kind::Tcp));
        for _ in 0..2 {
            let liar = NodeSpec::seed(Kind::Tcp).behaving(Behaviour::Corrupting(10));
            scenario.add(liar);
        }
        for _ in 0..6 {
            scenario.add(NodeSpec::leech(Kind::Tcp));
        }
        let report = assert_all_complete(scenario);
        // That no honest node is banned, the world checks.
        assert!(report.nodes.iter().any(|node| !node.banned.is_empty()));
    }
}

#[test]
fn a_torrent_of_either_version_comes_by_its_magnet_link_with_the_hashes_of_its_pieces() {
    for (seed, version) in [(7, Version::V2), (8, Version::Hybrid)] {
        // Pieces of one block and of four; the hashes of some files come in several parts.
        for piece_length in [1 << 14, PIECE] {
            let mut scenario = Scenario::new(seed, 4 * TOTAL, piece_length);
            scenario.version = version;
            scenario.add(NodeSpec::seed(Kind::Hybrid));
            scenario.add(NodeSpec::leech(Kind::Page).by_magnet());
            scenario.add(NodeSpec::leech(Kind::Tcp).by_magnet());
            scenario.add(NodeSpec::leech(Kind::Hybrid).by_magnet());
            assert_all_complete(scenario);
        }
    }
}

#[test]
fn hashes_are_had_of_peers_of_which_some_are_damaged() {
    let mut scenario = Scenario::new(9, 4 * TOTAL, 1 << 14);
    scenario.version = Version::V2;
    scenario.add(NodeSpec::seed(Kind::Tcp));
    for _ in 0..3 {
        scenario.add(NodeSpec::seed(Kind::Tcp).behaving(Behaviour::Hostile(20)));
    }
    for _ in 0..3 {
        scenario.add(NodeSpec::leech(Kind::Tcp).by_magnet());
    }
    assert_all_complete(scenario);
}
