//! The clients against servers on loopback: the project's own tracker where it speaks the protocol,
//! a scripted one where it must misbehave.

use std::net::SocketAddr;
use std::time::Duration;

use brackish_tracker::server::{ServerConfig, serve};
use brackish_wire::tracker::udp::{Request, Response};
use brackish_wire::tracker::ws::{ClientMessage, ServerMessage};
use brackish_wire::tracker::{AnnounceRequest, Event};
use brackish_wire::{InfoHash, PeerId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::timeout;

use super::websocket::{MAX_WAITING, SocketEvent};
use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async {
        timeout(PATIENCE, test).await.expect("ends in time");
    });
}

fn request(peer: u8, left: u64) -> AnnounceRequest {
    AnnounceRequest {
        info_hash: InfoHash([1; 20]),
        peer_id: PeerId([peer; 20]),
        port: 6881,
        uploaded: 0,
        downloaded: 0,
        left,
        event: Event::Started,
        numwant: Some(50),
        key: 5,
    }
}

async fn tracker() -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(serve(listener, ServerConfig::default(), None, async {
        drop(stopped.await)
    }));
    (address, stop)
}

/// An HTTP server that gives these answers, one a connection; its address.
async fn scripted(answers: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            // A client that has seen enough may be gone.
            let _ = stream.write_all(&answer).await;
        }
    });
    address
}

#[test]
fn an_http_announce_brings_the_peers_of_the_swarm() {
    run(async {
        let (tracker, _stop) = tracker().await;
        let announcer = Announcer::new();
        let url = format!("http://{tracker}/announce");
        announcer
            .announce(&url, &request(1, 0), None, &Trusted::default())
            .await
            .unwrap();
        let response = announcer
            .announce(&url, &request(2, 10), None, &Trusted::default())
            .await
            .unwrap();
        assert_eq!(response.peers.len(), 1);
        assert_eq!(response.peers[0].port(), 6881);
        assert_eq!((response.complete, response.incomplete), (Some(1), Some(1)));
    });
}

#[test]
fn an_http_tracker_that_misbehaves_is_described_in_words() {
    run(async {
        let announcer = Announcer::new();
        let cases: [(&[u8], &str); 5] = [
            (
                b"HTTP/1.1 200 X\r\ncontent-length: 27\r\n\r\nd14:failure reason6:bannede",
                "banned",
            ),
            (
                b"HTTP/1.1 503 X\r\ncontent-length: 4\r\n\r\nbusy",
                "HTTP status 503",
            ),
            (
                b"HTTP/1.1 200 X\r\ncontent-length: 99\r\n\r\nd8:interval",
                "ended early",
            ),
            (b"SSH-2.0\r\n", "not an HTTP answer"),
            (
                b"HTTP/1.1 200 X\r\ncontent-length: 99999999\r\n\r\n",
                "larger than",
            ),
        ];
        for (answer, expected) in cases {
            let address = scripted(vec![answer.to_vec()]).await;
            let result = announcer
                .announce(
                    &format!("http://{address}/announce"),
                    &request(1, 1),
                    None,
                    &Trusted::default(),
                )
                .await;
            let reason = result.unwrap_err();
            assert!(reason.contains(expected), "{reason:?} says {expected:?}");
        }
        let reason = announcer
            .announce(
                "http://no-such-host.invalid/announce",
                &request(1, 1),
                None,
                &Trusted::default(),
            )
            .await
            .unwrap_err();
        assert!(reason.contains("no-such-host.invalid"), "{reason}");
    });
}

#[test]
fn an_answer_in_another_dialect_brings_its_peers() {
    run(async {
        let answer = |status: &str, body: &str| {
            let length = body.len();
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
        };
        let by_name = "d8:interval2:-15:peersld2:ip9:localhost4:port2:81eee";
        let refused = "d14:failure reason12:unregisterede";
        let tracker = scripted(vec![
            answer("200 OK", by_name),
            answer("400 Bad Request", "d8:intervali9e5:peers0:e"),
            answer("400 Bad Request", refused),
            answer("403 Forbidden", "no"),
        ])
        .await;
        let announcer = Announcer::new();
        let url = format!("http://{tracker}/announce");
        let request = request(1, 1);
        let nobody = Trusted::default();
        let announce = || announcer.announce(&url, &request, None, &nobody);
        let answer = announce().await.unwrap();
        let [peer] = answer.peers[..] else {
            panic!("{answer:?}")
        };
        assert!(peer.ip().is_loopback() && peer.port() == 81);
        assert_eq!(announce().await.unwrap().interval, 9);
        assert!(announce().await.unwrap_err().contains("unregistered"));
        assert_eq!(announce().await.unwrap_err(), "HTTP status 403 Forbidden");
    });
}

/// A UDP tracker that leaves the first `deaf` datagrams unanswered, and tells what it got.
async fn udp_tracker(deaf: usize) -> (SocketAddr, mpsc::UnboundedReceiver<Request>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, got) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        let mut count = 0;
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let request = Request::decode(&buffer[..length]).unwrap();
            count += 1;
            let answer = match &request {
                Request::Connect { transaction_id } => Some(Response::Connect {
                    transaction_id: *transaction_id,
                    connection_id: 77,
                }),
                Request::Announce {
                    connection_id: 77,
                    transaction_id,
                    request,
                    ..
                } if request.left == 666 => Some(Response::Error {
                    transaction_id: *transaction_id,
                    message: "go away".into(),
                }),
                Request::Announce {
                    connection_id: 77,
                    transaction_id,
                    ..
                } => Some(Response::Announce {
                    transaction_id: *transaction_id,
                    interval: 900,
                    incomplete: 1,
                    complete: 2,
                    peers: vec!["1.2.3.4:5".parse().unwrap()],
                }),
                _ => None,
            };
            // The test may be over.
            let _ = sender.send(request);
            if let Some(answer) = answer.filter(|_| count > deaf) {
                // A datagram of nobody's comes first.
                socket.send_to(&[0; 20], from).await.unwrap();
                socket.send_to(&answer.encode(), from).await.unwrap();
            }
        }
    });
    (address, got)
}

