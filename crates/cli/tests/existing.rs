//! `download`, `seed` and `verify` where files are there already. Nothing here needs a peer: either
//! everything is there, or it is refused before a peer is asked.

mod common;

use std::fs;
use std::path::Path;

use common::{Ran, Running, brackish, run, sample};
use serde_json::json;

const PIECE: usize = 16 * 1024;

/// A torrent `NAME.torrent` of a file with these bytes, which is not in the folder afterwards.
fn torrent_of(folder: &Path, name: &str, data: &[u8]) {
    let original = folder.join("original");
    fs::create_dir_all(&original).expect("made");
    fs::write(original.join(name), data).expect("written");
    let ran = run(
        folder,
        &[
            "create",
            &format!("original/{name}"),
            "-o",
            &format!("{name}.torrent"),
            "--piece-length",
            "16K",
        ],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
}

/// Downloads into `into` over TCP alone.
fn download(folder: &Path, name: &str, flags: &[&str]) -> Ran {
    let torrent = format!("{name}.torrent");
    let mut args = vec!["download", &torrent, "-o", "into", "--no-webrtc", "--json"];
    args.extend(flags);
    run(folder, &args)
}

/// Downloads from a seed of the original.
fn download_from_seed(folder: &Path, name: &str, flags: &[&str]) -> Ran {
    let torrent = format!("{name}.torrent");
    let (seed, ready) = Running::start(folder, &["seed", &torrent, "original", "--no-webrtc"]);
    let peer = format!("127.0.0.1:{}", ready["tcp_port"]);
    let ran = download(folder, name, &[flags, &["--peer", &peer]].concat());
    seed.end();
    ran
}

fn put(folder: &Path, name: &str, data: &[u8]) {
    fs::create_dir_all(folder.join("into")).expect("made");
    fs::write(folder.join("into").join(name), data).expect("written");
}

#[test]
fn a_file_of_the_users_is_not_replaced_unless_that_is_asked_for() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    torrent_of(folder, "movie.bin", &sample(300_000));
    put(folder, "movie.bin", b"my own movie");
    let ran = download_from_seed(folder, "movie.bin", &[]);
    ran.assert_failed_naming(&["into/movie.bin", "not this torrent's", "--overwrite"]);
    let there = fs::read_dir(folder.join("into")).expect("read").count();
    assert_eq!(there, 1);
    let kept = fs::read(folder.join("into/movie.bin")).expect("read");
    assert_eq!(kept, b"my own movie");

    let ran = download_from_seed(folder, "movie.bin", &["--overwrite"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let replaced = fs::read(folder.join("into/movie.bin")).expect("read");
    assert!(replaced == sample(300_000));
}

#[test]
fn a_hidden_name_needs_a_flag() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    torrent_of(folder, ".bashrc", b"do harm\n");
    let ran = download(folder, ".bashrc", &[]);
    ran.assert_failed_naming(&[".bashrc", "begins with a dot", "--allow-hidden"]);
    put(folder, ".bashrc", b"my settings\n");
    let ran = download(folder, ".bashrc", &["--allow-hidden"]);
    ran.assert_failed_naming(&["into/.bashrc", "not this torrent's"]);
    let kept = fs::read(folder.join("into/.bashrc")).expect("read");
    assert_eq!(kept, b"my settings\n");
}

#[test]
fn a_file_that_is_too_long_is_cut_by_download_and_an_error_elsewhere() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let data = sample(300_000);
    torrent_of(folder, "movie.bin", &data);
    put(folder, "movie.bin", &[&data[..], b"junk"].concat());
    run(folder, &["seed", "movie.bin.torrent", "into", "--json"]).assert_failed_naming(&[
        "into/movie.bin",
        "wrong length",
        "300004",
        "300000",
    ]);
    let ran = run(folder, &["verify", "movie.bin.torrent", "into", "--json"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.event("file")["state"], "wrong_length");
    let ran = download(folder, "movie.bin", &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let notice = ran.event("notice");
    assert_eq!(notice["kind"], "cut");
    assert_eq!(notice["path"], "into/movie.bin");
    assert!(fs::read(folder.join("into/movie.bin")).expect("read") == data);
    assert_eq!(ran.event("finished")["synced"], true);
}

#[test]
fn a_download_that_is_not_finished_is_verified_under_its_temporary_name() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let data = sample(8 * PIECE);
    torrent_of(folder, "movie.bin", &data);
    let info = run(folder, &["info", "movie.bin.torrent", "--json"]).event("info");
    let hash = info["info_hash"].as_str().expect("a hash");
    put(
        folder,
        &format!("movie.bin.{}.part", &hash[..8]),
        &data[..5 * PIECE + 7],
    );
    let ran = run(folder, &["verify", "movie.bin.torrent", "into", "--json"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.event("file")["state"], "unfinished");
    let verified = ran.event("verified");
    assert_eq!(verified["verified_pieces"], 5);
    assert_eq!(verified["bad_pieces"], json!([5, 6, 7]));
    run(folder, &["seed", "movie.bin.torrent", "into", "--json"]).assert_failed_naming(&[
        "into",
        "3 of 8 pieces",
        "download --seed",
    ]);
    // It goes on from there, and ends under its own name alone.
    let ran = download_from_seed(folder, "movie.bin", &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.event("checked")["verified_pieces"], 5);
    let names: Vec<_> = fs::read_dir(folder.join("into"))
        .expect("read")
        .map(|entry| entry.expect("read").file_name())
        .collect();
    assert_eq!(names, ["movie.bin"]);
}

#[test]
fn one_folder_takes_one_download_of_a_torrent_at_a_time() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    torrent_of(folder, "movie.bin", &sample(300_000));
    let args = ["download", "movie.bin.torrent", "-o", "into", "--no-webrtc"];
    let (mut first, _) = Running::start(folder, &args);
    first.wait_for("checked");
    download(folder, "movie.bin", &[]).assert_failed_naming(&["into", "process", "same folder"]);
    // Another torrent is another matter.
    torrent_of(folder, "other.bin", &sample(100));
    put(folder, "other.bin", &sample(100));
    assert_eq!(download(folder, "other.bin", &[]).code, Some(0));
}

#[test]
fn only_empty_files_that_are_wanted_are_made() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path();
    let set = folder.join("set");
    fs::create_dir_all(&set).expect("made");
    for (name, length) in [("a", 40_000), ("empty1", 0), ("empty2", 0), ("z", 40_000)] {
        fs::write(set.join(name), sample(length)).expect("written");
    }
    let created = brackish(folder, &["create", "set"]).status().expect("runs");
    assert!(created.success());
    fs::create_dir_all(folder.join("into/set")).expect("made");
    fs::copy(set.join("a"), folder.join("into/set/a")).expect("copied");
    fs::copy(set.join("z"), folder.join("into/set/z")).expect("copied");
    let ran = download(folder, "set", &["--files", "a", "--files", "empty2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut names: Vec<_> = fs::read_dir(folder.join("into/set"))
        .expect("read")
        .map(|entry| entry.expect("read").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "empty2", "z"]);
}
