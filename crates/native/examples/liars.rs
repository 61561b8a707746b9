//! A crowd of real nodes in which one in ten lies, beside the same crowd without: `cargo xtask bench
//! liars [--runs N]`. Over TCP, then over WebRTC, on loopback, with limits on what each sends, so that
//! the links decide and not the machine.

#[path = "../tests/common/mod.rs"]
mod common;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use brackish_native::{Event, Limits, Node, NodeConfig, StorageMap, Torrent};
use brackish_wire::PeerId;
use brackish_wire::metainfo::Metainfo;
use common::{bytes, download, lie, seed, torrent_of, tracker, write};
use tokio::time::timeout;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MIB: u64 = 1 << 20;
const LENGTH: u64 = 32 * MIB;
const BLOCK: usize = 16 << 10;
const PEERS: usize = 10;
/// Bytes per second that the origin sends, and each other peer.
const ORIGIN_UP: u64 = 4 * MIB;
const PEER_UP: u64 = 2 * MIB;
const LIMIT: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, Debug)]
enum Over {
    Tcp,
    WebRtc,
}

/// A torrent with its file, and a copy with a wrong byte in each block.
struct Scene {
    folder: PathBuf,
    metainfo: Metainfo,
    right: StorageMap,
    wrong: StorageMap,
    data: Vec<u8>,
}

/// How one crowd fared.
struct Outcome {
    /// Until the last honest peer had everything.
    time: Duration,
    /// The most bad pieces that an honest peer had before it banned the liar.
    bad_pieces: usize,
    /// Honest peers that were lied to and banned the liar.
    banned_it: usize,
    /// Honest peers that were banned by someone. There should be none.
    honest_banned: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let runs = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => 3,
        [flag, count] if flag == "--runs" => match count.parse::<usize>() {
            Ok(runs @ 1..) => runs,
            _ => return Err(format!("--runs takes a number from 1, not `{count}`").into()),
        },
        _ => return Err("usage: cargo xtask bench liars [--runs N]".into()),
    };
    println!(
        "{} MiB, an origin that sends {} MiB/s and {PEERS} peers of {} MiB/s each, on loopback; one of the {PEERS}\n\
         corrupts every block that it serves, or none does. Median (least-most) of {runs}.\n",
        LENGTH / MIB,
        ORIGIN_UP / MIB,
        PEER_UP / MIB,
    );
    println!(
        "| over | last peer without a liar s | last honest peer with one s | × | peers that banned the liar | bad pieces of a peer, at most | honest peers banned |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for over in [Over::Tcp, Over::WebRtc] {
        let (mut without, mut with) = (Vec::new(), Vec::new());
        let (mut banned_it, mut bad_pieces, mut honest_banned) = (Vec::new(), 0, 0);
        for _ in 0..runs {
            for (liars, times) in [(0, &mut without), (1, &mut with)] {
                let outcome = crowd(over, liars).await?;
                times.push(outcome.time);
                if liars > 0 {
                    banned_it.push(outcome.banned_it.to_string());
                }
                bad_pieces = bad_pieces.max(outcome.bad_pieces);
                honest_banned += outcome.honest_banned;
            }
        }
        let ratio = median(&mut with).as_secs_f64() / median(&mut without).as_secs_f64();
        println!(
            "| {over:?} | {} | {} | {ratio:.2} | {} | {bad_pieces} | {honest_banned} |",
            shown(&mut without),
            shown(&mut with),
            banned_it.join(", ")
        );
    }
    Ok(())
}

