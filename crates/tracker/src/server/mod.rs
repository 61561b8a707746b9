//! The tracker on one TCP port: WebSocket announces on any path, HTTP announces at `/announce`,
//! scrapes at `/scrape`, statistics in JSON at `/stats`, a sign of life at `/health`, and whatever
//! the embedder's fallback answers (a page, a `.torrent`) elsewhere.
//!
//! Each connection is one task. All share the one [`Tracker`](crate::Tracker) behind a mutex, which is held for the
//! few microseconds of one message's table work; its JSON is read before.

mod connections;
mod http;
mod outbox;
mod shared;
mod stream;
mod tls;
mod websocket;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::TrackerConfig;
use shared::Shared;
use stream::Stream;

pub use shared::ServerStats;
pub use tls::{Tls, TlsError};

/// How long a client has for the TLS handshake.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long open connections have to end by themselves at a shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The wait after `accept` failed for want of descriptors or memory, so that connections can end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers the requests that are not the tracker's. It is given the head of a GET or HEAD request
/// with a [`ConnectionInfo`] among its extensions, and must not block.
pub type Fallback = Arc<dyn Fn(::http::Request<()>) -> ::http::Response<Bytes> + Send + Sync>;

/// What the server is to do.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The machine's own limits.
    pub tracker: TrackerConfig,
    /// Connections in all; one more is closed at once.
    pub max_connections: usize,
    /// Connections from one address: high, for thousands can stand behind one carrier's address.
    pub max_connections_per_address: usize,
    /// The addresses of reverse proxies whose `X-Forwarded-For` is believed. Their connections do
    /// not count against the limit for one address.
    pub trusted_proxies: Vec<IpAddr>,
    /// Serve `wss:` and `https:` instead of `ws:` and `http:`.
    pub tls: Option<Tls>,
    /// How long a client has for the head of a request, the wait since the one before included.
    pub head_within: Duration,
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
            max_connections_per_address: 10_000,
            trusted_proxies: Vec::new(),
            tls: None,
            head_within: Duration::from_secs(20),
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
    acceptor: Option<TlsAcceptor>,
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
            acceptor,
        })
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
                    // want of descriptors, which lasts until connections end.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(_) => sleep(ACCEPT_PAUSE).await,
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
        let exempt = self.shared.config.trusted_proxies.contains(&remote.ip());
        let Some(ticket) = self.shared.connections.enter(remote.ip(), exempt) else {
            return;
        };
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let info = ConnectionInfo {
            remote,
            local: canonical(local),
            tls: self.acceptor.is_some(),
        };
        // Signalling is small messages that somebody waits for.
        let _ = stream.set_nodelay(true);
        let (shared, acceptor) = (Arc::clone(&self.shared), self.acceptor.clone());
        tasks.spawn(async move {
            let stream = match acceptor {
                None => Stream::Plain(stream),
                Some(acceptor) => match timeout(TLS_TIMEOUT, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => Stream::Tls(Box::new(stream)),
                    Ok(Err(_)) | Err(_) => return,
                },
            };
            http::serve(shared, stream, info, stopped).await;
            drop(ticket);
        });
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
