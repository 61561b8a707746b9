//! Wrong usage ends with exit code 2 and says what was expected; failures end with 1 and one line.

mod common;

use std::fs;
use std::net::TcpListener;

use common::run;

#[test]
fn wrong_usage_ends_with_exit_code_2() {
    let folder = tempfile::tempdir().expect("a folder");
    for args in [
        &["share"][..],
        &["download"],
        &["seed", "a.torrent"],
        &["nonsense"],
        &["share", "a", "--listen", "somewhere"],
        &["share", "a", "--port", "0"],
        &["share", "a", "--tracker", "ftp://tracker.example.org"],
        &["download", "a", "--peer", "no-port"],
        &["download", "a", "--no-tcp", "--no-webrtc"],
        &["download", "a", "--web-seed", "ftp://files.example.org"],
        &["seed", "a.torrent", ".", "--max-peers", "0"],
        &["create", "a", "--piece-length", "1000"],
        &["create", "a", "--announce", "tracker.example.org"],
        &["tracker", "--tls-cert", "cert.pem"],
    ] {
        let ran = run(folder.path(), args);
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        assert!(ran.out.is_empty() && !ran.err.is_empty(), "{args:?}");
    }
}

#[test]
fn help_has_examples_and_ends_with_exit_code_0() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in [
        "share", "download", "seed", "create", "info", "verify", "tracker",
    ] {
        let ran = run(folder.path(), &[command, "--help"]);
        assert_eq!(ran.code, Some(0));
        assert!(
            ran.out.contains(&format!("  brackish {command} ")),
            "{}",
            ran.out
        );
        assert!(ran.out.contains("Example"), "{}", ran.out);
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    // The system's own words.
    let reason = if cfg!(windows) {
        "file"
    } else {
        "No such file"
    };
    let folder = tempfile::tempdir().expect("a folder");
    for args in [
        &["share", "absent.bin", "--listen", "127.0.0.1:0"][..],
        &["create", "absent.bin"],
        &["info", "absent.bin"],
        &["download", "absent.bin"],
        &["verify", "absent.bin", "."],
        &["seed", "absent.bin", "."],
        &[
            "tracker",
            "--tls-cert",
            "absent.bin",
            "--tls-key",
            "absent.bin",
        ],
    ] {
        run(folder.path(), args).assert_failed_naming(&["absent.bin", reason]);
    }
}

#[test]
fn something_that_is_no_torrent_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("noise"), common::sample(1000)).expect("written");
    run(folder.path(), &["info", "noise"]).assert_failed_naming(&["noise"]);
    run(folder.path(), &["info", "magnet:?xt=urn:btih:short"])
        .assert_failed_naming(&["magnet:?xt=urn:btih:short"]);
}

#[test]
fn a_url_that_nobody_answers_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("its address");
    let url = format!("http://{closed}/a.torrent");
    run(folder.path(), &["download", &url]).assert_failed_naming(&[&url, "refused"]);
}

#[test]
fn a_port_in_use_is_named_and_the_default_one_gives_way() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), common::sample(100)).expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    run(folder.path(), &["share", "a.bin", "--listen", &address])
        .assert_failed_naming(&[&address, "in use"]);
    run(folder.path(), &["tracker", "--listen", &address])
        .assert_failed_naming(&[&address, "in use"]);
    // Whether or not 8080 is free here, one of its neighbours is for the second.
    let (first, first_ready) = common::Running::start(folder.path(), &["tracker"]);
    let (second, second_ready) = common::Running::start(folder.path(), &["tracker"]);
    assert_ne!(first_ready["url"], second_ready["url"]);
    first.end();
    second.end();
}

#[test]
fn with_json_a_failure_is_an_event_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(folder.path(), &["info", "absent.bin", "--json"]);
    ran.assert_failed_naming(&["absent.bin"]);
    let message = ran.event("error")["message"]
        .as_str()
        .expect("a message")
        .to_owned();
    assert!(message.contains("absent.bin"));
}
