//! WebSocket trackers under the load that `aquatic_ws_load_test` makes, over TLS, which is all that
//! it speaks. Tracker and load share the machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::clients::free_port;
use super::measure::Process;
use super::options::Options;
use super::report::Report;
use super::rotated;
use super::table::{Metric, Table};
use super::workspace::Workspace;
use crate::setup::tools;
use crate::{paths, process};

/// Sockets that are open at once, the same for every tracker, each with one message under way: as many as the load tester
/// comes to open with a tracker that leaves it no time.
const CONNECTIONS: u32 = 8;

/// Torrents that those sockets take part in; with more, one socket would come to be in more swarms
/// than our tracker allows.
const TORRENTS: u32 = 500;

/// How long the load tester may take to open its sockets: it opens them when it has time to, and has little with a tracker
/// that answers at once.
const OPENING_LIMIT: Duration = Duration::from_secs(240);

/// The load tester counts over windows of five seconds. Those that go by once all sockets are open, before any counts.
const WARM_UP: usize = 1;

/// The windows that count.
const MEASURED: usize = 3;

/// Five seconds, and what a machine without a free core makes of them.
const WINDOW_LIMIT: Duration = Duration::from_secs(15);

/// How long a tracker may take to listen.
const READY_LIMIT: Duration = Duration::from_secs(20);

/// What the load tester says after each window, in this order.
const RATE: &str = "Responses in:";
const ERRORS: &str = "Error responses:";
const CONNECTED: &str = "Active connections:";

/// What it says once all sockets are open.
const OPENED: &str = "Max connections reached";

/// A tracker under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Brackish,
    Aquatic,
    BittorrentTracker,
}

const SERVERS: [Server; 3] = [Server::Brackish, Server::Aquatic, Server::BittorrentTracker];

impl Server {
    fn name(self) -> &'static str {
        match self {
            Server::Brackish => "brackish",
            Server::Aquatic => "aquatic_ws",
            Server::BittorrentTracker => "bittorrent-tracker",
        }
    }
}

/// The one comparison.
pub fn run(options: &Options, report: &mut Report) -> Result<()> {
    let bench = Bench::prepare()?;
    let mut table = Table::new(
        format!("WebSocket tracker, {CONNECTIONS} connections over TLS"),
        &[
            Metric::higher("answers/s", 0),
            Metric::lower("CPU µs/answer", 1),
            Metric::lower("cores", 2),
            Metric::lower("peak MiB", 0),
            Metric::higher("connections", 0),
            Metric::lower("errors/s", 0),
        ],
    );
    for round in 0..options.runs {
        for server in rotated(&SERVERS, round) {
            let ours = server == Server::Brackish;
            match bench.load(server) {
                Ok(figures) => table.add(server.name(), ours, &figures),
                Err(error) => table.add_failure(server.name(), ours, format!("{error:#}")),
            }
        }
    }
    report.add(table);
    Ok(())
}

