//! Rates and numbers of connections that are not exceeded, changed while it runs.

mod common;

use std::time::Duration;

use brackish_core::{Limits, TorrentStats};
use brackish_sim::{Kind, NodeIndex, NodeSpec, Scenario, World};
use common::play;

const TOTAL: u64 = 60_000_000;
const PIECE: u32 = 1 << 17;

fn limit(world: &mut World, node: NodeIndex, up: Option<u64>, down: Option<u64>) {
    let limits = Limits { up, down };
    world.tell(node, |session, _, now| session.set_limits(limits, now));
}

fn stats(world: &World, node: NodeIndex) -> TorrentStats {
    let (session, torrent) = world.session(node).expect("it runs");
    session.torrent_stats(torrent).expect("it has the torrent")
}

/// Bytes per second of a figure over so many seconds from now on.
fn rate(world: &mut World, seconds: u64, figure: impl Fn(&World) -> u64) -> f64 {
    let before = figure(world);
    play(world.run_for(Duration::from_secs(seconds)));
    (figure(world) - before) as f64 / seconds as f64
}

fn assert_within_5_percent(rate: f64, limit: u64) {
    let share = rate / limit as f64;
    assert!(
        (0.95..=1.05).contains(&share),
        "{rate} bytes a second, of {limit}"
    );
}

/// Fast seeds, and a fast leech of each.
fn world(kind: Kind, seeds: usize, leeches: usize) -> World {
    let mut scenario = Scenario::new(1, TOTAL, PIECE);
    for _ in 0..seeds {
        scenario.add(NodeSpec::seed(kind).rates(10_000_000, 10_000_000));
    }
    for _ in 0..leeches {
        scenario.add(NodeSpec::leech(kind).rates(10_000_000, 10_000_000));
    }
    let mut world = World::new(scenario);
    play(world.run_for(Duration::ZERO));
    world
}

#[test]
fn a_download_limit_holds_over_peers_of_either_kind_and_follows_its_changes() {
    for kind in [Kind::Tcp, Kind::Page] {
        for bytes in [40_000, 300_000, 1_000_000] {
            let mut world = world(kind, 3, 1);
            limit(&mut world, 3, None, Some(bytes));
            play(world.run_for(Duration::from_secs(5)));
            let down = |world: &World| stats(world, 3).downloaded;
            assert_within_5_percent(rate(&mut world, 25, down), bytes);
            limit(&mut world, 3, None, Some(bytes / 2));
            play(world.run_for(Duration::from_secs(3)));
            assert_within_5_percent(rate(&mut world, 25, down), bytes / 2);
            limit(&mut world, 3, None, None);
            play(world.run());
        }
    }
}

#[test]
fn an_upload_limit_holds_over_all_peers_and_follows_its_changes() {
    for kind in [Kind::Tcp, Kind::Page] {
        for bytes in [40_000, 300_000, 1_500_000] {
            let mut world = world(kind, 1, 3);
            limit(&mut world, 0, Some(bytes), None);
            play(world.run_for(Duration::from_secs(6)));
            let up = |world: &World| stats(world, 0).uploaded;
            assert_within_5_percent(rate(&mut world, 25, up), bytes);
            limit(&mut world, 0, Some(bytes / 2), None);
            play(world.run_for(Duration::from_secs(3)));
            assert_within_5_percent(rate(&mut world, 15, up), bytes / 2);
            limit(&mut world, 0, None, None);
            play(world.run());
        }
    }
}

#[test]
fn the_limit_of_a_torrent_holds_where_that_of_the_session_is_wider() {
    let mut world = world(Kind::Hybrid, 2, 1);
    limit(&mut world, 2, None, Some(1_000_000));
    let narrow = Limits {
        up: None,
        down: Some(200_000),
    };
    world.tell(2, |session, torrent, now| {
        session.set_torrent_limits(torrent, narrow, now)
    });
    play(world.run_for(Duration::from_secs(5)));
    let down = |world: &World| stats(world, 2).downloaded;
    assert_within_5_percent(rate(&mut world, 20, down), 200_000);
    let none = Limits::default();
    world.tell(2, |session, torrent, now| {
        session.set_torrent_limits(torrent, none, now)
    });
    play(world.run_for(Duration::from_secs(3)));
    assert_within_5_percent(rate(&mut world, 20, down), 1_000_000);
    play(world.run());
}

#[test]
fn peers_share_an_upload_limit_alike() {
    let mut scenario = Scenario::new(3, TOTAL, PIECE);
    scenario.trackers = 0;
    let seed = scenario.add(NodeSpec::seed(Kind::Tcp).rates(10_000_000, 10_000_000));
    for down in [300_000, 1_000_000, 4_000_000, 8_000_000] {
        let leech = NodeSpec::leech(Kind::Tcp).rates(10_000, down);
        scenario.add(leech.knows(&[seed]));
    }
    let mut world = World::new(scenario);
    play(world.run_for(Duration::ZERO));
    limit(&mut world, seed, Some(400_000), None);
    play(world.run_for(Duration::from_secs(60)));
    let (session, torrent) = world.session(seed).expect("it runs");
    let served: Vec<u64> = session
        .peer_stats(torrent)
        .iter()
        .map(|p| p.uploaded)
        .collect();
    let (least, most) = (served.iter().min(), served.iter().max());
    let (least, most) = (least.expect("peers"), most.expect("peers"));
    assert!(
        served.len() == 4 && *most as f64 <= *least as f64 * 1.25,
        "{served:?}"
    );
}

#[test]
fn connections_beyond_a_lowered_limit_are_closed_and_no_more_are_made() {
    let mut world = world(Kind::Hybrid, 2, 14);
    limit(&mut world, 15, None, Some(50_000));
    play(world.run_for(Duration::from_secs(20)));
    let peers = |world: &World| {
        let (session, torrent) = world.session(15).expect("it runs");
        session.peer_stats(torrent).len()
    };
    assert!(peers(&world) > 6, "{}", peers(&world));
    world.tell(15, |session, _, now| {
        session.set_connection_limits(20, 4, now)
    });
    for _ in 0..30 {
        play(world.run_for(Duration::from_secs(1)));
        assert!(peers(&world) <= 4, "{}", peers(&world));
    }
    assert!(stats(&world, 15).download_rate > 0);
    limit(&mut world, 15, None, None);
    play(world.run());
}
