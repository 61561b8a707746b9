//! Makes the connections of HTTP clients and WebSockets, directly or by the proxy that the environment names, and holds to
//! the egress policy: the addresses of a server are checked just before they are connected to.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{HOST, PROXY_AUTHORIZATION};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Uri};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tower_service::Service;

use super::dial::{Stream, connect_to, encrypt, look_up};
use crate::reach::{self, Inside};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Inside(#[from] Inside),
    #[error("the proxy {proxy}: {reason}")]
    Proxy { proxy: String, reason: String },
}

/// Connects to servers anywhere, or outside of the local network alone.
#[derive(Clone)]
pub(crate) struct Connector {
    proxies: Arc<Matcher>,
    anywhere: bool,
}

/// A connection, and what is known of its other end.
pub(crate) struct Link {
    stream: TokioIo<Box<dyn Stream>>,
    end: End,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// A proxy that takes whole URLs (RFC 9112, 3.2.2).
    by_proxy: bool,
    /// The server is in the local network.
    pub(crate) is_inside: bool,
}

impl Connector {
    /// `anywhere` allows servers in the local network.
    pub(crate) fn new(proxies: Arc<Matcher>, anywhere: bool) -> Self {
        Self { proxies, anywhere }
    }

    /// The proxy for this URL, if there is one. Servers on this machine have none, as in browsers.
    pub(crate) fn proxy(&self, uri: &Uri) -> Option<Intercept> {
        let host = uri.host()?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let on_this_machine = bare.eq_ignore_ascii_case("localhost")
            || bare
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical().is_loopback());
        if on_this_machine {
            return None;
        }
        // The environment names proxies by the schemes of HTTP alone.
        let scheme = if is_secure(uri) { "https" } else { "http" };
        let uri = Uri::builder()
            .scheme(scheme)
            .authority(uri.authority()?.clone())
            .path_and_query("/");
        self.proxies.intercept(&uri.build().ok()?)
    }

    /// Connects to the server of `uri`. `tunnel` asks for a connection that is the server's own even where a proxy could
    /// pass on requests instead, as WebSockets need it.
    pub(crate) async fn connect(&self, uri: &Uri, tunnel: bool) -> Result<Link, ConnectError> {
        let secure = is_secure(uri);
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let (stream, end) = match self.proxy(uri) {
            None => {
                let mut addresses = look_up(host, port).await?;
                if !self.anywhere {
                    addresses = reach::outside(addresses)?;
                }
                let (stream, address) = connect_to(&addresses, host, secure).await?;
                let is_inside = reach::is_local(address.ip());
                (
                    stream,
                    End {
                        by_proxy: false,
                        is_inside,
                    },
                )
            }
            Some(proxy) => {
                if !self.anywhere {
                    refuse_inside(host, port).await?;
                }
                let failed = |error: io::Error| ConnectError::Proxy {
                    proxy: proxy
                        .uri()
                        .authority()
                        .map_or_else(String::new, ToString::to_string),
                    reason: super::in_words(&error),
                };
                let by_proxy = !secure && !tunnel;
                let stream = by(&proxy, host, port, !by_proxy).await.map_err(failed)?;
                let stream = match secure {
                    true => encrypt(host, stream).await?,
                    false => stream,
                };
                (
                    stream,
                    End {
                        by_proxy,
                        is_inside: false,
                    },
                )
            }
        };
        Ok(Link {
            stream: TokioIo::new(stream),
            end,
        })
    }
}

fn is_secure(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("https" | "wss"))
}

/// Refuses a server that is known to be in the local network. A proxy may know names that this machine does not.
async fn refuse_inside(host: &str, port: u16) -> Result<(), Inside> {
    let addresses = look_up(host, port).await.unwrap_or_default();
    if addresses.is_empty() {
        return Ok(());
    }
    reach::outside(addresses).map(drop)
}

/// Connects to a proxy; with `tunnel`, through it to a server.
async fn by(proxy: &Intercept, host: &str, port: u16, tunnel: bool) -> io::Result<Box<dyn Stream>> {
    let secure = match proxy.uri().scheme_str() {
        Some("http") => false,
        Some("https") => true,
        scheme => {
            let scheme = scheme.unwrap_or_default();
            return Err(io::Error::other(format!(
                "only http and https proxies can be used, not {scheme:?}"
            )));
        }
    };
    let name = proxy.uri().host().unwrap_or_default();
    let at = proxy
        .uri()
        .port_u16()
        .unwrap_or(if secure { 443 } else { 80 });
    let addresses = look_up(name, at).await?;
    let (stream, _) = connect_to(&addresses, name, secure).await?;
    if !tunnel {
        return Ok(stream);
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let target = format!("{host}:{port}");
    let mut request = Request::connect(&target)
        .header(HOST, &target)
        .body(Empty::<Bytes>::new())
        .map_err(io::Error::other)?;
    if let Some(authorization) = proxy.basic_auth() {
        request
            .headers_mut()
            .insert(PROXY_AUTHORIZATION, authorization.clone());
    }
    let answer = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    if !answer.status().is_success() {
        return Err(io::Error::other(format!("HTTP status {}", answer.status())));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(io::Error::other)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

impl Link {
    /// The stream itself, for what is not HTTP.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream.into_inner()
    }
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri, false).await })
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.end.by_proxy).extra(self.end)
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
