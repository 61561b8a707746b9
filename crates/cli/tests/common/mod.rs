//! Runs the real binary.

// Each test file is its own program and uses its own part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

/// What a command printed and how it ended.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The JSON objects printed, in order.
    pub fn events(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
            })
            .collect()
    }

    /// The JSON object of this kind.
    pub fn event(&self, kind: &str) -> Value {
        let found = self
            .events()
            .into_iter()
            .find(|event| event["event"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} event in:\n{}", self.out))
    }

    /// Asserts that it failed with one line that holds each of these.
    pub fn assert_failed_naming(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(1), "stderr: {}", self.err);
        let line = self.err.trim_end();
        assert!(
            line.starts_with("brackish: ") && !line.contains('\n'),
            "not one line of failure: {line:?}"
        );
        for part in parts {
            assert!(line.contains(part), "{line:?} does not name {part:?}");
        }
    }
}

/// A command line of the binary, in `folder`.
pub fn brackish(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brackish"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub fn run(folder: &Path, args: &[&str]) -> Ran {
    let Output {
        status,
        stdout,
        stderr,
    } = brackish(folder, args).output().expect("the binary runs");
    Ran {
        code: status.code(),
        out: String::from_utf8(stdout).expect("stdout is UTF-8"),
        err: String::from_utf8(stderr).expect("stderr is UTF-8"),
    }
}

/// A command that goes on running, with `--json`. Ended when dropped.
pub struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    /// Starts it and waits for its `ready` event, which comes back too.
    pub fn start(folder: &Path, args: &[&str]) -> (Self, Value) {
        let mut child = brackish(folder, args)
            .arg("--json")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary runs");
        let lines = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut running = Self { child, lines };
        let ready = running.wait_for("ready");
        (running, ready)
    }

    /// The next event of this kind.
    pub fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).expect("stdout can be read");
            assert!(read > 0, "the process ended before its {kind} event");
            let event: Value =
                serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            if event["event"] == kind {
                return event;
            }
        }
    }

    /// Asks it to end, which it must do well. Where no signal can ask, it is only ended.
    pub fn end(mut self) {
        if cfg!(unix) {
            let id = self.child.id().to_string();
            let sent = Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .expect("kill runs");
            assert!(sent.success());
            let status = self.child.wait().expect("the process ends");
            assert_eq!(status.code(), Some(0));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that look like no others, the same each time.
pub fn sample(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(step)
        .flatten()
        .take(length)
        .collect()
}
