//! Parts of files from web seeds (BEP 19) by HTTP range requests (RFC 9110, 14), handed on as they
//! come. The session decides what to fetch and when to rest.

mod answer;
mod connections;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use brackish_core::FetchError;
use http_body_util::BodyExt;
use hyper::Uri;
use tokio::sync::watch;

use answer::Answer;
use connections::Connections;

use crate::reach::Trusted;

/// Longest time from the request, redirects and all, to the beginning of the answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for the end of an answer of which all bytes have come.
const END_TIMEOUT: Duration = Duration::from_secs(1);

/// Most redirects followed.
const MAX_REDIRECTS: usize = 5;

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
#[derive(Default)]
pub(crate) struct WebSeeds {
    connections: Connections,
}

impl WebSeeds {
    /// Fetches a part of a file; `take` is given its bytes as they come. Nothing is read while
    /// `held` is true.
    pub(crate) async fn fetch(
        &self,
        part: &Part,
        mut held: watch::Receiver<bool>,
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), FetchError> {
        let (mut body, connection) =
            match tokio::time::timeout(ANSWER_TIMEOUT, self.answer(part)).await {
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
        let end = tokio::time::timeout(END_TIMEOUT, body.frame());
        if matches!(end.await, Ok(None)) {
            self.connections.keep(connection);
        }
        Ok(())
    }

    async fn answer(
        &self,
        part: &Part,
    ) -> Result<(hyper::body::Incoming, connections::Connection), FetchError> {
        let unusable = || FetchError::Unusable {
            reason: "not a valid http or https URL".to_owned(),
        };
        let mut uri: Uri = part.url.parse().map_err(|_| unusable())?;
        for _ in 0..=MAX_REDIRECTS {
            let (response, connection) = self
                .connections
                .get(&uri, &part.range, &part.trusted)
                .await?;
            match answer::judge(&response, &uri, part)? {
                Answer::Part => return Ok((response.into_body(), connection)),
                Answer::Redirect(to) => {
                    let mut body = response.into_body();
                    // Most redirects have no body, or a line.
                    if matches!(body.frame().await, None | Some(Ok(_)))
                        && hyper::body::Body::is_end_stream(&body)
                    {
                        self.connections.keep(connection);
                    }
                    uri = to;
                }
            }
        }
        Err(FetchError::Unusable {
            reason: format!("more than {MAX_REDIRECTS} redirects"),
        })
    }
}

fn failed(reason: impl ToString) -> FetchError {
    FetchError::Failed {
        reason: reason.to_string(),
    }
}
