//! The server on a real port, and clients of it.

#![allow(dead_code)] // Each test file uses its part.

use std::net::SocketAddr;
use std::time::Duration;

use brackish_tracker::server::{Fallback, Server, ServerConfig};
use brackish_wire::tracker::http::announce_url;
use brackish_wire::tracker::{AnnounceRequest, Event};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{SWARM, peer};

/// Far longer than anything here takes, on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Running {
    pub address: SocketAddr,
    pub server: Server,
    pub stop: oneshot::Sender<()>,
    pub task: JoinHandle<()>,
}

pub async fn start(config: ServerConfig, fallback: Option<Fallback>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(config, fallback).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn({
        let server = server.clone();
        async move { server.serve(listener, async { drop(stopped.await) }).await }
    });
    Running {
        address,
        server,
        stop,
        task,
    }
}

pub async fn connect(address: SocketAddr) -> Socket {
    let (socket, _) = within(connect_async(format!("ws://{address}/any/path")))
        .await
        .unwrap();
    socket
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .expect("nothing happened in time")
}

pub async fn say(socket: &mut Socket, text: String) {
    within(socket.send(Message::text(text))).await.unwrap();
}

/// The next text message.
pub async fn hear(socket: &mut Socket) -> String {
    loop {
        match within(socket.next()).await {
            Some(Ok(Message::Text(text))) => return text.as_str().to_owned(),
            Some(Ok(_)) => {}
            other => panic!("the socket has ended: {other:?}"),
        }
    }
}

/// What ended the socket, text messages before that passed over.
pub async fn end(socket: &mut Socket) -> Option<Result<Message, Error>> {
    loop {
        match within(socket.next()).await {
            Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
            end => return end,
        }
    }
}

pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

/// Sends a request on an open connection and reads the answer by its `content-length`.
pub async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> Answer {
    within(stream.write_all(request.as_bytes())).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split('\r').next());
    let length = if request.starts_with("HEAD") {
        0
    } else {
        length.map_or(0, |n| n.parse().unwrap())
    };
    let mut body = vec![0; length];
    within(stream.read_exact(&mut body)).await.unwrap();
    Answer { head, body }
}

pub async fn get(address: SocketAddr, path: &str, headers: &str) -> Answer {
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    ask(
        &mut stream,
        &format!("GET {path} HTTP/1.1\r\nhost: tracker.example:99\r\n{headers}\r\n"),
    )
    .await
}

pub fn announce_path(request: &AnnounceRequest) -> String {
    announce_url("http://x/announce", request, None)
        .unwrap()
        .replacen("http://x", "", 1)
}

pub fn request(number: u64) -> AnnounceRequest {
    AnnounceRequest {
        info_hash: SWARM,
        peer_id: peer(number),
        port: 1000 + number as u16,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: Event::Started,
        numwant: None,
        key: 5,
    }
}
