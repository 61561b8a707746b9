//! The server over real sockets, by a WebSocket client and a plain HTTP client.

mod common;

use std::sync::Arc;
use std::time::Duration;

use brackish_tracker::TrackerConfig;
use brackish_tracker::server::{ConnectionInfo, Fallback, Server, ServerConfig, Tls};
use brackish_wire::tracker::http::{parse_announce_response, parse_scrape_response, scrape_url};
use bytes::Bytes;
use common::net::{announce_path, ask, connect, end, get, hear, request, say, start, within};
use common::{Announce, SWARM, answer, failure, is_answer, offer, offer_id, peer};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn two_web_peers_exchange_an_offer_and_its_answer() {
    let running = start(ServerConfig::default(), None).await;
    let (mut one, mut two) = (
        connect(running.address).await,
        connect(running.address).await,
    );
    say(&mut two, Announce::of(peer(2)).to_json()).await;
    hear(&mut two).await;
    say(&mut one, Announce::of(peer(1)).offers(5, 3).to_json()).await;
    assert!(hear(&mut one).await.contains("\"incomplete\":2"));
    let relayed = hear(&mut two).await;
    let (from, name) = offer(&relayed).unwrap();
    assert_eq!(from, peer(1));
    assert!(relayed.contains("offer 5\\r\\n"), "{relayed}");
    say(&mut two, answer(peer(2), from, name)).await;
    assert!(is_answer(&hear(&mut one).await));
    assert_eq!(name, offer_id(5));
}

