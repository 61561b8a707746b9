//! One file and its audience, from one seed to many.

use crate::case::{Case, Links};
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::{Outcome, play_rows};

/// Seeds of the unpopular and the popular file.
const SEEDS: [usize; 5] = [1, 2, 5, 10, 30];

/// Peers that want it.
const AUDIENCE: usize = 100;

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let of = |seeds| Case {
        seeds,
        ..options.case(Links::Equal, AUDIENCE)
    };
    let rows = play_rows(&SEEDS.map(of), options.runs)?;
    println!("\n| seeds | peers | bound, s | last peer, s | × bound | copies from all seeds |");
    println!("|--:|--:|--:|--:|--:|--:|");
    for row in &rows {
        println!(
            "| {} | {} | {:.1} | {} | {} | {} |",
            row.case.seeds,
            row.case.peers,
            row.median(|outcome| outcome.bound.as_secs_f64()),
            row.spread(Outcome::seconds).shown(1),
            row.spread(Outcome::ratio).shown(2),
            row.spread(|outcome| outcome.report.origin_copies).shown(2),
        );
    }
    let line = |name, of: fn(&Outcome) -> f64| {
        Line::through(name, &rows, |row| (row.case.seeds as f64, row.median(of)))
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
