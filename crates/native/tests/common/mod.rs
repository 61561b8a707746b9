//! What the tests of nodes share: files, torrents, trackers, patience.

#![allow(dead_code, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use brackish_native::{
    Add, CreateOptions, Existing, Node, NodeConfig, Place, Source, StorageMap, Torrent, create,
};
use brackish_tracker::server::{ServerConfig, serve};
use brackish_wire::metainfo::Metainfo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Longest time for anything; a machine that builds beside the tests needs some.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for what must come.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("comes in time")
}

/// Bytes that are different everywhere, the same for a seed.
pub fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = Vec::with_capacity(length + 8);
    while out.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(length);
    out
}

/// Writes a file, its folder made.
pub fn write(path: &Path, data: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, data).unwrap();
}

/// A torrent of `paths`, announced to `trackers`.
pub async fn torrent_of(paths: &[PathBuf], trackers: &[String]) -> (Metainfo, StorageMap) {
    let options = CreateOptions {
        piece_length: Some(64 << 10),
        trackers: trackers.iter().map(|url| vec![url.clone()]).collect(),
        ..CreateOptions::default()
    };
    let created = create::create(paths, options, |_| {}).await.unwrap();
    (created.metainfo, created.map)
}

pub async fn tcp_node() -> Node {
    Node::start(NodeConfig {
        webrtc: false,
        ..NodeConfig::default()
    })
    .await
    .unwrap()
}

pub async fn webrtc_node() -> Node {
    Node::start(NodeConfig {
        tcp: false,
        ..NodeConfig::default()
    })
    .await
    .unwrap()
}

/// Where a node accepts peers.
pub fn address(node: &Node) -> SocketAddr {
    ([127, 0, 0, 1], node.tcp_port().unwrap()).into()
}

/// Seeds files where they are.
pub async fn seed(node: &Node, metainfo: &Metainfo, map: StorageMap) -> Torrent {
    seed_as(node, metainfo, map, Existing::AllVerified).await
}

/// Seeds files where they are, whatever is in them.
pub async fn lie(node: &Node, metainfo: &Metainfo, map: StorageMap) -> Torrent {
    seed_as(node, metainfo, map, Existing::Unproven).await
}

async fn seed_as(node: &Node, metainfo: &Metainfo, map: StorageMap, existing: Existing) -> Torrent {
    let mut add = Add::new(Source::Metainfo(metainfo.clone()), "");
    add.place = Place::Map(map);
    add.existing = existing;
    let torrent = node.add(add).await.unwrap();
    within(torrent.wait_finished()).await.unwrap();
    torrent
}

/// Downloads into `directory` from `peers` and the torrent's trackers and web seeds, which are on
/// loopback and trusted.
pub async fn download(
    node: &Node,
    metainfo: &Metainfo,
    directory: &Path,
    peers: Vec<SocketAddr>,
) -> Torrent {
    let mut add = Add::new(Source::Metainfo(metainfo.clone()), directory);
    add.peers = peers;
    add.extra_web_seeds = metainfo.web_seeds.clone();
    node.add(add).await.unwrap()
}

/// A tracker on loopback; it ends when the sender is dropped.
pub async fn tracker() -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(serve(listener, ServerConfig::default(), None, async {
        drop(stopped.await)
    }));
    (address, stop)
}
