//! `cargo xtask demo`: the main job on a real file, from nothing. Installs and builds what is
//! missing, runs `brackish share`, and beside it a swarm that knows nothing of browsers and, unless
//! told not to, one headless page.

mod http;
mod peers;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::child::Child;
use crate::{build, paths, real_file, setup};

/// The first port that is tried, and how many after it.
const FIRST_PORT: u16 = 8080;
const PORTS: u16 = 100;

/// How long hashing and starting may take.
const START_LIMIT: Duration = Duration::from_secs(120);

/// With `--exit-when-shared`: how long everyone may take to get the file.
const SHARED_LIMIT: Duration = Duration::from_secs(300);

const POLL: Duration = Duration::from_millis(200);

/// What the command line asks for.
#[derive(Default)]
struct Asked {
    path: Option<PathBuf>,
    no_browser_swarm: bool,
    exit_when_shared: bool,
}

/// Runs until Ctrl-C, or until everyone has the file.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let asked = parse(arguments)?;
    if asked.exit_when_shared {
        for piece in ["browsers", "tests"] {
            setup::ensure(piece)?;
        }
    }
    let client = peers::tcp_client();
    let binary = build::run()?;
    let file = match asked.path {
        Some(path) => {
            fs::canonicalize(&path).with_context(|| format!("cannot find {}", path.display()))?
        }
        None => real_file::find()?,
    };
    let interrupted = interruption()?;

    let port = free_port()?;
    println!("\n$ brackish share {}\n", file.display());
    let listen = format!("0.0.0.0:{port}");
    let mut share = Child::start(
        "brackish share",
        Command::new(&binary)
            .arg("share")
            .arg(&file)
            .args(["--listen", &listen]),
    )?;
    let torrent = wait_for_torrent(port, &mut share, &interrupted)?;
    let Some(torrent) = torrent else {
        return end(share, Vec::new());
    };
    let mut others = vec![client.start(&binary, &torrent)?];
    if asked.exit_when_shared {
        others.push(peers::checking_page(port, &file)?);
        let code = wait_for_all(&mut share, &mut others, &client, &file, &interrupted);
        end(share, others)?;
        return code;
    }
    if !asked.no_browser_swarm
        && let Some(page) = peers::seeding_page(port)?
    {
        others.push(page);
    }
    println!(
        "\nOpen http://localhost:{port}/ in a browser, or any of the links above from another machine."
    );
    println!(
        "In the swarm too: {}. Ctrl-C ends it all.\n",
        names(&others)
    );
    while !interrupted.load(Ordering::Relaxed) && share.is_running()? {
        std::thread::sleep(POLL);
    }
    end(share, others)
}

fn parse(arguments: &[String]) -> Result<Asked> {
    let mut asked = Asked::default();
    for argument in arguments {
        match argument.as_str() {
            "--no-browser-swarm" => asked.no_browser_swarm = true,
            "--exit-when-shared" => asked.exit_when_shared = true,
            flag if flag.starts_with('-') => bail!("unknown flag `{flag}`"),
            path if asked.path.is_none() => asked.path = Some(PathBuf::from(path)),
            extra => bail!("unexpected argument `{extra}`"),
        }
    }
    Ok(asked)
}

fn interruption() -> Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .context("cannot listen for Ctrl-C")?;
    Ok(interrupted)
}

/// As `brackish share` chooses by itself; here it has to be known beforehand.
fn free_port() -> Result<u16> {
    (FIRST_PORT..FIRST_PORT + PORTS)
        .find(|port| TcpListener::bind(("0.0.0.0", *port)).is_ok())
        .with_context(|| {
            format!(
                "ports {FIRST_PORT} to {} are all in use",
                FIRST_PORT + PORTS - 1
            )
        })
}

/// The `.torrent`'s URL once it is served; nothing when Ctrl-C came first.
fn wait_for_torrent(
    port: u16,
    share: &mut Child,
    interrupted: &AtomicBool,
) -> Result<Option<String>> {
    let started = Instant::now();
    while !interrupted.load(Ordering::Relaxed) {
        if let Some(torrent) = http::torrent_of(port) {
            return Ok(Some(torrent));
        }
        if !share.is_running()? {
            bail!("`brackish share` ended before it shared anything");
        }
        if started.elapsed() > START_LIMIT {
            bail!(
                "`brackish share` did not serve its torrent within {} s",
                START_LIMIT.as_secs()
            );
        }
        std::thread::sleep(POLL);
    }
    Ok(None)
}

/// Waits until the TCP client and the page have the file, and compares what the client wrote.
fn wait_for_all(
    share: &mut Child,
    others: &mut [Child],
    client: &peers::TcpClient,
    file: &std::path::Path,
    interrupted: &AtomicBool,
) -> Result<ExitCode> {
    let started = Instant::now();
    let mut written = false;
    loop {
        written = written || client.has_written(file)?;
        let page = others.last_mut().context("there is no page")?.exit_code()?;
        match page {
            Some(0) if written => break,
            Some(0) | None => {}
            Some(code) => bail!("the page did not get the file (exit code {code})"),
        }
        if interrupted.load(Ordering::Relaxed) || !share.is_running()? {
            bail!("ended before everyone had the file");
        }
        if started.elapsed() > SHARED_LIMIT {
            bail!(
                "not everyone had the file within {} s",
                SHARED_LIMIT.as_secs()
            );
        }
        std::thread::sleep(POLL);
    }
    println!(
        "\nthe page and {} have the file, and it is the same",
        client.name()
    );
    Ok(ExitCode::SUCCESS)
}

/// Ends everyone, the sharing process last so that the others can say goodbye to its tracker.
fn end(share: Child, others: Vec<Child>) -> Result<ExitCode> {
    for other in others {
        other.end();
    }
    Ok(match share.end() {
        Some(0) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn names(children: &[Child]) -> String {
    let names: Vec<&str> = children.iter().map(Child::name).collect();
    names.join(", ")
}

/// An empty folder under `target/demo`, made anew.
fn fresh_folder(name: &str) -> Result<PathBuf> {
    let folder = paths::target().join("demo").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Whether two files hold the same bytes.
fn same_bytes(one: &std::path::Path, other: &std::path::Path) -> Result<bool> {
    let (one, other) = (fs::File::open(one)?, fs::File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let both = left.len().min(right.len());
        if left[..both] != right[..both] {
            return Ok(false);
        }
        if both == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        one.consume(both);
        other.consume(both);
    }
}
