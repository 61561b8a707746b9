//! The HTTP side of the port: which request goes where, announces and scrapes over HTTP, the
//! statistics, and the upgrade to WebSocket.

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::stream::Stream;
use super::{ConnectionInfo, Shared, websocket};
use crate::Asker;

/// The longest head: an announce is below 1 KiB, a browser's request with cookies below 8 KiB, a
/// scrape of a hundred swarms is 8 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// How long the end of a connection may take to be written.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Serves one connection: requests until it ends, or a WebSocket.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: Stream,
    info: ConnectionInfo,
    mut shutdown: watch::Receiver<bool>,
) {
    let upgraded = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(&shared, info, request.into_parts().0);
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            upgraded.store(true, Ordering::Relaxed);
        }
        ready(Ok::<_, Infallible>(response.map(Full::new)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.head_within)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = poll_fn(|context| connection.poll_without_shutdown(context)) => Some(served),
        _ = shutdown.wait_for(|&shutdown| shutdown) => None,
    };
    let served = match served {
        Some(served) => served,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    if served.is_err() {
        return;
    }
    let http1::Parts { io, read_buf, .. } = connection.into_parts();
    let mut stream = io.into_inner();
    if upgraded.into_inner() {
        websocket::serve(shared, stream, read_buf).await;
    } else {
        let _ = timeout(SHUTDOWN_TIMEOUT, stream.shutdown()).await;
    }
}

/// Every answer may be read by pages of any origin: nothing here depends on who the reader is.
fn respond(shared: &Shared, info: ConnectionInfo, head: Parts) -> Response<Bytes> {
    let mut response = route(shared, info, head);
    response.headers_mut().insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

fn route(shared: &Shared, info: ConnectionInfo, head: Parts) -> Response<Bytes> {
    if wants_websocket(&head.headers) {
        return upgrade(&head);
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD are answered here\n",
        );
        response
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let query = head.uri.query().unwrap_or_default();
    match head.uri.path() {
        "/announce" => {
            let asker = Asker {
                remote: client_address(shared, info, &head.headers),
                local: info.local.ip(),
            };
            bencoded(shared.handle_announce(query, asker))
        }
        "/scrape" => bencoded(shared.handle_scrape(query)),
        "/stats" => answer(StatusCode::OK, "application/json", shared.stats().to_json()),
        "/health" => text(StatusCode::OK, "ok\n"),
        _ => match &shared.fallback {
            Some(fallback) => {
                let mut request = Request::from_parts(head, ());
                request.extensions_mut().insert(info);
                fallback(request)
            }
            None => text(
                StatusCode::NOT_FOUND,
                "this is a BitTorrent tracker: announce at /announce\n",
            ),
        },
    }
}

/// Who asks: the peer of the connection, or whom a trusted proxy speaks for.
///
/// Each proxy adds the address from which it was asked at the end, so the last address that is not
/// a trusted proxy's is the client's; what stands before is whatever the client claimed.
fn client_address(shared: &Shared, info: ConnectionInfo, headers: &HeaderMap) -> IpAddr {
    let proxies = &shared.config.trusted_proxies;
    let mut client = info.remote.ip();
    let forwarded = headers.get_all("x-forwarded-for").iter().rev();
    let mut forwarded = forwarded
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','));
    while proxies.contains(&client) {
        match forwarded
            .next()
            .and_then(|address| address.trim().parse::<IpAddr>().ok())
        {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    client
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, header::UPGRADE, "websocket")
        && has_token(headers, header::CONNECTION, "upgrade")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// The server's half of the opening handshake (RFC 6455, section 4.2).
fn upgrade(head: &Parts) -> Response<Bytes> {
    if head
        .headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let mut response = text(
            StatusCode::UPGRADE_REQUIRED,
            "only WebSocket version 13 is spoken here\n",
        );
        response.headers_mut().insert(
            header::SEC_WEBSOCKET_VERSION,
            HeaderValue::from_static("13"),
        );
        return response;
    }
    let key = head.headers.get(header::SEC_WEBSOCKET_KEY);
    let accept = key.and_then(|key| HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok());
    let Some(accept) = accept.filter(|_| head.method == Method::GET) else {
        return text(StatusCode::BAD_REQUEST, "not a WebSocket handshake\n");
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// Failures too are answered with 200, as BEP 3 has them in the bencoded dictionary.
fn bencoded(body: Vec<u8>) -> Response<Bytes> {
    answer(StatusCode::OK, "text/plain", body)
}

fn text(status: StatusCode, body: &'static str) -> Response<Bytes> {
    answer(
        status,
        "text/plain; charset=utf-8",
        Bytes::from_static(body.as_bytes()),
    )
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
