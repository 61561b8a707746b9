//! `cargo xtask soak NAME [--runs N] [--busy]`: one test or test file many times, to find what fails
//! now and then.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::group::{self, Signal};
use crate::{paths, process, stage};

/// Runs unless told.
const RUNS: u32 = 20;

/// How long one run may take. The slowest test file takes a tenth of it on an idle machine.
const RUN_LIMIT: Duration = Duration::from_secs(10 * 60);

/// How often a run is looked at.
const POLL: Duration = Duration::from_millis(20);

const USAGE: &str = "usage: cargo xtask soak NAME [--runs N] [--busy]\n\
    NAME is a test of Rust, or a file of tests: codecs, crates/native/tests/liars.rs, \
    tests/browser/share.test.mjs";

/// What to run again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    /// Tests of a crate: those in one file or in the library, all of them or one.
    Rust {
        package: String,
        target: Target,
        test: Option<String>,
    },
    /// A file of tests in Node.
    Node(PathBuf),
}

impl Subject {
    fn described(&self) -> String {
        match self {
            Self::Node(file) => paths::shown(file),
            Self::Rust {
                package, target, ..
            } => match target {
                Target::Test(name) => format!("{package}, test file {name}"),
                Target::Unit => format!("{package}, unit tests"),
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Test(String),
    /// The crate's own unit tests.
    Unit,
}

/// Runs what is named so often, and fails if any run does.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let subject = find(&paths::root(), &options.name)?;
    let mut command = command(&subject)?;
    stage::end_on_interrupt()?;
    let load = Load::start(options.busy);
    let folder = paths::target().join("soak");
    fs::create_dir_all(&folder)?;
    let (mut failed, mut slowest) = (Vec::new(), Duration::ZERO);
    for number in 1..=options.runs {
        let log = folder.join(format!("{number}.log"));
        let started = Instant::now();
        let well = run_once(&mut command, &log)?;
        let took = started.elapsed();
        slowest = slowest.max(took);
        let verdict = if well { "ok" } else { "FAILED" };
        println!("run {number}: {verdict} in {:.1} s", took.as_secs_f64());
        if !well {
            println!("{}", String::from_utf8_lossy(&fs::read(&log)?));
            failed.push(number);
        }
    }
    drop(load);
    println!(
        "{}{}: {} of {} runs failed{}, the slowest took {:.1} s",
        options.name,
        if options.busy { ", busy" } else { "" },
        failed.len(),
        options.runs,
        match failed.is_empty() {
            true => String::new(),
            false => format!(" ({failed:?})"),
        },
        slowest.as_secs_f64()
    );
    Ok(match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    name: String,
    runs: u32,
    busy: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let (mut name, mut runs, mut busy) = (None, RUNS, false);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--busy" => busy = true,
                "--runs" => {
                    let number = words.next().and_then(|number| number.parse().ok());
                    runs = number
                        .filter(|&runs| runs > 0)
                        .context("--runs wants a number of at least 1")?;
                }
                flag if flag.starts_with('-') => bail!("unknown flag `{flag}`\n{USAGE}"),
                _ if name.is_some() => bail!("one test at a time\n{USAGE}"),
                _ => name = Some(word.clone()),
            }
        }
        let name = name.context(USAGE)?;
        Ok(Self { name, runs, busy })
    }
}

/// Finds what is named below `root`.
fn find(root: &Path, name: &str) -> Result<Subject> {
    if name.ends_with(".mjs") {
        let file = root.join(name);
        if !file.is_file() {
            bail!("{name}: there is no such file");
        }
        return Ok(Subject::Node(file));
    }
    let file = Path::new(name).file_stem().unwrap_or_default();
    let file = file.to_string_lossy();
    let mut found = Vec::new();
    for manifest in fs::read_dir(root.join("crates"))? {
        let folder = manifest?.path();
        let Some(package) = package_of(&folder) else {
            continue;
        };
        for source in sources(&folder)? {
            let inside = source.strip_prefix(&folder).unwrap_or(&source);
            let Some(target) = target_of(inside) else {
                continue;
            };
            let is_file = match name.ends_with(".rs") {
                true => source == root.join(name),
                false => target == Target::Test(file.clone().into_owned()) && is_root(inside),
            };
            let text = fs::read_to_string(&source)?;
            let is_test = text.contains(&format!("fn {name}("));
            let subject = Subject::Rust {
                package: package.clone(),
                target,
                test: (!is_file).then(|| name.to_owned()),
            };
            if (is_file || is_test) && !found.contains(&subject) {
                found.push(subject);
            }
        }
    }
    match found.len() {
        0 => bail!("{name}: no crate has a test or a test file of that name"),
        1 => Ok(found.remove(0)),
        _ => {
            let found: Vec<String> = found.iter().map(Subject::described).collect();
            bail!(
                "{name} is in several places, name the file: {}",
                found.join("; ")
            )
        }
    }
}

/// The name in a crate's manifest.
fn package_of(folder: &Path) -> Option<String> {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let name = manifest
        .lines()
        .find_map(|line| line.strip_prefix("name = "))?;
    Some(name.trim_matches('"').to_owned())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.join("src"), folder.join("tests")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                sources.push(path);
            }
        }
    }
    Ok(sources)
}

