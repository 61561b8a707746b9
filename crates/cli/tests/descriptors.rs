//! A torrent of more files than the process may have open.
#![cfg(unix)]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Running, run, sample};

const FILES: usize = 600;

/// Fewer than files: a Mac's default is 256, and soft and hard limit at once is what `ulimit` sets.
const LIMIT: &str = "256";

/// The binary with that limit, in `folder`.
fn limited(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {LIMIT} && exec \"$0\" \"$@\"");
    command
        .args(["-c", &script, env!("CARGO_BIN_EXE_brackish")])
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run_limited(folder: &Path, args: &[&str]) {
    let output = limited(folder, args).output().expect("the binary runs");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn every_command_does_with_256_descriptors() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    fs::create_dir(folder.join("many")).expect("made");
    for number in 0..FILES {
        let data = &sample(700 + number)[number..];
        fs::write(folder.join(format!("many/{number}")), data).expect("written");
    }
    run_limited(
        folder,
        &[
            "create",
            "many",
            "-o",
            "it.torrent",
            "--piece-length",
            "16K",
        ],
    );
    run_limited(folder, &["verify", "it.torrent", "."]);
    let seed = limited(
        folder,
        &["seed", "it.torrent", ".", "--no-webrtc", "--json"],
    );
    let (seeding, ready) = Running::start_as(seed);
    let peer = format!("127.0.0.1:{}", ready["tcp_port"]);
    let args = [
        "download",
        "it.torrent",
        "-o",
        "got",
        "--no-webrtc",
        "--peer",
        &peer,
    ];
    run_limited(folder, &args);
    let verified = run(folder, &["verify", "it.torrent", "got"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    seeding.end();
}
