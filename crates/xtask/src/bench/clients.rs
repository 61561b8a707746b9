//! How each client is told to seed one torrent, or to download it from one peer and then end.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::content::Content;
use super::measure::{Done, Process};
use crate::setup::{python, tools};
use crate::{paths, process};

/// How long a seed may hash what it seeds before it is ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// What a libtorrent peer of the tests' harness says when it has every piece.
const LIBTORRENT_FINISHED: Done = Done::Says("\"event\": \"finished\"");

/// A program that downloads torrents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Brackish,
    Rqbit,
    Libtorrent,
    Aria2,
}

/// What clients tell each other through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Tcp,
    WebRtc,
}

impl Client {
    pub fn name(self) -> &'static str {
        match self {
            Client::Brackish => "brackish",
            Client::Rqbit => "rqbit",
            Client::Libtorrent => "libtorrent",
            Client::Aria2 => "aria2",
        }
    }

    pub fn is_ours(self) -> bool {
        self == Client::Brackish
    }

    /// Its version, as it says itself.
    pub fn version(self, brackish: &Path) -> Result<String> {
        let text = match self {
            Client::Brackish => process::output(Command::new(brackish).arg("--version"))?,
            Client::Rqbit => {
                process::output(Command::new(tools::program("rqbit")).arg("--version"))?
            }
            Client::Libtorrent => process::output(
                Command::new(python::interpreter())
                    .args(["-c", "import libtorrent; print(libtorrent.__version__)"]),
            )?,
            Client::Aria2 => process::output(Command::new("aria2c").arg("--version"))?,
        };
        let first = text.lines().next().unwrap_or_default();
        let version = first.split_whitespace().last().unwrap_or_default();
        Ok(version.to_owned())
    }
}

/// One download to be made.
pub struct Download<'a> {
    /// With no tracker for TCP, with the tracker where all meet for WebRTC.
    pub torrent: &'a Path,
    /// The same with a tracker that knows the seed, for clients that take peers from trackers alone.
    pub tracked: &'a Path,
    /// The seed, over TCP.
    pub seed: SocketAddrV4,
    pub into: &'a Path,
    pub wire: Wire,
}

impl Download<'_> {
    /// The command line, and how one tells that it is done.
    pub fn command(&self, client: Client, brackish: &Path) -> (Command, Done) {
        match client {
            Client::Brackish => (self.brackish(brackish), Done::Exits),
            Client::Rqbit => (self.rqbit(), Done::Exits),
            Client::Libtorrent => (self.libtorrent(), LIBTORRENT_FINISHED),
            Client::Aria2 => (self.aria2(), Done::Exits),
        }
    }

    fn brackish(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.arg("download").arg(self.torrent);
        command.arg("-o").arg(self.into).arg("--json");
        match self.wire {
            Wire::Tcp => command
                .arg("--no-webrtc")
                .args(["--peer", &self.seed.to_string()]),
            Wire::WebRtc => command.arg("--no-tcp"),
        };
        command
    }

    fn rqbit(&self) -> Command {
        let mut command = Command::new(tools::program("rqbit"));
        command
            .args([
                "-v",
                "error",
                "--disable-dht",
                "--disable-upnp-port-forward",
            ])
            .args(["download", "--disable-http-api", "--exit-on-finish"])
            .args(["--initial-peers", &self.seed.to_string(), "-o"])
            .arg(self.into)
            .arg(self.torrent);
        command
    }

    fn libtorrent(&self) -> Command {
        let peers = match self.wire {
            Wire::Tcp => json!([[self.seed.ip().to_string(), self.seed.port()]]),
            Wire::WebRtc => json!([]),
        };
        libtorrent(json!({
            "torrent": self.torrent,
            "folder": self.into,
            "peers": peers,
            "webrtc": self.wire == Wire::WebRtc,
        }))
    }

    fn aria2(&self) -> Command {
        let mut command = Command::new("aria2c");
        command
            .args(["--enable-dht=false", "--enable-dht6=false"])
            .args(["--enable-peer-exchange=false", "--bt-enable-lpd=false"])
            .args(["--disable-ipv6=true", "--file-allocation=none"])
            .args(["--summary-interval=0", "--seed-time=0"])
            .arg(format!("--dir={}", self.into.display()))
            .arg(self.tracked);
        command
    }
}

/// Starts a seed that has everything, and returns it once it listens. `torrent` as in [`Download`].
pub fn seed(
    client: Client,
    brackish: &Path,
    wire: Wire,
    torrent: &Path,
    content: &Content,
    log: &Path,
) -> Result<(Process, SocketAddrV4)> {
    let mut command = match client {
        Client::Brackish => {
            let mut command = Command::new(brackish);
            command.arg("seed").arg(torrent).arg(&content.folder);
            command.arg("--json").arg(match wire {
                Wire::Tcp => "--no-webrtc",
                Wire::WebRtc => "--no-tcp",
            });
            command
        }
        _ => libtorrent(json!({
            "torrent": torrent,
            "folder": content.folder,
            "seed": true,
            "webrtc": wire == Wire::WebRtc,
        })),
    };
    let name = format!("the {} seed", client.name());
    let mut process = Process::start(&name, &mut command, log)?;
    let ready = match client {
        Client::Brackish => process.line("\"event\":\"ready\"", READY_LIMIT)?,
        _ => process.line("\"event\": \"listening\"", READY_LIMIT)?,
    };
    let ready: Value = serde_json::from_str(&ready)?;
    let port = ready["tcp_port"].as_u64().or(ready["port"].as_u64());
    // A seed without TCP has no port, and nobody dials it.
    let port = u16::try_from(port.unwrap_or(0))?;
    Ok((process, SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))
}

/// A port of loopback that was free a moment ago.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn libtorrent(asked: Value) -> Command {
    let mut command = Command::new(python::interpreter());
    command.arg(harness().join("libtorrent_peer.py"));
    command.arg(asked.to_string());
    command
}

/// The drivers of other people's clients that tests use too.
fn harness() -> PathBuf {
    paths::root().join("tests/harness")
}

/// Starts our tracker, and returns it with its WebSocket announce URL once it listens.
pub fn tracker(brackish: &Path, log: &Path) -> Result<(Process, String)> {
    let port = free_port().context("no free port")?;
    let mut command = Command::new(brackish);
    command.args([
        "tracker",
        "--json",
        "--listen",
        &format!("127.0.0.1:{port}"),
    ]);
    let mut process = Process::start("the tracker", &mut command, log)?;
    process.line("\"event\":\"ready\"", READY_LIMIT)?;
    Ok((process, format!("ws://127.0.0.1:{port}/announce")))
}
