//! Commands that end by themselves, and downloads that say why they do not go on.

mod common;

use std::fs;
use std::path::Path;

use common::{Running, run, sample};
use serde_json::Value;

/// A folder with `a.bin` and `a.torrent` of it, which names no tracker.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(300_000)).expect("written");
    let made = run(folder.path(), &["create", "a.bin", "-o", "a.torrent"]);
    assert_eq!(made.code, Some(0), "{}", made.err);
    fs::create_dir(folder.path().join("got")).expect("made");
    folder
}

fn seed(folder: &Path, flags: &[&str]) -> (Running, String) {
    let command = [&["seed", "a.torrent", ".", "--no-webrtc"], flags].concat();
    let (running, ready) = Running::start(folder, &command);
    (running, format!("127.0.0.1:{}", ready["tcp_port"]))
}

/// The `because` of how a command ended by itself, which it must do well.
fn ended_because(mut running: Running) -> String {
    let stopped = running.wait_for("stopped");
    assert_eq!(running.ended(), Some(0));
    stopped["because"].as_str().expect("a reason").to_owned()
}

#[test]
fn a_download_that_nobody_serves_says_why_and_ends_after_its_stop_timeout() {
    let folder = folder();
    let flags = ["--no-webrtc", "--stop-timeout", "6s"];
    let command = [&["download", "a.torrent", "-o", "got"][..], &flags].concat();
    let (mut running, _) = Running::start(folder.path(), &command);
    let stalled = running.wait_for("stalled");
    assert_eq!(stalled["reason"], "nothing_known");
    let message = stalled["message"].as_str().expect("a message");
    assert!(message.contains("no tracker"), "{message}");
    let progress = running.wait_for("progress");
    assert_eq!(progress["stalled"], "nothing_known");
    assert_eq!(progress["availability"], 0.0);
    let error = running.wait_for("error");
    let failure = error["message"].as_str().expect("a message");
    assert!(
        failure.contains("--stop-timeout") && failure.contains("no tracker"),
        "{failure}"
    );
    assert_eq!(running.ended(), Some(1));
}

#[test]
fn a_link_that_names_no_file_ends_and_says_how_many_there_are() {
    let folder = folder();
    let (seeding, peer) = seed(folder.path(), &[]);
    let info = run(folder.path(), &["info", "a.torrent", "--json"]).event("info");
    let magnet = format!(
        "{}&so=99&x.pe={peer}",
        info["magnet"].as_str().expect("a link")
    );
    let ended = run(
        folder.path(),
        &["download", &magnet, "-o", "got", "--no-webrtc"],
    );
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let failure = ended.err.lines().last().unwrap_or_default();
    assert!(
        failure.contains("so=") && failure.contains("0 to 0"),
        "{failure}"
    );
    seeding.end();
}

#[test]
fn a_seed_ends_once_its_ratio_is_served() {
    let folder = folder();
    let (seeding, peer) = seed(folder.path(), &["--seed-ratio", "0.9"]);
    let command = [
        "download",
        "a.torrent",
        "-o",
        "got",
        "--no-webrtc",
        "--peer",
        &peer,
    ];
    let got = run(folder.path(), &command);
    assert_eq!(got.code, Some(0), "{}", got.err);
    assert!(ended_because(seeding).contains("--seed-ratio"));
}

#[test]
fn a_download_that_is_to_seed_for_a_time_ends_after_it() {
    let folder = folder();
    let command = ["download", "a.torrent", "--no-webrtc", "--seed-time", "1"];
    let (running, _) = Running::start(folder.path(), &command);
    assert!(ended_because(running).contains("--seed-time"));
}

#[test]
fn a_share_ends_once_there_are_copies_or_seeds_enough() {
    for flag in ["--until-copies", "--until-seeds"] {
        let folder = folder();
        let command = [
            "share",
            "a.bin",
            "--listen",
            "127.0.0.1:0",
            "--no-webrtc",
            flag,
            "1",
        ];
        let (share, ready) = Running::start(folder.path(), &command);
        let url = ready["url"].as_str().expect("a link");
        let command = ["download", url, "-o", "got", "--no-webrtc", "--seed"];
        let (mut other, _) = Running::start(folder.path(), &command);
        other.wait_for("finished");
        assert!(ended_because(share).contains(flag));
        other.end();
    }
}

#[test]
fn an_upload_limit_is_kept() {
    let folder = folder();
    let (mut seeding, peer) = seed(folder.path(), &["--max-up", "100K"]);
    let command = [
        "download",
        "a.torrent",
        "-o",
        "got",
        "--no-webrtc",
        "--peer",
        &peer,
        "--json",
    ];
    let got = run(folder.path(), &command);
    assert_eq!(got.code, Some(0), "{}", got.err);
    let seconds = got.event("finished")["seconds"].as_f64().expect("a time");
    // 300 kB at 100 kB/s, less what may be saved up in a quarter of a second.
    assert!(seconds > 2.5, "{seconds} s");
    let rates = |event: &Value| event["upload_rate"].as_u64().unwrap_or(0);
    let progress = seeding.wait_for("progress");
    assert!(rates(&progress) < 250_000, "{progress}");
    seeding.end();
}
