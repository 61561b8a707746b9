//! What runs in the simulator alone: `cargo xtask bench swarm` and `cargo xtask sim`. Both call a
//! driver of `crates/sim`, built for speed, which reads the arguments itself.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{paths, process};

/// Where the charts of a whole `bench swarm` go.
const CHARTS: &str = "docs/images";

/// `cargo xtask bench swarm [PART]... [--peers N]... [--size MiB] [--seed S] [--runs N]`: without flags the parts,
/// all of them unless some are named, are also drawn.
pub fn bench(arguments: &[String]) -> Result<()> {
    let mut command = driver("swarm");
    command.args(arguments);
    let whole = |word: &String| !word.starts_with("--") && word != "watch";
    if arguments.iter().all(whole) {
        command.arg("--draw").arg(paths::root().join(CHARTS));
    }
    process::run(&mut command)
}

/// `cargo xtask sim [--seeds N] [--seed S] [calm|wild]`: random scenarios. Fails where one of them does.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let status = driver("scenarios")
        .args(arguments)
        .status()
        .context("cannot start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn driver(example: &str) -> std::process::Command {
    process::example("brackish-sim", example)
}
