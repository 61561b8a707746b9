//! `share`, `download` and `seed` on loopback: what is served, what arrives, how it all ends.

mod common;

use std::fs;
use std::path::Path;

use common::{Running, address_of, get, run, sample};
use serde_json::Value;

fn share(folder: &Path, path: &str) -> (Running, Value, String) {
    let (running, ready) = Running::start(folder, &["share", path, "--listen", "127.0.0.1:0"]);
    let address = address_of(&ready);
    (running, ready, address)
}

#[test]
fn the_torrent_names_trackers_by_the_address_that_the_client_used() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a b.bin"), sample(100_000)).expect("written");
    let (running, ready, address) = share(folder.path(), "a b.bin");
    let (_, share_json) = get(&address, "/share.json", &format!("Host: {address}\r\n"));
    let described: Value = serde_json::from_slice(&share_json).expect("JSON");
    assert_eq!(described["name"], "a b.bin");
    assert_eq!(described["torrent"], "a%20b.bin.torrent");
    assert_eq!(described["iceServers"], serde_json::json!([]));
    let torrent = |host: &str| {
        let (head, body) = get(&address, "/a%20b.bin.torrent", &format!("Host: {host}\r\n"));
        assert!(
            head.contains("content-type: application/x-bittorrent"),
            "{head}"
        );
        fs::write(folder.path().join("got.torrent"), body).expect("written");
        run(folder.path(), &["info", "got.torrent", "--json"]).event("info")
    };
    let one = torrent("nas.local:8080");
    assert_eq!(
        one["trackers"],
        serde_json::json!([
            ["ws://nas.local:8080/announce"],
            ["http://nas.local:8080/announce"]
        ])
    );
    let other = torrent("other:1");
    assert_eq!(one["info_hash"], other["info_hash"]);
    assert_eq!(one["info_hash"], ready["info_hash"]);
    running.end();
}

#[test]
fn nothing_but_the_page_and_the_torrent_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(1000)).expect("written");
    let (running, _, address) = share(folder.path(), "a.bin");
    for path in [
        "/a.bin",
        "/../a.bin",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/other.torrent",
        "/src/main.rs",
    ] {
        let (head, _) = get(&address, path, "Host: x\r\n");
        assert!(head.starts_with("http/1.1 404"), "{path}: {head}");
        assert!(head.contains("x-content-type-options: nosniff"), "{head}");
    }
    let (head, _) = get(&address, "/", "Host: x\r\nAccept: text/html\r\n");
    // With the web app or, where it was not built, the page that says so.
    assert!(head.contains("content-type: text/"), "{head}");
    running.end();
}

#[test]
fn the_link_of_the_page_is_enough_to_download_and_then_to_seed() {
    let folder = tempfile::tempdir().expect("a folder");
    let content = sample(3_000_000);
    fs::create_dir(folder.path().join("set")).expect("made");
    fs::write(folder.path().join("set/a.bin"), &content).expect("written");
    fs::write(folder.path().join("set/b.txt"), b"hello").expect("written");
    let (running, ready, _) = share(folder.path(), "set");
    let url = ready["url"].as_str().expect("a url");
    let ran = run(
        folder.path(),
        &["download", url, "-o", "got", "--no-webrtc", "--json"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.event("finished")["total"], 3_000_005);
    assert!(fs::read(folder.path().join("got/set/a.bin")).expect("read") == content);
    assert_eq!(
        fs::read(folder.path().join("got/set/b.txt")).expect("read"),
        b"hello"
    );

    let magnet = ready["magnet"].as_str().expect("a magnet link");
    let ran = run(
        folder.path(),
        &["download", magnet, "-o", "again", "--no-tcp"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        fs::read(folder.path().join("again/set/a.bin")).expect("read") == content,
        "over WebRTC"
    );
    running.end();

    run(folder.path(), &["create", "set"]);
    let (seed, seed_ready) = Running::start(
        folder.path(),
        &["seed", "set.torrent", "got", "--no-webrtc"],
    );
    let peer = format!("127.0.0.1:{}", seed_ready["tcp_port"]);
    let ran = run(
        folder.path(),
        &["download", "set.torrent", "-o", "third", "--peer", &peer],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(fs::read(folder.path().join("third/set/a.bin")).expect("read") == content);
    seed.end();
}

#[test]
fn what_is_there_already_needs_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(200_000)).expect("written");
    run(folder.path(), &["create", "a.bin"]);
    let ran = run(folder.path(), &["download", "a.torrent", "--json"]);
    assert_eq!(ran.code, Some(1), "the torrent is named after its file");
    let ran = run(folder.path(), &["download", "a.bin.torrent", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.event("finished")["downloaded"], 0);
}

#[test]
fn a_seed_with_wrong_pieces_says_how_many() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(200_000)).expect("written");
    run(folder.path(), &["create", "a.bin", "--piece-length", "64K"]);
    fs::write(folder.path().join("a.bin"), sample(70_000)).expect("written");
    let ran = run(folder.path(), &["seed", "a.bin.torrent", ".", "--json"]);
    ran.assert_failed_naming(&[".", "3 of 4 pieces missing or wrong"]);
}

#[test]
fn a_dead_tracker_and_nobody_else_is_a_failure_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(200_000)).expect("written");
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("its address");
    let tracker = format!("ws://{closed}/announce");
    run(folder.path(), &["create", "a.bin", "--announce", &tracker]);
    let ran = run(
        folder.path(),
        &["download", "a.bin.torrent", "-o", "out", "--json"],
    );
    ran.assert_failed_naming(&[&tracker, "refused"]);
}

#[test]
fn a_page_for_this_machine_alone_says_that_the_peer_port_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(1000)).expect("written");
    let said = |flags: &[&str]| {
        let args = [&["share", "a.bin", "--listen", "127.0.0.1:0"], flags].concat();
        let mut child = common::brackish(folder.path(), &args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("the binary runs");
        // The last line of the links: what is said of the port follows or not.
        let mut out = std::io::BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        while !line.contains("Ctrl-C") {
            line.clear();
            let read = std::io::BufRead::read_line(&mut out, &mut line).expect("stdout");
            assert!(read > 0, "it ended");
        }
        let sent = std::process::Command::new("kill")
            .arg(child.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    if cfg!(unix) {
        let open = said(&[]);
        assert!(open.contains("--bind 127.0.0.1 closes it"), "{open}");
        for closed in [&["--bind", "127.0.0.1"][..], &["--no-tcp"]] {
            let quiet = said(closed);
            assert!(!quiet.contains("--bind"), "{quiet}");
        }
    }
}
