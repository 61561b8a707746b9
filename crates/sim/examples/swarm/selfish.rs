//! Swarms in which some take and give nothing.

use std::time::Duration;

use brackish_sim::{Behaviour, Failure, Report, World};

use crate::case::Links;
use crate::chart::Drawing;
use crate::options::Options;
use crate::play::in_parallel;

const PEERS: usize = 100;

/// Shares of the peers that unchoke nobody.
const SHARES: [usize; 4] = [0, 10, 30, 50];

/// How long those who give nothing are waited for when all others have finished.
const LONGER: Duration = Duration::from_secs(600);

struct Played {
    share: usize,
    report: Report,
}

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let played = in_parallel(&SHARES, |share| play(*share, options))?;
    println!(
        "\n| give nothing | others: median, s | others: last, s | they: median, s | they: last, s | copies from the origin |"
    );
    println!("|--:|--:|--:|--:|--:|--:|");
    for Played { share, report } in &played {
        let times = |selfish: bool| {
            let nodes = report.nodes.iter().skip(1);
            let of = nodes.filter(|node| (node.behaviour == Behaviour::FreeRiding) == selfish);
            let mut times: Vec<Option<Duration>> = of.map(|node| node.finished).collect();
            times.sort_by_key(|time| time.unwrap_or(Duration::MAX));
            let at = |rank: usize| match times.get(rank) {
                Some(Some(time)) => format!("{:.1}", time.as_secs_f64()),
                Some(None) => "never".to_owned(),
                None => "-".to_owned(),
            };
            [at(times.len() / 2), at(times.len().saturating_sub(1))]
        };
        let ([median, last], [their_median, their_last]) = (times(false), times(true));
        println!(
            "| {share} % | {median} | {last} | {their_median} | {their_last} | {:.2} |",
            report.origin_copies,
        );
    }
    Ok(Vec::new())
}

fn play(share: usize, options: &Options) -> Result<Played, Failure> {
    let mut scenario = options.case(Links::Equal, PEERS).scenario();
    for index in 1..=PEERS {
        if index * 37 % 100 < share {
            scenario.nodes[index].behaviour = Behaviour::FreeRiding;
        }
    }
    let mut world = World::new(scenario);
    world.run()?;
    let mut report = world.report();
    let mut waited = Duration::ZERO;
    while report.nodes.iter().any(|node| node.finished.is_none()) && waited < LONGER {
        world.run_for(Duration::from_secs(5))?;
        waited += Duration::from_secs(5);
        report = world.report();
    }
    Ok(Played { share, report })
}
