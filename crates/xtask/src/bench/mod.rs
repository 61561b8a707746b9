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

use crate::{build, setup};
use options::{Options, Suite};
use report::Report;

/// `cargo xtask bench [native|browser|crowd|tracker|all] [--runs N] [--size MiB]`.
pub fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    interrupt::tidy_up_on_interrupt()?;
    for piece in ["python", "tests", "bench"] {
        setup::ensure(piece)?;
    }
    let binary = binary()?;
    for suite in options.suites() {
        let mut report = Report::begin(suite.name(), &options)?;
        match suite {
            Suite::Native => {
                setup::ensure("clients")?;
                native::run(&binary, &options, &mut report)?;
                web_peers::run(&binary, &options, &mut report)?;
            }
            Suite::Browser => {
                setup::ensure("browsers")?;
                browser::run(&binary, &options, &mut report)?;
            }
            Suite::Crowd => {
                setup::ensure("browsers")?;
                crowd::run(&binary, &options, &mut report)?;
            }
            Suite::Tracker => tracker::run(&options, &mut report)?,
        }
        report.finish()?;
    }
    Ok(())
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
