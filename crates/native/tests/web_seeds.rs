//! Nodes and HTTP servers on loopback that have the files (BEP 19).

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brackish_native::{Add, Event, Node, Source, Torrent, WebSeedStatus};
use brackish_wire::metainfo::Metainfo;
use common::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::Receiver;

const LENGTH: usize = 5_000_001;

/// How a server of a test answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As it should.
    Well,
    /// With the whole file, whatever the range.
    Whole,
    /// With bytes that are not the file's.
    Lies,
    /// First that it is busy, then well.
    BusyAtFirst,
    /// With a redirect to a path that answers well.
    Redirects,
    /// With a redirect to another port.
    RedirectsTo(u16),
    /// With the head of an answer and a part of its body, then nothing.
    Stalls,
}

/// A file server with ranges.
struct Server {
    url: String,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(folder: PathBuf, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = Self {
            url,
            requests: Arc::default(),
            connections: Arc::default(),
        };
        let (requests, connections) = (server.requests.clone(), server.connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::Relaxed);
                // A client may go away at any time.
                tokio::spawn(answer_all(stream, folder.clone(), manner, requests.clone()));
            }
        });
        server
    }
}

async fn answer_all(
    stream: TcpStream,
    folder: PathBuf,
    manner: Manner,
    requests: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut path, mut range) = (String::new(), None);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if let Some(rest) = line.strip_prefix("GET ") {
                path = rest.split(' ').next().unwrap_or_default().to_owned();
            } else if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("range")
            {
                let (from, to) = value
                    .strip_prefix("bytes=")
                    .unwrap()
                    .split_once('-')
                    .unwrap();
                range = Some(from.parse::<usize>().unwrap()..to.parse::<usize>().unwrap() + 1);
            } else if line.is_empty() {
                break;
            }
        }
        let count = requests.fetch_add(1, Ordering::Relaxed);
        let head = |status: &str, length: usize, more: &str| {
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{more}\r\n")
        };
        if manner == Manner::Redirects && !path.starts_with("/there/") {
            let to = format!("location: /there{path}\r\n");
            stream
                .write_all(head("302 Found", 0, &to).as_bytes())
                .await?;
            continue;
        }
        if let Manner::RedirectsTo(port) = manner {
            let to = format!("location: http://127.0.0.1:{port}{path}\r\n");
            stream
                .write_all(head("302 Found", 0, &to).as_bytes())
                .await?;
            continue;
        }
        if manner == Manner::BusyAtFirst && count == 0 {
            let busy = head("503 Service Unavailable", 0, "retry-after: 1\r\n");
            stream.write_all(busy.as_bytes()).await?;
            continue;
        }
        let path = path.trim_start_matches("/there").trim_start_matches('/');
        let Ok(mut file) = fs::read(folder.join(path.replace("%20", " "))) else {
            stream
                .write_all(head("404 Not Found", 0, "").as_bytes())
                .await?;
            continue;
        };
        if manner == Manner::Lies {
            file.iter_mut().step_by(1000).for_each(|byte| *byte ^= 1);
        }
        let total = file.len();
        let range = range.filter(|_| manner != Manner::Whole);
        let (status, body, more) = match range {
            Some(range) if range.start < range.end && range.end <= total => {
                let more = format!(
                    "content-range: bytes {}-{}/{total}\r\n",
                    range.start,
                    range.end - 1
                );
                ("206 Partial Content", &file[range], more)
            }
            _ => ("200 OK", &file[..], String::new()),
        };
        stream
            .write_all(head(status, body.len(), &more).as_bytes())
            .await?;
        if manner == Manner::Stalls {
            stream.write_all(&body[..body.len() / 3]).await?;
            // Until the client has had enough.
            stream.read_u8().await?;
            return Ok(());
        }
        stream.write_all(body).await?;
    }
}

/// A folder with the file, a torrent of it, and a place for downloads.
struct Scene {
    place: tempfile::TempDir,
    metainfo: Metainfo,
    file: PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("served/a file.bin");
        write(&file, &bytes(1, LENGTH));
        let (metainfo, _) = torrent_of(std::slice::from_ref(&file), &[]).await;
        Self {
            place,
            metainfo,
            file,
        }
    }

    async fn server(&mut self, manner: Manner) -> Server {
        let server = Server::start(self.place.path().join("served"), manner).await;
        self.metainfo.web_seeds.push(server.url.clone());
        server
    }

    fn is_whole(&self) -> bool {
        let target = self.place.path().join("leech/a file.bin");
        fs::read(target).unwrap() == fs::read(&self.file).unwrap()
    }

    /// Downloads from web seeds alone.
    async fn download(&self) -> (Node, Torrent) {
        let node = tcp_node().await;
        let target = self.place.path().join("leech");
        let torrent = download(&node, &self.metainfo, &target, Vec::new()).await;
        (node, torrent)
    }
}

