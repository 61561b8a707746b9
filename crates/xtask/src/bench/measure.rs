//! A process under measurement: when it ended, its processor time and its peak memory as the kernel
//! accounts them, and what they are so far while it runs.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::interrupt;

/// How often a running process is looked at: far below what is measured, and next to free.
const POLL: Duration = Duration::from_millis(2);

/// How often the memory of a running process is looked at.
const MEMORY_POLL: Duration = Duration::from_millis(20);

/// How often the lines of a process are looked at that is not being timed by them.
const LINE_POLL: Duration = Duration::from_millis(20);

/// How long a process has between being asked to end and being made to.
const GRACE: Duration = Duration::from_secs(10);

/// How many of its last lines are shown when a process fails.
const SHOWN_LINES: usize = 12;

/// The event by which the driver of a library tells its interpreter's own memory.
const INTERPRETER: &str = "\"event\": \"interpreter\"";

/// The unit of a file's blocks, in bytes, on every file system.
const STAT_BLOCK: u64 = 512;

/// A block of a torrent, in bytes.
const BLOCK: u64 = 16 * 1024;

/// How one tells that a process has done its work.
#[derive(Clone, Copy, Debug)]
pub enum Done {
    /// It exits 0.
    Exits,
    /// It prints a line with this in it, and would stay.
    Says(&'static str),
}

/// What a process took.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// From its start until it was done.
    pub time: Duration,
    /// From its start until a file in the watched folder held its first block.
    pub first_byte: Option<Duration>,
    /// User and system time of its whole life.
    pub cpu: Duration,
    /// The most memory that it had in RAM, in bytes.
    pub peak_memory: u64,
}

/// A running process. It is killed when the value goes away before it was waited for.
pub struct Process {
    name: String,
    id: i32,
    log: PathBuf,
    started: Instant,
    reaped: bool,
}

impl Process {
    /// Starts it, with all that it prints going to a file: a pipe would be one more thing to serve.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Process> {
        let output = File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let id = i32::try_from(child.id())?;
        interrupt::add_process(id);
        Ok(Process {
            name: name.to_owned(),
            id,
            log: log.to_owned(),
            started,
            reaped: false,
        })
    }

    /// Waits for a line that contains `text`, and returns it.
    pub fn line(&mut self, text: &str, limit: Duration) -> Result<String> {
        Ok(self.lines(text, 1, limit)?.swap_remove(0))
    }

    /// Waits until it has printed so many lines that contain `text`, and returns all it has.
    pub fn lines(&mut self, text: &str, least: usize, limit: Duration) -> Result<Vec<String>> {
        let deadline = Instant::now() + limit;
        loop {
            let lines = self.printed(text);
            if lines.len() >= least {
                return Ok(lines);
            }
            if self.reap(libc::WNOHANG)?.is_some() {
                bail!(
                    "{} ended before it said {text}:\n{}",
                    self.name,
                    self.tail()
                );
            }
            if Instant::now() > deadline {
                bail!("{} did not say {text}:\n{}", self.name, self.tail());
            }
            std::thread::sleep(LINE_POLL);
        }
    }

    /// Waits until it is done, and sees to it that it ends. `watched` is the folder that it writes to.
    pub fn finish(mut self, done: Done, watched: &Path, limit: Duration) -> Result<Taken> {
        let mut first_byte = None;
        let mut peak = self.peak_memory()?;
        let mut looked = Instant::now();
        loop {
            if looked.elapsed() >= MEMORY_POLL {
                // One that has just ended says nothing any more.
                peak = self.peak_memory().unwrap_or(peak);
                looked = Instant::now();
            }
            if first_byte.is_none() && has_block(watched) {
                first_byte = Some(self.started.elapsed());
            }
            if let Some(reaped) = self.reap(libc::WNOHANG)? {
                let time = self.started.elapsed();
                if reaped.status != 0 || matches!(done, Done::Says(_)) {
                    bail!("{} failed:\n{}", self.name, self.tail());
                }
                let own = peak.saturating_sub(self.interpreter_memory());
                return Ok(reaped.taken(time, first_byte, own));
            }
            if let Done::Says(text) = done
                && !self.printed(text).is_empty()
            {
                let time = self.started.elapsed();
                let peak = self.peak_memory().unwrap_or(peak);
                let own = peak.saturating_sub(self.interpreter_memory());
                return Ok(self.end()?.taken(time, first_byte, own));
            }
            if self.started.elapsed() > limit {
                bail!("{} was not done in time:\n{}", self.name, self.tail());
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end, and makes it end if it does not.
    pub fn stop(mut self) -> Result<()> {
        self.end().map(drop)
    }

    /// Processor time until now.
    pub fn cpu(&self) -> Result<Duration> {
        let text = self.status_file("stat")?;
        // The name in parentheses may hold spaces; user and system time are fields 14 and 15.
        let fields: Vec<&str> = text
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let sum = ticks(11)
            .zip(ticks(12))
            .map(|(user, system)| user + system)
            .with_context(|| format!("no processor time of {}", self.name))?;
        Ok(Duration::from_secs_f64(sum as f64 / ticks_per_second()))
    }

    /// The most memory that it had until now, in bytes.
    pub fn peak_memory(&self) -> Result<u64> {
        let text = self.status_file("status")?;
        text.lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|kibibytes| kibibytes.parse::<u64>().ok())
            .map(|kibibytes| kibibytes * 1024)
            .with_context(|| format!("no peak memory of {}", self.name))
    }

    /// The most memory that it had until now without its interpreter's share, in bytes.
    pub fn own_peak_memory(&self) -> Result<u64> {
        Ok(self
            .peak_memory()?
            .saturating_sub(self.interpreter_memory()))
    }

    /// What the interpreter of a library's driver had in memory before it loaded the library, in bytes; 0 for a program
    /// that says nothing of one.
    fn interpreter_memory(&self) -> u64 {
        let lines = self.printed(INTERPRETER);
        let said = lines
            .first()
            .and_then(|line| serde_json::from_str::<Value>(line).ok());
        said.and_then(|event| event["memory"].as_u64()).unwrap_or(0)
    }

    fn status_file(&self, name: &str) -> Result<String> {
        fs::read_to_string(format!("/proc/{}/{name}", self.id))
            .with_context(|| format!("{} is not running:\n{}", self.name, self.tail()))
    }

    fn end(&mut self) -> Result<Reaped> {
        interrupt::kill(self.id, libc::SIGTERM);
        let deadline = Instant::now() + GRACE;
        loop {
            if let Some(reaped) = self.reap(libc::WNOHANG)? {
                return Ok(reaped);
            }
            if Instant::now() > deadline {
                interrupt::kill(self.id, libc::SIGKILL);
                return self.reap(0)?.context("a killed process that stays");
            }
            std::thread::sleep(POLL);
        }
    }

    /// Takes its account if it has ended; with no flag, waits until it has.
    fn reap(&mut self, flags: i32) -> Result<Option<Reaped>> {
        if self.reaped {
            bail!("{} has ended already", self.name);
        }
        let mut status = 0;
        // SAFETY: all-zero bytes are a valid `rusage`, which is plain numbers.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to live values of the types that wait4 writes.
        let ended = unsafe { libc::wait4(self.id, &raw mut status, flags, &raw mut usage) };
        if ended < 0 {
            return Err(std::io::Error::last_os_error())
                .with_context(|| format!("cannot wait for {}", self.name));
        }
        if ended == 0 {
            return Ok(None);
        }
        self.reaped = true;
        interrupt::remove_process(self.id);
        Ok(Some(Reaped { status, usage }))
    }

    fn printed(&self, text: &str) -> Vec<String> {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        // A line without its end is still being written.
        let whole = &log[..log.rfind('\n').unwrap_or(0)];
        let lines = whole.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }

    fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            interrupt::kill(self.id, libc::SIGKILL);
            // It was killed: its account is of no interest any more.
            let _ = self.reap(0);
        }
    }
}

