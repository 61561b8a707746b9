//! Who else is in the demo's swarm: a client that speaks TCP alone, and a headless page.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::{fresh_folder, same_bytes};
use crate::child::Child;
use crate::{paths, setup};

/// A client that has never heard of WebRTC.
pub enum TcpClient {
    /// `aria2c` at this path.
    Aria2(PathBuf),
    /// Our own, with WebRTC off: always there.
    Brackish,
}

/// aria2, installed if that is possible without asking; else our own client.
pub fn tcp_client() -> TcpClient {
    if paths::find_program("aria2c").is_none() && setup::ensure("clients").is_err() {
        println!("  without  aria2: `brackish download --no-webrtc` takes its place");
    }
    match paths::find_program("aria2c") {
        Some(path) => TcpClient::Aria2(path),
        None => TcpClient::Brackish,
    }
}

impl TcpClient {
    /// How it is called in front of people.
    pub fn name(&self) -> &'static str {
        match self {
            TcpClient::Aria2(_) => "aria2 (TCP only)",
            TcpClient::Brackish => "brackish download --no-webrtc",
        }
    }

    /// Starts it: it downloads, and seeds on.
    pub fn start(&self, binary: &Path, torrent: &str) -> Result<Child> {
        let folder = fresh_folder("tcp")?;
        let mut command = match self {
            TcpClient::Aria2(path) => {
                let mut command = Command::new(path);
                command
                    .arg(format!("--dir={}", folder.display()))
                    .args([
                        "--follow-torrent=mem",
                        "--seed-ratio=0.0",
                        "--file-allocation=none",
                    ])
                    .args([
                        "--enable-dht=false",
                        "--enable-dht6=false",
                        "--bt-enable-lpd=false",
                    ])
                    .args(["--summary-interval=0", "--show-console-readout=false"])
                    .arg(torrent);
                command
            }
            TcpClient::Brackish => {
                let mut command = Command::new(binary);
                command
                    .args(["download", "--no-webrtc", "--seed", torrent, "-o"])
                    .arg(&folder);
                command
            }
        };
        silent(&mut command, "tcp.log")?;
        Child::start(self.name(), &mut command)
    }

    /// Whether it has the whole file, with the right bytes.
    pub fn has_written(&self, file: &Path) -> Result<bool> {
        let name = file.file_name().context("a file without a name")?;
        let written = paths::target().join("demo/tcp").join(name);
        let length = |path: &Path| path.metadata().map(|metadata| metadata.len()).ok();
        if length(&written) != length(file) {
            return Ok(false);
        }
        same_bytes(&written, file)
    }
}

/// A headless page that downloads and seeds on; none without a browser.
pub fn seeding_page(port: u16) -> Result<Option<Child>> {
    let Some(browser) = paths::chromium() else {
        return Ok(None);
    };
    let profile = fresh_folder("profile")?;
    let mut command = Command::new(browser);
    command
        .args([
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
        ])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .args(["--remote-debugging-port=0"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("http://127.0.0.1:{port}/"));
    if crate::setup::is_root() {
        command.arg("--no-sandbox");
    }
    silent(&mut command, "page.log")?;
    Child::start("a headless page", &mut command).map(Some)
}

/// A headless page that downloads, saves, compares with the file, and ends.
pub fn checking_page(port: u16, file: &Path) -> Result<Child> {
    let mut command = Command::new("node");
    command
        .arg(paths::root().join("tests/harness/check-page.mjs"))
        .arg(format!("http://127.0.0.1:{port}/"))
        .arg(file);
    Child::start("a headless page", &mut command)
}

/// Sends what a program prints to a file under `target/demo`.
fn silent(command: &mut Command, log: &str) -> Result<()> {
    let path = paths::target().join("demo").join(log);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    command
        .stdout(Stdio::from(file.try_clone()?))
        .stderr(Stdio::from(file));
    Ok(())
}
