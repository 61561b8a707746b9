//! The tracker on one TCP port: WebSocket announces on any path, HTTP announces at `/announce`,
//! scrapes at `/scrape`, statistics in JSON at `/stats`, a sign of life at `/health`, and whatever
//! the embedder's fallback answers (a page, a `.torrent`) elsewhere.
//!
//! Each connection is one task. All share the one [`Tracker`](crate::Tracker) behind a mutex, which is held for the
//! few microseconds of one message's table work; its JSON is read before.

mod access;
mod budget;
mod connections;
mod framing;
mod held;
mod http;
mod inlet;
mod memory;
mod outbox;
mod proxies;
mod rates;
mod shared;
mod stream;
mod tls;
mod websocket;

use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use brackish_wire::InfoHash;
use bytes::Bytes;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::{Rate, TrackerConfig};
use outbox::lock;
use shared::Shared;
use stream::Stream;

pub use access::{Hosts, OnRefused, Origins, Refused};
pub use shared::ServerStats;
pub use tls::{Tls, TlsError};

/// How long a client has for the TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long open connections have to end by themselves at a shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait after `accept` failed for want of descriptors or memory, so that connections can end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers the requests that are not the tracker's. It is given the head of a GET or HEAD request
/// with a [`ConnectionInfo`] among its extensions, and must not block. The request's `Host` is the
/// name that [`Hosts`] were asked about, if there is one.
pub type Fallback = Arc<dyn Fn(::http::Request<()>) -> ::http::Response<Bytes> + Send + Sync>;

/// What the server is to do.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The machine's own limits.
    pub tracker: TrackerConfig,
    /// Connections in all. For one more another is ended: one of the host (IPv4 address or IPv6
    /// /64) that has the most, or one that has been silent; if there is none, the new one is closed.
    pub max_connections: usize,
    /// HTTP requests from one host (IPv4 address or IPv6 /64), WebSocket handshakes included.
    /// Loopback has no bound.
    pub http_rate: Rate,
    /// The networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Host` are believed.
    /// Their connections count as those of the clients that they speak for.
    pub trusted_proxies: Vec<IpNet>,
    /// The names under which all is answered that is no announce or scrape.
    pub hosts: Hosts,
    /// Whether pages of this server's own, under one of `hosts`, may bring swarms that are not
    /// [allowed](Server::set_allowed), which others may join while they last. For servers whose
    /// fallback gives out such pages.
    pub own_pages_bring_swarms: bool,
    /// The pages that may announce and scrape.
    pub origins: Origins,
    /// Is told whenever `hosts` or `origins` keep a request from being answered.
    pub on_refused: Option<OnRefused>,
    /// Serve `wss:` and `https:` instead of `ws:` and `http:`.
    pub tls: Option<Tls>,
    /// How long a client has for the head of a request, the wait since the one before included.
    pub head_within: Duration,
    /// How long a client has to take some of what is written to it.
    pub write_within: Duration,
    /// How long a WebSocket message may take from its first byte to its last.
    pub message_within: Duration,
    /// Bytes of requests and messages that have begun and not ended, which all connections together
    /// may hold. Beyond it the connections with more than an equal share are closed, so that it is
    /// at most twice as much.
    pub max_unfinished: usize,
    /// After how long a silence a WebSocket is pinged.
    pub ping_after: Duration,
    /// How soon it must then be heard.
    pub pong_within: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            tracker: TrackerConfig::default(),
            max_connections: 50_000,
            // Many homes can stand behind one address, each with a client of many torrents.
            http_rate: Rate {
                per_second: 200,
                burst: 2_000,
            },
            trusted_proxies: Vec::new(),
            hosts: Hosts::default(),
            own_pages_bring_swarms: false,
            origins: Origins::default(),
            on_refused: None,
            tls: None,
            head_within: Duration::from_secs(20),
            write_within: Duration::from_secs(20),
            message_within: Duration::from_secs(20),
            // Two thousand announces of ordinary length.
            max_unfinished: 32 << 20,
            ping_after: Duration::from_secs(30),
            pong_within: Duration::from_secs(20),
        }
    }
}