/// The kernel's account of an ended process.
struct Reaped {
    status: i32,
    usage: libc::rusage,
}

impl Reaped {
    /// The peak is not the account's own: that begins with what the process had that started this one.
    fn taken(&self, time: Duration, first_byte: Option<Duration>, peak_memory: u64) -> Taken {
        let duration = |time: libc::timeval| {
            Duration::from_secs_f64(time.tv_sec as f64 + time.tv_usec as f64 / 1e6)
        };
        Taken {
            time,
            first_byte,
            cpu: duration(self.usage.ru_utime) + duration(self.usage.ru_stime),
            peak_memory,
        }
    }
}

/// Processor time that the whole machine has spent on anything, on all cores.
pub fn machine_cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/stat").context("cannot read the machine's time")?;
    let fields: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    // User, nice, system, idle, waiting for disks, then more that is work.
    let [
        user,
        nice,
        system,
        _idle,
        _waiting,
        irq,
        softirq,
        stolen,
        ..,
    ] = fields[..]
    else {
        bail!("the machine's time has too few fields");
    };
    let ticks = user + nice + system + irq + softirq + stolen;
    Ok(Duration::from_secs_f64(ticks as f64 / ticks_per_second()))
}

/// Whether a file below the folder holds at least one block of a torrent: a file that was only made long has no blocks,
/// and a client's own notes are smaller.
fn has_block(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries.flatten().any(|entry| match entry.metadata() {
        Ok(known) if known.is_dir() => has_block(&entry.path()),
        Ok(known) => known.blocks() * STAT_BLOCK >= BLOCK,
        Err(_) => false,
    })
}

/// Has the file system of a folder write all that it holds back, and returns how long that took.
pub fn flush(folder: &Path) -> Result<Duration> {
    let folder = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let started = Instant::now();
    // SAFETY: the descriptor is open for as long as the call, which touches no memory of ours.
    if unsafe { libc::syncfs(folder.as_raw_fd()) } != 0 {
        return Err(std::io::Error::last_os_error()).context("cannot flush the file system");
    }
    Ok(started.elapsed())
}

fn ticks_per_second() -> f64 {
    // SAFETY: sysconf takes a plain number and touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    ticks as f64
}
