//! The client against scripted servers on loopback.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::reach::Trusted;

const LIMIT: usize = 1000;

/// Runs a test that must end in time.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), test)
            .await
            .expect("ends in time");
    });
}

fn client() -> HttpClient {
    HttpClient::with_proxies(2, Matcher::builder().build())
}

/// A server that answers each request with what `answer` makes of its head. The heads of the requests come by the channel.
async fn server(
    answer: impl Fn(&str) -> Vec<u8> + Clone + Send + 'static,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (heads, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, heads) = (answer.clone(), heads.clone());
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Some(head) = read_head(&mut stream).await {
                    let answer = answer(&head);
                    let _ = heads.send(head);
                    // A client that has seen enough may be gone.
                    let _ = stream.write_all(&answer).await;
                }
            });
        }
    });
    (address, received)
}

async fn read_head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    loop {
        let before = head.len();
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
        if head[before..].trim().is_empty() {
            return Some(head);
        }
    }
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn redirect(to: &str) -> Vec<u8> {
    answer("302 Found", &format!("location: {to}\r\n"), b"over there")
}

fn first_line(head: &str) -> &str {
    head.lines().next().unwrap_or_default()
}

#[test]
fn a_url_is_asked_for_as_others_write_it() {
    run(async {
        let (at, mut heads) = server(|_| answer("200 OK", "", b"x")).await;
        for (path, expected) in [
            ("", "/"),
            ("?a=b", "/?a=b"),
            ("/a file/\u{fc}", "/a%20file/%C3%BC"),
            ("/x#part", "/x"),
        ] {
            let url = format!(" http://{at}{path} ");
            let got = client().get(&url, LIMIT, Reach::Download).await;
            assert_eq!(got.unwrap().body, "x");
            let head = heads.recv().await.unwrap();
            assert_eq!(first_line(&head), format!("GET {expected} HTTP/1.1"));
        }
        let with_user = format!("http://me:a%20b@{at}/x");
        let got = client().get(&with_user, LIMIT, Reach::Download).await;
        assert_eq!(got.unwrap().body, "x");
        let head = heads.recv().await.unwrap();
        assert!(head.contains("Basic bWU6YSBi\r\n"), "{head}");
        assert!(!head.contains("me:"), "{head}");
    });
}

#[test]
fn redirects_lead_on_relatively_too_but_not_for_ever() {
    run(async {
        let (at, mut heads) = server(|head| match first_line(head) {
            "GET /d/a HTTP/1.1" => redirect("b c?x"),
            "GET /d/b%20c?x HTTP/1.1" => redirect("../e"),
            "GET /e HTTP/1.1" => redirect("?f"),
            "GET /e?f HTTP/1.1" => answer("200 OK", "", b"there"),
            _ => redirect("/again"),
        })
        .await;
        let url = format!("http://{at}/d/a");
        let got = client().get(&url, LIMIT, Reach::Download).await;
        assert_eq!(got.unwrap().body, "there");
        while heads.try_recv().is_ok() {}
        let url = format!("http://{at}/");
        let got = client().get(&url, LIMIT, Reach::Download).await;
        assert!(matches!(got, Err(HttpError::Redirects)), "{got:?}");
        let (to_magnet, _heads) = server(|_| redirect("magnet:?xt=urn:btih:0")).await;
        let url = format!("http://{to_magnet}/");
        let got = client().get(&url, LIMIT, Reach::Download).await;
        let Err(HttpError::Elsewhere { url }) = got else {
            panic!("{got:?}")
        };
        assert_eq!(url, "magnet:?xt=urn:btih:0");
    });
}

#[test]
fn a_user_is_not_told_to_another_server() {
    run(async {
        let (other, mut heads) = server(|_| answer("200 OK", "", b"x")).await;
        let to = format!("http://{other}/x");
        let (at, _heads) = server(move |_| redirect(&to)).await;
        let url = format!("http://me:secret@{at}/");
        client().get(&url, LIMIT, Reach::Download).await.unwrap();
        let head = heads.recv().await.unwrap().to_ascii_lowercase();
        assert!(!head.contains("authorization"), "{head}");
    });
}