/// The two ends of a connection, in canonical form (an IPv4 address that a dual-stack socket shows
/// as IPv6 is IPv4 here).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The client's end, or that of the proxy before it.
    pub remote: SocketAddr,
    /// The server's end.
    pub local: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The TLS certificate or key is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gives no random numbers for the seed.
    #[error("no random seed from the system: {0}")]
    Seed(getrandom::Error),
}

/// A tracker that listens on any number of listeners; clones are the same tracker.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
    /// `None` where connections are not encrypted.
    acceptor: Arc<Mutex<Option<TlsAcceptor>>>,
}

/// Serves one listener until `shutdown` resolves and the connections have been closed.
pub async fn serve(
    listener: TcpListener,
    config: ServerConfig,
    fallback: Option<Fallback>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServerError> {
    Server::new(config, fallback)?
        .serve(listener, shutdown)
        .await;
    Ok(())
}

impl Server {
    /// A tracker with no peers yet. Must be called within a tokio runtime that has I/O and time.
    pub fn new(config: ServerConfig, fallback: Option<Fallback>) -> Result<Self, ServerError> {
        let acceptor = config.tls.as_ref().map(Tls::acceptor).transpose()?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(ServerError::Seed)?;
        Ok(Self {
            shared: Arc::new(Shared::new(config, fallback, seed)),
            acceptor: Arc::new(Mutex::new(acceptor)),
        })
    }

    /// Encrypts the connections that come from now on with another certificate. Those that are open
    /// keep theirs.
    pub fn set_tls(&self, tls: &Tls) -> Result<(), TlsError> {
        let acceptor = tls.acceptor()?;
        *lock(&self.acceptor) = Some(acceptor);
        Ok(())
    }

    /// Serves these swarms alone from now on, or with `None` all. Swarms that are not among them end.
    /// See [`ServerConfig::own_pages_bring_swarms`] for others.
    pub fn set_allowed(&self, allowed: Option<HashSet<InfoHash>>) {
        self.shared.set_allowed(allowed);
    }

    /// What the tracker holds and has done.
    pub fn stats(&self) -> ServerStats {
        self.shared.stats()
    }

    /// Accepts connections until `shutdown` resolves, then closes them, for at most five seconds.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let expiry = tasks.spawn(shared::expire(Arc::clone(&self.shared)));
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, remote)) => self.accept(&mut tasks, stream, remote, stopped.clone()),
                    // One client that gave up while it waited is nothing; anything else may be a
                    // want of descriptors, which lasts until a connection ends.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(_) => {
                        self.shared.connections.make_room();
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = tasks.join_next() => {}
            }
        }
        drop(listener);
        expiry.abort();
        let _ = stop.send(true);
        self.shared.close_all();
        let ended = async { while tasks.join_next().await.is_some() {} };
        let _ = timeout(SHUTDOWN_TIMEOUT, ended).await;
        // What is left is dropped with the set of tasks.
    }

    fn accept(
        &self,
        tasks: &mut JoinSet<()>,
        stream: TcpStream,
        remote: SocketAddr,
        stopped: watch::Receiver<bool>,
    ) {
        let remote = canonical(remote);
        let Some(ticket) = self.shared.connections.enter(remote.ip()) else {
            return;
        };
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let acceptor = lock(&self.acceptor).clone();
        let info = ConnectionInfo {
            remote,
            local: canonical(local),
            tls: acceptor.is_some(),
        };
        // Signalling is small messages that somebody waits for.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&self.shared);
        let id = ticket.id();
        let task = tasks.spawn(async move {
            let stream = match acceptor {
                None => Stream::Plain(stream),
                Some(acceptor) => match timeout(TLS_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                    Ok(Err(_)) | Err(_) => return,
                },
            };
            http::serve(shared, stream, info, ticket, stopped).await;
        });
        self.shared.connections.attach(id, task);
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
