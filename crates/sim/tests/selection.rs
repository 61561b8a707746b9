//! What is wanted, changed while it runs.

mod common;

use std::ops::Range;
use std::time::Duration;

use brackish_core::{Priority, Select, TorrentState, TorrentStats};
use brackish_sim::{Kind, NodeIndex, NodeSpec, Scenario, World};
use common::play;

const PIECE: u32 = 1 << 16;
const PIECES: u32 = 64;
const TOTAL: u64 = PIECE as u64 * PIECES as u64;

/// The bytes of pieces.
fn pieces(range: Range<u32>) -> Range<u64> {
    u64::from(range.start) * u64::from(PIECE)..u64::from(range.end) * u64::from(PIECE)
}

fn choose(world: &mut World, node: NodeIndex, range: Range<u32>, priority: Priority) {
    let range = pieces(range);
    let chosen = world.tell(node, |session, torrent, now| {
        session.set_range_priority(torrent, range, priority, now)
    });
    chosen.expect("it runs").expect("the stretch exists");
}

fn stats(world: &World, node: NodeIndex) -> TorrentStats {
    let (session, torrent) = world.session(node).expect("it runs");
    session.torrent_stats(torrent).expect("it has the torrent")
}

fn verified(world: &World, node: NodeIndex) -> Vec<u32> {
    let (session, torrent) = world.session(node).expect("it runs");
    let verified = session.verified(torrent).expect("it has the metadata");
    verified.ones().collect()
}

/// Plays until it holds; fails the test if it does not within so long of the world's time.
fn until(world: &mut World, limit: Duration, holds: impl Fn(&World) -> bool) {
    let mut at = Duration::ZERO;
    while !holds(world) {
        assert!(at < limit, "it did not come about within {limit:?}");
        at += Duration::from_millis(50);
        play(world.run_for(Duration::from_millis(50)));
    }
}

const LONG: Duration = Duration::from_secs(120);

/// A seed and a leech that wants nothing yet.
fn pair(kind: Kind) -> (World, NodeIndex) {
    let mut scenario = Scenario::new(1, TOTAL, PIECE);
    scenario.add(NodeSpec::seed(kind));
    let mut leech = NodeSpec::leech(kind);
    leech.select = Select::Nothing;
    let leech = scenario.add(leech);
    let mut world = World::new(scenario);
    play(world.run_for(Duration::ZERO));
    (world, leech)
}

#[test]
fn what_is_not_wanted_is_not_fetched_and_the_rest_finishes() {
    for kind in [Kind::Tcp, Kind::Page] {
        let (mut world, leech) = pair(kind);
        play(world.run_until(Duration::from_secs(5)));
        assert_eq!(stats(&world, leech).downloaded, 0);
        assert_eq!(stats(&world, leech).state, TorrentState::Downloading);
        choose(&mut world, leech, 10..20, Priority::Normal);
        play(world.run());
        let stats = stats(&world, leech);
        assert_eq!(stats.state, TorrentState::Seeding);
        assert_eq!(stats.downloaded, 10 * u64::from(PIECE));
        assert_eq!(
            (stats.wanted, stats.wanted_verified),
            (stats.downloaded, stats.downloaded)
        );
        assert_eq!(verified(&world, leech), (10..20).collect::<Vec<_>>());
    }
}

#[test]
fn a_torrent_that_has_finished_goes_on_when_more_is_wanted() {
    let (mut world, leech) = pair(Kind::Hybrid);
    play(world.run_until(Duration::from_secs(2)));
    choose(&mut world, leech, 0..8, Priority::Normal);
    play(world.run());
    choose(&mut world, leech, 30..40, Priority::Low);
    assert_eq!(stats(&world, leech).state, TorrentState::Downloading);
    until(&mut world, LONG, |world| {
        stats(world, leech).state == TorrentState::Seeding
    });
    assert_eq!(stats(&world, leech).downloaded, 18 * u64::from(PIECE));
    choose(&mut world, leech, 0..PIECES, Priority::Normal);
    until(&mut world, LONG, |world| {
        stats(world, leech).verified == TOTAL
    });
    assert_eq!(stats(&world, leech).downloaded, TOTAL);
}

