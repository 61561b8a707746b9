//! The HTTP side of the port: which request goes where, announces and scrapes over HTTP, the
//! statistics, and the upgrade to WebSocket.

use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use brackish_wire::tracker::http as codec;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::access::{Refused, Target};
use super::connections::Ticket;
use super::inlet::Inlet;
use super::proxies;
use super::stream::Stream;
use super::{ConnectionInfo, Shared, websocket};
use crate::Asker;

/// The longest head: an announce is below 1 KiB, a browser's request with cookies below 8 KiB, a
/// scrape of a hundred swarms is 8 KiB.
const MAX_HEAD: usize = 16 * 1024;

/// How long the end of a connection may take to be written.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// A WebSocket's key: sixteen bytes in Base64 (RFC 6455, section 4.1).
const KEY_LENGTH: usize = 24;

/// What is said to a client that asks too often.
const TOO_FAST: &str = "too many requests: slow down";

/// Marks the answer after which a connection carries a WebSocket: whether that is of a page of this
/// server's own.
#[derive(Clone, Copy, Debug)]
struct OfOwnPage(bool);

/// Serves one connection: requests until it ends, or a WebSocket.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: Stream,
    info: ConnectionInfo,
    ticket: Ticket,
    mut shutdown: watch::Receiver<bool>,
) {
    let (upgraded, of_own_page) = (AtomicBool::new(false), AtomicBool::new(false));
    let whole = Arc::new(AtomicUsize::new(0));
    let inlet = Inlet::of_requests(
        stream,
        shared.budget.share(),
        Arc::clone(&whole),
        shared.config.write_within,
    );
    let service = service_fn(|request: Request<Incoming>| {
        whole.fetch_add(1, Ordering::Relaxed);
        ticket.heard(Instant::now());
        let response = respond(&shared, info, &ticket, request.into_parts().0);
        if let Some(OfOwnPage(own)) = response.extensions().get() {
            upgraded.store(true, Ordering::Relaxed);
            of_own_page.store(*own, Ordering::Relaxed);
        }
        ready(Ok::<_, Infallible>(response.map(Full::new)))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.config.head_within)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(inlet), service);
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
    let mut inlet = io.into_inner();
    if upgraded.into_inner() {
        let inlet = inlet.into_messages(&read_buf);
        websocket::serve(shared, inlet, ticket, read_buf, of_own_page.into_inner()).await;
    } else {
        let _ = timeout(SHUTDOWN_TIMEOUT, inlet.shutdown()).await;
    }
}

fn respond(shared: &Shared, info: ConnectionInfo, ticket: &Ticket, head: Parts) -> Response<Bytes> {
    let proxies = &shared.config.trusted_proxies;
    let from_proxy = proxies::trust(proxies, info.remote.ip());
    let client = proxies::client(proxies, info.remote.ip(), &head.headers);
    if from_proxy {
        ticket.speaks_for(client);
    }
    let is_announce = matches!(head.uri.path(), "/announce" | "/scrape");
    if head.uri.path() != "/health" && !shared.allow_request(client) {
        let mut response = match is_announce {
            true => bencoded(codec::failure(TOO_FAST)),
            false => text(StatusCode::OK, "too many requests: slow down\n"),
        };
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        return response;
    }
    let target = Target::of(&head.uri, &head.headers, from_proxy);
    let asker = Asker {
        remote: client,
        local: info.local.ip(),
    };
    match wants_websocket(&head.headers) || is_announce {
        true => of_tracker(shared, &target, asker, &head),
        false => of_others(shared, &target, info, head),
    }
}

