//! Nodes that speak to peers from the addresses that they were given, and from no others.

mod common;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

use brackish_native::{Event, Node, NodeConfig, NodeError};
use common::{bytes, download, seed, torrent_of, within, write};

async fn bound_to(address: &str) -> Node {
    Node::start(NodeConfig {
        bind: vec![address.parse().unwrap()],
        webrtc: false,
        ..NodeConfig::default()
    })
    .await
    .unwrap()
}

// The other systems have no more than one loopback address of IPv4.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn peers_are_accepted_and_dialled_on_the_bound_address_alone() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(3, 300_000));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (bound_to("127.0.0.2").await, bound_to("127.0.0.3").await);
    let port = one.tcp_port().unwrap();
    let there = SocketAddr::from(([127, 0, 0, 2], port));
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect(there).unwrap();
    let refused = TcpStream::connect(elsewhere).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let seeding = seed(&one, &metainfo, map).await;
    let mut events = seeding.events();
    let torrent = download(&other, &metainfo, &place.path().join("leech"), vec![there]).await;
    within(torrent.wait_finished()).await.unwrap();
    let from = within(async {
        loop {
            if let Event::PeerConnected { address, .. } = events.recv().await.unwrap() {
                break address.unwrap();
            }
        }
    });
    assert_eq!(from.await.ip(), IpAddr::from([127, 0, 0, 3]));
}

#[tokio::test]
async fn an_address_that_the_machine_does_not_have_is_named() {
    let error = Node::start(NodeConfig {
        // For documentation (RFC 3849).
        bind: vec!["2001:db8::7".parse().unwrap()],
        ..NodeConfig::default()
    })
    .await
    .unwrap_err();
    assert!(matches!(error, NodeError::Bind { .. }), "{error}");
    assert!(error.to_string().contains("2001:db8::7"), "{error}");
}
