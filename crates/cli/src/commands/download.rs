//! `brackish download`: fetches a torrent, and with `--seed` stays.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use brackish_native::{
    Access, Add, Node, Select, Torrent, TorrentStats, WriteOptions, place_of, source,
};
use brackish_wire::metainfo::Info;

use super::follow::{Ended, Follower, Until};
use super::peers;
use super::rules::SeedRules;
use crate::args::DownloadArgs;
use crate::failure::Failure;
use crate::format::{bytes, duration, percent, printable, rate};
use crate::json::{self, Event, Ready};
use crate::print;
use crate::selection::{Wanted, priorities};
use crate::signals::Stop;
use crate::view::{LiveView, Mode};

/// Downloads until every piece is verified.
pub async fn run(args: DownloadArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.peers.json);
    // Who says when seeding is to end wants it to begin.
    let stays =
        args.seed || args.seed_stop.seed_ratio.is_some() || args.seed_stop.seed_time.is_some();
    std::fs::create_dir_all(&args.output)
        .map_err(|error| Failure::new(args.output.display(), error))?;
    let place = magnet_within(args.source.trim());
    let source = source::load(place).await?;
    let name = peers::name_of(&source);
    let mut trackers = peers::trackers_of(&source);
    trackers.extend(args.peers.trackers.iter().map(String::as_str));
    let named_peers = peers::resolve(&args.peers.peers).await?;
    let nowhere = trackers.is_empty()
        && named_peers.is_empty()
        && args.web_seed.is_empty()
        && peers::web_seeds_of(&source).is_empty();
    let passed_over = peers::is_private(&source) && !named_peers.is_empty();
    let node = peers::start_node(&args.peers, trackers).await?;
    let stop = Stop::listen();
    let info_hash = source.info_hash().to_string();
    let mut add = Add::new(source, &args.output);
    if !args.files.is_empty() {
        add.select = Select::Nothing;
    }
    add.access = Access::Write(WriteOptions {
        overwrite: args.overwrite,
        allow_hidden: args.allow_hidden,
        in_place: args.in_place,
    });
    add.peers = named_peers;
    add.extra_trackers = args.peers.trackers;
    add.extra_web_seeds = args.web_seed;
    add.loaded_from = Some(place.to_owned());
    let torrent = node.add(add).await?;
    if mode == Mode::Json {
        json::emit(&Event::Ready(Ready {
            info_hash: Some(info_hash),
            name: Some(&name),
            tcp_port: node.tcp_port(),
            peer_id: Some(node.peer_id().to_string()),
            ..Ready::default()
        }));
    }
    let mut view = LiveView::new(mode, &name);
    view.note(&format!(
        "Downloading {}{}",
        printable(&name),
        port_note(&node)
    ));
    if passed_over {
        view.note("The torrent is private: its peers come from its trackers alone, --peer is passed over.");
    }
    if nowhere {
        view.note("It names no tracker and no peer: waiting for peers to come; --peer and --tracker name some.");
    }
    let started = Instant::now();
    let mut follower = Follower::new(&torrent, &mut view, &stop)
        .with_stop_timeout(args.stop_timeout)
        .with_seed_rules(SeedRules::of_seed(&args.seed_stop));
    let ended = match choose(&torrent, &args.files, &mut follower).await {
        Ok(()) => download(&mut follower, &name).await,
        Err(failure) => Err(failure),
    };
    if let (Ok(stats), Some(info)) = (&ended, torrent.info()) {
        let took = started.elapsed();
        finished(mode, &info, stats, took, &args.output, torrent.synced());
    }
    let ended = match ended {
        Ok(_) if stays => seed(&mut follower).await,
        Ok(_) => Ok(()),
        Err(failure) => Err(failure),
    };
    drop(view);
    node.shutdown().await;
    ended?;
    Ok(ExitCode::SUCCESS)
}

/// Has only the files fetched that the person wants, once it is known which there are.
async fn choose(
    torrent: &Torrent,
    wanted: &[Wanted],
    follower: &mut Follower<'_>,
) -> Result<(), Failure> {
    if wanted.is_empty() {
        return Ok(());
    }
    if let (Ended::Reached, _) = follower.follow(Until::Described).await?
        && let Some(info) = torrent.info()
    {
        let priorities = priorities(wanted, &info)?;
        let chosen = torrent.set_file_priorities(priorities).await;
        chosen.map_err(|error| Failure::new("--files", error))?;
    }
    Ok(())
}

async fn download(follower: &mut Follower<'_>, name: &str) -> Result<TorrentStats, Failure> {
    let (ended, stats) = follower.follow(Until::Finished).await?;
    follower.view.last_figures(&stats);
    match (ended, stats.total) {
        (Ended::Reached, _) => Ok(stats),
        (Ended::Stopped | Ended::Enough(_), 0) => {
            Err(Failure::new(name, "stopped before its description came"))
        }
        (Ended::Stopped | Ended::Enough(_), total) => {
            let done = percent(stats.wanted_verified, stats.wanted.max(1).min(total));
            Err(Failure::new(
                name,
                format_args!("stopped at {done}; the same command goes on from there"),
            ))
        }
    }
}

/// Seeds until the person wants an end.
pub async fn seed(follower: &mut Follower<'_>) -> Result<(), Failure> {
    follower.view.note("Seeding; Ctrl-C ends it.");
    let (ended, stats) = follower.follow(Until::Stopped).await?;
    follower.view.last_figures(&stats);
    let because = ended.because();
    if let Some(because) = &because {
        follower.view.note(&format!("Ended: {because}."));
    }
    follower.view.stopped(because);
    Ok(())
}

fn finished(
    mode: Mode,
    info: &Info,
    stats: &TorrentStats,
    time: Duration,
    directory: &Path,
    synced: Option<bool>,
) {
    let path = place_of(info, directory).display().to_string();
    if mode == Mode::Json {
        json::emit(&Event::Finished {
            info_hash: info.info_hash().to_string(),
            name: info.name(),
            path,
            total: stats.wanted,
            downloaded: stats.downloaded,
            seconds: time.as_secs_f64(),
            synced: synced.unwrap_or(false),
        });
        return;
    }
    let how = if stats.downloaded == 0 {
        "was there already, every piece verified".to_owned()
    } else {
        let average = stats.downloaded as f64 / time.as_secs_f64().max(0.001);
        format!(
            "every piece verified, {} in {} ({})",
            bytes(stats.downloaded),
            duration(time),
            rate(average as u64)
        )
    };
    print::line(format_args!("{}: {how}", printable(&path)));
}

/// The link of a page may carry a magnet link after its `#`.
fn magnet_within(text: &str) -> &str {
    match text.split_once('#') {
        Some((page, magnet)) if page.starts_with("http") && magnet.starts_with("magnet:") => magnet,
        _ => text,
    }
}

/// Where peers can connect to, for a person.
pub fn port_note(node: &Node) -> String {
    node.tcp_port().map_or_else(String::new, |port| {
        format!(" (peers connect to TCP port {port})")
    })
}

#[cfg(test)]
mod tests {
    use super::magnet_within;

    #[test]
    fn the_link_of_a_page_stands_for_the_magnet_link_in_it() {
        assert_eq!(magnet_within("http://host/#magnet:?xt=1"), "magnet:?xt=1");
        assert_eq!(
            magnet_within("http://host/a.torrent#top"),
            "http://host/a.torrent#top"
        );
        assert_eq!(magnet_within("file#magnet:"), "file#magnet:");
    }
}
