//! URLs as other programs write them, read by the rules that browsers have (WHATWG): spaces and raw UTF-8 are escaped, an
//! empty path is `/`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

/// Why a text is no URL that can be fetched.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("not a valid URL: {0}")]
    Url(#[from] url::ParseError),
    #[error("not an http or https URL")]
    Scheme,
    #[error("the URL has a character that a request cannot carry")]
    Character,
}

/// What a request is sent to: a URL without user and fragment, and what proves the user.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) uri: Uri,
    /// The value of `Authorization` (RFC 7617), if the URL has a user or password.
    pub(crate) authorization: Option<HeaderValue>,
}

/// Reads a URL that may have spaces around it.
pub(crate) fn read(text: &str) -> Result<Url, AddressError> {
    Ok(Url::parse(text.trim())?)
}

impl Address {
    /// The address that a URL of HTTP, HTTPS or a WebSocket names.
    pub(crate) fn of(url: &Url) -> Result<Self, AddressError> {
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") || url.host_str().is_none() {
            return Err(AddressError::Scheme);
        }
        let mut bare = url.clone();
        bare.set_fragment(None);
        // These fail for URLs without a host alone.
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        let uri = bare.as_str().parse().map_err(|_| AddressError::Character)?;
        Ok(Self {
            uri,
            authorization: authorization(url),
        })
    }
}

fn authorization(url: &Url) -> Option<HeaderValue> {
    let password = url.password().unwrap_or_default();
    if url.username().is_empty() && password.is_empty() {
        return None;
    }
    let mut plain: Vec<u8> = percent_decode_str(url.username()).collect();
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The server of a URL: its host, and its port or that of its scheme.
pub(crate) fn server(url: &Url) -> Option<(&str, u16)> {
    Some((url.host_str()?, url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_escaped_and_its_user_becomes_a_header() {
        let address = |text: &str| Address::of(&read(text).unwrap()).unwrap();
        for (text, uri) in [
            (" http://h \n", "http://h/"),
            ("http://h?x=1", "http://h/?x=1"),
            (
                "HTTP://H:80/a b/ü?q=ü x#part",
                "http://h/a%20b/%C3%BC?q=%C3%BC%20x",
            ),
            ("http://h/%41%2f%zz", "http://h/%41%2f%zz"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
            ("http://[::1]:8080/a|b^c", "http://[::1]:8080/a|b^c"),
        ] {
            assert_eq!(address(text).uri, uri, "{text}");
            assert!(address(text).authorization.is_none());
        }
        let user = address("https://Aladdin:open%20sesame@h/x");
        assert_eq!(user.uri, "https://h/x");
        assert_eq!(
            user.authorization.unwrap(),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
        );
    }

    #[test]
    fn what_cannot_be_fetched_is_refused_in_words() {
        for text in ["", "a/b", "http://", "http://h:x/", "http://a b/"] {
            assert!(matches!(read(text), Err(AddressError::Url(_))), "{text}");
        }
        let magnet = Address::of(&read("magnet:?xt=urn:btih:x").unwrap()).unwrap_err();
        assert_eq!(magnet.to_string(), "not an http or https URL");
    }
}
