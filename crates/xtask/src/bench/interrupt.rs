//! Ctrl-C ends what a benchmark started and removes what it wrote: gigabytes in memory.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};

#[derive(Default)]
struct Left {
    processes: Vec<i32>,
    folders: Vec<PathBuf>,
}

static LEFT: Mutex<Left> = Mutex::new(Left {
    processes: Vec::new(),
    folders: Vec::new(),
});

/// From now on Ctrl-C and SIGTERM tidy up before they end this program.
pub fn tidy_up_on_interrupt() -> Result<()> {
    ctrlc::set_handler(|| {
        let left = left();
        for process in &left.processes {
            kill(*process, libc::SIGKILL);
        }
        for folder in &left.folders {
            // Somebody may look at it still; there is nobody left to tell.
            let _ = fs::remove_dir_all(folder);
        }
        std::process::exit(130);
    })
    .context("cannot listen for Ctrl-C")
}

/// A process that is to be ended.
pub fn add_process(process: i32) {
    left().processes.push(process);
}

/// It has ended, and its number may soon be another's.
pub fn remove_process(process: i32) {
    left().processes.retain(|known| *known != process);
}

/// A folder that is to go.
pub fn add_folder(folder: PathBuf) {
    left().folders.push(folder);
}

/// Sends a signal to a process that this program started and has not reaped.
pub fn kill(process: i32, signal: i32) {
    // SAFETY: kill takes plain numbers and touches no memory of ours.
    unsafe { libc::kill(process, signal) };
}

fn left() -> MutexGuard<'static, Left> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}
