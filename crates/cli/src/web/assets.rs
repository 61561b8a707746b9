//! The web app in the binary, as the build script put it there.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue,
    IF_NONE_MATCH, VARY,
};
use http::{Response, StatusCode};

/// A file of the web app.
pub struct Asset {
    name: &'static str,
    kind: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    tag: &'static str,
}

static ASSETS: &[Asset] = &include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What is shown at `/` by a binary that was built without its web app.
const NO_APP: &str = "This brackish was built without its web app, so there is no page here.\n\
    Build the app first (cargo xtask build-web), then the program.\n\
    The .torrent and the tracker on this port work all the same.\n";

/// The file of this name, or the page itself for an empty one.
pub fn find(name: &str) -> Option<&'static Asset> {
    let name = if name.is_empty() { "index.html" } else { name };
    ASSETS.iter().find(|asset| asset.name == name)
}

/// The plain page that stands in for a missing app.
pub fn no_app() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(NO_APP.as_bytes()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

impl Asset {
    /// The answer to a request with these headers: compressed where the client takes that, and
    /// nothing but a confirmation where it has this version.
    pub fn response(&self, headers: &HeaderMap) -> Response<Bytes> {
        let compressed = self.gzip.filter(|_| accepts_gzip(headers));
        // Two encodings are two representations, which have two validators (RFC 9110, 8.8.3).
        let tag = if compressed.is_some() {
            format!("\"{}-gz\"", self.tag)
        } else {
            format!("\"{}\"", self.tag)
        };
        let known = headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|value| value.trim().trim_start_matches("W/") == tag);
        let mut response = if known {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            Response::new(Bytes::from_static(compressed.unwrap_or(self.plain)))
        };
        let out = response.headers_mut();
        out.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        // Names do not change with the content, so each use asks whether it is still the same.
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            out.insert(ETAG, tag);
        }
        if self.gzip.is_some() {
            out.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        if compressed.is_some() && !known {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = parameters
            .trim()
            .strip_prefix("q=")
            .is_some_and(|q| q.parse::<f32>() == Ok(0.0));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: Asset = Asset {
        name: "app.js",
        kind: "text/javascript; charset=utf-8",
        plain: b"plain",
        gzip: Some(b"gz"),
        tag: "t",
    };

    fn headers(name: http::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn the_compressed_copy_goes_only_to_those_who_take_it() {
        let response = SAMPLE.response(&headers(ACCEPT_ENCODING, "deflate, gzip;q=0.8, br"));
        assert_eq!(response.body().as_ref(), b"gz");
        assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
        for refused in ["br", "gzip;q=0", ""] {
            let response = SAMPLE.response(&headers(ACCEPT_ENCODING, refused));
            assert_eq!(response.body().as_ref(), b"plain", "{refused}");
            assert!(!response.headers().contains_key(CONTENT_ENCODING));
            assert_eq!(response.headers()[VARY], "Accept-Encoding");
        }
    }

    #[test]
    fn a_client_that_has_this_version_gets_no_body() {
        let response = SAMPLE.response(&headers(IF_NONE_MATCH, "\"old\", W/\"t\""));
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        assert!(response.body().is_empty());
        let compressed_only = SAMPLE.response(&headers(IF_NONE_MATCH, "\"t-gz\""));
        assert_eq!(compressed_only.status(), StatusCode::OK);
    }
}
