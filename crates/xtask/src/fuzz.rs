//! `cargo xtask fuzz [TARGET]... [--minutes N]`: each target of `crates/sim/fuzz` for so long, as many at once as there
//! are cores. It begins from the committed corpus, from valid inputs that `wire` makes, and from what earlier runs found.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{paths, process, setup};

/// Minutes for each target unless told.
const MINUTES: u64 = 10;

/// An input that takes longer is a finding: a peer could stall a node with it.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Fuzzes what the arguments name, or everything. Fails where there is a finding.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut targets, time) = parse(arguments)?;
    let fuzzer = setup::tools::fuzzer()?;
    let host = host()?;
    if targets.is_empty() {
        targets = words(&process::output(cargo_fuzz(&fuzzer).arg("list"))?);
    }
    let built = paths::target().join("fuzz");
    for target in &targets {
        let mut build = cargo_fuzz(&fuzzer);
        build.args(["build", target, "--target", &host, "--target-dir"]);
        process::run(build.arg(&built))?;
    }
    let mut inputs = process::cargo();
    inputs.args(["run", "--quiet", "-p", "brackish-wire"]);
    inputs.args(["--example", "fuzz_inputs", "--"]);
    process::run(inputs.arg(built.join("valid")))?;

    let binaries = built.join(host).join("release");
    let left = Mutex::new(targets.iter());
    let all_well = AtomicBool::new(true);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let next = || left.lock().ok().and_then(|mut left| left.next());
                while let Some(target) = next() {
                    let line = fuzz(&binaries.join(target), target, &built, time);
                    let well = line.is_ok();
                    println!("{target}: {}", line.unwrap_or_else(|e| format!("{e:#}")));
                    all_well.fetch_and(well, Ordering::Relaxed);
                }
            });
        }
    });
    Ok(match all_well.into_inner() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn parse(arguments: &[String]) -> Result<(Vec<String>, Duration)> {
    let (mut targets, mut minutes) = (Vec::new(), MINUTES);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--minutes" => {
                let value = words.next().context("--minutes wants a number")?;
                minutes = value.parse().context("--minutes wants a number")?;
            }
            flag if flag.starts_with('-') => bail!("unknown flag `{flag}`"),
            target => targets.push(target.to_owned()),
        }
    }
    if minutes == 0 {
        bail!("--minutes wants at least 1");
    }
    Ok((targets, Duration::from_secs(minutes * 60)))
}

/// Fuzzes one target; in a line what came of it.
fn fuzz(binary: &Path, target: &str, folder: &Path, time: Duration) -> Result<String> {
    let found = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    let log = folder.join(format!("{target}.log"));
    fs::create_dir_all(&found)?;
    fs::create_dir_all(&artifacts)?;
    let committed = manifest().join("corpus").join(target);
    let beginnings = [folder.join("valid").join(target), committed];
    let output = File::create(&log)?;
    let mut fuzzer = Command::new(binary);
    fuzzer
        .arg(format!("-max_total_time={}", time.as_secs()))
        .arg(format!("-timeout={}", TIMEOUT.as_secs()))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg("-print_final_stats=1")
        .arg(&found)
        .args(beginnings.iter().filter(|folder| folder.is_dir()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(output);
    let status = fuzzer
        .status()
        .with_context(|| format!("cannot start {target}"))?;
    let told = fs::read(&log)?;
    let told = String::from_utf8_lossy(&told);
    if !status.success() {
        let log = paths::shown(&log);
        bail!(
            "a finding ({status}): see {log}, the input is in {}",
            paths::shown(&artifacts)
        );
    }
    let number = |label: &str| told.rsplit_once(label)?.1.split_whitespace().next();
    let inputs = number("number_of_executed_units:").unwrap_or("?");
    let coverage = number("cov:").unwrap_or("?");
    let minutes = time.as_secs() / 60;
    Ok(format!(
        "{inputs} inputs in {minutes} min, {coverage} edges, no finding"
    ))
}

fn manifest() -> PathBuf {
    paths::root().join("crates/sim/fuzz")
}

/// `cargo fuzz` in the folder of the targets. What instruments them is no part of a stable compiler's promises.
fn cargo_fuzz(fuzzer: &Path) -> Command {
    let mut command = Command::new(fuzzer);
    process::without_cargo_variables(&mut command);
    command.current_dir(paths::root().join("crates/sim"));
    command.env("RUSTC_BOOTSTRAP", "1");
    command.arg("fuzz");
    command
}

fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not name its host")?.to_owned())
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
