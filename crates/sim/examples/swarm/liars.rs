//! Swarms in which one peer in ten corrupts what it serves.

use brackish_sim::{Behaviour, Failure, Kind, NodeSpec, Report, homogeneous};

use crate::chart::Drawing;
use crate::options::Options;
use crate::play::in_parallel;

/// Those who want the file and serve it as it is.
const HONEST: usize = 36;

const LIARS: usize = 4;

/// MiB of the file, and its pieces: as in the simulator's tests.
const SIZE: u64 = 32;
const PIECE: u32 = 1 << 18;

/// Runs of each kind, whose seeds follow each other.
const RUNS: u64 = 12;

/// One block in so many is wrong; 0 is a swarm without liars, which the others are compared to.
const SHARES: [u32; 3] = [0, 1, 16];

const KINDS: [Kind; 2] = [Kind::Tcp, Kind::Page];

#[derive(Clone, Copy, PartialEq)]
struct Case {
    kind: Kind,
    one_in: u32,
    seed: u64,
}

/// What the liars cost in one swarm.
struct Cost {
    later: f64,
    copies: f64,
    failed: u32,
}

pub fn run(options: &Options) -> Result<Vec<Drawing>, String> {
    let mut cases = Vec::new();
    for kind in KINDS {
        for one_in in SHARES {
            let seeds = options.seed..options.seed + RUNS;
            cases.extend(seeds.map(|seed| Case { kind, one_in, seed }));
        }
    }
    let size = options.size_or(SIZE);
    let reports = in_parallel(&cases, |case| play(*case, size))?;
    let played = || cases.iter().zip(&reports);
    println!(
        "\n| peers | wrong blocks | last honest peer, × without liars | least-most | copies from the origin, without | with | bad pieces of a peer, at most |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for kind in KINDS {
        for one_in in SHARES.into_iter().filter(|one_in| *one_in > 0) {
            let mut costs = Vec::new();
            let mut before = 0.0;
            for (case, report) in played().filter(|(c, _)| c.kind == kind && c.one_in == one_in) {
                let honest = Case { one_in: 0, ..*case };
                let without = played().find(|(other, _)| **other == honest);
                let Some((_, without)) = without else {
                    continue;
                };
                before += without.origin_copies / RUNS as f64;
                costs.push(cost(report, without));
            }
            let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / RUNS as f64;
            let later = costs.iter().map(|cost| cost.later);
            println!(
                "| {kind:?} | 1 in {one_in} | {:.3} | {:.2}-{:.2} | {before:.2} | {:.2} | {} |",
                mean(|cost| cost.later),
                later.clone().fold(f64::MAX, f64::min),
                later.fold(0.0, f64::max),
                mean(|cost| cost.copies),
                costs
                    .iter()
                    .map(|cost| cost.failed)
                    .max()
                    .unwrap_or_default(),
            );
        }
    }
    Ok(Vec::new())
}

fn play(case: Case, size: u64) -> Result<Report, Failure> {
    let mut scenario = homogeneous(case.seed, HONEST, size << 20, PIECE, case.kind);
    let liar = NodeSpec::leech(case.kind).behaving(Behaviour::Corrupting(case.one_in));
    let liars = if case.one_in > 0 { LIARS } else { 0 };
    for _ in 0..liars {
        scenario.add(liar.clone());
    }
    scenario.run()
}

fn cost(report: &Report, without: &Report) -> Cost {
    let honest = report.nodes.iter().take(HONEST + 1);
    Cost {
        later: report.finished.as_secs_f64() / without.finished.as_secs_f64(),
        copies: report.origin_copies,
        failed: honest.map(|node| node.failed_pieces).max().unwrap_or(0),
    }
}
