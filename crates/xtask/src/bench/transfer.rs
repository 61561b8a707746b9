//! One download between two processes, measured at both ends and checked byte by byte.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::clients::{self, Client, Download, Wire};
use super::content::{self, Content};
use super::measure::{self, Process, Taken};
use super::peer_tracker;
use super::table::Table;
use super::workspace::Workspace;

/// How long one download may take.
const LIMIT: Duration = Duration::from_secs(180);

const GIB: f64 = (1_u64 << 30) as f64;

/// What the downloads of one suite share: the content, and where it goes.
pub struct Bench {
    brackish: PathBuf,
    workspace: Workspace,
    content: Content,
}

/// A seed that runs, and how clients find it.
pub struct Seed {
    /// For its processor time and its memory so far.
    pub process: Process,
    address: SocketAddrV4,
    wire: Wire,
    torrent: PathBuf,
    tracked: PathBuf,
}

/// Where a download is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// To memory, so that no disk is measured.
    Memory,
    /// To the file system of the build folder; what the system still holds back is flushed at the end.
    Real,
}

/// So many cores for anything but the two processes, and the figures are off. The network's share of
/// the kernel is in here too.
const DISTURBED: f64 = 0.3;

/// One download.
pub struct Run {
    size: f64,
    others: Duration,
    leecher: Taken,
    seed_cpu: Duration,
    seed_peak: u64,
    flush: Duration,
}

impl Bench {
    /// Makes `size` bytes of content.
    pub fn new(name: &str, brackish: &Path, size: u64) -> Result<Bench> {
        let workspace = Workspace::new(name)?;
        let content = Content::make(&workspace, "seed", size, 0x0042_7261_636b)?;
        Ok(Bench {
            brackish: brackish.to_owned(),
            workspace,
            content,
        })
    }

    /// The size, for titles.
    pub fn size(&self) -> String {
        format!("{} MiB", self.content.size >> 20)
    }

    /// Starts our tracker, and returns it with its announce URL for web peers.
    pub fn web_tracker(&self) -> Result<(Process, String)> {
        clients::tracker(&self.brackish, &self.workspace.path().join("tracker.log"))
    }

    /// A seed that others dial.
    pub fn tcp_seed(&self, client: Client) -> Result<Seed> {
        let torrent = self.torrent("plain", None)?;
        let (process, address) = self.start_seed(client, Wire::Tcp, &torrent)?;
        let tracker = peer_tracker::start(address)?;
        Ok(Seed {
            process,
            address,
            wire: Wire::Tcp,
            torrent,
            tracked: self.torrent("tracked", Some(&tracker))?,
        })
    }

    /// A seed that others meet at a tracker.
    pub fn web_seed(&self, client: Client, tracker: &str) -> Result<Seed> {
        let torrent = self.torrent("web", Some(tracker))?;
        let (process, address) = self.start_seed(client, Wire::WebRtc, &torrent)?;
        Ok(Seed {
            process,
            address,
            wire: Wire::WebRtc,
            tracked: torrent.clone(),
            torrent,
        })
    }

    /// Downloads everything, and looks whether it is right.
    pub fn download(&self, seed: &Seed, client: Client, disk: Disk) -> Result<Run> {
        let on_disk = match disk {
            Disk::Memory => None,
            Disk::Real => Some(Workspace::on_disk("download")?),
        };
        let workspace = on_disk.as_ref().unwrap_or(&self.workspace);
        let into = workspace.empty_folder("download")?;
        // What earlier runs left to write is not this one's.
        measure::flush(&into)?;
        let download = Download {
            torrent: &seed.torrent,
            tracked: &seed.tracked,
            seed: seed.address,
            into: &into,
            wire: seed.wire,
        };
        let (mut command, done) = download.command(client, &self.brackish);
        let file = into.join(content::NAME);
        let log = self.workspace.path().join("leecher.log");
        let (machine, before) = (measure::machine_cpu()?, seed.process.cpu()?);
        let leecher =
            Process::start(client.name(), &mut command, &log)?.finish(done, &into, LIMIT)?;
        let flush = measure::flush(&into)?;
        let seed_cpu = seed.process.cpu()?.saturating_sub(before);
        let machine = measure::machine_cpu()?.saturating_sub(machine);
        if !self.content.is_same_as(&file)? {
            bail!("{} downloaded something else", client.name());
        }
        Ok(Run {
            size: self.content.size as f64,
            others: machine.saturating_sub(leecher.cpu + seed_cpu),
            leecher,
            seed_cpu,
            seed_peak: seed.process.own_peak_memory()?,
            flush,
        })
    }

    /// The version that a client says it has.
    pub fn version(&self, client: Client) -> Result<String> {
        client.version(&self.brackish)
    }

    fn torrent(&self, name: &str, tracker: Option<&str>) -> Result<PathBuf> {
        let path = self.workspace.path().join(format!("{name}.torrent"));
        self.content.torrent(&path, tracker)?;
        Ok(path)
    }

    fn start_seed(
        &self,
        client: Client,
        wire: Wire,
        torrent: &Path,
    ) -> Result<(Process, SocketAddrV4)> {
        let log = self.workspace.path().join("seed.log");
        clients::seed(client, &self.brackish, wire, torrent, &self.content, &log)
            .with_context(|| format!("no seed by {}", client.name()))
    }
}

impl Run {
    /// MB/s from the start of the leecher's process to its end.
    pub fn rate(&self) -> Option<f64> {
        Some(self.size / 1e6 / self.leecher.time.as_secs_f64())
    }

    /// MB/s without what comes before the first byte: starting, connecting.
    pub fn rate_from_first_byte(&self) -> Option<f64> {
        let flowing = self.leecher.time.checked_sub(self.leecher.first_byte?)?;
        Some(self.size / 1e6 / flowing.as_secs_f64())
    }

    /// MB/s from the start of the leecher's process until the file system has written everything.
    pub fn rate_flushed(&self) -> Option<f64> {
        let until_written = self.leecher.time + self.flush;
        Some(self.size / 1e6 / until_written.as_secs_f64())
    }

    /// How long the file system wrote after the leecher was done.
    pub fn flush_seconds(&self) -> Option<f64> {
        Some(self.flush.as_secs_f64())
    }

    /// Processor seconds of the leecher's whole life for each GiB.
    pub fn cpu_per_gib(&self) -> Option<f64> {
        Some(self.leecher.cpu.as_secs_f64() / (self.size / GIB))
    }

    /// Processor seconds of the seed during the download for each GiB.
    pub fn seed_cpu_per_gib(&self) -> Option<f64> {
        Some(self.seed_cpu.as_secs_f64() / (self.size / GIB))
    }

    /// Peak memory of the leecher, in MiB.
    pub fn peak(&self) -> Option<f64> {
        Some(mebibytes(self.leecher.peak_memory))
    }

    /// Peak memory of the seed until now, in MiB.
    pub fn seed_peak(&self) -> Option<f64> {
        Some(mebibytes(self.seed_peak))
    }
}

/// Enters one run into a table, or why there is none.
pub fn enter<const N: usize>(
    table: &mut Table,
    name: &str,
    ours: bool,
    outcome: Result<Run>,
    figures: impl Fn(&Run) -> [Option<f64>; N],
) {
    match outcome {
        Ok(run) => {
            table.add(name, ours, &figures(&run));
            let others = run.others.as_secs_f64() / run.leecher.time.as_secs_f64();
            if others > DISTURBED {
                table.add_disturbance(others);
            }
        }
        Err(error) => table.add_failure(name, ours, format!("{error:#}")),
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
