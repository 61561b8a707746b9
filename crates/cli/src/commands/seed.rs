//! `brackish seed`: gives what is here to others.

use std::process::ExitCode;

use brackish_native::{Access, Add, source};

use super::download::{port_note, seed};
use super::follow::{Ended, Follower, Until};
use super::peers;
use super::rules::SeedRules;
use crate::args::SeedArgs;
use crate::failure::Failure;
use crate::format::printable;
use crate::json::{self, Event, Ready};
use crate::signals::Stop;
use crate::view::{LiveView, Mode};

/// Checks what is there, then seeds it until the person wants an end.
pub async fn run(args: SeedArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.peers.json);
    let source = source::load(&args.source).await?;
    let name = peers::name_of(&source);
    if !args.directory.is_dir() {
        return Err(Failure::new(args.directory.display(), "not a folder"));
    }
    let mut trackers = peers::trackers_of(&source);
    trackers.extend(args.peers.trackers.iter().map(String::as_str));
    let named_peers = peers::resolve(&args.peers.peers).await?;
    let node = peers::start_node(&args.peers, trackers).await?;
    let stop = Stop::listen();
    let info_hash = source.info_hash().to_string();
    let mut add = Add::new(source, &args.directory);
    add.access = Access::Read;
    add.peers = named_peers;
    add.extra_trackers = args.peers.trackers;
    add.loaded_from = Some(args.source);
    add.super_seed = args.super_seed;
    let torrent = node.add(add).await?;
    let mut view = LiveView::new(mode, &name);
    let ready = || {
        json::emit(&Event::Ready(Ready {
            info_hash: Some(info_hash),
            name: Some(&name),
            tcp_port: node.tcp_port(),
            peer_id: Some(node.peer_id().to_string()),
            ..Ready::default()
        }));
    };
    let mut follower = Follower::new(&torrent, &mut view, &stop)
        .with_seed_rules(SeedRules::of_seed(&args.seed_stop));
    // A seed must have everything: else the torrent fails, and says what is wrong.
    let ended = match follower.follow(Until::Checked).await {
        Ok((Ended::Stopped | Ended::Enough(_), _)) => Ok(()),
        Ok((Ended::Reached, _)) => {
            if mode == Mode::Json {
                ready();
            }
            follower.view.note(&format!(
                "{}: every piece verified{}",
                printable(&name),
                port_note(&node)
            ));
            seed(&mut follower).await
        }
        Err(failure) => Err(failure),
    };
    drop(view);
    node.shutdown().await;
    ended?;
    Ok(ExitCode::SUCCESS)
}
