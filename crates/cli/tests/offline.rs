//! `create`, `info` and `verify`, which need no network.

mod common;

use std::fs;
use std::path::Path;

use common::{run, sample};
use serde_json::json;

const PIECE: usize = 16 * 1024;

/// A folder `album` of two files, and `album.torrent` of it.
fn album(folder: &Path) {
    fs::create_dir_all(folder.join("album/notes")).expect("made");
    fs::write(folder.join("album/song.flac"), sample(5 * PIECE + 100)).expect("written");
    fs::write(folder.join("album/notes/cover.txt"), b"hello").expect("written");
    let ran = run(
        folder,
        &[
            "create",
            "album",
            "--announce",
            "ws://127.0.0.1:1/announce",
            "--piece-length",
            "16K",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.out.contains("magnet:?xt=urn:btih:"));
}

#[test]
fn what_create_writes_info_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    album(folder.path());
    let ran = run(folder.path(), &["info", "album.torrent", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let info = ran.event("info");
    assert_eq!(info["name"], "album");
    assert_eq!(info["trackers"], json!([["ws://127.0.0.1:1/announce"]]));
    assert_eq!(info["total"], 5 * PIECE + 105);
    assert_eq!(info["piece_length"], PIECE);
    assert_eq!(info["pieces"], 6);
    assert_eq!(
        info["files"],
        json!([
            { "path": "notes/cover.txt", "length": 5, "kind": "file" },
            { "path": "song.flac", "length": 5 * PIECE + 100, "kind": "file" },
        ])
    );
    let shown = run(folder.path(), &["info", "album.torrent"]);
    for part in [
        "album",
        "notes/cover.txt",
        info["info_hash"].as_str().expect("a hash"),
        "ws://127.0.0.1:1/announce",
    ] {
        assert!(shown.out.contains(part), "{part} is not in:\n{}", shown.out);
    }
}

#[test]
fn the_same_files_give_the_same_info_hash() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(100_000)).expect("written");
    let hash = |output: &str, announce: &str| {
        let ran = run(
            folder.path(),
            &[
                "create",
                "a.bin",
                "-o",
                output,
                "--announce",
                announce,
                "--json",
            ],
        );
        ran.event("created")["info_hash"].clone()
    };
    assert_eq!(
        hash("one.torrent", "ws://a.example/"),
        hash("two.torrent", "wss://b.example/")
    );
}

#[test]
fn verify_finds_nothing_wrong_with_what_was_just_created() {
    let folder = tempfile::tempdir().expect("a folder");
    album(folder.path());
    let ran = run(folder.path(), &["verify", "album.torrent", ".", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let verified = ran.event("verified");
    assert_eq!(verified["complete"], true);
    assert_eq!(verified["verified_pieces"], 6);
    assert_eq!(verified["bad_pieces"], json!([]));
}

#[test]
fn verify_names_the_pieces_and_files_that_are_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    album(folder.path());
    let song = folder.path().join("album/song.flac");
    let mut content = fs::read(&song).expect("read");
    content[2 * PIECE] ^= 1;
    fs::write(&song, content).expect("written");
    let ran = run(folder.path(), &["verify", "album.torrent", "."]);
    ran.assert_failed_naming(&["1 file missing or wrong", "1 of 6 pieces"]);
    assert!(ran.out.contains("Bad pieces: 2\n"), "{}", ran.out);
    assert!(ran.out.contains("damaged"), "{}", ran.out);

    fs::remove_file(&song).expect("removed");
    let ran = run(folder.path(), &["verify", "album.torrent", ".", "--json"]);
    assert_eq!(ran.code, Some(1));
    let states: Vec<_> = ran
        .events()
        .iter()
        .filter(|event| event["event"] == "file")
        .map(|file| file["state"].clone())
        .collect();
    assert!(states.contains(&json!("missing")), "{states:?}");

    // Nothing is there to be hashed.
    fs::remove_dir_all(folder.path().join("album")).expect("removed");
    let ran = run(folder.path(), &["verify", "album.torrent", ".", "--json"]);
    assert_eq!(ran.events()[0]["event"], "file", "{}", ran.out);
    assert_eq!(ran.event("verified")["complete"], false);
}

#[test]
fn a_magnet_link_is_read_and_its_name_cannot_command_the_terminal() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=bad%1B%5B2Jname&tr=ws%3A%2F%2Fhost%2F";
    let ran = run(folder.path(), &["info", link]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.out.contains("0123456789abcdef0123456789abcdef01234567")
            && ran.out.contains("ws://host/")
    );
    assert!(!ran.out.contains('\u{1b}'), "{:?}", ran.out);
    run(folder.path(), &["verify", link, "."])
        .assert_failed_naming(&["magnet", "no hashes of pieces"]);
}

#[test]
fn an_empty_file_makes_no_torrent() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("empty"), b"").expect("written");
    run(folder.path(), &["create", "empty"]).assert_failed_naming(&["empty"]);
    assert!(!folder.path().join("empty.torrent").exists());
}

#[test]
fn a_torrent_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(10)).expect("written");
    run(
        folder.path(),
        &["create", "a.bin", "-o", "absent/a.torrent"],
    )
    .assert_failed_naming(&["absent/a.torrent"]);
}
