//! `brackish share`: one process with the page, the tracker, the `.torrent` and a seed in it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use brackish_native::create::create;
use brackish_native::{Add, CreateOptions, Existing, Node, Place, Source, StorageMap, Torrent};
use brackish_tracker::server::{Server, ServerConfig};
use brackish_wire::InfoHash;
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::Metainfo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::follow::{Follower, Until};
use super::peers;
use super::rules::SeedRules;
use crate::access;
use crate::addresses;
use crate::args::ShareArgs;
use crate::descriptors;
use crate::failure::Failure;
use crate::format::{bytes, count, printable};
use crate::json::{self, Event, Ready};
use crate::making;
use crate::print;
use crate::signals::Stop;
use crate::view::{HashingView, LiveView, Mode};
use crate::web::Site;

/// Shares until the person wants an end.
pub async fn run(args: ShareArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.peers.json);
    // Taken first, so that a port in use is told before minutes of hashing.
    let listener = addresses::listen(args.listen).await?;
    let listening = listener
        .local_addr()
        .map_err(|error| Failure::new("the listening address", error))?;
    let named_peers = peers::resolve(&args.peers.peers).await?;
    let node =
        peers::start_node(&args.peers, args.peers.trackers.iter().map(String::as_str)).await?;
    let (metainfo, map) = hash(&args, mode).await?;
    let name = metainfo.info.name().to_owned();
    let site = Arc::new(Site::new(
        metainfo.clone(),
        listening,
        addresses::hosts(listening),
        args.peers.ice_servers.clone(),
    ));
    let stop = Stop::listen();
    let (on_refused, refused) = access::on_refused();
    let config = ServerConfig {
        hosts: access::hosts(&args.hosts),
        own_pages_bring_swarms: true,
        origins: args.access.origins(),
        trusted_proxies: args.access.proxies(),
        on_refused: Some(on_refused),
        max_connections: descriptors::connections_beside_peers(),
        ..ServerConfig::default()
    };
    let served = access::info_hashes(&metainfo.info).collect();
    let web = Web::start(listener, &site, config, served)?;
    let torrent = add(&node, &args, metainfo.clone(), map, listening, named_peers).await?;
    announce(mode, &metainfo, &site, &node);
    warn_of_open_port(&args, listening, &node);
    let mut view = LiveView::new(mode, &name);
    let follower = Follower::new(&torrent, &mut view, &stop)
        .with_refusals(refused)
        .with_seed_rules(SeedRules::of_share(&args));
    let ended = serve(follower).await;
    drop(view);
    // The node leaves its trackers, so its own is closed after it.
    node.shutdown().await;
    web.stop().await;
    let because = ended?;
    if mode == Mode::Json {
        json::emit(&Event::Stopped { because });
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves until the person wants an end; which end that was set beforehand has come, if one has.
async fn serve(mut follower: Follower<'_>) -> Result<Option<String>, Failure> {
    let (ended, stats) = follower.follow(Until::Stopped).await?;
    follower.view.last_figures(&stats);
    let because = ended.because();
    if let Some(because) = &because {
        follower.view.note(&format!("Ended: {because}."));
    }
    if stats.uploaded > 0 {
        follower
            .view
            .note(&format!("Served {}.", bytes(stats.uploaded)));
    }
    Ok(because)
}

async fn hash(args: &ShareArgs, mode: Mode) -> Result<(Metainfo, StorageMap), Failure> {
    let what = match args.paths.as_slice() {
        [path] => path.to_string_lossy().into_owned(),
        paths => count(paths.len() as u64, "path"),
    };
    let mut view = HashingView::new(mode, &what);
    let options = CreateOptions {
        trackers: args
            .peers
            .trackers
            .iter()
            .map(|url| vec![url.clone()])
            .collect(),
        ..args.making.options()?
    };
    let created = create(&args.paths, options, |progress| view.update(progress)).await;
    drop(view);
    let created = created.map_err(making::refused)?;
    making::tell(mode, &created);
    Ok((created.metainfo, created.map))
}

async fn add(
    node: &Node,
    args: &ShareArgs,
    metainfo: Metainfo,
    map: StorageMap,
    listening: SocketAddr,
    named_peers: Vec<SocketAddr>,
) -> Result<Torrent, Failure> {
    let own = addresses::own(listening);
    // The torrent names those as well, but that they were asked for is known only so.
    let mut trackers = args.peers.trackers.clone();
    if !args.peers.no_webrtc {
        trackers.push(format!("ws://{own}/announce"));
    }
    if !args.peers.no_tcp {
        trackers.push(format!("http://{own}/announce"));
    }
    let torrent = node.add(Add {
        place: Place::Map(map),
        existing: Existing::AllVerified,
        super_seed: args.super_seed,
        peers: named_peers,
        extra_trackers: trackers,
        ..Add::new(Source::Metainfo(metainfo), "")
    });
    Ok(torrent.await?)
}

/// Says where everything is.
fn announce(mode: Mode, metainfo: &Metainfo, site: &Site, node: &Node) {
    let info = &metainfo.info;
    let pages = site.pages();
    let url = pages.first().cloned().unwrap_or_default();
    let magnet = Magnet {
        trackers: site.trackers(),
        ..Magnet::of(info)
    };
    let magnet = magnet.to_string();
    let total = info.stored_bytes();
    if mode == Mode::Json {
        json::emit(&Event::Ready(Ready {
            url: Some(url),
            urls: pages,
            magnet: Some(magnet),
            torrent: Some(site.torrent_url()),
            trackers: site.trackers(),
            info_hash: Some(info.info_hash().to_string()),
            name: Some(info.name()),
            total: Some(total),
            tcp_port: node.tcp_port(),
            peer_id: Some(node.peer_id().to_string()),
        }));
        return;
    }
    let files = count(info.stored_files().count() as u64, "file");
    print::line(format_args!(
        "\nSharing {} ({}, {files})\n",
        printable(info.name()),
        bytes(total)
    ));
    for (index, page) in pages.iter().enumerate() {
        let here = if page.contains("//localhost:") {
            "  (on this machine)"
        } else {
            ""
        };
        print::line(format_args!(
            "  {:<8} {page}{here}",
            if index == 0 { "Open" } else { "" }
        ));
    }
    print::line(format_args!("  {:<8} {magnet}", "Magnet"));
    print::line(format_args!("  {:<8} {}", "Torrent", site.torrent_url()));
    if let Some(port) = node.tcp_port() {
        print::line(format_args!("  {:<8} TCP port {port}", "Peers"));
    }
    if print::stdout_is_terminal() {
        print_qr(&url);
    }
    print::line(
        "\nAnyone who has the link and reaches this machine can download. Ctrl-C ends it.\n",
    );
}

/// Says that a page for this machine alone does not make the peer port so.
fn warn_of_open_port(args: &ShareArgs, listening: SocketAddr, node: &Node) {
    if let Some(port) = node.tcp_port()
        && listening.ip().is_loopback()
        && args.peers.bind.is_none()
    {
        print::note(format_args!(
            "--listen is the address of the page and tracker alone: TCP port {port} for peers is open to \
             the network; --bind {} closes it",
            listening.ip()
        ));
    }
}

/// A code to photograph, in half blocks: dark on light whatever the terminal's colours are; without
/// colours, as on a dark terminal.
fn print_qr(url: &str) {
    use qrcode::render::unicode::Dense1x2;
    use qrcode::{EcLevel, QrCode};

    let Ok(code) = QrCode::with_error_correction_level(url, EcLevel::L) else {
        return;
    };
    let colours = print::colours(print::stdout_is_terminal());
    let (dark, light) = match colours {
        true => (Dense1x2::Dark, Dense1x2::Light),
        false => (Dense1x2::Light, Dense1x2::Dark),
    };
    let image = code
        .render::<Dense1x2>()
        .dark_color(dark)
        .light_color(light)
        .build();
    print::line("");
    for row in image.lines() {
        match colours {
            true => print::line(format_args!("  \x1b[38;5;16;48;5;231m{row}\x1b[0m")),
            false => print::line(format_args!("  {row}")),
        }
    }
}

/// The HTTP server in a task of its own.
struct Web {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Web {
    /// The tracker serves nobody who does not name the torrent by one of the info-hashes `served`.
    fn start(
        listener: TcpListener,
        site: &Arc<Site>,
        config: ServerConfig,
        served: HashSet<InfoHash>,
    ) -> Result<Self, Failure> {
        let site = Arc::clone(site);
        let server = Server::new(
            config,
            Some(Arc::new(move |request| site.respond(&request))),
        )?;
        server.set_allowed(Some(served));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                // A sender that is gone means the same.
                let _ = stopped.await;
            };
            server.serve(listener, stopped).await;
        });
        Ok(Self { stop, task })
    }

    async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}
