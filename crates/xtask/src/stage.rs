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

/// What passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests, or steps of a stage without tests of its own.
    pub passed: u64,
    /// The same, failed.
    pub failed: u64,
}

impl Counts {
    /// One step that went well or did not.
    pub fn step(well: bool) -> Counts {
        Counts {
            passed: u64::from(well),
            failed: u64::from(!well),
        }
    }

    /// Adds another stage's counts.
    pub fn add(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
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
        for line in BufReader::new(output)
            .lines()
            .map_while(std::io::Result::ok)
        {
            println!("{line}");
            counts.add(counts_of(&line));
        }
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

fn set_running(group: Option<u32>) {
    if let Ok(mut running) = RUNNING.lock() {
        *running = group;
    }
}

/// What one line says: the summary of `cargo test`, or one of the summary's lines of `node --test`.
fn counts_of(line: &str) -> Counts {
    if let Some(summary) = line.strip_prefix("test result: ") {
        return Counts {
            passed: number_before(summary, "passed"),
            failed: number_before(summary, "failed"),
        };
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["ℹ" | "#", "pass", count] => Counts {
            passed: count.parse().unwrap_or(0),
            failed: 0,
        },
        ["ℹ" | "#", "fail" | "cancelled", count] => Counts {
            passed: 0,
            failed: count.parse().unwrap_or(0),
        },
        _ => Counts::default(),
    }
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
                failed: 2
            }
        );
        assert_eq!(
            counts_of("ℹ pass 4"),
            Counts {
                passed: 4,
                failed: 0
            }
        );
        assert_eq!(
            counts_of("# cancelled 1"),
            Counts {
                passed: 0,
                failed: 1
            }
        );
        assert_eq!(counts_of("pass 4 things on"), Counts::default());
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
                passed: 0,
                failed: 1
            })
        );
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
                failed: 1
            })
        );
    }
}
