//! `create`, what it makes of a tree, and where it writes.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{brackish, run, sample};

fn file(folder: &Path, name: &str) {
    fs::write(folder.join(name), sample(40_000)).expect("written");
}

#[test]
fn the_torrent_can_go_to_stdout_and_is_the_only_thing_there() {
    let folder = tempfile::tempdir().expect("a folder");
    file(folder.path(), "a.bin");
    let ran = brackish(folder.path(), &["create", "a.bin", "-o", "-"])
        .output()
        .expect("the binary runs");
    assert_eq!(ran.status.code(), Some(0));
    assert!(ran.stdout.starts_with(b"d") && ran.stdout.ends_with(b"ee"));
    let err = String::from_utf8(ran.stderr).expect("text");
    assert!(err.contains("magnet:"), "{err}");
    fs::write(folder.path().join("piped.torrent"), ran.stdout).expect("written");
    let verified = run(folder.path(), &["verify", "piped.torrent", "."]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    assert!(!folder.path().join("a.bin.torrent").exists());
    run(folder.path(), &["create", "a.bin", "-o", "-", "--json"]).event("error");
}

#[test]
fn a_file_that_is_there_is_replaced_only_with_overwrite() {
    let folder = tempfile::tempdir().expect("a folder");
    file(folder.path(), "a.bin");
    let torrent = folder.path().join("a.bin.torrent");
    fs::write(&torrent, "precious").expect("written");
    let ran = run(folder.path(), &["create", "a.bin"]);
    ran.assert_failed_naming(&["a.bin.torrent", "--overwrite"]);
    assert_eq!(fs::read(&torrent).expect("read"), b"precious");
    let ran = run(folder.path(), &["create", "a.bin", "--overwrite"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(fs::read(&torrent).expect("read").starts_with(b"d"));
}

#[test]
fn what_the_torrent_says_can_be_chosen_and_reproduced() {
    let folder = tempfile::tempdir().expect("a folder");
    file(folder.path(), "a.bin");
    let make = |output: &str| {
        let arguments = [
            "create",
            "a.bin",
            "-o",
            output,
            "--private",
            "--comment",
            "two words",
            "--name",
            "other.bin",
        ];
        let ran = brackish(folder.path(), &arguments)
            .env("SOURCE_DATE_EPOCH", "1000000000")
            .output()
            .expect("the binary runs");
        assert_eq!(ran.status.code(), Some(0));
        fs::read(folder.path().join(output)).expect("read")
    };
    assert_eq!(make("one.torrent"), make("two.torrent"));
    let info = run(folder.path(), &["info", "one.torrent", "--json"]).event("info");
    assert_eq!(info["name"], "other.bin");
    assert_eq!(info["comment"], "two words");
    assert_eq!(info["private"], true);
    assert_eq!(info["creation_date"], 1_000_000_000);
    let ran = brackish(folder.path(), &["create", "a.bin"])
        .env("SOURCE_DATE_EPOCH", "yesterday")
        .output()
        .expect("the binary runs");
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ran.stderr).contains("SOURCE_DATE_EPOCH"));
    let ran = run(folder.path(), &["create", "a.bin", "--name", "../x"]);
    ran.assert_failed_naming(&["../x"]);
    assert!(!folder.path().join("../x.torrent").exists());
}

#[test]
fn a_download_to_stdout_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(folder.path(), &["download", "a.torrent", "-o", "-"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("stdout"), "{}", ran.err);
    assert!(!folder.path().join("-").exists());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_folder_is_right_by_its_own_torrent_whatever_its_names_and_one_line_counts_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let set = folder.path().join("set");
        fs::create_dir(&set).expect("made");
        let names = [
            "Foo::Bar.3pm",
            "dev\\x2ddisk.device",
            "aux.c",
            "Makefile",
            "makefile",
            "a",
        ];
        for name in names {
            file(&set, name);
        }
        let ran = run(folder.path(), &["create", "set"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let about_names = ran.err.lines().filter(|line| line.contains("Windows"));
        let about_names: Vec<_> = about_names.collect();
        assert!(
            matches!(about_names[..], [line] if line.starts_with("4 files")),
            "{}",
            ran.err
        );
        let verified = run(folder.path(), &["verify", "set.torrent", "."]);
        assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
        let (running, _) = common::Running::start(folder.path(), &["seed", "set.torrent", "."]);
        running.end();
    }

    #[test]
    fn a_link_out_of_the_folder_is_refused_and_others_are_kept_with_a_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let set = folder.path().join("set");
        fs::create_dir(&set).expect("made");
        file(&set, "a.bin");
        symlink("a.bin", set.join("link")).expect("made");
        let ran = run(folder.path(), &["create", "set", "--json"]);
        assert_eq!(ran.event("notice")["kind"], "links_kept");
        let info = run(folder.path(), &["info", "set.torrent", "--json"]).event("info");
        assert_eq!(info["files"][1]["kind"], "symlink");
        symlink("/etc/passwd", set.join("outlink")).expect("made");
        for command in [
            &["create", "set", "--overwrite"][..],
            &["share", "set", "--listen", "127.0.0.1:0"],
        ] {
            run(folder.path(), command).assert_failed_naming(&[
                "outlink",
                "/etc/passwd",
                "--links follow",
            ]);
        }
        for (links, files) in [("follow", 3), ("skip", 1)] {
            let arguments = ["create", "set", "--overwrite", "--links", links];
            let ran = run(folder.path(), &arguments);
            assert_eq!(ran.code, Some(0), "{}", ran.err);
            let info = run(folder.path(), &["info", "set.torrent", "--json"]).event("info");
            assert_eq!(info["files"].as_array().expect("files").len(), files);
        }
        symlink("nowhere", set.join("dangling")).expect("made");
        fs::remove_file(set.join("outlink")).expect("removed");
        let ran = run(folder.path(), &["create", "set", "--overwrite"]);
        ran.assert_failed_naming(&["dangling", "--skip-unreadable"]);
        let ran = run(
            folder.path(),
            &["create", "set", "--overwrite", "--skip-unreadable"],
        );
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("left out: set/dangling"), "{}", ran.err);
    }

    /// Whether the system has a device that is always full.
    fn full() -> Option<fs::File> {
        fs::OpenOptions::new().write(true).open("/dev/full").ok()
    }

    #[test]
    fn a_stdout_that_takes_nothing_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        file(folder.path(), "a.bin");
        run(folder.path(), &["create", "a.bin", "-o", "made.torrent"]);
        let commands = [
            &["info", "made.torrent"][..],
            &["info", "made.torrent", "--json"],
            &["verify", "made.torrent", "."],
            &["create", "a.bin"],
            &["create", "a.bin", "-o", "-"],
            &["seed", "made.torrent", ".", "--json"],
            &["share", "a.bin", "--listen", "127.0.0.1:0"],
            &["tracker", "--listen", "127.0.0.1:0"],
            &["--help"],
        ];
        for command in commands {
            let check = |mut command: Command, why: &str| {
                let ran = command
                    .stderr(Stdio::piped())
                    .spawn()
                    .and_then(|child| child.wait_with_output())
                    .expect("the binary runs");
                let err = String::from_utf8_lossy(&ran.stderr);
                assert_eq!(ran.status.code(), Some(1), "{command:?}: {err}");
                assert!(
                    err.contains("stdout") && !err.contains("panic"),
                    "{command:?}: {err}"
                );
                assert!(err.contains(why), "{command:?}: {err}");
            };
            if let Some(full) = full() {
                let mut to_full = brackish(folder.path(), command);
                to_full.stdout(full);
                check(to_full, "space");
            }
            let (reader, writer) = std::io::pipe().expect("a pipe");
            drop(reader);
            let mut to_nobody = brackish(folder.path(), command);
            to_nobody.stdout(writer);
            let _ = fs::remove_file(folder.path().join("a.bin.torrent"));
            check(to_nobody, "pipe");
        }
    }
}
