//! The simulator itself: one seed is one run.

mod common;

use brackish_sim::{Chaos, random_scenario};
use common::play;

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let trace = |seed| {
        let report = play(random_scenario(seed, Chaos::Wild).run());
        (report.trace, report.steps)
    };
    let first: Vec<_> = (0..10).map(trace).collect();
    let second: Vec<_> = (0..10).map(trace).collect();
    assert_eq!(first, second);
    let mut traces: Vec<_> = first.iter().map(|(trace, _)| *trace).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), 10);
}
