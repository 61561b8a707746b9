//! A program that runs beside this one: asked to end once, and made to if it does not.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::group::{self, Signal};

/// How long it may take to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(50);

/// A running program; dropping it ends it at once.
pub struct Child {
    name: String,
    process: std::process::Child,
}

impl Child {
    /// Starts it in a process group of its own: Ctrl-C reaches this program alone, which passes it
    /// on once. A second one would cut short what a clean end has to do.
    pub fn start(name: &str, command: &mut Command) -> Result<Child> {
        let process = group::of_its_own(command)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Child {
            name: name.to_owned(),
            process,
        })
    }

    /// How it is called in front of people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    /// Its exit code once it has ended; -1 when a signal ended it.
    pub fn exit_code(&mut self) -> Result<Option<i32>> {
        Ok(self
            .process
            .try_wait()?
            .map(|status| status.code().unwrap_or(-1)))
    }

    /// Ends it as Ctrl-C would, and returns its exit code if it came to that.
    pub fn end(mut self) -> Option<i32> {
        group::signal(self.process.id(), Signal::Interrupt);
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(POLL),
                Ok(Some(status)) => return status.code(),
                Err(_) => break,
            }
        }
        println!("{} does not end: killing it", self.name);
        None
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The whole group: a browser is many processes.
        group::signal(self.process.id(), Signal::Kill);
        let _ = self.process.wait();
    }
}
