//! Under which address a client reached the server, so that what it is given leads back there.

use std::net::SocketAddr;

use brackish_tracker::server::ConnectionInfo;
use http::Request;
use http::header::HOST;

/// The longest `Host` that is believed: a DNS name has up to 253 characters, a port six more.
const MAX_AUTHORITY: usize = 260;

/// A scheme and an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    authority: String,
}

impl Origin {
    /// An origin that is reached without encryption.
    pub fn plain(authority: impl Into<String>) -> Self {
        Self {
            secure: false,
            authority: authority.into(),
        }
    }

    /// The origin of a request, by its `Host` header, else by the address of the connection. A
    /// proxy that ends TLS says so in `X-Forwarded-Proto`; a client that lies only misleads itself.
    pub fn of(request: &Request<()>, fallback: SocketAddr) -> Self {
        let connection = request.extensions().get::<ConnectionInfo>();
        let forwarded = request
            .headers()
            .get("x-forwarded-proto")
            .is_some_and(|scheme| scheme == "https");
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .filter(|host| is_authority(host));
        let local = connection.map_or(fallback, |connection| connection.local);
        Self {
            secure: forwarded || connection.is_some_and(|connection| connection.tls),
            authority: host.map_or_else(|| local.to_string(), str::to_owned),
        }
    }

    /// The host and port.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// `http://host:port/` with `path` after it.
    pub fn page(&self, path: &str) -> String {
        format!("http{}://{}/{path}", self.s(), self.authority)
    }

    /// The announce URLs of the tracker on this origin: for browsers, then for other clients.
    pub fn trackers(&self) -> [String; 2] {
        let Self { authority, .. } = self;
        [
            format!("ws{}://{authority}/announce", self.s()),
            format!("http{}://{authority}/announce", self.s()),
        ]
    }

    fn s(&self) -> &'static str {
        if self.secure { "s" } else { "" }
    }
}

/// Whether a text can be the host and port of a URL and nothing else.
fn is_authority(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= MAX_AUTHORITY && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(host: Option<&str>) -> Origin {
        let mut request = Request::new(());
        if let Some(host) = host {
            request
                .headers_mut()
                .insert(HOST, host.parse().expect("a header value"));
        }
        Origin::of(&request, "192.168.1.2:8080".parse().expect("an address"))
    }

    #[test]
    fn what_a_client_is_given_leads_back_to_where_it_asked() {
        let origin = origin(Some("nas.local:9000"));
        assert_eq!(
            origin.trackers(),
            [
                "ws://nas.local:9000/announce",
                "http://nas.local:9000/announce"
            ]
        );
        assert_eq!(origin.page("a.torrent"), "http://nas.local:9000/a.torrent");
    }

    #[test]
    fn a_host_that_is_none_is_not_repeated() {
        for wrong in ["", "a/b", "a b", "evil@host", "a\"b", &"a".repeat(261)] {
            assert_eq!(
                origin(Some(wrong)).authority(),
                "192.168.1.2:8080",
                "{wrong}"
            );
        }
        assert_eq!(origin(None).authority(), "192.168.1.2:8080");
    }

    #[test]
    fn behind_a_proxy_that_ends_tls_everything_is_secure() {
        let mut request = Request::new(());
        request
            .headers_mut()
            .insert(HOST, "example.org".parse().expect("a header value"));
        request.headers_mut().insert(
            "x-forwarded-proto",
            "https".parse().expect("a header value"),
        );
        let origin = Origin::of(&request, "127.0.0.1:1".parse().expect("an address"));
        assert_eq!(
            origin.trackers(),
            ["wss://example.org/announce", "https://example.org/announce"]
        );
    }
}