/// Plays one crowd to its end; fails if an honest peer does not have the right file.
async fn crowd(over: Over, liars: usize) -> Result<Outcome> {
    let (meeting, _stop) = tracker().await;
    let place = tempfile::tempdir()?;
    let scheme = match over {
        Over::Tcp => "http",
        Over::WebRtc => "ws",
    };
    let scene = Scene::make(place.path(), format!("{scheme}://{meeting}/announce")).await;
    let origin = node(over, ORIGIN_UP).await?;
    seed(&origin, &scene.metainfo, scene.right.clone()).await;
    let mut nodes = Vec::new();
    for _ in 0..PEERS {
        nodes.push(node(over, PEER_UP).await?);
    }
    let (lying, honest) = nodes.split_at(liars);
    let liar_ids: Vec<_> = lying.iter().map(Node::peer_id).collect();

    let begun = Instant::now();
    let mut torrents = Vec::new();
    for (number, node) in honest.iter().enumerate() {
        let into = scene.folder.join(number.to_string());
        torrents.push(download(node, &scene.metainfo, &into, Vec::new()).await);
        // The liars come among the first.
        if number == 0 {
            for liar in lying {
                lie(liar, &scene.metainfo, scene.wrong.clone()).await;
            }
        }
    }
    let mut watchers = Vec::new();
    for torrent in torrents {
        watchers.push(tokio::spawn(timeout(LIMIT, watch(torrent))));
    }
    let mut outcome = Outcome {
        time: Duration::ZERO,
        bad_pieces: 0,
        banned_it: 0,
        honest_banned: 0,
    };
    for watcher in watchers {
        let (banned, failed, ended) = watcher.await??;
        outcome.time = outcome.time.max(ended - begun);
        outcome.bad_pieces = outcome.bad_pieces.max(failed);
        let (right, wrong): (Vec<PeerId>, Vec<PeerId>) =
            banned.into_iter().partition(|id| liar_ids.contains(id));
        outcome.banned_it += usize::from(!right.is_empty());
        outcome.honest_banned += wrong.len();
    }
    for number in 0..honest.len() {
        let got = std::fs::read(scene.folder.join(number.to_string()).join("file.bin"))?;
        if got != scene.data {
            return Err(format!("peer {number} has a wrong file").into());
        }
    }
    for node in nodes {
        node.shutdown().await;
    }
    origin.shutdown().await;
    Ok(outcome)
}

/// Waits until a torrent is complete: who was banned, the bad pieces until then, and when it ended.
async fn watch(torrent: Torrent) -> (Vec<PeerId>, usize, Instant) {
    let mut events = torrent.events();
    let (mut banned, mut failed) = (Vec::new(), 0);
    while let Ok(event) = events.recv().await {
        match event {
            Event::PeerBanned { peer_id, .. } => banned.push(peer_id),
            Event::PieceFailed { .. } if banned.is_empty() => failed += 1,
            Event::Finished { .. } => break,
            _ => {}
        }
    }
    (banned, failed, Instant::now())
}

async fn node(over: Over, up: u64) -> Result<Node> {
    let config = NodeConfig {
        tcp: matches!(over, Over::Tcp),
        webrtc: matches!(over, Over::WebRtc),
        limits: Limits {
            up: Some(up),
            down: None,
        },
        ..NodeConfig::default()
    };
    Ok(Node::start(config).await?)
}

impl Scene {
    async fn make(folder: &Path, tracker: String) -> Self {
        let right = folder.join("right/file.bin");
        let wrong = folder.join("wrong/file.bin");
        let data = bytes(1, LENGTH as usize);
        let mut copy = data.clone();
        copy.iter_mut().step_by(BLOCK).for_each(|byte| *byte ^= 1);
        write(&right, &data);
        write(&wrong, &copy);
        let (metainfo, right) = torrent_of(&[right], &[tracker]).await;
        Self {
            folder: folder.to_owned(),
            metainfo,
            right,
            wrong: StorageMap::new(vec![wrong]),
            data,
        }
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn shown(times: &mut [Duration]) -> String {
    let middle = median(times).as_secs_f64();
    let (least, most) = (times[0], times[times.len() - 1]);
    format!(
        "{middle:.1} ({:.1}-{:.1})",
        least.as_secs_f64(),
        most.as_secs_f64()
    )
}
