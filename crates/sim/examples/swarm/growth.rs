//! A swarm that grows, and what each peer costs that comes on top: to the origin, and to everyone's
//! time.

use crate::case::Links;
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::{Outcome, Row, play_rows};

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let peers = options.growing();
    let case = |peers: &usize| options.growing_case(Links::Equal, *peers);
    let rows = play_rows(&peers.iter().map(case).collect::<Vec<_>>(), options.runs)?;
    crate::sizes::print(&rows);
    println!(
        "\n| from | to peers | each peer more costs the origin, KiB | and the last peer comes later by, s in all |"
    );
    println!("|--:|--:|--:|--:|");
    let copies_of = |row: &Row| row.median(|outcome| outcome.report.origin_copies);
    for pair in rows.windows(2) {
        let added = pair[1].case.peers as f64 - pair[0].case.peers as f64;
        let copies = copies_of(&pair[1]) - copies_of(&pair[0]);
        println!(
            "| {} | {} | {:.1} | {:.1} |",
            pair[0].case.peers,
            pair[1].case.peers,
            copies * (pair[0].case.total >> 10) as f64 / added,
            pair[1].median(Outcome::seconds) - pair[0].median(Outcome::seconds),
        );
    }
    let line = |name, of: fn(&Outcome) -> f64| {
        Line::through(name, &rows, |row| (row.case.peers as f64, row.median(of)))
    };
    let chart = Chart {
        title: "A swarm of pages that grows",
        x: Axis::logarithmic("peers that begin with nothing"),
        y: Axis::linear("seconds", 0.0),
        lines: vec![
            line("last peer", Outcome::seconds),
            line("median peer", |outcome| {
                outcome.median_ratio() * outcome.bound.as_secs_f64()
            }),
            line("bound", |outcome| outcome.bound.as_secs_f64()),
        ],
    };
    Ok(vec![("swarm-growth.svg", chart.svg())])
}
