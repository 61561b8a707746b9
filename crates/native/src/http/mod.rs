//! The HTTP client of trackers, web seeds and `.torrent` URLs: requests, redirects, compression, proxies, and where each
//! request may lead.

pub(crate) mod address;
mod connector;
mod dial;

use std::error::Error;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue, LOCATION,
    PROXY_AUTHORIZATION, RANGE, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

pub(crate) use address::{Address, AddressError};
pub(crate) use connector::ConnectError;
pub(crate) use dial::Stream;

use connector::{Connector, End};

use crate::reach::{Inside, Reach};

/// The most redirects followed for one request, as many as curl and browsers need in practice.
const MAX_REDIRECTS: usize = 5;

/// The longest body of a redirect that is read, in bytes, so that its connection can be used again.
const MAX_REDIRECT_BODY: usize = 64 * 1024;

/// How long a connection is kept for the next request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The name of this program in requests.
const NAME: &str = concat!("Brackish/", env!("CARGO_PKG_VERSION"));

/// A client, and the connections that it keeps. Connections that may lead into the local network are kept apart from those
/// that may not.
pub(crate) struct HttpClient {
    anywhere: Client<Connector, Empty<Bytes>>,
    outside: Client<Connector, Empty<Bytes>>,
    connector: Connector,
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The body, decompressed.
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("{}", in_words(.0))]
    Connect(#[from] io::Error),
    #[error(transparent)]
    Inside(#[from] Inside),
    #[error("{0}")]
    Proxy(String),
    #[error("not an HTTP answer: {0}")]
    Http(String),
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the answer ended early")]
    Cut,
    #[error("more than {MAX_REDIRECTS} redirects")]
    Redirects,
    #[error("it redirects to {url:?}, which is no http or https URL")]
    Elsewhere { url: String },
}

impl HttpClient {
    /// A client that keeps up to `idle` connections to one server, and uses the proxies that the environment names.
    pub(crate) fn new(idle: usize) -> Self {
        Self::with_proxies(idle, Matcher::from_env())
    }

    fn with_proxies(idle: usize, proxies: Matcher) -> Self {
        let proxies = Arc::new(proxies);
        let client = |anywhere| {
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(idle)
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_timer(TokioTimer::new())
                .build(Connector::new(proxies.clone(), anywhere))
        };
        Self {
            anywhere: client(true),
            outside: client(false),
            connector: Connector::new(proxies.clone(), true),
        }
    }

    /// Fetches a URL; the body may have at most `limit` bytes, also after decompression. Takes as long as the server does:
    /// the caller sets the time-out. `reach` holds for redirects too.
    pub(crate) async fn get(
        &self,
        url: &str,
        limit: usize,
        reach: Reach<'_>,
    ) -> Result<Answer, HttpError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        let response = self.follow(url, &headers, reach).await?;
        let status = response.status();
        let compressed = is_gzip(response.headers());
        // Told beforehand, or found while it comes.
        if response.body().size_hint().lower() > limit as u64 {
            return Err(HttpError::TooLarge { limit });
        }
        let body = Limited::new(response.into_body(), limit).collect().await;
        let body = body.map_err(|error| match error.is::<LengthLimitError>() {
            true => HttpError::TooLarge { limit },
            false => HttpError::Cut,
        })?;
        let body = body.to_bytes();
        let body = match compressed {
            true => decompress(&body, limit)?,
            false => body,
        };
        Ok(Answer { status, body })
    }

    /// Asks for a part of what is at a URL, and gives the head of the answer; its body comes as it is read.
    pub(crate) async fn get_range(
        &self,
        url: &str,
        range: &Range<u64>,
        reach: Reach<'_>,
    ) -> Result<Response<Incoming>, HttpError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let range = format!("bytes={}-{}", range.start, range.end - 1);
        if let Ok(range) = HeaderValue::try_from(range) {
            headers.insert(RANGE, range);
        }
        self.follow(url, &headers, reach).await
    }

    /// The answer to a request, after redirects.
    async fn follow(
        &self,
        url: &str,
        headers: &HeaderMap,
        reach: Reach<'_>,
    ) -> Result<Response<Incoming>, HttpError> {
        let first = address::read(url)?;
        let mut url = first.clone();
        let mut from_inside = true;
        for _ in 0..=MAX_REDIRECTS {
            let anywhere = reach.allows_inside(&first, &url, from_inside);
            let response = self.send(&url, headers, anywhere).await?;
            let to = response.headers().get(LOCATION);
            let Some(to) = to.filter(|_| response.status().is_redirection()) else {
                return Ok(response);
            };
            let to = String::from_utf8_lossy(to.as_bytes()).into_owned();
            let end = response.extensions().get::<End>();
            from_inside = from_inside && end.is_some_and(|end| end.is_inside);
            let next = url.join(to.trim()).map_err(AddressError::from)?;
            if !matches!(next.scheme(), "http" | "https") {
                return Err(HttpError::Elsewhere { url: next.into() });
            }
            url = next;
            // Read to its end, the connection carries the next request.
            let _ = Limited::new(response.into_body(), MAX_REDIRECT_BODY)
                .collect()
                .await;
        }
        Err(HttpError::Redirects)
    }

    async fn send(
        &self,
        url: &Url,
        headers: &HeaderMap,
        anywhere: bool,
    ) -> Result<Response<Incoming>, HttpError> {
        let Address { uri, authorization } = Address::of(url)?;
        let mut request = Request::get(uri)
            .header(USER_AGENT, NAME)
            .header(ACCEPT, "*/*")
            .body(Empty::new())
            .map_err(|_| AddressError::Character)?;
        request.headers_mut().extend(headers.clone());
        if let Some(authorization) = authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        if url.scheme() == "http"
            && let Some(proxy) = self.connector.proxy(request.uri())
            && let Some(authorization) = proxy.basic_auth()
        {
            let authorization = authorization.clone();
            request
                .headers_mut()
                .insert(PROXY_AUTHORIZATION, authorization);
        }
        let client = match anywhere {
            true => &self.anywhere,
            false => &self.outside,
        };
        client.request(request).await.map_err(reason)
    }
}

