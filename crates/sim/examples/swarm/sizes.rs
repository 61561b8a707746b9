//! Time and cost of swarms by their links and the number of peers.

use crate::case::{Case, Links};
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::{Outcome, Row, play_rows};

/// The number of peers that is played once more with what disks and hashing cost.
const WITH_DISKS: usize = 100;

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for peers in options.peers() {
        cases.extend(Links::ALL.map(|links| options.case(links, peers)));
        if peers == WITH_DISKS {
            cases.extend(Links::ALL.map(|links| Case {
                disk: true,
                ..options.case(links, peers)
            }));
        }
    }
    let rows = play_rows(&cases, options.runs)?;
    print(&rows);
    let lines = |of: fn(&Outcome) -> f64| -> Vec<Line> {
        let line = |links: Links| Line {
            name: links.title(),
            points: rows
                .iter()
                .filter(|row| row.case.links == links && !row.case.disk)
                .map(|row| (row.case.peers as f64, row.median(of)))
                .collect(),
        };
        Links::ALL.into_iter().map(line).collect()
    };
    let peers = Axis::logarithmic("peers that begin with nothing");
    let times = Chart {
        title: "Time to the last peer",
        x: peers,
        y: Axis::linear("multiples of the fluid bound", 1.0),
        lines: lines(Outcome::ratio),
    };
    let copies = Chart {
        title: "What the origin uploads",
        x: peers,
        y: Axis::linear("copies of the file", 0.0),
        lines: lines(|outcome| outcome.report.origin_copies),
    };
    Ok(vec![
        ("swarm-time.svg", times.svg()),
        ("swarm-origin.svg", copies.svg()),
    ])
}

/// A table of swarms, a row for each.
pub fn print(rows: &[Row]) {
    let runs = rows.first().map_or(0, |row| row.outcomes.len());
    println!("\nMedians of {runs} random seeds, least and most in brackets.");
    println!(
        "\n| links | peers | MiB | bound, s | last peer, s | × bound | median × | copies from the origin | wasted |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for row in rows {
        let case = row.case;
        println!(
            "| {}{} | {} | {} | {:.1} | {} | {} | {} | {} | {:.1} % |",
            case.links.name(),
            if case.disk { ", disks" } else { "" },
            case.peers,
            case.total >> 20,
            row.median(|outcome| outcome.bound.as_secs_f64()),
            row.spread(Outcome::seconds).shown(1),
            row.spread(Outcome::ratio).shown(2),
            row.spread(Outcome::median_ratio).shown(2),
            row.spread(|outcome| outcome.report.origin_copies).shown(2),
            row.median(|outcome| outcome.report.wasted * 100.0),
        );
    }
}