#[test]
fn a_udp_connection_id_is_used_again() {
    run(async {
        let (tracker, mut got) = udp_tracker(0).await;
        let announcer = Announcer::new();
        let url = format!("udp://{tracker}/announce?key=1");
        for _ in 0..2 {
            let response = announcer
                .announce(&url, &request(1, 1), None, &Trusted::default())
                .await
                .unwrap();
            assert_eq!(
                (response.interval, response.complete, response.peers.len()),
                (900, Some(2), 1)
            );
        }
        assert!(matches!(got.recv().await.unwrap(), Request::Connect { .. }));
        for _ in 0..2 {
            let Request::Announce { url_data, .. } = got.recv().await.unwrap() else {
                panic!("an announce")
            };
            assert_eq!(url_data, b"/announce?key=1");
        }
        assert_eq!(
            announcer
                .announce(&url, &request(1, 666), None, &Trusted::default())
                .await
                .unwrap_err(),
            "go away"
        );
    });
}

#[test]
fn a_lost_datagram_is_sent_again() {
    run(async {
        let (tracker, mut got) = udp_tracker(1).await;
        let announcer = Announcer::new();
        announcer
            .announce(
                &format!("udp://{tracker}"),
                &request(1, 1),
                None,
                &Trusted::default(),
            )
            .await
            .unwrap();
        let mut connects = 0;
        while let Request::Connect { .. } = got.recv().await.unwrap() {
            connects += 1;
        }
        assert_eq!(connects, 2);
    });
}

#[test]
fn a_websocket_carries_an_announce_and_its_answer() {
    run(async {
        let (tracker, _stop) = tracker().await;
        let (outgoing, waiting) = mpsc::channel(MAX_WAITING);
        let announce = ClientMessage::parse(
            r#"{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaaa","peer_id":"bbbbbbbbbbbbbbbbbbbb","numwant":0,"left":0,"offers":[]}"#,
        );
        outgoing.send(announce.unwrap().to_json()).await.unwrap();
        let mut opened = false;
        let mut outgoing = Some(outgoing);
        let url = format!("ws://{tracker}/announce");
        let nobody = Trusted::default();
        let end = websocket::run(&url, &nobody, waiting, |event| match event {
            SocketEvent::Opened => opened = true,
            SocketEvent::Message(text) => {
                assert!(matches!(
                    ServerMessage::parse(text),
                    Ok(ServerMessage::Announce {
                        complete: Some(1),
                        ..
                    })
                ));
                // Nothing more to say: it closes.
                outgoing = None;
            }
        });
        assert_eq!(end.await, "closed");
        assert!(opened);
    });
}

#[test]
fn what_is_no_websocket_is_described_in_words() {
    run(async {
        let plain = scripted(vec![
            b"HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ])
        .await;
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        for (url, expected) in [
            (format!("ws://{plain}/"), "HTTP status 404"),
            (format!("ws://{closed}/"), "connection refused"),
            (
                "ws://no-such-host.invalid/".to_owned(),
                "no-such-host.invalid",
            ),
        ] {
            let (_outgoing, waiting) = mpsc::channel(1);
            let reason = websocket::run(&url, &Trusted::default(), waiting, |_| {}).await;
            assert!(reason.contains(expected), "{reason:?} says {expected:?}");
        }
    });
}

/// An HTTP server that says that it was asked; its address.
async fn service() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tell.send(());
            let answer = b"HTTP/1.1 200 X\r\ncontent-length: 12\r\n\r\nd5:peers0:ee";
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (address, asked)
}

#[test]
fn a_tracker_of_a_torrent_alone_gets_no_other_local_service_asked_nor_does_a_redirect() {
    run(async {
        let announcer = Announcer::new();
        let (service, mut asked) = service().await;
        let to = format!(
            "HTTP/1.1 302 X\r\nlocation: http://{service}/reboot\r\ncontent-length: 0\r\n\r\n"
        );
        let redirecting = scripted(vec![to.into_bytes()]).await;
        let nobody = Trusted::default();
        for url in [
            format!("http://{service}/reboot?now=1"),
            format!("http://localhost:{}/", service.port()),
            format!("http://{redirecting}/announce"),
        ] {
            let announce = &request(1, 1);
            let refused = announcer.announce(&url, announce, None, &nobody).await;
            let reason = refused.unwrap_err();
            assert!(reason.contains("local network"), "{url}: {reason}");
            assert!(reason.contains("--tracker URL"), "{url}: {reason}");
        }
        let (_outgoing, waiting) = mpsc::channel(1);
        let url = format!("ws://{service}/reboot");
        let reason = websocket::run(&url, &nobody, waiting, |_| {}).await;
        assert!(reason.contains("local network"), "{reason}");
        assert!(asked.try_recv().is_err(), "the service was asked");
    });
}

#[test]
fn a_local_tracker_is_asked_at_announce_and_where_the_user_named_it() {
    run(async {
        let announcer = Announcer::new();
        let (service, mut asked) = service().await;
        let url = format!("http://{service}/tracker.php");
        let named = Trusted::new([url.as_str()]);
        let usual = format!("http://{service}/announce");
        for (url, trusted) in [(&url, &named), (&usual, &Trusted::default())] {
            let announce = &request(1, 1);
            let answer = announcer.announce(url, announce, None, trusted).await;
            assert!(answer.unwrap().peers.is_empty());
            assert!(asked.try_recv().is_ok());
        }
    });
}