/// Connects to the server of a URL for what is not HTTP, by the proxies that the environment names. `anywhere` allows
/// servers in the local network.
pub(crate) async fn connect(
    address: &Address,
    anywhere: bool,
) -> Result<Box<dyn Stream>, ConnectError> {
    let connector = Connector::new(Arc::new(Matcher::from_env()), anywhere);
    let link = connector.connect(&address.uri, true).await?;
    Ok(link.into_stream())
}

/// Finds what a person understands in what the client says.
fn reason(error: hyper_util::client::legacy::Error) -> HttpError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    let mut last = error.to_string();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ConnectError>() {
            return match error {
                ConnectError::Io(error) => {
                    HttpError::Connect(io::Error::new(error.kind(), in_words(error)))
                }
                ConnectError::Inside(inside) => HttpError::Inside(*inside),
                ConnectError::Proxy { .. } => HttpError::Proxy(error.to_string()),
            };
        }
        last = error.to_string();
        cause = error.source();
    }
    HttpError::Http(last)
}

fn is_gzip(headers: &HeaderMap) -> bool {
    let encoding = headers.get(CONTENT_ENCODING);
    encoding.is_some_and(|name| {
        let name = name.as_bytes().trim_ascii();
        name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip")
    })
}

/// Decompresses a whole body (RFC 1952).
fn decompress(body: &[u8], limit: usize) -> Result<Bytes, HttpError> {
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(body)
        .take(limit as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|_| HttpError::Cut)?;
    match plain.len() > limit {
        true => Err(HttpError::TooLarge { limit }),
        false => Ok(plain.into()),
    }
}

/// What went wrong, in words that a person understands without knowing the call.
pub(crate) fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection ended early".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
