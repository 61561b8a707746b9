//! How signals end a command, and what SIGHUP means where there is something to read again.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{Running, address_of, get, run, sample};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use serde_json::Value;

const TRACKER: [&str; 3] = ["tracker", "--listen", "127.0.0.1:0"];

#[test]
fn sighup_ends_a_command_as_sigterm_does() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(1000)).expect("written");
    let share = ["share", "a.bin", "--listen", "127.0.0.1:0"];
    run(folder.path(), &["create", "a.bin"]);
    let seed = ["seed", "a.bin.torrent", "."];
    for args in [&share[..], &seed, &TRACKER] {
        for signal in ["HUP", "TERM", "INT"] {
            let (mut running, _) = Running::start(folder.path(), args);
            running.signal(signal);
            running.wait_for("stopped");
            assert_eq!(running.ended(), Some(0), "{args:?}, {signal}");
        }
    }
}

#[test]
fn a_command_that_was_started_to_outlive_its_terminal_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new("sh");
    let line = "trap '' HUP; exec \"$0\" \"$@\"";
    command.args(["-c", line, env!("CARGO_BIN_EXE_brackish")]);
    command.args(TRACKER).arg("--json").stdin(Stdio::null());
    command.current_dir(folder.path());
    let (running, ready) = Running::start_as(command);
    running.signal("HUP");
    let (head, _) = get(&address_of(&ready), "/health", "Host: x\r\n");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    running.end();
}

#[test]
fn a_second_signal_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut running, ready) = Running::start(folder.path(), &TRACKER);
    // An open WebSocket whose other end never closes holds up the clean end.
    let mut socket = TcpStream::connect(address_of(&ready)).expect("connected");
    let handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    socket.write_all(handshake.as_bytes()).expect("sent");
    let mut first = [0; 12];
    socket.read_exact(&mut first).expect("answered");
    assert_eq!(&first, b"HTTP/1.1 101");
    running.signal("HUP");
    running.signal("TERM");
    assert!(matches!(running.ended(), Some(130 | 0)));
}

/// Whether a TLS client that trusts this certificate alone is content with the server.
fn is_shown(address: &str, certificate: CertificateDer<'static>) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut client = ClientConnection::new(Arc::new(config), name).expect("a client");
    let mut stream = TcpStream::connect(address).expect("connected");
    while client.is_handshaking() {
        if client.complete_io(&mut stream).is_err() {
            return false;
        }
    }
    true
}

#[test]
fn sighup_has_a_tracker_use_its_new_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let certify = || {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
        let key = made.signing_key.serialize_pem();
        fs::write(folder.path().join("cert.pem"), made.cert.pem()).expect("written");
        fs::write(folder.path().join("key.pem"), key).expect("written");
        made.cert.der().clone()
    };
    let first = certify();
    let tls = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let args = [&TRACKER[..], &tls].concat();
    let (mut running, ready) = Running::start(folder.path(), &args);
    let address = address_of(&ready);
    assert!(is_shown(&address, first.clone()));
    let second = certify();
    running.signal("HUP");
    assert_eq!(running.wait_for("reloaded")["failure"], Value::Null);
    assert!(is_shown(&address, second.clone()) && !is_shown(&address, first));

    fs::write(folder.path().join("cert.pem"), "nothing").expect("written");
    running.signal("HUP");
    let reloaded = running.wait_for("reloaded");
    let failure = reloaded["failure"].as_str().expect("a failure");
    assert!(failure.contains("cert.pem"), "{failure}");
    assert!(is_shown(&address, second), "the certificate in use stays");
    running.end();
    run(folder.path(), &args).assert_failed_naming(&["certificate"]);
}