#[test]
fn a_compressed_body_is_bounded_after_decompression() {
    run(async {
        let compressed = |plain: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        };
        let (good, bomb) = (compressed(b"d5:peers0:e"), compressed(&[0; 100_000]));
        assert!(bomb.len() < LIMIT);
        let (at, _heads) = server(move |head| {
            let body = match first_line(head) {
                "GET /good HTTP/1.1" => good.clone(),
                "GET /cut HTTP/1.1" => good[..good.len() / 2].to_vec(),
                _ => bomb.clone(),
            };
            answer("200 OK", "Content-Encoding: GZIP\r\n", &body)
        })
        .await;
        let get = |path: &str| {
            let url = format!("http://{at}/{path}");
            async move { client().get(&url, LIMIT, Reach::Download).await }
        };
        assert_eq!(get("good").await.unwrap().body, "d5:peers0:e");
        assert!(matches!(get("cut").await, Err(HttpError::Cut)));
        let bomb = get("bomb").await;
        assert!(matches!(bomb, Err(HttpError::TooLarge { limit: LIMIT })));
    });
}

#[test]
fn a_connection_that_may_lead_inside_is_not_used_for_what_may_not() {
    run(async {
        let (at, _heads) = server(|_| answer("200 OK", "", b"x")).await;
        let client = client();
        let url = format!("http://{at}/file");
        let named = Trusted::new([url.as_str()]);
        let got = client.get_range(&url, &(0..1), Reach::File(&named)).await;
        let body = got.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "x");
        let nobody = Trusted::default();
        let got = client.get_range(&url, &(0..1), Reach::File(&nobody)).await;
        assert!(matches!(got, Err(HttpError::Inside(_))), "{got:?}");
    });
}

/// A proxy that answers requests itself; after CONNECT it answers what comes through the tunnel.
async fn proxy() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    server(|head| match first_line(head).starts_with("CONNECT") {
        true => b"HTTP/1.1 200 Connection established\r\n\r\n".to_vec(),
        false => answer("200 OK", "", b"by proxy"),
    })
    .await
}

#[test]
fn proxies_of_the_environment_are_used_for_other_machines() {
    run(async {
        let (at, mut heads) = proxy().await;
        let proxies = || {
            Matcher::builder()
                .all(format!("http://me:secret@{at}"))
                .no("direct.example,10.0.0.0/8")
                .build()
        };
        let client = HttpClient::with_proxies(0, proxies());
        let got = client
            .get("http://far.invalid/a b", LIMIT, Reach::Download)
            .await;
        assert_eq!(got.unwrap().body, "by proxy");
        let head = heads.recv().await.unwrap();
        let expected = "GET http://far.invalid/a%20b HTTP/1.1";
        assert_eq!(first_line(&head), expected);
        assert!(head.contains("Basic bWU6c2VjcmV0"), "{head}");

        let connector = Connector::new(Arc::new(proxies()), true);
        let address = Address::of(&address::read("ws://far.invalid/").unwrap()).unwrap();
        let link = connector.connect(&address.uri, true).await.unwrap();
        let head = heads.recv().await.unwrap();
        assert_eq!(first_line(&head), "CONNECT far.invalid:80 HTTP/1.1");
        let mut tunnel = link.into_stream();
        let request = b"GET /in HTTP/1.1\r\n\r\n";
        tunnel.write_all(request).await.unwrap();
        let mut begin = [0; 12];
        tunnel.read_exact(&mut begin).await.unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200");

        for direct in [
            "http://localhost/",
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://direct.example/",
            "https://10.1.2.3/",
        ] {
            let proxy = connector.proxy(&direct.parse().unwrap());
            assert!(proxy.is_none(), "{direct}");
        }
        for by_proxy in [
            "http://192.168.1.1/",
            "https://far.example/",
            "wss://far.example/",
        ] {
            let proxy = connector.proxy(&by_proxy.parse().unwrap());
            assert!(proxy.is_some(), "{by_proxy}");
        }
    });
}

#[test]
fn a_proxy_is_no_way_into_the_local_network() {
    run(async {
        let (at, _heads) = proxy().await;
        let proxies = Matcher::builder().all(format!("http://{at}")).build();
        let client = HttpClient::with_proxies(0, proxies);
        let nobody = Trusted::default();
        for url in ["http://192.168.1.1/file", "http://10.0.0.1/file"] {
            let got = client.get_range(url, &(0..1), Reach::File(&nobody)).await;
            assert!(matches!(got, Err(HttpError::Inside(_))), "{got:?}");
        }
    });
}

#[test]
fn a_proxy_that_cannot_be_used_is_named() {
    run(async {
        let proxies = Matcher::builder().all("socks5://127.0.0.1:9").build();
        let client = HttpClient::with_proxies(0, proxies);
        let got = client
            .get("http://far.invalid/", LIMIT, Reach::Download)
            .await;
        let error = got.unwrap_err().to_string();
        let expected = "the proxy 127.0.0.1:9: only http and https proxies can be used";
        assert!(error.starts_with(expected), "{error}");
    });
}
