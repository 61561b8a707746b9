//! All cases as tables, and as charts where a folder is given.

use std::path::Path;

use crate::case::{Case, Links};
use crate::chart::{Axis, Chart, Line};
use crate::options::Options;
use crate::play::{Outcome, play_all};

/// Seeds of the popular and the unpopular file.
const SEEDS: [usize; 5] = [1, 2, 5, 10, 30];

/// Peers that want it.
const AUDIENCE: usize = 100;

pub fn run(options: &Options) -> Result<(), String> {
    let mut cases: Vec<Case> = Vec::new();
    for peers in &options.peers {
        cases.extend(Links::ALL.map(|links| options.case(links, *peers)));
    }
    let outcomes = play_all(&cases)?;
    print_times(&outcomes);
    print_costs(&outcomes);
    let popularity = if options.peers.contains(&AUDIENCE) {
        let of = |seeds| Case {
            seeds,
            ..options.case(Links::Equal, AUDIENCE)
        };
        play_all(&SEEDS.map(of))?
    } else {
        Vec::new()
    };
    print_popularity(&popularity);
    match &options.draw {
        Some(folder) => draw(folder, &outcomes, &popularity)
            .map_err(|error| format!("{}: {error}", folder.display())),
        None => Ok(()),
    }
}

fn print_times(outcomes: &[Outcome]) {
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
            report.finished.as_secs_f64(),
            outcome.ratio(),
            outcome.median_ratio(),
            report.origin_copies,
            report.wasted * 100.0,
        );
    }
}

/// What each peer costs that comes on top: to the origin, and to everyone's time.
fn print_costs(outcomes: &[Outcome]) {
    println!(
        "\n| links | peers | a peer more costs the origin, of a copy | and delays the last by, of the bound |"
    );
    println!("|---|--:|--:|--:|");
    for links in Links::ALL {
        let of_links: Vec<&Outcome> = outcomes.iter().filter(|o| o.case.links == links).collect();
        for pair in of_links.windows(2) {
            let added = pair[1].case.peers as f64 - pair[0].case.peers as f64;
            let origin = (pair[1].report.origin_copies - pair[0].report.origin_copies) / added;
            let time = (pair[1].ratio() - pair[0].ratio()) / added;
            println!(
                "| {} | {} to {} | {:.4} % | {:.4} % |",
                links.name(),
                pair[0].case.peers,
                pair[1].case.peers,
                origin * 100.0,
                time * 100.0,
            );
        }
    }
}

fn print_popularity(outcomes: &[Outcome]) {
    if outcomes.is_empty() {
        return;
    }
    println!("\n| seeds | peers | bound, s | last peer, s | × bound | copies from all seeds |");
    println!("|--:|--:|--:|--:|--:|--:|");
    for outcome in outcomes {
        println!(
            "| {} | {} | {:.1} | {:.1} | {:.2} | {:.2} |",
            outcome.case.seeds,
            outcome.case.peers,
            outcome.bound.as_secs_f64(),
            outcome.report.finished.as_secs_f64(),
            outcome.ratio(),
            outcome.report.origin_copies,
        );
    }
}

fn draw(folder: &Path, outcomes: &[Outcome], popularity: &[Outcome]) -> std::io::Result<()> {
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
    std::fs::write(folder.join("swarm-time.svg"), times.svg())?;
    std::fs::write(folder.join("swarm-origin.svg"), copies.svg())?;
    if popularity.is_empty() {
        return Ok(());
    }
    let line = |name, of: fn(&Outcome) -> f64| Line {
        name,
        points: popularity
            .iter()
            .map(|outcome| (outcome.case.seeds as f64, of(outcome)))
            .collect(),
    };
    let seeds = Chart {
        title: "Unpopular to popular: one file, 100 peers",
        x: Axis::logarithmic("seeds"),
        y: Axis::linear("seconds to the last peer", 0.0),
        lines: vec![
            line("measured", |outcome| outcome.report.finished.as_secs_f64()),
            line("bound", |outcome| outcome.bound.as_secs_f64()),
        ],
    };
    std::fs::write(folder.join("swarm-seeds.svg"), seeds.svg())
}
