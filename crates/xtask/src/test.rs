//! `cargo xtask test [--fast]`: every stage, each with its counts and its time, and a line with the
//! sum at the end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::stage::{self, Counts};
use crate::{build, build_web, check, paths, process, real_file, setup};

/// How long cargo may build and run the tests of the crates: a clean build on two slow cores.
const CARGO_LIMIT: Duration = Duration::from_secs(25 * 60);

/// How long one folder of tests in Node may take.
const NODE_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The simulator's tests that take a few seconds each; those with many seeds or peers are left to the
/// whole test.
const FAST_SIMULATIONS: &[&str] = &[
    "basics",
    "determinism",
    "faults",
    "fuzz",
    "introductions",
    "limits",
    "memory",
    "selection",
    "streaming",
    "version2",
];

/// What marks a test in Node that `--fast` runs.
const FAST_MARK: &str = "fast: true";

/// What one stage found, and how long it took.
struct Finished {
    name: &'static str,
    counts: Counts,
    took: Duration,
}

/// Runs everything, or with `--fast` what fits into two minutes when all is built.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let fast = match arguments {
        [] => false,
        [flag] if flag == "--fast" => true,
        _ => bail!("usage: cargo xtask test [--fast]"),
    };
    stage::end_on_interrupt()?;
    let mut finished = Vec::new();
    let mut stage = |name, body: &dyn Fn() -> Result<Counts>| {
        finished.push(timed(name, body));
    };
    stage("setup", &|| step(setup::for_tests));
    stage("web", &|| step(build_web::run));
    stage("check", &check::run_counted);
    stage("native", &|| {
        cargo_test(&["--workspace", "--exclude", "brackish-sim"])
    });
    stage("simulator", &|| {
        let only = FAST_SIMULATIONS.iter().flat_map(|test| ["--test", test]);
        let mut arguments = vec!["--package", "brackish-sim"];
        arguments.extend(only.filter(|_| fast));
        cargo_test(&arguments)
    });
    stage("binary", &|| step(|| build::binary().map(drop)));
    stage("browser", &|| node_test("tests/browser", fast));
    stage("package", &|| node_test("web/test", fast));
    stage("interop", &|| node_test("tests/interop", fast));
    Ok(report(&finished))
}

/// Runs one stage; an error that keeps it from running is one failure.
fn timed(name: &'static str, body: &dyn Fn() -> Result<Counts>) -> Finished {
    println!("==> {name}");
    let started = Instant::now();
    let counts = body().unwrap_or_else(|error| {
        println!("  error: {error:#}");
        Counts::step(false)
    });
    let took = started.elapsed();
    println!("<== {}", line(name, &counts, took));
    Finished { name, counts, took }
}

fn report(finished: &[Finished]) -> ExitCode {
    println!();
    let mut sum = Counts::default();
    for stage in finished {
        println!("{}", line(stage.name, &stage.counts, stage.took));
        sum.add(stage.counts.clone());
    }
    for skip in &sum.skips {
        println!("skipped: {skip}");
    }
    let skipped = match sum.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    println!("{} passed, {} failed{skipped}", sum.passed, sum.failed);
    if sum.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn line(name: &str, counts: &Counts, took: Duration) -> String {
    let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
    format!(
        "{verdict:<7} {name:<10} {:>5} passed {:>3} failed {:>3} skipped {:>7.1} s",
        counts.passed,
        counts.failed,
        counts.skipped,
        took.as_secs_f64()
    )
}

/// A stage without tests of its own counts as one.
fn step(body: impl FnOnce() -> Result<()>) -> Result<Counts> {
    body().map(|()| Counts::step(true))
}

fn cargo_test(packages: &[&str]) -> Result<Counts> {
    let mut cargo = process::cargo();
    cargo
        .args(["test", "--quiet", "--no-fail-fast"])
        .args(packages);
    stage::run(&mut cargo, CARGO_LIMIT)
}

/// The tests of one folder, one at a time: a browser takes both cores of a small machine.
fn node_test(folder: &str, fast: bool) -> Result<Counts> {
    let files = test_files(&paths::root().join(folder), fast)?;
    if files.is_empty() {
        return Ok(Counts::default());
    }
    let mut node = Command::new("node");
    node.current_dir(paths::root().join("tests"))
        .args([
            "--test",
            "--test-reporter=spec",
            "--test-concurrency=1",
            "--test-force-exit",
        ])
        .args(files)
        .env("BRACKISH_REAL_FILE", real_file::find()?);
    if fast {
        node.env("BRACKISH_TEST_FAST", "1");
    }
    stage::run(&mut node, NODE_LIMIT)
}

/// The test files of a folder; with `fast` those that have a test for it, since Node counts a file
/// without any as a test that passed.
fn test_files(folder: &Path, fast: bool) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let file = entry?.path();
        let is_test = file.to_string_lossy().ends_with(".test.mjs");
        if is_test && (!fast || fs::read_to_string(&file)?.contains(FAST_MARK)) {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