/// Which of a crate's test programs a source file belongs to: `tests/NAME.rs` and what is in
/// `tests/NAME/` to NAME.
fn target_of(inside: &Path) -> Option<Target> {
    let mut parts = inside.iter().map(|part| part.to_string_lossy());
    match parts.next()?.as_ref() {
        "src" => Some(Target::Unit),
        "tests" => {
            let name = parts.next()?;
            let name = name.strip_suffix(".rs").unwrap_or(&name);
            (name != "common").then(|| Target::Test(name.to_owned()))
        }
        _ => None,
    }
}

/// Whether a file is the beginning of its test program.
fn is_root(inside: &Path) -> bool {
    inside.iter().count() == 2 || inside.ends_with("main.rs")
}

/// Builds what is to run, and gives the command of one run.
fn command(subject: &Subject) -> Result<Command> {
    match subject {
        Subject::Node(file) => {
            let mut node = Command::new("node");
            node.current_dir(paths::root().join("tests"))
                .args(["--test", "--test-reporter=spec", "--test-force-exit"])
                .arg(file);
            Ok(node)
        }
        Subject::Rust {
            package,
            target,
            test,
        } => {
            let mut build = process::cargo();
            build.args(["test", "--no-run", "--message-format=json", "-p", package]);
            match target {
                Target::Test(name) => build.args(["--test", name]),
                Target::Unit if has_library(package) => build.arg("--lib"),
                Target::Unit => build.arg("--bins"),
            };
            let messages = process::output(&mut build)?;
            let executable = executable(&messages).context("cargo names no test program")?;
            let mut run = Command::new(executable);
            run.current_dir(paths::root().join("crates").join(folder_of(package)));
            run.args(test);
            Ok(run)
        }
    }
}

/// A crate's folder is called as the crate without `brackish-`; that of the binary is `cli`.
fn folder_of(package: &str) -> &str {
    match package {
        "brackish" => "cli",
        _ => package.strip_prefix("brackish-").unwrap_or(package),
    }
}

fn has_library(package: &str) -> bool {
    let folder = paths::root().join("crates").join(folder_of(package));
    folder.join("src/lib.rs").is_file()
}

/// The test program that cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    let mut programs = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_test = message["profile"]["test"].as_bool()?;
        let program = message["executable"].as_str().filter(|_| is_test)?;
        Some(PathBuf::from(program))
    });
    programs.next_back()
}

/// Runs once with all output in a file; `true` if it went well in time.
fn run_once(command: &mut Command, log: &Path) -> Result<bool> {
    let output = File::create(log)?;
    let mut child = group::of_its_own(command)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .context("cannot start the test")?;
    stage::set_running(Some(child.id()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > RUN_LIMIT {
            println!("not done after {} s: ending it", RUN_LIMIT.as_secs());
            group::signal(child.id(), Signal::Kill);
        }
        std::thread::sleep(POLL);
    };
    stage::set_running(None);
    // Whatever it left running.
    group::signal(child.id(), Signal::Kill);
    Ok(status.success())
}

/// Threads that keep every core busy until it is dropped.
struct Load {
    ended: &'static AtomicBool,
}

impl Load {
    fn start(busy: bool) -> Self {
        static ENDED: AtomicBool = AtomicBool::new(false);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..if busy { cores } else { 0 } {
            std::thread::spawn(|| {
                while !ENDED.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self { ended: &ENDED }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Subject {
        find(&paths::root(), name).expect(name)
    }

    fn file(package: &str, target: &str) -> Subject {
        Subject::Rust {
            package: package.to_owned(),
            target: Target::Test(target.to_owned()),
            test: None,
        }
    }

    #[test]
    fn tests_are_found_by_file_and_by_name() {
        let liars = file("brackish-native", "liars");
        assert_eq!(found("crates/native/tests/liars.rs"), liars);
        assert_eq!(found("codecs"), file("brackish-wire", "codecs"));
        let name = "a_liar_among_tcp_peers_is_banned_and_the_file_comes_right";
        let Subject::Rust { test, target, .. } = found(name) else {
            panic!("a test of Rust")
        };
        assert_eq!(target, Target::Test("liars".to_owned()));
        assert_eq!(test.as_deref(), Some(name));
        let Subject::Rust { target, .. } = found("tests_are_found_by_file_and_by_name") else {
            panic!("a test of Rust")
        };
        assert_eq!(target, Target::Unit);
        assert!(matches!(
            found("tests/browser/share.test.mjs"),
            Subject::Node(_)
        ));
        assert!(find(&paths::root(), "no_test_is_called_so").is_err());
        let several = find(&paths::root(), "liars").expect_err("three crates have one");
        assert!(several.to_string().contains("brackish-native"), "{several}");
    }

    #[test]
    fn flags_are_read() {
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Options::parse(&words)
        };
        let options = parse(&["--busy", "liars", "--runs", "3"]).expect("well");
        assert_eq!((options.runs, options.busy), (3, true));
        assert_eq!(parse(&["liars"]).expect("well").runs, 20);
        for wrong in [
            &[][..],
            &["a", "b"],
            &["a", "--runs"],
            &["a", "--runs", "0"],
            &["--x"],
        ] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