/// Why the first web seed that fails does, and whether it is dropped.
async fn failure(events: &mut Receiver<Event>) -> (String, bool) {
    within(async {
        loop {
            if let Event::WebSeedFailed {
                reason, dropped, ..
            } = events.recv().await.unwrap()
            {
                return (reason, dropped);
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_node_downloads_from_a_web_seed_alone_by_connections_used_again() {
    let mut scene = Scene::new().await;
    let server = scene.server(Manner::Well).await;
    let (node, torrent) = scene.download().await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(scene.is_whole());
    let stats = torrent.stats().borrow().clone();
    assert_eq!(stats.downloaded_web_seeds, LENGTH as u64);
    let requests = server.requests.load(Ordering::Relaxed);
    let connections = server.connections.load(Ordering::Relaxed);
    assert!(
        requests >= 4 && connections <= 2,
        "{requests} by {connections}"
    );
    node.shutdown().await;
}

#[tokio::test]
async fn the_url_of_a_web_seed_may_be_as_people_type_it() {
    let mut scene = Scene::new().await;
    let server = scene.server(Manner::Well).await;
    let authority = server.url.replace("http://", "");
    scene.metainfo.web_seeds = vec![format!("HTTP://me:secret@{authority}a file.bin#top")];
    let (node, torrent) = scene.download().await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(scene.is_whole());
    node.shutdown().await;
}

#[tokio::test]
async fn a_folder_comes_from_a_web_seed_file_by_file() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("served/my folder");
    let files = [
        ("a/empty", 0),
        ("a/one", 1),
        ("b c", 200_000),
        ("d", 65_536),
    ];
    for (name, length) in files {
        write(&folder.join(name), &bytes(length as u64, length));
    }
    let (mut metainfo, _) = torrent_of(&[folder], &[]).await;
    let server = Server::start(place.path().join("served"), Manner::Well).await;
    metainfo.web_seeds.push(server.url);
    let node = tcp_node().await;
    let target = place.path().join("leech");
    let torrent = download(&node, &metainfo, &target, Vec::new()).await;
    within(torrent.wait_finished()).await.unwrap();
    for (name, length) in files {
        let got = fs::read(target.join("my folder").join(name)).unwrap();
        assert!(got == bytes(length as u64, length), "{name}");
    }
    node.shutdown().await;
}

#[tokio::test]
async fn redirects_are_followed_and_a_busy_server_is_asked_again() {
    for manner in [Manner::Redirects, Manner::BusyAtFirst] {
        let mut scene = Scene::new().await;
        scene.server(manner).await;
        let (node, torrent) = scene.download().await;
        within(torrent.wait_finished()).await.unwrap();
        assert!(scene.is_whole());
        node.shutdown().await;
    }
}

#[tokio::test]
async fn a_server_without_ranges_is_dropped_with_a_reason_and_another_is_used() {
    let mut scene = Scene::new().await;
    scene.server(Manner::Whole).await;
    let (node, torrent) = scene.download().await;
    let reason = (String::from("it does not serve parts of files"), true);
    assert_eq!(failure(&mut torrent.events()).await, reason);
    node.shutdown().await;

    scene.server(Manner::Well).await;
    let (node, torrent) = scene.download().await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(scene.is_whole());
    node.shutdown().await;
}

#[tokio::test]
async fn a_lying_web_seed_is_dropped_and_the_file_comes_right_from_a_peer() {
    let mut scene = Scene::new().await;
    scene.server(Manner::Lies).await;
    let (honest, node) = (tcp_node().await, tcp_node().await);
    let (_, map) = torrent_of(std::slice::from_ref(&scene.file), &[]).await;
    let mut plain = scene.metainfo.clone();
    plain.web_seeds.clear();
    seed(&honest, &plain, map).await;
    let target = scene.place.path().join("leech");
    let torrent = download(&node, &scene.metainfo, &target, Vec::new()).await;
    let reason = (String::from("it sent bad data"), true);
    assert_eq!(failure(&mut torrent.events()).await, reason);
    torrent.add_peers(vec![address(&honest)]).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(scene.is_whole());
    let seeds = torrent.web_seeds().await;
    assert!(matches!(seeds[0].status, WebSeedStatus::Dropped(_)));
    node.shutdown().await;
    honest.shutdown().await;
}

#[tokio::test]
async fn a_web_seed_and_a_peer_serve_one_download_together() {
    let mut scene = Scene::new().await;
    let server = scene.server(Manner::Stalls).await;
    let (honest, node) = (tcp_node().await, tcp_node().await);
    let (_, map) = torrent_of(std::slice::from_ref(&scene.file), &[]).await;
    seed(&honest, &scene.metainfo, map).await;
    let target = scene.place.path().join("leech");
    let peers = vec![address(&honest)];
    let torrent = download(&node, &scene.metainfo, &target, peers).await;
    // The server's blocks are taken over long before it is given up.
    within(torrent.wait_finished()).await.unwrap();
    assert!(scene.is_whole());
    assert!(server.requests.load(Ordering::Relaxed) > 0);
    let stats = torrent.stats().borrow().clone();
    assert!(stats.downloaded_web_seeds > 0 && stats.downloaded_web_seeds < LENGTH as u64);
    node.shutdown().await;
    honest.shutdown().await;
}

/// What the reason says when a web seed would lead to where the torrent may not go.
const LOCAL: &str = "it leads into the local network (127.0.0.1), where this torrent does not come from; if it is your own server, name it with --web-seed URL";

/// A download of a torrent from anywhere, whose web seeds are on loopback.
async fn from_anywhere(node: &Node, scene: &Scene, loaded_from: Option<String>) -> Torrent {
    let source = Source::Metainfo(scene.metainfo.clone());
    let mut add = Add::new(source, scene.place.path().join("leech"));
    add.loaded_from = loaded_from;
    node.add(add).await.unwrap()
}

/// Waits until its only web seed is dropped, and gives the reason.
async fn dropped(torrent: &Torrent) -> String {
    within(async {
        loop {
            if let [seed] = &torrent.web_seeds().await[..]
                && let WebSeedStatus::Dropped(reason) = &seed.status
            {
                return reason.clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_torrent_from_elsewhere_fetches_nothing_from_the_local_network() {
    let mut scene = Scene::new().await;
    let server = scene.server(Manner::Well).await;
    let node = tcp_node().await;
    // By name too, and though another torrent was loaded from its neighbour.
    let by_name = server.url.replace("127.0.0.1", "localhost");
    for url in [server.url.clone(), by_name] {
        scene.metainfo.web_seeds = vec![url];
        let neighbour = Some("http://127.0.0.1:1/it.torrent".to_owned());
        let torrent = from_anywhere(&node, &scene, neighbour).await;
        let reason = dropped(&torrent).await;
        assert!(
            reason.starts_with("it leads into the local network"),
            "{reason}"
        );
        torrent.remove().await;
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 0);
    node.shutdown().await;
}

#[tokio::test]
async fn a_torrent_from_a_server_of_the_local_network_fetches_from_that_server_alone() {
    let mut scene = Scene::new().await;
    let server = scene.server(Manner::Well).await;
    let node = tcp_node().await;
    let loaded_from = Some(format!("{}it.torrent", server.url));
    let torrent = from_anywhere(&node, &scene, loaded_from).await;
    within(torrent.wait_finished()).await.unwrap();
    assert!(scene.is_whole());
    torrent.remove().await;

    // Not by the connection that the other torrent left either.
    fs::remove_dir_all(scene.place.path().join("leech")).unwrap();
    let torrent = from_anywhere(&node, &scene, None).await;
    assert_eq!(dropped(&torrent).await, LOCAL);
    node.shutdown().await;
}

#[tokio::test]
async fn a_redirect_leads_into_the_local_network_no_more_than_a_torrent_does() {
    let mut scene = Scene::new().await;
    let target = scene.server(Manner::Well).await;
    scene.metainfo.web_seeds.clear();
    let port = target.url.trim_end_matches('/').rsplit(':').next().unwrap();
    scene
        .server(Manner::RedirectsTo(port.parse().unwrap()))
        .await;
    // The server that redirects is trusted, the other is not.
    let (node, torrent) = scene.download().await;
    assert_eq!(dropped(&torrent).await, LOCAL);
    assert_eq!(target.connections.load(Ordering::Relaxed), 0);
    node.shutdown().await;
}