#[test]
fn what_is_not_wanted_any_more_is_soon_not_fetched() {
    let (mut world, leech) = pair(Kind::Tcp);
    choose(&mut world, leech, 0..PIECES, Priority::Normal);
    until(&mut world, LONG, |world| verified(world, leech).len() > 8);
    choose(&mut world, leech, 0..PIECES, Priority::Skip);
    choose(&mut world, leech, 0..4, Priority::Normal);
    until(&mut world, LONG, |world| {
        stats(world, leech).state == TorrentState::Seeding
    });
    play(world.run_for(Duration::from_secs(30)));
    let stats = stats(&world, leech);
    assert!(
        stats.downloaded < TOTAL / 2,
        "{} bytes came",
        stats.downloaded
    );
    assert!((0..4).all(|piece| verified(&world, leech).contains(&piece)));
}

#[test]
fn what_is_wanted_more_comes_before_the_rest_and_what_is_wanted_less_after_it() {
    let (mut world, leech) = pair(Kind::Tcp);
    choose(&mut world, leech, 0..16, Priority::Low);
    choose(&mut world, leech, 16..48, Priority::Normal);
    choose(&mut world, leech, 48..64, Priority::High);
    let count = |world: &World, range: Range<u32>| {
        let verified = verified(world, leech);
        verified
            .iter()
            .filter(|piece| range.contains(piece))
            .count()
    };
    until(&mut world, LONG, |world| verified(world, leech).len() >= 16);
    assert!(count(&world, 48..64) >= 14, "{:?}", verified(&world, leech));
    until(&mut world, LONG, |world| verified(world, leech).len() >= 48);
    assert!(count(&world, 0..16) <= 6, "{:?}", verified(&world, leech));
    play(world.run());
}

#[test]
fn peers_that_want_different_parts_give_each_other_what_they_have() {
    let mut scenario = Scenario::new(3, TOTAL, PIECE);
    let origin = scenario.add(NodeSpec::seed(Kind::Hybrid));
    let mut half = NodeSpec::leech(Kind::Hybrid);
    half.select = Select::Nothing;
    let half = scenario.add(half);
    let mut late = NodeSpec::leech(Kind::Page).joins(Duration::from_secs(60));
    late.select = Select::Nothing;
    let late = scenario.add(late);
    let mut world = World::new(scenario);
    play(world.run_until(Duration::from_secs(1)));
    choose(&mut world, half, 0..32, Priority::Normal);
    play(world.run_until(Duration::from_secs(59)));
    world.tell(origin, |session, torrent, now| {
        session.remove_torrent(torrent, now)
    });
    play(world.run_until(Duration::from_secs(61)));
    choose(&mut world, late, 20..32, Priority::High);
    play(world.run());
    assert_eq!(stats(&world, half).uploaded, 12 * u64::from(PIECE));
    assert_eq!(verified(&world, late), (20..32).collect::<Vec<_>>());
}

#[test]
fn choices_made_at_random_are_followed_to_their_end() {
    for seed in 0..12 {
        let mut scenario = Scenario::new(seed, TOTAL, PIECE);
        scenario.add(NodeSpec::seed(Kind::Hybrid));
        for kind in [Kind::Page, Kind::Tcp, Kind::Hybrid, Kind::Page] {
            scenario.add(NodeSpec::leech(kind));
        }
        let mut world = World::new(scenario);
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..40 {
            play(world.run_for(Duration::from_millis(random.u64(1..300))));
            let node = random.usize(1..5);
            let start = random.u32(0..PIECES);
            let end = random.u32(start + 1..=PIECES);
            let priority = random.choice([
                Priority::Skip,
                Priority::Low,
                Priority::Normal,
                Priority::High,
            ]);
            choose(&mut world, node, start..end, priority.expect("one of four"));
        }
        for node in 1..5 {
            choose(&mut world, node, 0..1, Priority::Normal);
        }
        until(&mut world, LONG, |world| {
            (1..5).all(|node| stats(world, node).state == TorrentState::Seeding)
        });
        for node in 1..5 {
            choose(&mut world, node, 0..PIECES, Priority::Normal);
        }
        until(&mut world, LONG, |world| {
            (1..5).all(|node| stats(world, node).verified == TOTAL)
        });
    }
}
