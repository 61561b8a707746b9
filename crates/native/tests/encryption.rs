//! Encrypted handshakes before whole nodes: a gate that lets nothing else through, and peers that
//! never come to an end.

mod common;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

const LENGTH: usize = 5_000_001;

/// What the first byte of a plain handshake is.
const PLAIN: u8 = 19;

/// What came to a gate.
#[derive(Default)]
struct Came {
    plain: AtomicUsize,
    encrypted: AtomicUsize,
}

/// Stands before a peer, and hangs up on who begins plainly, as clients do that want encryption.
async fn gate(to: SocketAddr) -> (SocketAddr, Arc<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let came = Arc::new(Came::default());
    let counted = came.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let came = counted.clone();
            tokio::spawn(async move {
                let mut first = [0];
                if stream.peek(&mut first).await.unwrap() == 0 {
                    return;
                }
                if first == [PLAIN] {
                    came.plain.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                came.encrypted.fetch_add(1, Ordering::SeqCst);
                let mut peer = TcpStream::connect(to).await.unwrap();
                // Who is at either end may end it.
                let _ = copy_bidirectional(&mut stream, &mut peer).await;
            });
        }
    });
    (address, came)
}

#[tokio::test]
async fn a_peer_that_hangs_up_on_a_plain_handshake_gets_an_encrypted_one_and_the_next_time_at_once()
{
    let place = tempfile::tempdir().unwrap();
    let (one, other) = (tcp_node().await, tcp_node().await);
    let (behind, came) = gate(address(&one)).await;
    for (number, name) in (1..).zip(["first.bin", "second.bin"]) {
        let source = place.path().join("seed").join(name);
        write(&source, &bytes(number, LENGTH));
        let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
        seed(&one, &metainfo, map).await;
        let target = place.path().join("leech");
        let torrent = download(&other, &metainfo, &target, vec![behind]).await;
        within(torrent.wait_finished()).await.unwrap();
        assert!(fs::read(target.join(name)).unwrap() == bytes(number, LENGTH));
    }
    let came = [&came.plain, &came.encrypted].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(came, [1, 2], "plain and encrypted connections");
}

#[tokio::test]
async fn silent_and_endless_handshakes_are_ended_by_a_limit_and_the_node_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("seed/file.bin");
    write(&source, &bytes(1, LENGTH));
    let (metainfo, map) = torrent_of(std::slice::from_ref(&source), &[]).await;
    let (one, other) = (tcp_node().await, tcp_node().await);
    seed(&one, &metainfo, map).await;

    let key = vec![0xa5; 96];
    let noise = vec![0xa5; 96 + 512 + 20];
    let begun = [&b""[..], b"\x13BitTorrent", b"neither", &key, &noise];
    let mut streams = Vec::new();
    for first in begun {
        let mut stream = TcpStream::connect(address(&one)).await.unwrap();
        stream.write_all(first).await.unwrap();
        streams.push(stream);
    }
    let target = place.path().join("leech");
    let torrent = download(&other, &metainfo, &target, vec![address(&one)]).await;
    within(torrent.wait_finished()).await.unwrap();
    for mut stream in streams {
        let mut answer = Vec::new();
        // The end may come as a reset, where bytes were left unread.
        let _ = within(stream.read_to_end(&mut answer)).await;
        assert!(answer.len() <= 96 + 512, "only a key and padding");
    }
}
