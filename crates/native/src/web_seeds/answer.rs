//! What a web seed's answer is good for: its status and headers against what was asked for.

use std::time::Duration;

use brackish_core::FetchError;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use hyper::{Response, StatusCode, Uri};

use super::Part;
use crate::trackers::http::resolve;

/// An answer that is no failure.
#[derive(Debug)]
pub(super) enum Answer {
    /// Its body begins with the bytes asked for.
    Part,
    /// They are elsewhere.
    Redirect(Uri),
}

/// Reads the head of an answer to a request for `part` at `uri`.
pub(super) fn judge<B>(
    response: &Response<B>,
    uri: &Uri,
    part: &Part,
) -> Result<Answer, FetchError> {
    let headers = response.headers();
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let (first, total) = text(headers, CONTENT_RANGE)
                .and_then(content_range)
                .ok_or(FetchError::WrongRange)?;
            match total {
                Some(actual) if actual != part.file_length => wrong_length(actual, part),
                _ if first != part.range.start => Err(FetchError::WrongRange),
                _ => Ok(Answer::Part),
            }
        }
        StatusCode::OK => {
            let length = text(headers, CONTENT_LENGTH).and_then(|text| text.parse().ok());
            match length {
                Some(actual) if actual != part.file_length => wrong_length(actual, part),
                _ if part.range != (0..part.file_length) => Err(FetchError::NoRanges),
                _ => Ok(Answer::Part),
            }
        }
        status if status.is_redirection() => {
            let to = text(headers, LOCATION).and_then(|to| resolve(uri, to));
            to.map(Answer::Redirect)
                .ok_or_else(|| FetchError::Unusable {
                    reason: "it redirects to no valid http or https URL".to_owned(),
                })
        }
        status => Err(FetchError::Status {
            code: status.as_u16(),
            retry_after: text(headers, RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
        }),
    }
}

fn wrong_length(actual: u64, part: &Part) -> Result<Answer, FetchError> {
    Err(FetchError::WrongLength {
        actual,
        expected: part.file_length,
    })
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// First byte and total length of `bytes FIRST-LAST/TOTAL`; the total may be `*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    last.trim().parse::<u64>().ok()?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((first.trim().parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        status: u16,
        headers: &[(&str, &str)],
        range: std::ops::Range<u64>,
    ) -> Result<Answer, FetchError> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let uri = Uri::from_static("http://h/a/b");
        let part = Part {
            url: uri.to_string(),
            range,
            file_length: 100,
            trusted: Default::default(),
        };
        judge(&response.body(()).unwrap(), &uri, &part)
    }

    #[test]
    fn a_part_must_be_the_one_asked_for_of_a_file_as_long() {
        let part = |range| judged(206, &[("content-range", range)], 10..20);
        assert!(matches!(part("bytes 10-19/100"), Ok(Answer::Part)));
        assert!(matches!(part("bytes 10-19/*"), Ok(Answer::Part)));
        assert_eq!(part("bytes 0-9/100").unwrap_err(), FetchError::WrongRange);
        assert_eq!(part("pages 1-2/3").unwrap_err(), FetchError::WrongRange);
        assert!(matches!(
            part("bytes 10-19/99"),
            Err(FetchError::WrongLength { actual: 99, .. })
        ));
        assert_eq!(
            judged(206, &[], 10..20).unwrap_err(),
            FetchError::WrongRange
        );
    }

    #[test]
    fn a_whole_file_will_do_only_where_all_of_it_was_asked_for() {
        assert!(matches!(judged(200, &[], 0..100), Ok(Answer::Part)));
        let long = judged(200, &[("content-length", "101")], 0..100);
        assert!(matches!(long, Err(FetchError::WrongLength { .. })));
        let all = judged(200, &[("content-length", "100")], 0..99);
        assert_eq!(all.unwrap_err(), FetchError::NoRanges);
    }

    #[test]
    fn a_server_that_is_busy_says_for_how_long() {
        let busy = judged(429, &[("retry-after", "7")], 0..1);
        let retry_after = Some(Duration::from_secs(7));
        assert_eq!(
            busy.unwrap_err(),
            FetchError::Status {
                code: 429,
                retry_after
            }
        );
    }

    #[test]
    fn redirects_lead_on() {
        let to = |location| judged(302, &[("location", location)], 0..1);
        assert!(matches!(to("/x"), Ok(Answer::Redirect(uri)) if uri == "http://h/x"));
        assert!(matches!(to("https://i/y"), Ok(Answer::Redirect(uri)) if uri == "https://i/y"));
        assert!(matches!(
            judged(302, &[], 0..1),
            Err(FetchError::Unusable { .. })
        ));
    }
}
