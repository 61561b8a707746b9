//! What `share` and `tracker` tell, and whom: pages of other sites, names that lead to this machine,
//! swarms that are not served.

mod common;

use std::fs;

#[cfg(unix)]
use common::run;
use common::{Running, address_of, get, sample};
use serde_json::Value;

/// A share of one file, with these flags besides.
struct Shared {
    running: Running,
    ready: Value,
    address: String,
    _folder: tempfile::TempDir,
}

fn share(flags: &[&str]) -> Shared {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.bin"), sample(100_000)).expect("written");
    let args = [&["share", "a.bin", "--listen", "127.0.0.1:0"], flags].concat();
    let (running, ready) = Running::start(folder.path(), &args);
    let address = address_of(&ready);
    Shared {
        running,
        ready,
        address,
        _folder: folder,
    }
}

/// What tells of the torrent to anybody who may ask for it.
const PRIVATE: [&str; 4] = ["/", "/share.json", "/a.bin.torrent", "/stats"];

/// The query of an announce for an info-hash in hexadecimal digits.
fn announce(info_hash: &str) -> String {
    let escaped: String = info_hash
        .as_bytes()
        .chunks(2)
        .map(|byte| format!("%{}", String::from_utf8_lossy(byte)))
        .collect();
    format!("/announce?info_hash={escaped}&peer_id=-XX0001-aaaaaaaaaaaa&port=7&left=1")
}

#[test]
fn a_page_of_another_site_can_read_nothing_that_names_the_torrent() {
    let mut shared = share(&[]);
    let info_hash = shared.ready["info_hash"]
        .as_str()
        .expect("a hash")
        .to_owned();
    let raw: Vec<u8> = (0..20)
        .map(|at| u8::from_str_radix(&info_hash[2 * at..2 * at + 2], 16).expect("digits"))
        .collect();
    for path in PRIVATE {
        // By an address, as any page can send it: answered, but no page may read the answer.
        let headers = format!(
            "Host: {}\r\nOrigin: https://evil.example\r\n",
            shared.address
        );
        let (head, _) = get(&shared.address, path, &headers);
        assert!(!head.contains("access-control"), "{path}: {head}");
        // By the page's own name, which leads to this machine (DNS rebinding).
        for host in [
            "evil.example:8080",
            "192.168.1.2.evil.example",
            "localhost.evil.example",
        ] {
            let headers = format!("Host: {host}\r\nUser-Agent: Brackish/1\r\n");
            let (head, body) = get(&shared.address, path, &headers);
            let text = String::from_utf8_lossy(&body).into_owned();
            assert!(head.starts_with("http/1.1 421"), "{path} as {host}: {head}");
            assert!(
                text.contains("--host") && text.contains("--trust-proxy"),
                "{text}"
            );
            assert!(
                !text.contains(&info_hash) && !text.contains("a.bin"),
                "{text}"
            );
            assert!(!body.windows(20).any(|window| window == raw), "{path}");
        }
    }
    // The person who shares is told, once for all of these.
    let refused = shared.running.wait_for("refused");
    let message = refused["message"].as_str().expect("a message");
    assert!(message.contains("--host evil.example"), "{message}");
    shared.running.end();
}

#[test]
fn the_tracker_of_a_share_serves_those_that_name_its_torrent_and_no_others() {
    let shared = share(&[]);
    let headers = "Host: evil.example\r\nOrigin: https://app.example\r\n";
    let own = announce(shared.ready["info_hash"].as_str().expect("a hash"));
    let (head, body) = get(&shared.address, &own, headers);
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    assert!(
        body.starts_with(b"d8:complete"),
        "{}",
        String::from_utf8_lossy(&body)
    );
    for path in [announce(&"ab".repeat(20)), "/scrape".to_owned()] {
        let (_, body) = get(&shared.address, &path, headers);
        assert!(body.starts_with(b"d14:failure reason"), "{path}");
    }
    shared.running.end();
}

