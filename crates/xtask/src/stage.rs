//! One stage of `cargo xtask test`: runs a program, shows its lines as they come, counts what they
//! say passed and failed, and ends it with all that it started when it takes too long.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::group::{self, Signal};

/// How long a stage has between being asked to end and being made to.
const GRACE: Duration = Duration::from_secs(10);

/// How often a running stage is looked at.
const POLL: Duration = Duration::from_millis(100);

/// The process group that runs now, for the handler of Ctrl-C.
static RUNNING: Mutex<Option<u32>> = Mutex::new(None);

/// What passed, failed and did not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests, or steps of a stage without tests of its own.
    pub passed: u64,
    /// The same, failed.
    pub failed: u64,
    /// Tests that did not run on this machine.
    pub skipped: u64,
    /// The names of those, with their reasons where they are told.
    pub skips: Vec<String>,
}

impl Counts {
    /// One step that went well or did not.
    pub fn step(well: bool) -> Counts {
        Counts {
            passed: u64::from(well),
            failed: u64::from(!well),
            ..Counts::default()
        }
    }

    /// Adds another stage's counts.
    pub fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.skips.extend(other.skips);
    }
}

/// Runs a program whose output tells how many tests passed, and returns those counts. A program that
/// fails without counting a failure counts as one.
pub fn run(command: &mut Command, limit: Duration) -> Result<Counts> {
    let mut child = group::of_its_own(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    set_running(Some(child.id()));
    let output = child.stdout.take().context("a child without its output")?;
    let reader = std::thread::spawn(move || {
        let mut counts = Counts::default();
        let mut empty_files = 0;
        for line in BufReader::new(output)
            .lines()
            .map_while(std::io::Result::ok)
        {
            println!("{line}");
            counts.add(counts_of(&line));
            empty_files += u64::from(is_empty_file(&line));
        }
        counts.passed = counts.passed.saturating_sub(empty_files);
        counts
    });
    let well = wait(&mut child, limit)?;
    set_running(None);
    let mut counts = reader.join().unwrap_or_default();
    if !well && counts.failed == 0 {
        counts.failed = 1;
    }
    Ok(counts)
}

/// Makes Ctrl-C end what runs now, and then this program.
pub fn end_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        let running = RUNNING.lock().map(|group| *group).unwrap_or(None);
        if let Some(group) = running {
            group::signal(group, Signal::Terminate);
            std::thread::sleep(Duration::from_secs(1));
            group::signal(group, Signal::Kill);
        }
        std::process::exit(130);
    })
    .context("cannot listen for Ctrl-C")
}

/// Waits for the end, and makes it come when the time is over. Returns whether all went well.
fn wait(child: &mut Child, limit: Duration) -> Result<bool> {
    let started = Instant::now();
    let mut asked = None;
    loop {
        if let Some(status) = child.try_wait()? {
            // Whatever it left running would hold the output's pipe, and ports.
            group::signal(child.id(), Signal::Kill);
            return Ok(status.success() && asked.is_none());
        }
        match asked {
            None if started.elapsed() > limit => {
                println!("    not done after {} s: ending it", limit.as_secs());
                group::signal(child.id(), Signal::Terminate);
                asked = Some(Instant::now());
            }
            Some(since) if since.elapsed() > GRACE => group::signal(child.id(), Signal::Kill),
            _ => {}
        }
        std::thread::sleep(POLL);
    }
}

/// Names the process group that Ctrl-C is to end.
pub fn set_running(group: Option<u32>) {
    if let Ok(mut running) = RUNNING.lock() {
        *running = group;
    }
}

/// What one line says: the summary of `cargo test`, one of the summary's lines of `node --test`, or
/// that a test in Node was skipped.
///
/// Node counts a file in which no test ran as a test that passed, under the file's name.
fn counts_of(line: &str) -> Counts {
    let mut counts = Counts::default();
    if let Some(summary) = line.strip_prefix("test result: ") {
        counts.passed = number_before(summary, "passed");
        counts.failed = number_before(summary, "failed");
        counts.skipped = number_before(summary, "ignored");
        return counts;
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["ℹ" | "#", "pass", count] => counts.passed = count.parse().unwrap_or(0),
        ["ℹ" | "#", "fail" | "cancelled", count] => counts.failed = count.parse().unwrap_or(0),
        ["ℹ" | "#", "skipped" | "todo", count] => counts.skipped = count.parse().unwrap_or(0),
        ["﹣", name @ ..] => counts.skips.push(name.join(" ")),
        _ => {}
    }
    counts
}

/// Whether a line says that a file passed in which no test ran.
fn is_empty_file(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    matches!(words.as_slice(), ["✔", file, _] if file.ends_with(".test.mjs"))
}

/// The number that stands before a word: `3` for `passed` in `ok. 3 passed; 0 failed`.
fn number_before(text: &str, word: &str) -> u64 {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .windows(2)
        .find(|pair| pair[1].trim_end_matches(';') == word)
        .and_then(|pair| pair[0].parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Counts, counts_of};

    #[test]
    fn cargo_s_and_node_s_summaries_are_counted_and_other_lines_are_not() {
        let cargo =
            "test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            counts_of(cargo),
            Counts {
                passed: 3,
                failed: 2,
                skipped: 1,
                ..Counts::default()
            }
        );
        assert_eq!(
            counts_of("ℹ pass 4"),
            Counts {
                passed: 4,
                ..Counts::default()
            }
        );
        assert_eq!(
            counts_of("# cancelled 1"),
            Counts {
                failed: 1,
                ..Counts::default()
            }
        );
        assert_eq!(counts_of("pass 4 things on"), Counts::default());
    }

    #[test]
    fn skipped_tests_are_counted_and_named_with_their_reason() {
        let counts = counts_of("﹣ a relay is used (3.1ms) # only root can make hosts");
        let named = "a relay is used (3.1ms) # only root can make hosts";
        assert_eq!(counts.skips, [named]);
        assert_eq!(counts_of("ℹ skipped 2").skipped, 2);
    }
}

#[cfg(all(test, unix))]
mod shell_tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{Counts, run};

    #[test]
    fn a_program_that_fails_before_it_counts_is_one_failure() {
        let counts = run(
            Command::new("sh").args(["-c", "exit 3"]),
            Duration::from_secs(20),
        );
        assert_eq!(
            counts.ok(),
            Some(Counts {
                failed: 1,
                ..Counts::default()
            })
        );
    }

    #[test]
    fn a_file_in_which_no_test_ran_is_no_test_that_passed() {
        let lines = "✔ /tests/empty.test.mjs (41.2ms)\n✔ a claim (12ms)\nℹ pass 2";
        let mut shell = Command::new("printf");
        let counts = run(shell.args(["%s\n", lines]), Duration::from_secs(20));
        assert_eq!(counts.ok().map(|counts| counts.passed), Some(1));
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended_with_what_it_started_and_is_a_failure() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo 'ℹ pass 1'; sleep 600 & sleep 600"]);
        let counts = run(&mut shell, Duration::from_millis(200));
        assert_eq!(
            counts.ok(),
            Some(Counts {
                passed: 1,
                failed: 1,
                ..Counts::default()
            })
        );
    }
}