/// Announces and scrapes. Pages of other origins may read the answers, which tell of nothing but the
/// info-hashes that the asker has named.
fn of_tracker(shared: &Shared, target: &Target, asker: Asker, head: &Parts) -> Response<Bytes> {
    let config = &shared.config;
    let allowed = match target.check_origin(&config.hosts, &config.origins, &head.headers) {
        Ok(allowed) => allowed,
        Err(refused) => return refuse(shared, &refused),
    };
    let query = head.uri.query().unwrap_or_default();
    let mut response = match head.uri.path() {
        _ if wants_websocket(&head.headers) => {
            let own = config.own_pages_bring_swarms
                && target.is_of_own_page(&config.hosts, &head.headers);
            upgrade(head, OfOwnPage(own))
        }
        _ if !is_read(&head.method) => method_not_allowed(),
        "/announce" => bencoded(shared.handle_announce(query, asker)),
        _ => bencoded(shared.handle_scrape(query)),
    };
    let headers = response.headers_mut();
    if let Some(allowed) = allowed {
        if allowed != "*" {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response
}

/// All else, which pages of other origins may not read.
fn of_others(
    shared: &Shared,
    target: &Target,
    info: ConnectionInfo,
    head: Parts,
) -> Response<Bytes> {
    if head.uri.path() == "/health" {
        return text(StatusCode::OK, "ok\n");
    }
    if let Err(refused) = target.check(&shared.config.hosts, &head.headers, head.version) {
        return refuse(shared, &refused);
    }
    if !is_read(&head.method) {
        return method_not_allowed();
    }
    if head.uri.path() == "/stats" {
        return answer(StatusCode::OK, "application/json", shared.stats().to_json());
    }
    let Some(fallback) = &shared.fallback else {
        return text(
            StatusCode::NOT_FOUND,
            "this is a BitTorrent tracker: announce at /announce\n",
        );
    };
    let mut request = Request::from_parts(head, ());
    match target.header() {
        Some(host) => request.headers_mut().insert(header::HOST, host),
        None => request.headers_mut().remove(header::HOST),
    };
    request.extensions_mut().insert(info);
    fallback(request)
}

/// The answer to a request by a name or from a page that is not welcome.
fn refuse(shared: &Shared, refused: &Refused) -> Response<Bytes> {
    let status = match refused {
        Refused::Host(_) => StatusCode::MISDIRECTED_REQUEST,
        Refused::Origin(_) => StatusCode::FORBIDDEN,
    };
    let sentence = match &shared.config.on_refused {
        Some(on_refused) => (on_refused.0)(refused),
        None => refused.to_string(),
    };
    answer(status, "text/plain; charset=utf-8", sentence + "\n")
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn method_not_allowed() -> Response<Bytes> {
    let mut response = text(
        StatusCode::METHOD_NOT_ALLOWED,
        "only GET and HEAD are answered here\n",
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
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
fn upgrade(head: &Parts, page: OfOwnPage) -> Response<Bytes> {
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
    let Some(accept) = accept_key(head) else {
        return text(
            StatusCode::BAD_REQUEST,
            "not a WebSocket handshake: it takes GET, HTTP/1.1, one Host and one key of 16 bytes\n",
        );
    };
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.extensions_mut().insert(page);
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    response
}

/// The answer to the key of a handshake; `None` if it is not one (RFC 6455, section 4.2.1).
fn accept_key(head: &Parts) -> Option<HeaderValue> {
    let one = |name| {
        let mut values = head.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let host = one(header::HOST)?;
    let key = one(header::SEC_WEBSOCKET_KEY)?.as_bytes().trim_ascii();
    let well = head.method == Method::GET
        && head.version >= Version::HTTP_11
        && !host.is_empty()
        && is_key(key);
    let accept = well.then(|| derive_accept_key(key))?;
    HeaderValue::from_str(&accept).ok()
}

/// Whether these are sixteen bytes in Base64: of the last digit before the padding only two bits are
/// used, and the others are zero.
fn is_key(key: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == KEY_LENGTH
        && key.ends_with(b"==")
        && key[..KEY_LENGTH - 2].iter().all(digit)
        && matches!(key[KEY_LENGTH - 3], b'A' | b'Q' | b'g' | b'w')
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
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
