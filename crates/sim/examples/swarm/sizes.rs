//! Time and cost of swarms by their links and the number of peers.

use crate::case::{Case, Links};
use crate::chart::{Axis, Chart, Drawing, Line};
use crate::options::Options;
use crate::play::{Outcome, play_all};

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let mut cases: Vec<Case> = Vec::new();
    for peers in options.peers() {
        cases.extend(Links::ALL.map(|links| options.case(links, peers)));
    }
    let outcomes = play_all(&cases)?;
    print(&outcomes);
    let lines = |of: fn(&Outcome) -> f64| -> Vec<Line> {
        let line = |links: Links| Line {
            name: links.title(),
            points: outcomes
                .iter()
                .filter(|outcome| outcome.case.links == links)
                .map(|outcome| (outcome.case.peers as f64, of(outcome)))
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
pub fn print(outcomes: &[Outcome]) {
    println!(
        "\n| links | peers | MiB | bound, s | last peer, s | × bound | median × | copies from the origin | wasted |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|");
    for outcome in outcomes {
        let Outcome { case, report, .. } = outcome;
        println!(
            "| {} | {} | {} | {:.1} | {:.1} | {:.2} | {:.2} | {:.2} | {:.1} % |",
            case.links.name(),
            case.peers,
            case.total >> 20,
            outcome.bound.as_secs_f64(),
            outcome.seconds(),
            outcome.ratio(),
            outcome.median_ratio(),
            report.origin_copies,
            report.wasted * 100.0,
        );
    }
}
