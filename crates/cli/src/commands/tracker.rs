//! `brackish tracker`: the tracker alone.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use brackish_tracker::Rate;
use brackish_tracker::server::{Server, ServerConfig, ServerStats, Tls};
use tokio::sync::mpsc;

use crate::access::{self, Told};
use crate::addresses;
use crate::allow_list;
use crate::args::TrackerArgs;
use crate::descriptors;
use crate::failure::Failure;
use crate::format::{count, printable};
use crate::json::{self, Event, Ready};
use crate::print;
use crate::signals::{Hangup, Reload, Stop};
use crate::view::Mode;

/// The time between two looks at the figures.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Serves until the person wants an end.
pub async fn run(args: TrackerArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.json);
    let tls = tls(&args)?;
    let secure = if tls.is_some() { "s" } else { "" };
    let (on_refused, mut refused) = access::on_refused();
    let server = Server::new(
        ServerConfig {
            tls,
            origins: args.access.origins(),
            trusted_proxies: args.access.proxies(),
            on_refused: Some(on_refused),
            http_rate: http_rate(args.http_rate),
            max_connections: descriptors::connections_alone(),
            ..ServerConfig::default()
        },
        None,
    )?;
    if let Some(path) = &args.allow_list {
        server.set_allowed(Some(allow_list::read(path)?));
    }
    let listener = addresses::listen(args.listen).await?;
    let listening = listener
        .local_addr()
        .map_err(|error| Failure::new("the listening address", error))?;
    let has_files = args.tls_cert.is_some() || args.allow_list.is_some();
    let stop = Stop::listen_but(match has_files {
        true => Hangup::Reloads,
        false => Hangup::Ends,
    });
    let mut reloads = has_files.then(Reload::listen);
    let hosts = addresses::hosts(listening);
    let trackers: Vec<String> = hosts
        .iter()
        .flat_map(|host| {
            [
                format!("ws{secure}://{host}/announce"),
                format!("http{secure}://{host}/announce"),
            ]
        })
        .collect();
    if mode == Mode::Json {
        let url = hosts.first().map(|host| format!("http{secure}://{host}/"));
        json::emit(&Event::Ready(Ready {
            url,
            trackers,
            ..Ready::default()
        }));
    } else {
        print::line(format_args!("Tracker on {listening}; Ctrl-C ends it."));
        for tracker in trackers {
            print::line(format_args!("  {tracker}"));
        }
    }
    tokio::select! {
        () = server.serve(listener, stop.requested()) => {}
        () = report(&server, mode) => {}
        () = reload(&mut reloads, &server, &args, mode), if has_files => {}
        () = tell(&mut refused, mode) => {}
    }
    if mode == Mode::Json {
        json::emit(&Event::Stopped { because: None });
    }
    Ok(ExitCode::SUCCESS)
}

async fn report(server: &Server, mode: Mode) {
    let mut last = String::new();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let ServerStats {
            tracker,
            connections,
            ..
        } = server.stats();
        if mode == Mode::Json {
            json::emit(&Event::TrackerProgress {
                swarms: tracker.swarms,
                web_peers: tracker.web_peers,
                tcp_peers: tracker.tcp_peers,
                connections,
            });
            continue;
        }
        let text = format!(
            "{}, {} ({} web, {} TCP)",
            count(tracker.swarms as u64, "swarm"),
            count((tracker.web_peers + tracker.tcp_peers) as u64, "peer"),
            tracker.web_peers,
            tracker.tcp_peers,
        );
        if text != last {
            print::note(&text);
            last = text;
        }
    }
}

/// Reads the certificate and the list again whenever SIGHUP asks for it. What cannot be used changes
/// nothing.
async fn reload(reloads: &mut Option<Reload>, server: &Server, args: &TrackerArgs, mode: Mode) {
    while let Some(reload) = reloads {
        reload.requested().await;
        let failure = read_again(server, args)
            .err()
            .map(|failure| failure.to_string());
        match (mode, failure) {
            (Mode::Json, failure) => json::emit(&Event::Reloaded { failure }),
            (_, None) => print::note("SIGHUP: certificate and list of torrents are read again"),
            (_, Some(failure)) => print::note(format_args!(
                "SIGHUP: nothing is changed, {}",
                printable(&failure)
            )),
        }
    }
}

fn read_again(server: &Server, args: &TrackerArgs) -> Result<(), Failure> {
    let tls = tls(args)?;
    let allowed = args.allow_list.as_deref().map(allow_list::read);
    let allowed = allowed.transpose()?;
    if let (Some(tls), Some(path)) = (tls, &args.tls_cert) {
        server
            .set_tls(&tls)
            .map_err(|error| Failure::new(path.display(), error))?;
    }
    if allowed.is_some() {
        server.set_allowed(allowed);
    }
    Ok(())
}

/// Shows refused requests.
async fn tell(refused: &mut mpsc::Receiver<Told>, mode: Mode) {
    while let Some(told) = refused.recv().await {
        match mode {
            Mode::Json => json::emit(&Event::Refused {
                message: told.to_string(),
            }),
            _ => print::note(printable(&told.to_string())),
        }
    }
    std::future::pending().await
}

fn http_rate(per_second: u32) -> Rate {
    match per_second {
        0 => Rate::UNLIMITED,
        _ => Rate {
            per_second,
            burst: per_second.saturating_mul(10),
        },
    }
}

fn tls(args: &TrackerArgs) -> Result<Option<Tls>, Failure> {
    let (Some(certificates), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    Ok(Some(Tls {
        certificates: read(certificates)?,
        key: read(key)?,
    }))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::new(path.display(), error))
}
