//! A small HTTP client: one GET a connection, redirects followed, the answer's size bounded.

use std::io;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Body;
use hyper::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper::http::uri::{Parts, Scheme};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;

use super::connect::{connect_to, look_up};
use super::in_words;
use crate::reach::{Inside, Reach};

/// Most redirects followed.
const MAX_REDIRECTS: usize = 5;

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("not a valid http or https URL")]
    Url,
    #[error("{}", in_words(.0))]
    Connect(#[from] io::Error),
    #[error(transparent)]
    Inside(#[from] Inside),
    #[error("not an HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the answer ended early")]
    Cut,
    #[error("more than {MAX_REDIRECTS} redirects")]
    Redirects,
}

/// Fetches a URL; the body may have at most `limit` bytes. Takes as long as the server does: the
/// caller sets the time-out. `reach` holds for redirects too.
pub(crate) async fn get(url: &str, limit: usize, reach: Reach<'_>) -> Result<Answer, HttpError> {
    let mut uri: Uri = url.parse().map_err(|_| HttpError::Url)?;
    for _ in 0..=MAX_REDIRECTS {
        match get_once(&uri, limit, reach).await? {
            Outcome::Answer(answer) => return Ok(answer),
            Outcome::Redirect(to) => uri = to,
        }
    }
    Err(HttpError::Redirects)
}

enum Outcome {
    Answer(Answer),
    Redirect(Uri),
}

async fn get_once(uri: &Uri, limit: usize, reach: Reach<'_>) -> Result<Outcome, HttpError> {
    let secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(HttpError::Url),
    };
    let host = uri.host().ok_or(HttpError::Url)?;
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let addresses = look_up(host, port).await?;
    let addresses = reach.limit(uri, port, addresses)?;
    let stream = connect_to(&addresses, host, secure).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let shown_host = match uri.port_u16() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, shown_host)
        .header(USER_AGENT, concat!("Brackish/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|_| HttpError::Url)?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        if status.is_redirection()
            && let Some(to) = response.headers().get(LOCATION)
        {
            let to = to
                .to_str()
                .ok()
                .and_then(|to| resolve(uri, to))
                .ok_or(HttpError::Url)?;
            return Ok(Outcome::Redirect(to));
        }
        // Told beforehand, or found while it comes.
        if response.body().size_hint().lower() > limit as u64 {
            return Err(HttpError::TooLarge { limit });
        }
        let body = Limited::new(response.into_body(), limit)
            .collect()
            .await
            .map_err(|error| {
                if error.is::<LengthLimitError>() {
                    HttpError::TooLarge { limit }
                } else {
                    HttpError::Cut
                }
            })?;
        Ok(Outcome::Answer(Answer {
            status,
            body: body.to_bytes(),
        }))
    };
    let mut exchange = pin!(exchange);
    tokio::select! {
        outcome = &mut exchange => return outcome,
        // The connection may end as soon as the answer is in memory.
        _ = connection => {}
    }
    exchange.await
}

/// Where a redirect leads: an absolute URL, or a path on the same server.
pub(crate) fn resolve(from: &Uri, to: &str) -> Option<Uri> {
    if to.starts_with('/') && !to.starts_with("//") {
        let mut parts = Parts::default();
        parts.scheme = from.scheme().cloned().or(Some(Scheme::HTTP));
        parts.authority = from.authority().cloned();
        parts.path_and_query = Some(to.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    let uri: Uri = to.parse().ok()?;
    uri.host().is_some().then_some(uri)
}
