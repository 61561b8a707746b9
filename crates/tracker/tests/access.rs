//! What the server answers to whom: names that lead to it, pages of other sites, info-hashes that it
//! does not serve, and those that ask too often.

mod common;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use brackish_tracker::Rate;
use brackish_tracker::server::{Fallback, Hosts, OnRefused, Origins, Refused, ServerConfig};
use brackish_wire::InfoHash;
use brackish_wire::tracker::http::scrape_url;
use bytes::Bytes;
use common::net::{
    Answer, Running, Socket, announce_path, ask, connect, get, hear, request, say, start,
};
use common::{Announce, SWARM, failure, peer};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A server that is private to local names, and whatever it was told to refuse.
async fn private(config: ServerConfig) -> (Running, Arc<Mutex<Vec<Refused>>>) {
    let fallback: Fallback = Arc::new(|request| {
        let host = request.headers().get("host");
        let host = host.map_or("", |host| host.to_str().unwrap());
        http::Response::new(Bytes::from(format!("the page of {host}")))
    });
    let refused = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&refused);
    let config = ServerConfig {
        hosts: Hosts::Local(vec!["files.example.org".to_owned()]),
        on_refused: Some(OnRefused(Arc::new(move |refusal| {
            seen.lock().unwrap().push(refusal.clone());
            "start it with --host".to_owned()
        }))),
        ..config
    };
    (start(config, Some(fallback)).await, refused)
}

async fn get_as(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    ask(
        &mut stream,
        &format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n"),
    )
    .await
}

#[tokio::test]
async fn a_page_whose_own_name_leads_here_is_told_nothing() {
    let (running, refused) = private(ServerConfig::default()).await;
    for path in ["/", "/share.json", "/a.torrent", "/stats"] {
        let host = "host: rebound.evil.example:8080";
        let answer = get_as(running.address, path, host).await;
        assert!(answer.head.starts_with("http/1.1 421"), "{}", answer.head);
        assert_eq!(answer.body, b"start it with --host\n");
        assert!(!answer.head.contains("access-control"), "{}", answer.head);
    }
    let expected = Refused::Host("rebound.evil.example".to_owned());
    assert_eq!(*refused.lock().unwrap(), vec![expected; 4]);
}

