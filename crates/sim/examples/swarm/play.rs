//! Plays cases, two at once, and keeps what came of each.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use brackish_sim::{Bound, Failure, Report};

use crate::case::Case;

/// Runs at once: what the machines that this is for have.
const WORKERS: usize = 2;

/// What came of a case.
pub struct Outcome {
    pub case: Case,
    /// The fluid bound.
    pub bound: Duration,
    pub report: Report,
    /// How long it took to play.
    pub took: Duration,
}

impl Outcome {
    /// Time to the last peer.
    pub fn seconds(&self) -> f64 {
        self.report.finished.as_secs_f64()
    }

    /// Time to the last peer, as a multiple of the bound.
    pub fn ratio(&self) -> f64 {
        self.seconds() / self.bound.as_secs_f64()
    }

    /// The same to the peer in the middle.
    pub fn median_ratio(&self) -> f64 {
        let times = self.report.times();
        let median = times.get(times.len() / 2).copied().unwrap_or_default();
        median.as_secs_f64() / self.bound.as_secs_f64()
    }
}

pub fn play(case: Case) -> Result<Outcome, Failure> {
    let scenario = case.scenario();
    let bound = Bound::of(&scenario).time;
    let begun = Instant::now();
    let report = scenario.run()?;
    Ok(Outcome {
        case,
        bound,
        report,
        took: begun.elapsed(),
    })
}

/// Plays all cases and gives what came of them in their order.
pub fn play_all(cases: &[Case]) -> Result<Vec<Outcome>, String> {
    in_parallel(cases, |case| {
        let outcome = play(*case)?;
        eprintln!("{}", line(&outcome));
        Ok(outcome)
    })
}

/// Plays all, the last first, since that is the largest, and gives them in their order.
pub fn in_parallel<T: Sync, R: Send>(
    cases: &[T],
    play: impl Fn(&T) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, String> {
    let next = Mutex::new(cases.len());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let mut left = next.lock().unwrap_or_else(|poison| poison.into_inner());
                    let Some(index) = left.checked_sub(1) else {
                        return;
                    };
                    *left = index;
                    drop(left);
                    let outcome = play(&cases[index]);
                    let mut all = outcomes.lock().unwrap_or_else(|poison| poison.into_inner());
                    all.push((index, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes
        .into_inner()
        .unwrap_or_else(|poison| poison.into_inner());
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes
        .into_iter()
        .map(|(_, outcome)| outcome.map_err(|failure| failure.to_string()))
        .collect()
}

/// A run in one line.
pub fn line(outcome: &Outcome) -> String {
    let Outcome {
        case, report, took, ..
    } = outcome;
    format!(
        "{} {} peers, {} seeds, {} MiB, seed {}: {:.3} x bound {:.1} s (median {:.3}), {:.2} copies, \
         {:.2} % wasted, {} events in {:.1} s, trace {:016x}",
        case.links.name(),
        case.peers,
        case.seeds,
        case.total >> 20,
        case.seed,
        outcome.ratio(),
        outcome.bound.as_secs_f64(),
        outcome.median_ratio(),
        report.origin_copies,
        report.wasted * 100.0,
        report.steps,
        took.as_secs_f64(),
        report.trace,
    )
}