#[tokio::test]
async fn a_peer_leaves_its_swarm_when_its_socket_ends() {
    let running = start(ServerConfig::default(), None).await;
    let mut one = connect(running.address).await;
    say(&mut one, Announce::of(peer(1)).to_json()).await;
    hear(&mut one).await;
    assert_eq!(running.server.stats().tracker.web_peers, 1);
    drop(one);
    within(async {
        while running.server.stats().tracker.web_peers > 0 || running.server.stats().connections > 0
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_http_announce_and_a_web_announce_are_in_one_swarm() {
    let running = start(ServerConfig::default(), None).await;
    let mut web = connect(running.address).await;
    say(&mut web, Announce::of(peer(1)).seeding().to_json()).await;
    hear(&mut web).await;
    let first = get(running.address, &announce_path(&request(2)), "").await;
    let first = parse_announce_response(&first.body).unwrap();
    assert_eq!(
        (first.complete, first.incomplete, first.peers.len()),
        (Some(1), Some(1), 0)
    );
    let second = get(running.address, &announce_path(&request(3)), "").await;
    assert!(
        second.head.contains("access-control-allow-origin: *"),
        "{}",
        second.head
    );
    let second = parse_announce_response(&second.body).unwrap();
    assert_eq!(second.peers, ["127.0.0.1:1002".parse().unwrap()]);
    let scrape = scrape_url("http://x/announce", &[SWARM])
        .unwrap()
        .replacen("http://x", "", 1);
    let scrape = parse_scrape_response(&get(running.address, &scrape, "").await.body).unwrap();
    assert_eq!((scrape[0].1.complete, scrape[0].1.incomplete), (1, 2));
}

#[tokio::test]
async fn an_announce_that_is_none_gets_a_failure_reason() {
    let running = start(ServerConfig::default(), None).await;
    for path in [
        "/announce",
        "/announce?info_hash=abc",
        "/scrape",
        "/scrape?info_hash=%zz",
    ] {
        let answer = get(running.address, path, "").await;
        assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
        assert!(answer.body.starts_with(b"d14:failure reason"), "{path}");
    }
}

#[tokio::test]
async fn a_forwarded_address_is_believed_of_a_trusted_proxy_alone() {
    let forwarded = "x-forwarded-for: 6.6.6.6, 10.0.0.7\r\nx-forwarded-for: 127.0.0.1\r\n";
    for (trusted_proxies, expected) in [
        (vec![], "127.0.0.1:1001"),
        (vec!["127.0.0.0/8".parse().unwrap()], "10.0.0.7:1001"),
    ] {
        let running = start(
            ServerConfig {
                trusted_proxies,
                ..ServerConfig::default()
            },
            None,
        )
        .await;
        get(running.address, &announce_path(&request(1)), forwarded).await;
        let answer = get(running.address, &announce_path(&request(2)), "").await;
        assert_eq!(
            parse_announce_response(&answer.body).unwrap().peers,
            [expected.parse().unwrap()]
        );
    }
}

#[tokio::test]
async fn the_fallback_answers_other_paths_with_the_request_in_hand() {
    let fallback: Fallback = Arc::new(|request| {
        let info = *request.extensions().get::<ConnectionInfo>().unwrap();
        let host = request.headers()["host"].to_str().unwrap();
        let body = format!(
            "{} {} {} {}",
            request.uri(),
            host,
            info.remote.ip(),
            info.tls
        );
        http::Response::builder()
            .header("x-mark", "1")
            .body(Bytes::from(body))
            .unwrap()
    });
    let running = start(ServerConfig::default(), Some(fallback)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let expected = "/page?x=1 tracker.example:99 127.0.0.1 false";
    // One connection for all: keep-alive, and HEAD without a body.
    for method in ["GET", "HEAD", "GET"] {
        let head = format!("{method} /page?x=1 HTTP/1.1\r\nhost: tracker.example:99\r\n\r\n");
        let answer = ask(&mut stream, &head).await;
        assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
        assert!(
            answer
                .head
                .contains(&format!("content-length: {}", expected.len())),
            "{}",
            answer.head
        );
        assert!(answer.head.contains("x-mark: 1"), "{}", answer.head);
        assert_eq!(
            answer.body,
            if method == "HEAD" { "" } else { expected }.as_bytes()
        );
    }
    assert!(
        ask(&mut stream, "POST /page HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .head
            .starts_with("http/1.1 405")
    );
}

#[tokio::test]
async fn a_large_answer_of_the_fallback_arrives_whole() {
    let page = Bytes::from(
        (0..5_000_000_u32)
            .map(|n| (n % 251) as u8)
            .collect::<Vec<_>>(),
    );
    let served = page.clone();
    let fallback: Fallback = Arc::new(move |_| http::Response::new(served.clone()));
    let running = start(ServerConfig::default(), Some(fallback)).await;
    assert!(get(running.address, "/page", "").await.body == page);
}

#[tokio::test]
async fn a_client_that_is_slow_with_its_request_is_dropped() {
    let head_within = Duration::from_millis(100);
    let running = start(
        ServerConfig {
            head_within,
            ..ServerConfig::default()
        },
        None,
    )
    .await;
    let mut nothing = TcpStream::connect(running.address).await.unwrap();
    let mut part = TcpStream::connect(running.address).await.unwrap();
    part.write_all(b"GET /health HTTP/1.1\r\nhost:")
        .await
        .unwrap();
    let mut second = TcpStream::connect(running.address).await.unwrap();
    ask(&mut second, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    for stream in [&mut nothing, &mut part, &mut second] {
        // Whether or not it is told why.
        let mut rest = Vec::new();
        let _ = within(stream.read_to_end(&mut rest)).await;
    }
}

#[tokio::test]
async fn statistics_and_health_are_served() {
    let running = start(ServerConfig::default(), None).await;
    let mut web = connect(running.address).await;
    say(&mut web, Announce::of(peer(1)).to_json()).await;
    hear(&mut web).await;
    let stats = get(running.address, "/stats", "").await;
    let text = String::from_utf8(stats.body).unwrap();
    assert!(
        text.contains("\"swarms\":1,\"web_peers\":1,\"tcp_peers\":0,\"sockets\":1"),
        "{text}"
    );
    assert_eq!(get(running.address, "/health", "").await.body, b"ok\n");
    assert!(
        get(running.address, "/", "")
            .await
            .head
            .starts_with("http/1.1 404")
    );
}

#[tokio::test]
async fn noise_on_a_socket_is_answered_with_a_failure_and_then_with_the_end() {
    let running = start(ServerConfig::default(), None).await;
    let mut socket = connect(running.address).await;
    for _ in 0..3 {
        say(&mut socket, "noise".to_owned()).await;
        assert!(failure(&hear(&mut socket).await).is_some());
    }
    let end = end(&mut socket).await;
    let Some(Ok(Message::Close(Some(frame)))) = end else {
        panic!("{end:?}")
    };
    assert_eq!(u16::from(frame.code), 1008);
}

#[tokio::test]
async fn a_message_of_more_than_128_kib_ends_the_socket() {
    let running = start(ServerConfig::default(), None).await;
    let mut socket = connect(running.address).await;
    // The server may close before all of it is written.
    let _ = within(socket.send(Message::text("x".repeat(20 << 20)))).await;
    assert!(!matches!(
        end(&mut socket).await,
        Some(Ok(Message::Text(_)))
    ));
    within(async {
        while running.server.stats().sockets > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_answers_no_ping_is_closed() {
    let (ping_after, pong_within) = (Duration::from_millis(50), Duration::from_millis(50));
    let running = start(
        ServerConfig {
            ping_after,
            pong_within,
            ..ServerConfig::default()
        },
        None,
    )
    .await;
    let mut answering = connect(running.address).await;
    // Not polled, so it answers nothing.
    let _silent = connect(running.address).await;
    within(async {
        while running.server.stats().sockets < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(async {
        while running.server.stats().sockets > 1 {
            let _ = timeout(Duration::from_millis(10), answering.next()).await;
        }
    })
    .await;
    say(&mut answering, Announce::of(peer(1)).to_json()).await;
    hear(&mut answering).await;
}

#[tokio::test]
async fn a_socket_that_does_not_read_what_it_is_sent_is_closed_and_holds_up_nobody() {
    let tracker = TrackerConfig {
        announce_rate: brackish_tracker::Rate::UNLIMITED,
        ..TrackerConfig::default()
    };
    let running = start(
        ServerConfig {
            tracker,
            ..ServerConfig::default()
        },
        None,
    )
    .await;
    let mut slow = connect(running.address).await;
    say(&mut slow, Announce::of(peer(1)).to_json()).await;
    hear(&mut slow).await;
    let mut busy = connect(running.address).await;
    let mut announce = Announce::of(peer(2));
    announce.offers = vec![(offer_id(1), "x".repeat(60_000))];
    let text = announce.to_json();
    // Far more than the kernel's buffers and the queue hold.
    for _ in 0..2_000 {
        say(&mut busy, text.clone()).await;
        hear(&mut busy).await;
        if running.server.stats().sockets == 1 {
            return;
        }
    }
    panic!(
        "the slow socket is still open: {:?}",
        running.server.stats()
    );
}

#[tokio::test]
async fn shutdown_closes_every_socket_and_ends() {
    let running = start(ServerConfig::default(), None).await;
    let mut web = connect(running.address).await;
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    ask(&mut idle, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.stop.send(()).unwrap();
    let end = end(&mut web).await;
    let Some(Ok(Message::Close(Some(frame)))) = end else {
        panic!("{end:?}")
    };
    assert_eq!(u16::from(frame.code), 1001);
    // The client's half of the closing handshake.
    while let Some(Ok(_)) = within(web.next()).await {}
    within(running.task).await.unwrap();
    assert!(within(idle.read_u8()).await.is_err());
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn an_encrypted_port_serves_wss_and_https() {
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::ServerName;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificates: made.cert.pem().into_bytes(),
        key: made.signing_key.serialize_pem().into_bytes(),
    };
    let running = start(
        ServerConfig {
            tls: Some(tls),
            ..ServerConfig::default()
        },
        None,
    )
    .await;

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let secure = async || {
        let stream = TcpStream::connect(running.address).await.unwrap();
        connector
            .connect(ServerName::try_from("localhost").unwrap(), stream)
            .await
            .unwrap()
    };
    let answer = ask(
        &mut within(secure()).await,
        "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n",
    )
    .await;
    assert_eq!(answer.body, b"ok\n");

    let stream = within(secure()).await;
    let (mut socket, _) = within(tokio_tungstenite::client_async("wss://localhost/", stream))
        .await
        .unwrap();
    within(socket.send(Message::text(Announce::of(peer(1)).to_json())))
        .await
        .unwrap();
    let reply = within(socket.next()).await.unwrap().unwrap();
    assert!(reply.to_text().unwrap().contains("\"incomplete\":1"));
}

#[test]
fn a_certificate_that_is_none_is_refused_in_words() {
    let tls = Tls {
        certificates: b"nothing".to_vec(),
        key: b"nothing".to_vec(),
    };
    let error = Server::new(
        ServerConfig {
            tls: Some(tls),
            ..ServerConfig::default()
        },
        None,
    )
    .err()
    .unwrap();
    assert!(error.to_string().contains("certificate"), "{error}");
}
