//! Reading while it downloads.

mod common;

use std::time::Duration;

use brackish_sim::{
    Bound, Kind, NodeIndex, NodeSpec, Report, Scenario, Viewer, Viewing, World, homogeneous,
};
use common::play;

const PIECE: u32 = 1 << 17;
const TOTAL: u64 = 40 << 20;
const RATE: u64 = 300_000;
const LONG: Duration = Duration::from_secs(600);

/// A seed and leeches of mixed speed, of whom the last one watches.
fn mixed(seed: u64) -> (Scenario, NodeIndex) {
    let mut scenario = Scenario::new(seed, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(Kind::Hybrid).rates(2_000_000, 8_000_000));
    for (up, down) in [
        (100_000, 1_000_000),
        (400_000, 2_000_000),
        (1_500_000, 6_000_000),
    ] {
        for kind in [Kind::Page, Kind::Tcp, Kind::Hybrid, Kind::Page] {
            scenario.add(NodeSpec::leech(kind).rates(up, down));
        }
    }
    let viewer = scenario.add(NodeSpec::leech(Kind::Hybrid).rates(400_000, 4_000_000));
    (scenario, viewer)
}

fn watch(seed: u64, reads: bool) -> (Viewing, Report) {
    let (scenario, node) = mixed(seed);
    let mut world = World::new(scenario);
    play(world.run_for(Duration::from_secs(10)));
    let viewer = Viewer {
        node,
        rate: RATE,
        reads,
    };
    let viewing = play(viewer.watch(&mut world, 0, LONG));
    play(world.run());
    (viewing, world.report())
}

#[test]
fn a_film_begins_soon_and_hardly_stalls_in_a_young_swarm_which_finishes_as_soon_as_without() {
    let (mut begins, mut plainly, mut stalled, mut later) = (0.0, 0.0, 0.0, 0.0);
    for seed in 0..4 {
        let (with, swarm) = watch(seed, true);
        let (without, plain) = watch(seed, false);
        println!(
            "{seed}: {with:?} {:?}, without {without:?} {:?}",
            swarm.finished, plain.finished
        );
        assert!(with.first_byte < Duration::from_secs(2), "{with:?}");
        assert!(with.stalls <= 2, "{with:?}");
        begins += with.began.as_secs_f64();
        plainly += without.began.as_secs_f64();
        stalled += with.stalled.as_secs_f64() / 4.0;
        later += swarm.finished.as_secs_f64() / plain.finished.as_secs_f64() / 4.0;
    }
    // Sums: where both begin at once, their ratio says nothing.
    assert!(
        begins < 0.5 * plainly,
        "it began after {begins} s, {plainly} s without"
    );
    assert!(stalled < 6.0, "it stood still for {stalled} s");
    assert!(later < 1.05, "the swarm took {later} times as long");
}

#[test]
fn slow_peers_do_not_hold_up_what_is_read() {
    let play_film = |reads| {
        let mut scenario = Scenario::new(5, TOTAL, PIECE);
        for up in [20_000, 20_000, 40_000, 40_000, 80_000, 700_000] {
            scenario.add(NodeSpec::seed(Kind::Hybrid).rates(up, 1_000_000));
        }
        let node = scenario.add(NodeSpec::leech(Kind::Hybrid).rates(500_000, 4_000_000));
        let mut world = World::new(scenario);
        play(world.run_for(Duration::from_secs(1)));
        let viewer = Viewer {
            node,
            rate: 400_000,
            reads,
        };
        let viewing = play(viewer.watch(&mut world, 0, LONG));
        play(world.run());
        (viewing, world.report())
    };
    let ((with, read), (without, plain)) = (play_film(true), play_film(false));
    println!(
        "{with:?} {:?}, without {without:?} {:?}",
        read.finished, plain.finished
    );
    assert!(with.first_byte < Duration::from_secs(3), "{with:?}");
    assert_eq!(with.stalls, 0, "{with:?}");
    assert!(with.began < Duration::from_millis(2500), "{with:?}");
    // Who does not say that it reads waits longer, and stalls all the same.
    assert!(without.began > with.began * 2, "{without:?}");
    assert!(without.stalls > 0, "{without:?}");
    assert!(read.finished.as_secs_f64() < plain.finished.as_secs_f64() * 1.1);
    assert!(read.wasted < 0.06, "{} was wasted", read.wasted);
}

#[test]
fn a_jump_is_followed_at_once() {
    let mut scenario = Scenario::new(7, TOTAL, PIECE);
    for up in [50_000, 200_000, 1_000_000] {
        scenario.add(NodeSpec::seed(Kind::Hybrid).rates(up, 1_000_000));
    }
    let node = scenario.add(NodeSpec::leech(Kind::Page).rates(500_000, 4_000_000));
    let mut world = World::new(scenario);
    play(world.run_for(Duration::from_secs(5)));
    let viewer = Viewer {
        node,
        rate: RATE,
        reads: true,
    };
    for start in [TOTAL / 2, TOTAL / 4, TOTAL * 3 / 4, TOTAL / 8] {
        let viewing = play(viewer.watch(&mut world, start, Duration::from_secs(4)));
        println!("{start}: {viewing:?}");
        assert!(
            viewing.first_byte < Duration::from_millis(1500),
            "{viewing:?}"
        );
        assert_eq!(viewing.stalls, 0, "{viewing:?}");
    }
    play(world.run());
}

/// Pages that come at once, of which these watch; what they saw, and the whole of it.
fn watch_among(
    peers: usize,
    viewers: std::ops::RangeInclusive<NodeIndex>,
) -> (Vec<Viewing>, Report) {
    let mut world = World::new(homogeneous(1, peers, 32 << 20, 1 << 16, Kind::Page));
    let viewer = |node| Viewer {
        node,
        rate: RATE,
        reads: true,
    };
    let viewers: Vec<Viewer> = viewers.map(viewer).collect();
    play(world.run_for(Duration::ZERO));
    let viewings = play(Viewer::watch_together(&viewers, &mut world, 0, LONG));
    play(world.run());
    (viewings, world.report())
}

#[test]
fn who_watches_among_many_who_come_at_once_sees_the_beginning_soon() {
    let (viewings, _) = watch_among(50, 50..=50);
    println!("{viewings:?}");
    assert!(viewings[0].first_byte < Duration::from_secs(6));
    assert!(viewings[0].stalled < Duration::from_secs(2));
}

#[test]
fn where_all_watch_the_films_run_on_and_uploads_stay_in_use() {
    let (viewings, swarm) = watch_among(50, 1..=50);
    let stalled: f64 = viewings.iter().map(|v| v.stalled.as_secs_f64()).sum();
    let bound = Bound::of(&homogeneous(1, 50, 32 << 20, 1 << 16, Kind::Page)).time;
    let ratio = swarm.finished.as_secs_f64() / bound.as_secs_f64();
    println!("stalled {stalled} s in all, {ratio} x the bound");
    assert!(stalled / 50.0 < 0.5, "{viewings:?}");
    assert!(ratio < 1.35, "{ratio} x the bound");
}
