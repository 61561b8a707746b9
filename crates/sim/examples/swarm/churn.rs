//! Swarms in which peers come one after the other, leave, crash and return.

use std::time::Duration;

use brackish_sim::{Failure, Fault, Leave, NodeReport, Report, Scenario};

use crate::case::Links;
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::in_parallel;

/// Peers that come in all.
const PEERS: usize = 200;

/// Shares of the peers that leave before they have finished; as many crash and return.
const SHARES: [u64; 4] = [0, 10, 20, 30];

/// They come within this time, each at a moment of its own.
const COMING: Duration = Duration::from_secs(60);

/// Until when, from its coming on, a peer leaves or crashes.
const STAYS: Duration = Duration::from_secs(60);

/// How long one that crashed is away.
const AWAY: Duration = Duration::from_secs(15);

/// How long one that has finished gives to the others.
const GIVES: Duration = Duration::from_secs(10);

struct Played {
    share: u64,
    report: Report,
}

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let played = in_parallel(&SHARES, |share| play(*share, options))?;
    print(&played);
    let line = |name, rank: fn(usize) -> usize| {
        Line::through(name, &played, |played| {
            let times = played.report.times();
            let time = times.get(rank(times.len())).copied().unwrap_or_default();
            (played.share as f64, time.as_secs_f64())
        })
    };
    let chart = Chart {
        title: "Peers that come, leave, crash and return",
        x: Axis::linear("of 100 leave early, and as many crash", 0.0),
        y: Axis::linear("seconds from coming to having it", 0.0),
        lines: vec![
            line("the slowest", |count| count.saturating_sub(1)),
            line("median", |count| count / 2),
        ],
    };
    Ok(vec![("swarm-churn.svg", chart.svg())])
}

fn play(share: u64, options: &Options) -> Result<Played, Failure> {
    let report = scenario(share, options).run()?;
    Ok(Played { share, report })
}

fn scenario(share: u64, options: &Options) -> Scenario {
    let mut scenario = options.case(Links::Equal, PEERS).scenario();
    let mut rng = fastrand::Rng::with_seed(options.seed ^ 0x6368_7572_6e00);
    let mut within = |time: Duration| Duration::from_micros(rng.u64(..time.as_micros() as u64));
    for index in 1..=PEERS {
        let joins = within(COMING);
        let node = &mut scenario.nodes[index];
        node.joins = joins;
        node.leaves = Leave::Finished(GIVES);
        let after = joins + within(STAYS);
        // Of a hundred that follow each other so many leave, and so many crash.
        match (index as u64 * 37) % 100 {
            place if place < share => scenario.fault(after, Fault::Leave(index)),
            place if place < 2 * share => {
                scenario.fault(after, Fault::Crash(index));
                scenario.fault(after + AWAY, Fault::Return(index));
            }
            _ => {}
        }
    }
    scenario
}

fn print(played: &[Played]) {
    println!(
        "\n| leave early | crash | left without it | median, s | nine in ten, s | slowest, s | copies from the origin | wasted |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    for Played { share, report } in played {
        let without = |node: &&NodeReport| node.finished.is_none();
        let times = report.times();
        let at = |rank: usize| times.get(rank).map_or(0.0, Duration::as_secs_f64);
        println!(
            "| {share} % | {share} % | {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} % |",
            report.nodes.iter().filter(without).count(),
            at(times.len() / 2),
            at(times.len() * 9 / 10),
            at(times.len().saturating_sub(1)),
            report.origin_copies,
            report.wasted * 100.0,
        );
    }
}
