//! Large swarms: they finish, near the time that no strategy can beat, at little cost to the origin.

mod common;

use brackish_sim::{Behaviour, Bound, Kind, NodeReport, Scenario, World, homogeneous, mixed};
use common::{assert_all_complete, play};

fn assert_efficient(name: &str, scenario: Scenario, times: f64, copies: f64) {
    let bound = Bound::of(&scenario).time.as_secs_f64();
    let report = assert_all_complete(scenario);
    let ratio = report.finished.as_secs_f64() / bound;
    println!(
        "{name}: {ratio:.3} x the bound of {bound:.1} s, {:.2} copies from the origin, {:.2} % wasted",
        report.origin_copies,
        report.wasted * 100.0
    );
    assert!(ratio <= times, "{name}: {ratio:.3} x the bound");
    assert!(
        report.origin_copies <= copies,
        "{name}: {:.2} copies",
        report.origin_copies
    );
    assert!(report.wasted < 0.05, "{name}: {} wasted", report.wasted);
}

#[test]
fn two_hundred_peers_of_all_kinds_and_links_finish() {
    let scenario = mixed(1, 200, 16 << 20, 1 << 17);
    assert_efficient("200 mixed", scenario, 2.5, 2.5);
}

#[test]
fn fifty_alike_tcp_peers_are_near_the_bound() {
    let scenario = homogeneous(1, 50, 64 << 20, 1 << 17, Kind::Tcp);
    assert_efficient("50 tcp", scenario, 1.15, 1.3);
}

#[test]
fn a_hundred_alike_pages_are_near_the_bound() {
    let scenario = homogeneous(1, 100, 64 << 20, 1 << 17, Kind::Page);
    assert_efficient("100 pages", scenario, 1.15, 1.3);
}

#[test]
fn a_hundred_peers_on_links_from_slow_to_fast_are_not_far_from_the_bound() {
    let scenario = mixed(2, 100, 64 << 20, 1 << 16);
    assert_efficient("100 mixed", scenario, 1.3, 1.3);
}

#[test]
fn who_gives_nothing_has_the_file_after_those_who_give() {
    const PEERS: usize = 60;
    let mut scenario = homogeneous(1, PEERS, 64 << 20, 1 << 16, Kind::Page);
    for node in scenario.nodes[1..].iter_mut().step_by(4) {
        node.behaviour = Behaviour::FreeRiding;
    }
    let mut world = World::new(scenario);
    play(world.run());
    let report = world.report();
    // The run ends with the last that gives. How many of the others are not there yet?
    let selfish = |node: &&NodeReport| node.behaviour == Behaviour::FreeRiding;
    let late = report.nodes.iter().filter(selfish);
    let late = late.filter(|node| node.finished.is_none()).count();
    let all = report.nodes.iter().filter(selfish).count();
    println!("{late} of {all} that give nothing come after all that give");
    assert!(late * 2 > all, "{late} of {all} come later");
}
