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

/// One case played with several random seeds.
pub struct Row {
    pub case: Case,
    pub outcomes: Vec<Outcome>,
}

/// The middle and the ends of a figure over the seeds of a row.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub median: f64,
    least: f64,
    most: f64,
}

impl Row {
    /// A figure over the seeds.
    pub fn spread(&self, of: impl Fn(&Outcome) -> f64) -> Spread {
        let mut all: Vec<f64> = self.outcomes.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        let at = |rank: usize| all.get(rank).copied().unwrap_or_default();
        Spread {
            median: at(all.len() / 2),
            least: at(0),
            most: at(all.len().saturating_sub(1)),
        }
    }

    /// The figure of the seed in the middle.
    pub fn median(&self, of: impl Fn(&Outcome) -> f64) -> f64 {
        self.spread(of).median
    }
}

impl Spread {
    /// `median (least-most)` with so many digits after the point.
    pub fn shown(self, digits: usize) -> String {
        let Self {
            median,
            least,
            most,
        } = self;
        format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
    }
}

/// Plays every case with `runs` random seeds, from its own on, and gives the rows in the cases' order.
pub fn play_rows(cases: &[Case], runs: u64) -> Result<Vec<Row>, String> {
    let seeded = |case: &Case| {
        let first = *case;
        (0..runs).map(move |run| Case {
            seed: first.seed + run,
            ..first
        })
    };
    let all: Vec<Case> = cases.iter().flat_map(seeded).collect();
    let mut outcomes = in_parallel(&all, |case| {
        let outcome = play(*case)?;
        eprintln!("{}", line(&outcome));
        Ok(outcome)
    })?
    .into_iter();
    let rows = cases.iter().map(|case| Row {
        case: *case,
        outcomes: outcomes.by_ref().take(runs as usize).collect(),
    });
    Ok(rows.collect())
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
        "{}{} {} peers, {} seeds, {} MiB, seed {}: {:.3} x bound {:.1} s (median {:.3}), {:.2} copies, \
         {:.2} % wasted, {} events in {:.1} s, trace {:016x}",
        case.links.name(),
        if case.disk { " on disks" } else { "" },
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