#[test]
fn names_and_pages_are_allowed_by_flags() {
    let shared = share(&[
        "--host",
        "files.example.org",
        "--allow-origin",
        "https://app.example",
    ]);
    let own = announce(shared.ready["info_hash"].as_str().expect("a hash"));
    for (host, allowed) in [("FILES.example.org:1", true), ("other.example.org", false)] {
        let (head, _) = get(&shared.address, "/share.json", &format!("Host: {host}\r\n"));
        assert_eq!(head.starts_with("http/1.1 200"), allowed, "{host}: {head}");
    }
    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://evil.example", false),
    ] {
        let headers = format!("Host: x\r\nOrigin: {origin}\r\n");
        let (head, body) = get(&shared.address, &own, &headers);
        assert_eq!(
            head.starts_with("http/1.1 200"),
            allowed,
            "{origin}: {head}"
        );
        let text = String::from_utf8_lossy(&body).into_owned();
        assert!(allowed || text.contains("--allow-origin"), "{text}");
    }
    shared.running.end();

    let shared = share(&["--host", "*"]);
    let (head, _) = get(&shared.address, "/share.json", "Host: evil.example\r\n");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    shared.running.end();
}

#[test]
fn a_trusted_proxy_gives_the_share_its_public_name_and_others_do_not() {
    let headers = "Host: 127.0.0.1\r\nX-Forwarded-Host: files.example.org\r\n\
                   X-Forwarded-Proto: https\r\n";
    let torrent = |flags: &[&str]| {
        let shared = share(flags);
        let (head, body) = get(&shared.address, "/a.bin.torrent", headers);
        assert!(head.starts_with("http/1.1 200"), "{head}");
        shared.running.end();
        String::from_utf8_lossy(&body).into_owned()
    };
    assert!(torrent(&["--trust-proxy"]).contains("wss://files.example.org/announce"));
    for flags in [&[][..], &["--trust-proxy=192.0.2.1"]] {
        let text = torrent(flags);
        assert!(!text.contains("files.example.org"), "{flags:?}: {text}");
    }
}

#[cfg(unix)]
#[test]
fn a_tracker_serves_its_list_and_reads_it_again_at_sighup() {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("torrents.txt");
    let (one, two) = ("11".repeat(20), "22".repeat(20));
    fs::write(&list, format!("# ours\n{one}\n")).expect("written");
    let args = [
        "tracker",
        "--listen",
        "127.0.0.1:0",
        "--allow-list",
        "torrents.txt",
    ];
    let (mut running, ready) = Running::start(folder.path(), &args);
    let address = address_of(&ready);
    let serves = |info_hash: &str| {
        let (_, body) = get(&address, &announce(info_hash), "Host: x\r\n");
        !body.starts_with(b"d14:failure reason")
    };
    assert_eq!((serves(&one), serves(&two)), (true, false));

    fs::write(&list, format!("magnet:?xt=urn:btih:{two}\n")).expect("written");
    running.signal("HUP");
    assert_eq!(running.wait_for("reloaded")["failure"], Value::Null);
    assert_eq!((serves(&one), serves(&two)), (false, true));

    fs::write(&list, "nonsense\n").expect("written");
    running.signal("HUP");
    let reloaded = running.wait_for("reloaded");
    let failure = reloaded["failure"].as_str().expect("a failure");
    assert!(failure.contains("torrents.txt, line 1"), "{failure}");
    assert!(serves(&two), "what cannot be used changes nothing");
    running.end();

    let ran = run(folder.path(), &args);
    ran.assert_failed_naming(&["torrents.txt, line 1", "nonsense"]);
}

#[test]
fn behind_a_trusted_proxy_peers_have_their_own_addresses() {
    let folder = tempfile::tempdir().expect("a folder");
    let info_hash = "11".repeat(20);
    let peers = |flags: &[&str]| {
        let args = [&["tracker", "--listen", "127.0.0.1:0"], flags].concat();
        let (running, ready) = Running::start(folder.path(), &args);
        let address = address_of(&ready);
        let headers = "Host: x\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.7\r\n";
        get(&address, &announce(&info_hash), headers);
        let other = announce(&info_hash).replace("aaaa&", "bbbb&");
        let (_, body) = get(&address, &other, "Host: x\r\n");
        running.end();
        body
    };
    let has = |body: &[u8], ip: [u8; 4]| body.windows(4).any(|window| window == ip);
    assert!(has(&peers(&["--trust-proxy"]), [198, 51, 100, 7]));
    assert!(has(&peers(&[]), [127, 0, 0, 1]));
}