struct Bench {
    workspace: Workspace,
    serve: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Bench {
    fn prepare() -> Result<Bench> {
        let workspace = Workspace::new("tracker")?;
        let certificate = workspace.path().join("certificate.pem");
        let key = workspace.path().join("key.pem");
        process::quiet(
            Command::new("openssl")
                .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
                .args(["-pkeyopt", "ec_paramgen_curve:P-256"])
                .args(["-subj", "/CN=example.com"])
                .args(["-addext", "subjectAltName=DNS:example.com"])
                .arg("-keyout")
                .arg(&key)
                .arg("-out")
                .arg(&certificate),
        )
        .context("openssl makes the certificate")?;
        // Our server without the limits on what one socket may send: the load is all from a few.
        process::run(process::cargo().args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "brackish-tracker",
            "--example",
            "serve",
        ]))?;
        Ok(Bench {
            workspace,
            serve: paths::target().join("release/examples/serve"),
            certificate,
            key,
        })
    }

    fn load(&self, server: Server) -> Result<[Option<f64>; 6]> {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port()?);
        let log = self.workspace.path().join("tracker.log");
        let tracker = Process::start(server.name(), &mut self.command(server, address)?, &log)?;
        wait_for_listener(address).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        let mut tester = Process::start(
            "aquatic_ws_load_test",
            Command::new(tools::program("aquatic_ws_load_test"))
                .arg("-c")
                .arg(self.load_config(address)?),
            &self.workspace.path().join("load.log"),
        )?;
        tester.lines(OPENED, 1, OPENING_LIMIT)?;
        let before = tester.lines(RATE, 0, WINDOW_LIMIT)?.len() + WARM_UP;
        tester.lines(RATE, before, WINDOW_LIMIT * 2)?;
        let (cpu, started) = (tracker.cpu()?, Instant::now());
        let limit = WINDOW_LIMIT * u32::try_from(MEASURED)?;
        let rates = tester.lines(RATE, before + MEASURED, limit)?;
        let cores = (tracker.cpu()? - cpu).as_secs_f64() / started.elapsed().as_secs_f64();
        let peak = tracker.peak_memory()?;
        // The last line of a window is the one that is awaited here.
        let connections = tester.lines(CONNECTED, before + MEASURED, WINDOW_LIMIT)?;
        let errors = tester.lines(ERRORS, before + MEASURED, WINDOW_LIMIT)?;
        let errors = mean(&errors[before..])?;
        // The load tester counts errors as responses.
        let rate = mean(&rates[before..])? - errors;
        if rate <= 0.0 {
            bail!("no answers, {errors} errors a second");
        }
        tester.stop()?;
        tracker.stop()?;
        Ok([
            Some(rate),
            Some(cores / rate * 1e6),
            Some(cores),
            Some(peak as f64 / f64::from(1 << 20)),
            Some(mean(&connections[before..])?),
            Some(errors),
        ])
    }

    fn command(&self, server: Server, address: SocketAddrV4) -> Result<Command> {
        match server {
            Server::Brackish => {
                let mut command = Command::new(&self.serve);
                command.arg(address.to_string());
                command.arg(&self.certificate).arg(&self.key);
                Ok(command)
            }
            Server::Aquatic => {
                let config = self.workspace.path().join("aquatic.toml");
                fs::write(&config, self.aquatic_config(address))?;
                let mut command = Command::new(tools::program("aquatic_ws"));
                command.arg("-c").arg(config);
                Ok(command)
            }
            Server::BittorrentTracker => {
                let mut command = Command::new("node");
                command
                    .arg(paths::root().join("tests/bench/bittorrent_tracker.mjs"))
                    .arg(address.port().to_string())
                    .arg(&self.certificate)
                    .arg(&self.key);
                Ok(command)
            }
        }
    }

    /// As its authors recommend for up to seven cores: a socket worker for each, and one swarm worker.
    fn aquatic_config(&self, address: SocketAddrV4) -> String {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "socket_workers = {cores}\nswarm_workers = 1\n[network]\naddress = \"{address}\"\n\
             enable_tls = true\ntls_certificate_path = {:?}\ntls_private_key_path = {:?}\n",
            self.certificate, self.key
        )
    }

    fn load_config(&self, address: SocketAddrV4) -> Result<PathBuf> {
        let config = self.workspace.path().join("load.toml");
        fs::write(
            &config,
            format!(
                "server_address = \"{address}\"\nnum_workers = 1\n\
                 num_connections_per_worker = {CONNECTIONS}\n\
                 log_level = \"error\"\n[torrents]\nnumber_of_torrents = {TORRENTS}\n"
            ),
        )?;
        Ok(config)
    }
}

fn wait_for_listener(address: SocketAddrV4) -> Result<()> {
    let deadline = Instant::now() + READY_LIMIT;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > deadline {
            bail!("nobody listens on {address}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The mean of what these lines say.
fn mean(lines: &[String]) -> Result<f64> {
    let mut sum = 0.0;
    for line in lines {
        sum += number(line)?;
    }
    Ok(sum / lines.len().max(1) as f64)
}

/// `12.5` of `Responses in: 12.5/second`.
fn number(line: &str) -> Result<f64> {
    let word = line.split_whitespace().last().unwrap_or_default();
    let digits = word.split('/').next().unwrap_or_default();
    digits
        .parse()
        .with_context(|| format!("no number in {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::mean;

    #[test]
    fn the_load_tester_s_lines_are_averaged() {
        let lines = [
            "Responses in: 10.50/second".to_owned(),
            "Responses in: 11.50/second".to_owned(),
        ];
        assert_eq!(mean(&lines).unwrap(), 11.0);
        assert!(mean(&["Responses in: many".to_owned()]).is_err());
    }
}
