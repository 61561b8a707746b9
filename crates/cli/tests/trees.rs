//! Folders with names, links and programs as Unix has them, from one process to another.
#![cfg(unix)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::{Running, run, sample};

/// Shares a folder of `place` with a download into `got`.
fn shared(place: &Path, name: &str) -> String {
    let (running, ready) = Running::start(place, &["share", name, "--listen", "127.0.0.1:0"]);
    let magnet = ready["magnet"].as_str().expect("a magnet link");
    let ran = run(place, &["download", magnet, "-o", "got", "--no-webrtc"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    running.end();
    ran.err
}

#[test]
fn names_links_and_programs_arrive_as_they_are() {
    let place = tempfile::tempdir().expect("a folder");
    let set = place.path().join("Who? \"A\": B");
    fs::create_dir_all(set.join("bin.")).expect("made");
    let names: [&[u8]; 6] = [
        b"Foo::Bar.3pm",
        b"dev\\x2ddisk.device",
        b"caf\xe9",
        b"xt_dscp.c",
        b"xt_DSCP.c",
        b"bin./aux",
    ];
    for (index, name) in names.iter().enumerate() {
        fs::write(set.join(OsStr::from_bytes(name)), sample(20_000 + index)).expect("written");
    }
    fs::set_permissions(set.join("bin./aux"), PermissionsExt::from_mode(0o755)).expect("set");
    symlink("bin./aux", set.join("run it")).expect("made");
    shared(place.path(), "Who? \"A\": B");
    let got = place.path().join("got/Who? \"A\": B");
    for (index, name) in names.iter().enumerate() {
        let name = OsStr::from_bytes(name);
        let content = fs::read(got.join(name)).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        assert!(content == sample(20_000 + index), "{name:?}");
    }
    let mode = |name: &str| {
        let metadata = fs::metadata(got.join(name)).expect("there");
        metadata.permissions().mode() & 0o100
    };
    assert_eq!((mode("bin./aux"), mode("xt_dscp.c")), (0o100, 0));
    assert_eq!(
        fs::read_link(got.join("run it")).expect("a link"),
        Path::new("bin./aux")
    );
    let entries = fs::read_dir(&got).expect("listed").count();
    assert_eq!(entries, 7, "what was tried is gone");
}

#[test]
fn a_control_character_in_a_name_is_replaced_where_it_arrives_with_a_line() {
    let place = tempfile::tempdir().expect("a folder");
    fs::create_dir(place.path().join("set")).expect("made");
    fs::write(place.path().join("set/two\nlines"), sample(1000)).expect("written");
    let err = shared(place.path(), "set");
    assert_eq!(
        fs::read(place.path().join("got/set/two_lines")).expect("read"),
        sample(1000)
    );
    let lines: Vec<_> = err
        .lines()
        .filter(|line| line.contains("other name"))
        .collect();
    assert!(
        matches!(lines[..], [line] if line.contains("set/two_lines")),
        "{err}"
    );
    run(place.path(), &["create", "set"]);
    for folder in [".", "got"] {
        let ran = run(place.path(), &["verify", "set.torrent", folder]);
        assert_eq!(ran.code, Some(0), "{folder}: {}{}", ran.out, ran.err);
        assert_eq!(
            ran.err.contains("other name"),
            folder == "got",
            "{}",
            ran.err
        );
    }
    fs::write(place.path().join("one\tfile"), sample(500)).expect("written");
    run(place.path(), &["create", "one\tfile", "-o", "one.torrent"]);
    for folder in [".", "alone"] {
        let name = if folder == "." {
            "one\tfile"
        } else {
            "one_file"
        };
        fs::create_dir_all(place.path().join(folder)).expect("made");
        fs::write(place.path().join(folder).join(name), sample(500)).expect("written");
        let arguments = ["download", "one.torrent", "-o", folder, "--json"];
        let path = run(place.path(), &arguments).event("finished")["path"].clone();
        assert_eq!(path, format!("{folder}/{name}"));
    }
}

#[test]
fn a_link_out_of_a_torrents_folder_is_left_out_with_a_line_and_the_rest_arrives() {
    let place = tempfile::tempdir().expect("a folder");
    let set = place.path().join("set");
    fs::create_dir(&set).expect("made");
    fs::write(set.join("a.bin"), sample(1000)).expect("written");
    symlink("a.bin", set.join("link")).expect("made");
    run(place.path(), &["create", "set"]);
    let torrent = fs::read(place.path().join("set.torrent")).expect("read");
    let (inside, outside) = (b"l5:a.bine", b"l2:..1:xe");
    let at = torrent
        .windows(inside.len())
        .rposition(|part| part == inside)
        .expect("the target is in the torrent");
    let changed = [&torrent[..at], outside, &torrent[at + inside.len()..]].concat();
    fs::write(place.path().join("out.torrent"), changed).expect("written");
    fs::remove_file(set.join("link")).expect("removed");
    let ran = run(place.path(), &["download", "out.torrent"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(fs::symlink_metadata(set.join("link")).is_err());
    let lines: Vec<_> = ran
        .err
        .lines()
        .filter(|line| line.contains("leads out"))
        .collect();
    assert!(
        matches!(lines[..], [line] if line.contains("set/link")),
        "{}",
        ran.err
    );
    let ran = run(place.path(), &["download", "out.torrent", "--json"]);
    assert_eq!(ran.event("notice")["kind"], "outward_links");
}

#[test]
fn verify_and_seed_follow_the_users_own_links() {
    let place = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("another folder");
    fs::create_dir(place.path().join("set")).expect("made");
    for name in ["a.bin", "b.bin"] {
        fs::write(place.path().join("set").join(name), sample(50_000)).expect("written");
    }
    run(place.path(), &["create", "set"]);
    // One file is a link, then the whole folder.
    let away = |from: &str, to: &str| {
        let (from, to) = (place.path().join(from), elsewhere.path().join(to));
        fs::rename(&from, &to).expect("moved");
        symlink(&to, &from).expect("made");
    };
    for (from, to) in [("set/a.bin", "moved.bin"), ("set", "moved")] {
        away(from, to);
        let ran = run(place.path(), &["verify", "set.torrent", "."]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        let (running, _) = Running::start(place.path(), &["seed", "set.torrent", "."]);
        running.end();
    }
}
