//! What a person may give for a torrent.

mod common;

use std::fs;
use std::net::SocketAddr;

use brackish_native::{Source, SourceError, source};
use brackish_wire::magnet::Magnet;
use common::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const V1: &str = "0123456789abcdef0123456789ABCDEF01234567";

async fn magnet(text: &str) -> Magnet {
    match source::load(text).await.unwrap() {
        Source::Magnet(magnet) => magnet,
        Source::Metainfo(_) => panic!("{text:?} is a magnet link"),
    }
}

async fn refused(text: &str) -> String {
    source::load(text).await.unwrap_err().to_string()
}

/// A server that gives this answer to every request; its address.
async fn server(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    address
}

#[tokio::test]
async fn a_bare_info_hash_is_a_magnet_link() {
    let known = V1.to_ascii_lowercase();
    for text in [
        V1,
        &format!("  {V1}\n"),
        &format!(" magnet:?xt=urn:btih:{V1} "),
    ] {
        assert_eq!(magnet(text).await.info_hash.to_string(), known);
    }
    let base32 = magnet("AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH").await;
    assert_eq!(base32.info_hash.to_string(), known);
    let v2 = V1.repeat(2)[..64].to_ascii_lowercase();
    let of_v2 = magnet(&v2).await;
    assert_eq!(of_v2.info_hash_v2.unwrap().to_string(), v2);
    assert!(of_v2.is_v2_only());
    for no_hash in [&V1[1..], &V1.replace('0', "g")] {
        let error = source::load(no_hash).await.unwrap_err();
        assert!(matches!(error, SourceError::Read { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_file_comes_by_its_path_and_by_its_url() {
    let place = tempfile::tempdir().unwrap();
    write(&place.path().join("a.bin"), &bytes(1, 1000));
    let (metainfo, _) = torrent_of(&[place.path().join("a.bin")], &[]).await;
    let path = place.path().join("a b.torrent");
    fs::write(&path, metainfo.to_bytes()).unwrap();
    let path = path.to_str().unwrap();
    let url = format!("file://{}", path.replace(' ', "%20"));
    let local = url.replacen("file://", "FILE://localhost", 1);
    for text in [path, &url, &local, &format!(" {url} ")] {
        let source = source::load(text).await.unwrap();
        assert_eq!(source.info_hash(), metainfo.info_hash(), "{text:?}");
    }
    let error = refused("file://elsewhere/a.torrent").await;
    assert!(
        error.contains("not the URL of a file on this machine"),
        "{error}"
    );
    let missing = refused("file:///no/such.torrent").await;
    assert!(missing.starts_with("/no/such.torrent: "), "{missing}");
}

#[tokio::test]
async fn a_url_may_lead_to_a_magnet_link() {
    let link = format!("magnet:?xt=urn:btih:{V1}");
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {link}\r\ncontent-length: 0\r\n\r\n");
    let at = server(redirect.into_bytes()).await;
    let found = magnet(&format!("http://{at}/get?id=7")).await;
    assert_eq!(found, link.parse().unwrap());
    let body = format!("d10:magnet-uri{}:{link}e", link.len());
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}");
    let at = server(answer.into_bytes()).await;
    assert_eq!(magnet(&format!("http://{at}")).await, found);
}
