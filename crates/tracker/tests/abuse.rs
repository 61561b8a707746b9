//! Connections that take without end: messages and requests that never end, handshakes that are
//! none, more connections than there is room for.

mod common;

use std::sync::Arc;
use std::time::Duration;

use brackish_tracker::server::{Fallback, ServerConfig};
use bytes::Bytes;
use common::net::{Running, announce_path, connect, get, hear, request, say, start, within};
use common::{Announce, peer};
use futures_util::future::select_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::connect_async;

const HANDSHAKE: &str = "GET /announce HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n\
                         connection: keep-alive, Upgrade\r\nsec-websocket-version: 13\r\n\
                         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A WebSocket whose frames the test writes itself.
struct Raw(TcpStream);

impl Raw {
    async fn open(running: &Running) -> Self {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = exchange(&mut stream, HANDSHAKE).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        Self(stream)
    }

    /// Writes a frame with this first byte, of which the payload may be shorter than it claims.
    async fn frame(&mut self, first: u8, claimed: usize, payload: &[u8]) {
        let mut frame = vec![first, 0x80 | 126];
        frame.extend((claimed as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(payload);
        // The server may have closed already.
        let _ = self.0.write_all(&frame).await;
    }

    /// The close frame's code, with what came before it passed over.
    async fn close_code(&mut self) -> Option<u16> {
        within(async {
            loop {
                let first = self.0.read_u8().await.ok()?;
                let mut length = usize::from(self.0.read_u8().await.ok()?);
                if length == 126 {
                    length = self.0.read_u16().await.ok()?.into();
                }
                let mut payload = vec![0; length];
                self.0.read_exact(&mut payload).await.ok()?;
                if first == 0x88 {
                    return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                }
            }
        })
        .await
    }
}

/// Sends a request and reads the head of the answer.
async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_message_that_does_not_end_in_time_ends_the_socket() {
    let message_within = Duration::from_millis(200);
    let config = ServerConfig {
        message_within,
        ..ServerConfig::default()
    };
    let running = start(config, None).await;
    // Between messages there is no such bound.
    let mut web = connect(running.address).await;
    say(&mut web, Announce::of(peer(1)).to_json()).await;
    hear(&mut web).await;
    // In one frame, in fragments, and in fragments with answered pings between.
    let mut frame = Raw::open(&running).await;
    frame.frame(0x81, 1000, b"{").await;
    let mut fragments = Raw::open(&running).await;
    fragments.frame(0x01, 1, b"{").await;
    let mut pinging = Raw::open(&running).await;
    pinging.frame(0x01, 1, b"{").await;
    let pings = async {
        let mut ping = tokio::time::interval(Duration::from_millis(20));
        loop {
            ping.tick().await;
            if pinging
                .0
                .write_all(&[0x89, 0x80, 0, 0, 0, 0])
                .await
                .is_err()
            {
                return;
            }
        }
    };
    assert_eq!(frame.close_code().await, Some(1008));
    assert_eq!(fragments.close_code().await, Some(1008));
    within(pings).await;
    say(&mut web, Announce::of(peer(1)).to_json()).await;
    hear(&mut web).await;
}

#[tokio::test]
async fn unfinished_messages_have_a_bound_over_all_sockets() {
    let config = ServerConfig {
        max_unfinished: 200_000,
        ..ServerConfig::default()
    };
    let running = start(config, None).await;
    let mut hoarders = Vec::new();
    for _ in 0..4 {
        let mut hoarder = Raw::open(&running).await;
        hoarder.frame(0x81, 60_000, b"{").await;
        hoarders.push(hoarder);
    }
    // Three have room; whoever came when there was none is told to come back.
    let closed = hoarders
        .iter_mut()
        .map(|hoarder| Box::pin(hoarder.close_code()));
    let (code, _, _) = select_all(closed).await;
    assert_eq!(code, Some(1013));
    // A message below an equal share is taken all the same.
    let mut honest = Raw::open(&running).await;
    let text = Announce::of(peer(1)).to_json();
    let (begin, rest) = text.as_bytes().split_at(100);
    honest.frame(0x81, text.len(), begin).await;
    tokio::task::yield_now().await;
    honest.0.write_all(rest).await.unwrap();
    assert_eq!(within(honest.0.read_u8()).await.unwrap(), 0x81);
}

#[tokio::test]
async fn what_is_no_message_is_answered_with_a_close_frame_that_says_why() {
    let running = start(ServerConfig::default(), None).await;
    for (first, payload, code) in [
        // A control frame in fragments, an opcode that does not exist, a bit of no extension, a
        // continuation of nothing, text that is none.
        (0x09, &b"x"[..], 1002),
        (0x83, b"x", 1002),
        (0xc1, b"x", 1002),
        (0x80, b"x", 1002),
        (0x81, b"\xff\xfe", 1007),
    ] {
        let mut socket = Raw::open(&running).await;
        socket.frame(first, payload.len(), payload).await;
        assert_eq!(socket.close_code().await, Some(code), "{first:#x}");
    }
    let mut unmasked = Raw::open(&running).await;
    unmasked.0.write_all(b"\x81\x01x").await.unwrap();
    assert_eq!(unmasked.close_code().await, Some(1002));
    let mut long = Raw::open(&running).await;
    let head = [0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    long.0.write_all(&head).await.unwrap();
    assert_eq!(long.close_code().await, Some(1009));
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused() {
    let running = start(ServerConfig::default(), None).await;
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    for (what, handshake) in [
        ("of HTTP/1.0", HANDSHAKE.replace("HTTP/1.1", "HTTP/1.0")),
        ("without Host", HANDSHAKE.replace("host: x\r\n", "")),
        (
            "with two hosts",
            HANDSHAKE.replace("host: x\r\n", "host: x\r\nhost: y\r\n"),
        ),
        (
            "without key",
            HANDSHAKE.replace(&format!("sec-websocket-key: {key}\r\n"), ""),
        ),
        (
            "with a short key",
            HANDSHAKE.replace(key, "dGhlIHNhbXBsZSBub25jZQ"),
        ),
        (
            "with a long key",
            HANDSHAKE.replace(key, "dGhlIHNhbXBsZSBub25jZTEy"),
        ),
        (
            "with no Base64",
            HANDSHAKE.replace(key, "dGhlIHNhbXBsZSBub25j!Q=="),
        ),
        ("by POST", HANDSHAKE.replace("GET", "POST")),
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = exchange(&mut stream, &handshake).await;
        assert!(head.contains(" 400 "), "{what}: {head}");
    }
    let old = HANDSHAKE.replace("version: 13", "version: 8");
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = exchange(&mut stream, &old).await.to_lowercase();
    assert!(
        head.contains(" 426 ") && head.contains("sec-websocket-version: 13"),
        "{head}"
    );
}

#[tokio::test]
async fn a_host_that_takes_all_connections_keeps_no_other_out() {
    let config = ServerConfig {
        max_connections: 8,
        trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()],
        ..ServerConfig::default()
    };
    let running = start(config, None).await;
    let mut greedy = Vec::new();
    for _ in 0..8 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let request = "GET /health HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 192.0.2.9\r\n\r\n";
        exchange(&mut stream, request).await;
        greedy.push(stream);
    }
    let mut first = greedy.remove(0);
    let answer = get(running.address, &announce_path(&request(1)), "").await;
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
    // The one that has been silent for longest has made room for it.
    let mut rest = Vec::new();
    let _ = within(first.read_to_end(&mut rest)).await;
    assert_eq!(rest, b"ok\n");
    assert!(running.server.stats().connections <= 8);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends_the_connection() {
    let page = Bytes::from(vec![7; 64 << 20]);
    let fallback: Fallback = Arc::new(move |_| http::Response::new(page.clone()));
    let config = ServerConfig {
        write_within: Duration::from_millis(200),
        ..ServerConfig::default()
    };
    let running = start(config, Some(fallback)).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    exchange(&mut stream, "GET /page HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(running.server.stats().connections, 1);
    within(async {
        while running.server.stats().connections > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_head_that_does_not_end_counts_against_the_bound_of_all() {
    let config = ServerConfig {
        max_unfinished: 10_000,
        ..ServerConfig::default()
    };
    let running = start(config, None).await;
    let mut hoarders = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nx: {}", "x".repeat(4000));
        stream.write_all(head.as_bytes()).await.unwrap();
        hoarders.push(stream);
    }
    let closed = hoarders.iter_mut().map(|stream| {
        Box::pin(async {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        })
    });
    within(select_all(closed)).await;
    let answer = get(running.address, &announce_path(&request(1)), "").await;
    assert!(answer.head.starts_with("http/1.1 200"), "{}", answer.head);
}

#[tokio::test]
async fn loopback_gives_way_to_itself_only_after_a_silence() {
    let config = ServerConfig {
        max_connections: 2,
        ..ServerConfig::default()
    };
    let running = start(config, None).await;
    let first = connect(running.address).await;
    let _second = connect(running.address).await;
    let url = format!("ws://{}/", running.address);
    assert!(within(connect_async(&url)).await.is_err());
    drop(first);
    within(async { while connect_async(&url).await.is_err() {} }).await;
}
