//! `cargo xtask bench`: ours beside other people's, on the same machine in the same run.
//!
//! Every comparison interleaves its runs (one round of all, then the next round), because a machine's
//! speed drifts by more than the differences that matter. What counts are the ratios.

mod browser;
mod clients;
mod content;
mod crowd;
mod driver;
mod interrupt;
mod measure;
mod native;
mod options;
mod peer_tracker;
mod report;
mod table;
mod tracker;
mod transfer;
mod web_peers;
mod workspace;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::setup::tools::{self, Tool};
use crate::{build, setup};
use options::{Options, Suite};
use report::Report;

/// `cargo xtask bench [native|browser|crowd|tracker|all] [--runs N] [--size MiB]`.
pub fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    interrupt::tidy_up_on_interrupt()?;
    for suite in options.suites() {
        install(suite)?;
    }
    let binary = binary()?;
    for suite in options.suites() {
        let mut report = Report::begin(suite.name(), &options)?;
        match suite {
            Suite::Native => {
                native::run(&binary, &options, &mut report)?;
                web_peers::run(&binary, &options, &mut report)?;
            }
            Suite::Browser => browser::run(&binary, &options, &mut report)?,
            Suite::Crowd => crowd::run(&binary, &options, &mut report)?,
            Suite::Tracker => tracker::run(&options, &mut report)?,
        }
        report.finish()?;
    }
    Ok(())
}

/// Installs the peers that a suite races, and no others.
fn install(suite: Suite) -> Result<()> {
    let (pieces, tools): (&[&str], &[Tool]) = match suite {
        Suite::Native => (&["python", "clients"], &[tools::RQBIT]),
        Suite::Browser | Suite::Crowd => (&["python", "tests", "browsers"], &[]),
        Suite::Tracker => (&["tests"], &[tools::AQUATIC, tools::LOAD_TEST]),
    };
    for piece in pieces {
        setup::ensure(piece)?;
    }
    tools::ensure(tools)
}

/// `items` in the order of one round: each round another is the first, so that none always runs after the same other.
fn rotated<T: Copy>(items: &[T], round: usize) -> impl Iterator<Item = T> + '_ {
    let first = round % items.len().max(1);
    items.iter().cycle().skip(first).take(items.len()).copied()
}

/// The binary under test: the one that `BRACKISH_BINARY` names, as in the tests, or else this
/// checkout's.
fn binary() -> Result<PathBuf> {
    match std::env::var_os("BRACKISH_BINARY") {
        Some(path) => Ok(std::fs::canonicalize(&path)
            .with_context(|| format!("no {}", PathBuf::from(&path).display()))?),
        None => build::run(),
    }
}