#[tokio::test]
async fn names_of_the_machine_and_given_ones_are_answered_without_leave_for_other_pages() {
    let (running, refused) = private(ServerConfig::default()).await;
    for host in [
        "127.0.0.1:80",
        "[::1]:80",
        "nas",
        "nas.local",
        "files.example.org",
    ] {
        for path in ["/", "/stats"] {
            let header = format!("host: {host}\r\norigin: https://evil.example");
            let answer = get_as(running.address, path, &header).await;
            assert!(
                answer.head.starts_with("http/1.1 200"),
                "{host}: {}",
                answer.head
            );
            assert!(!answer.head.contains("access-control"), "{}", answer.head);
        }
    }
    assert!(refused.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_client_without_a_host_is_answered_only_where_no_browser_can_be_behind_it() {
    let (running, _) = private(ServerConfig::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let old = ask(&mut stream, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(old.head.starts_with("http/1.0 200"), "{}", old.head);
    let new = get_as(running.address, "/", "accept: */*").await;
    assert!(new.head.starts_with("http/1.1 421"), "{}", new.head);
}

#[tokio::test]
async fn a_proxy_that_is_trusted_says_what_name_it_was_asked_by() {
    let headers = "host: 127.0.0.1:80\r\nx-forwarded-host: evil.example, public.example.org";
    let (running, _) = private(ServerConfig::default()).await;
    let answer = get_as(running.address, "/", headers).await;
    assert_eq!(answer.body, b"the page of 127.0.0.1:80");

    let config = ServerConfig {
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..ServerConfig::default()
    };
    let (running, _) = private(config).await;
    let answer = get_as(running.address, "/", headers).await;
    assert_eq!(answer.body, b"the page of public.example.org");
    let answer = get_as(running.address, "/", "host: public.example.org").await;
    assert!(answer.head.starts_with("http/1.1 421"), "{}", answer.head);
}

#[tokio::test]
async fn pages_of_every_site_may_announce_under_every_name() {
    let (running, _) = private(ServerConfig::default()).await;
    let headers = "host: rebound.evil.example\r\norigin: https://app.example";
    let answer = get_as(running.address, &announce_path(&request(1)), headers).await;
    let allowed = "access-control-allow-origin: *";
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    assert!(answer.head.contains(allowed), "{}", answer.head);
    connect(running.address).await;
}

#[tokio::test]
async fn announces_are_kept_to_the_pages_that_are_named() {
    let origins = Origins::Only(vec!["https://App.example/".to_owned()]);
    let config = ServerConfig {
        origins,
        ..ServerConfig::default()
    };
    let (running, refused) = private(config).await;
    let announce = announce_path(&request(1));
    let handshake = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://evil.example", false),
        ("http://app.example", false),
        ("null", false),
        // A page of this server, and one whose name leads here.
        ("http://nas.local:80", true),
        ("http://rebound.evil.example", false),
    ] {
        let host = origin
            .split_once("://")
            .map_or("nas.local:80", |(_, host)| host);
        let headers = format!("host: {host}\r\norigin: {origin}");
        let answer = get_as(running.address, &announce, &headers).await;
        let expected = if allowed { "200" } else { "403" };
        let status = format!("http/1.1 {expected}");
        assert!(
            answer.head.starts_with(&status),
            "{origin}: {}",
            answer.head
        );
        let header = format!("access-control-allow-origin: {origin}\r\n");
        assert_eq!(answer.head.contains(&header), allowed, "{}", answer.head);
        let answer = get_as(running.address, "/", &format!("{handshake}{headers}")).await;
        let expected = if allowed { "101" } else { "403" };
        let status = format!("http/1.1 {expected}");
        assert!(
            answer.head.starts_with(&status),
            "{origin}: {}",
            answer.head
        );
    }
    // A program is no page.
    let answer = get_as(running.address, &announce, "host: x").await;
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    let evil = Refused::Origin("https://evil.example".to_owned());
    assert!(refused.lock().unwrap().contains(&evil));
}

#[tokio::test]
async fn only_swarms_on_the_list_are_served_and_others_end_when_it_changes() {
    let (running, _) = private(ServerConfig::default()).await;
    let other = InfoHash([9; 20]);
    let mut web = connect(running.address).await;
    for info_hash in [SWARM, other] {
        say(&mut web, Announce::of(peer(1)).swarm(info_hash).to_json()).await;
        hear(&mut web).await;
    }
    get(running.address, &announce_path(&request(2)), "").await;
    assert_eq!(running.server.stats().tracker.swarms, 2);

    running.server.set_allowed(Some(HashSet::from([other])));
    let stats = running.server.stats().tracker;
    assert_eq!((stats.swarms, stats.web_peers, stats.tcp_peers), (1, 1, 0));
    say(&mut web, Announce::of(peer(1)).to_json()).await;
    let reason = failure(&hear(&mut web).await).expect("a failure");
    assert!(reason.contains("does not serve"), "{reason}");
    let answer = get(running.address, &announce_path(&request(2)), "").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(text.contains("does not serve"), "{text}");
    // What is not served has no peers, and a scrape of all names nothing.
    let scrape = |hashes: &[InfoHash]| {
        let url = scrape_url("http://x/announce", hashes).unwrap();
        url.replacen("http://x", "", 1)
    };
    get(running.address, &scrape(&[SWARM]), "").await;
    let all = get(running.address, "/scrape", "").await;
    assert!(all.body.starts_with(b"d14:failure"));

    running.server.set_allowed(None);
    say(&mut web, Announce::of(peer(1)).to_json()).await;
    assert!(failure(&hear(&mut web).await).is_none());
}

/// A WebSocket to the server by a page of this origin, under this name of the server.
async fn page(address: SocketAddr, host: &str, origin: &str) -> Socket {
    let mut request = format!("ws://{address}/announce")
        .into_client_request()
        .unwrap();
    let headers = request.headers_mut();
    headers.insert("host", host.parse().unwrap());
    headers.insert("origin", origin.parse().unwrap());
    connect_async(request).await.unwrap().0
}

#[tokio::test]
async fn a_page_of_this_server_may_bring_a_swarm_that_others_then_join() {
    for (own_pages_bring_swarms, host, origin, own) in [
        (
            true,
            "rebound.evil.example",
            "http://rebound.evil.example",
            false,
        ),
        (true, "nas.local", "http://evil.example", false),
        (false, "nas.local", "http://nas.local", false),
        (true, "nas.local", "http://nas.local", true),
    ] {
        let config = ServerConfig {
            own_pages_bring_swarms,
            ..ServerConfig::default()
        };
        let (running, _) = private(config).await;
        running.server.set_allowed(Some(HashSet::new()));
        // The other has the link before the tracker has heard from the page.
        let mut other = connect(running.address).await;
        say(&mut other, Announce::of(peer(2)).to_json()).await;
        let mut page = page(running.address, host, origin).await;
        say(&mut page, Announce::of(peer(1)).to_json()).await;
        for socket in [&mut page, &mut other] {
            let served = failure(&hear(socket).await).is_none();
            assert_eq!(served, own, "{host}, {origin}");
        }
        let peers = if own { 2 } else { 0 };
        assert_eq!(running.server.stats().tracker.web_peers, peers);
    }
}

#[tokio::test]
async fn a_host_that_asks_too_often_by_http_is_slowed_down_and_others_are_not() {
    let http_rate = Rate {
        per_second: 1,
        burst: 3,
    };
    let config = ServerConfig {
        http_rate,
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..ServerConfig::default()
    };
    let running = start(config, None).await;
    let statuses = async |client: &str| {
        let header = format!("x-forwarded-for: {client}\r\n");
        let mut statuses = Vec::new();
        for _ in 0..5 {
            let answer = get(running.address, &announce_path(&request(1)), &header).await;
            if answer.head.starts_with("http/1.1 429") {
                assert!(answer.body.starts_with(b"d14:failure reason"));
                assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
            }
            statuses.push(answer.head[9..12].to_owned());
        }
        statuses
    };
    let slowed = statuses("192.0.2.1").await;
    assert_eq!(slowed[..3], ["200"; 3]);
    assert_eq!(slowed[4], "429");
    assert_eq!(statuses("192.0.2.2").await[..3], ["200"; 3]);
    let local = get(running.address, &announce_path(&request(1)), "").await;
    assert!(local.head.starts_with("http/1.1 200"), "{}", local.head);
}
