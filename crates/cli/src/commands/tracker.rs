//! `brackish tracker`: the tracker alone.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use brackish_tracker::server::{Server, ServerConfig, ServerStats, Tls};

use crate::addresses;
use crate::args::TrackerArgs;
use crate::failure::Failure;
use crate::format::count;
use crate::json::{self, Event, Ready};
use crate::print;
use crate::signals::Stop;
use crate::view::Mode;

/// The time between two looks at the figures.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Serves until the person wants an end.
pub async fn run(args: TrackerArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.json);
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificates), Some(key)) => Some(Tls {
            certificates: read(certificates)?,
            key: read(key)?,
        }),
        _ => None,
    };
    let secure = if tls.is_some() { "s" } else { "" };
    let server = Server::new(
        ServerConfig {
            tls,
            ..ServerConfig::default()
        },
        None,
    )?;
    let listener = addresses::listen(args.listen).await?;
    let listening = listener
        .local_addr()
        .map_err(|error| Failure::new("the listening address", error))?;
    let stop = Stop::listen();
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
    }
    if mode == Mode::Json {
        json::emit(&Event::Stopped);
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

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::new(path.display(), error))
}
