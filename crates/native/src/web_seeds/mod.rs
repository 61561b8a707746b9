//! Parts of files from web seeds (BEP 19) by HTTP range requests (RFC 9110, 14), handed on as they
//! come. The session decides what to fetch and when to rest.

mod answer;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use brackish_core::FetchError;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::watch;

use crate::http::{HttpClient, HttpError};
use crate::reach::{Reach, Trusted};

/// Longest time from the request, redirects and all, to the beginning of the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for the end of an answer of which all bytes have come.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Idle connections kept to one server: as many as the session has requests to one.
const MAX_IDLE: usize = 2;

/// A part of a file at a web seed.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) url: String,
    /// Bytes of the file; not empty.
    pub(crate) range: Range<u64>,
    pub(crate) file_length: u64,
    /// The servers that may be in the local network.
    pub(crate) trusted: Arc<Trusted>,
}

/// The web seeds of a node, and the connections to them that are kept for the next request.
pub(crate) struct WebSeeds {
    http: HttpClient,
}

impl WebSeeds {
    pub(crate) fn new() -> Self {
        Self {
            http: HttpClient::new(MAX_IDLE),
        }
    }

    /// Fetches a part of a file; `take` is given its bytes as they come. Nothing is read while
    /// `held` is true.
    pub(crate) async fn fetch(
        &self,
        part: &Part,
        mut held: watch::Receiver<bool>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), FetchError> {
        let mut body = match tokio::time::timeout(ANSWER_TIMEOUT, self.answer(part)).await {
            Ok(answer) => answer?,
            Err(_) => return Err(failed("no answer in time")),
        };
        let mut left = part.range.end - part.range.start;
        while left > 0 {
            // Who could let it go on is gone only when the task is.
            let _ = held.wait_for(|held| !held).await;
            let frame = match body.frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => return Err(failed(error)),
                None => return Err(failed("the answer ended early")),
            };
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                let wanted = usize::try_from(left).unwrap_or(usize::MAX);
                let data = data.get(..wanted).unwrap_or(&data);
                left -= data.len() as u64;
                take(data);
            }
        }
        // Only a connection whose answer was read to its end can carry another.
        let _ = tokio::time::timeout(END_TIMEOUT, body.frame()).await;
        Ok(())
    }

    /// The body of an answer that begins with the bytes asked for.
    async fn answer(&self, part: &Part) -> Result<Incoming, FetchError> {
        let reach = Reach::File(&part.trusted);
        let ask = || self.http.get_range(&part.url, &part.range, reach);
        let response = match ask().await {
            // A server may close an idle connection just as it is used again.
            Err(HttpError::Http(_)) => ask().await,
            asked => asked,
        };
        let response = response.map_err(|error| match error {
            HttpError::Inside(inside) => FetchError::Unusable {
                reason: format!("{inside}; if it is your own server, name it with --web-seed URL"),
            },
            HttpError::Address(_) | HttpError::Redirects | HttpError::Elsewhere { .. } => {
                FetchError::Unusable {
                    reason: error.to_string(),
                }
            }
            error => failed(error),
        })?;
        answer::judge(&response, part)?;
        Ok(response.into_body())
    }
}

fn failed(reason: impl ToString) -> FetchError {
    FetchError::Failed {
        reason: reason.to_string(),
    }
}
