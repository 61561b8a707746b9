//! Runs the real binary.

// Each test file is its own program and uses its own part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
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
        let mut command = brackish(folder, args);
        command.arg("--json");
        Self::start_as(command)
    }

    /// Starts a command that is, or becomes, the binary with `--json`.
    pub fn start_as(mut command: Command) -> (Self, Value) {
        let mut child = command
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

    /// Sends it a signal, such as `HUP`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let mut kill = Command::new("kill");
        let sent = kill.args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end; its exit code, if no signal has ended it.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.wait().expect("the process ends").code()
    }

    /// Asks it to end, which it must do well. Where no signal can ask, it is only ended.
    pub fn end(mut self) {
        if cfg!(unix) {
            self.signal("TERM");
            assert_eq!(self.ended(), Some(0));
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

/// The status line and headers in lower case, and the body, of a GET on a connection of its own.
pub fn get(address: &str, path: &str, headers: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).expect("the server answers");
    let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("headers end");
    (
        String::from_utf8_lossy(&answer[..end]).to_lowercase(),
        answer.split_off(end + 4),
    )
}

/// The host and port of a `ready` event's link.
pub fn address_of(ready: &Value) -> String {
    let url = ready["url"].as_str().expect("a url");
    let (_, rest) = url.split_once("://").expect("a scheme");
    rest.trim_end_matches('/').to_owned()
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
