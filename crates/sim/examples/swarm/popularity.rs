//! One file and its audience, from one seed to many.

use crate::case::{Case, Links};
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::{Outcome, play_all};

/// Seeds of the unpopular and the popular file.
const SEEDS: [usize; 5] = [1, 2, 5, 10, 30];

/// Peers that want it.
const AUDIENCE: usize = 100;

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let of = |seeds| Case {
        seeds,
        ..options.case(Links::Equal, AUDIENCE)
    };
    let outcomes = play_all(&SEEDS.map(of))?;
    println!("\n| seeds | peers | bound, s | last peer, s | × bound | copies from all seeds |");
    println!("|--:|--:|--:|--:|--:|--:|");
    for outcome in &outcomes {
        println!(
            "| {} | {} | {:.1} | {:.1} | {:.2} | {:.2} |",
            outcome.case.seeds,
            outcome.case.peers,
            outcome.bound.as_secs_f64(),
            outcome.seconds(),
            outcome.ratio(),
            outcome.report.origin_copies,
        );
    }
    let line = |name, of: fn(&Outcome) -> f64| {
        Line::through(name, &outcomes, |o| (o.case.seeds as f64, of(o)))
    };
    let chart = Chart {
        title: "Unpopular to popular: one file, 100 peers",
        x: Axis::logarithmic("seeds"),
        y: Axis::linear("seconds to the last peer", 0.0),
        lines: vec![
            line("measured", Outcome::seconds),
            line("bound", |outcome| outcome.bound.as_secs_f64()),
        ],
    };
    Ok(vec![("swarm-seeds.svg", chart.svg())])
}
