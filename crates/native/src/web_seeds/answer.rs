//! What a web seed's answer is good for: its status and headers against what was asked for.

use std::time::Duration;

use brackish_core::FetchError;
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, HeaderName, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::Part;

/// Whether the body of an answer to a request for `part` begins with the bytes asked for, by its head.
pub(super) fn judge<B>(response: &Response<B>, part: &Part) -> Result<(), FetchError> {
    let headers = response.headers();
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let (first, total) = text(headers, CONTENT_RANGE)
                .and_then(content_range)
                .ok_or(FetchError::WrongRange)?;
            match total {
                Some(actual) if actual != part.file_length => wrong_length(actual, part),
                _ if first != part.range.start => Err(FetchError::WrongRange),
                _ => Ok(()),
            }
        }
        StatusCode::OK => {
            let length = text(headers, CONTENT_LENGTH).and_then(|text| text.parse().ok());
            match length {
                Some(actual) if actual != part.file_length => wrong_length(actual, part),
                _ if part.range != (0..part.file_length) => Err(FetchError::NoRanges),
                _ => Ok(()),
            }
        }
        status => Err(FetchError::Status {
            code: status.as_u16(),
            retry_after: text(headers, RETRY_AFTER)
                .and_then(|text| text.trim().parse().ok())
                .map(Duration::from_secs),
        }),
    }
}

fn wrong_length(actual: u64, part: &Part) -> Result<(), FetchError> {
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
    ) -> Result<(), FetchError> {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let part = Part {
            url: "http://h/a/b".to_owned(),
            range,
            file_length: 100,
            trusted: Default::default(),
        };
        judge(&response.body(()).unwrap(), &part)
    }

    #[test]
    fn a_part_must_be_the_one_asked_for_of_a_file_as_long() {
        let part = |range| judged(206, &[("content-range", range)], 10..20);
        assert_eq!(part("bytes 10-19/100"), Ok(()));
        assert_eq!(part("bytes 10-19/*"), Ok(()));
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
        assert_eq!(judged(200, &[], 0..100), Ok(()));
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
}
