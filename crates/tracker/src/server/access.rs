//! Whether a request may be answered: by the name that it was sent to, and by the page that sent it.
//!
//! A page of any site can have its browser ask a server in the user's network. The same-origin rule
//! keeps the answer from that page, unless its own name leads to the server (DNS rebinding): the
//! `Host` header tells that name, and a page cannot change it.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{Uri, Version};

/// The longest `Host` taken, in bytes: a DNS name has up to 253, a port with its colon six more.
const MAX_AUTHORITY: usize = 260;

/// Endings of names that only a local network gives out (RFC 6762, RFC 8375, ICANN's `internal`, and
/// the custom of many routers).
const LOCAL_ENDINGS: [&str; 5] = [".localhost", ".local", ".home.arpa", ".internal", ".lan"];

/// The names under which the server answers what is not the tracker's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Hosts {
    /// Every name.
    #[default]
    Any,
    /// IP addresses, names that only a local network gives out (`localhost`, names without a dot,
    /// `*.local`, `*.home.arpa`, `*.internal`, `*.lan`), and these, without a port.
    Local(Vec<String>),
}

/// The pages whose scripts may announce. Programs, which send no `Origin`, always may, and so may
/// pages of this server itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Pages of every site.
    #[default]
    Any,
    /// Pages of these origins, such as `https://example.org`.
    Only(Vec<String>),
}

/// A request that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It was sent to this name, which is none of [`Hosts`]; empty where it names none.
    Host(String),
    /// It comes from a page of this origin, which is none of [`Origins`].
    Origin(String),
}

/// Is told of each refusal, and gives the sentence that the client is answered with. It must not
/// block.
#[derive(Clone)]
pub struct OnRefused(pub Arc<dyn Fn(&Refused) -> String + Send + Sync>);

impl Hosts {
    /// Whether the server answers under the name in an authority (`name`, `name:port`,
    /// `[address]:port`).
    #[must_use]
    pub fn accept(&self, authority: &str) -> bool {
        let Self::Local(names) = self else {
            return true;
        };
        let Some((name, bracketed)) = split(authority) else {
            return false;
        };
        // Digits of an address are no name that a site could own.
        if bracketed {
            return name.parse::<Ipv6Addr>().is_ok();
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let only_local = !name.is_empty() && !name.contains('.');
        let given = |own: &String| own.trim_end_matches('.').eq_ignore_ascii_case(&name);
        only_local
            || name.parse::<Ipv4Addr>().is_ok()
            || LOCAL_ENDINGS.iter().any(|ending| name.ends_with(ending))
            || names.iter().any(given)
    }
}

impl Origins {
    fn accept(&self, origin: &str) -> bool {
        let bare = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
        match self {
            Self::Any => true,
            Self::Only(origins) => origins.iter().any(|one| bare(one) == bare(origin)),
        }
    }
}

/// What a request says about its own target, as the server believes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The name and port, `None` where the request gives none or one that cannot be.
    authority: Option<String>,
    /// The name is the word of a trusted proxy.
    forwarded: bool,
}

impl Target {
    /// By the URL of the request if it is absolute, else by `Host`; but a trusted proxy's
    /// `X-Forwarded-Host` counts before both, the last one if there are several, since the proxy
    /// nearest to this server has written that.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap, from_proxy: bool) -> Self {
        let forwarded = from_proxy
            .then(|| headers.get_all("x-forwarded-host").iter().next_back())
            .flatten()
            .and_then(|value| value.to_str().ok()?.rsplit(',').next())
            .map(str::trim)
            .filter(|host| is_authority(host));
        if let Some(host) = forwarded {
            return Self {
                authority: Some(host.to_owned()),
                forwarded: true,
            };
        }
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (uri.authority(), hosts.next(), hosts.next()) {
            (Some(authority), _, None) => Some(authority.as_str()),
            (None, Some(host), None) => host.to_str().ok(),
            _ => None,
        };
        Self {
            authority: host.filter(|host| is_authority(host)).map(str::to_owned),
            forwarded: false,
        }
    }

    /// For who answers instead of this server: what to take for the request's `Host`.
    pub(super) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(self.authority.as_deref()?).ok()
    }

    /// Whether what is not the tracker's may be answered.
    ///
    /// A program of old that names no host (HTTP/1.0) is no browser, and so no page can be behind it.
    pub(super) fn check(
        &self,
        hosts: &Hosts,
        headers: &HeaderMap,
        version: Version,
    ) -> Result<(), Refused> {
        let nameless = version < Version::HTTP_11 && !headers.contains_key(HOST);
        match &self.authority {
            _ if *hosts == Hosts::Any || self.forwarded => Ok(()),
            Some(authority) if hosts.accept(authority) => Ok(()),
            None if nameless => Ok(()),
            Some(authority) => Err(Refused::Host(name_of(authority).to_ascii_lowercase())),
            None => Err(Refused::Host(String::new())),
        }
    }

    /// Whether an announce or scrape may be answered, and the value of
    /// `Access-Control-Allow-Origin` for the answer.
    pub(super) fn check_origin(
        &self,
        hosts: &Hosts,
        origins: &Origins,
        headers: &HeaderMap,
    ) -> Result<Option<HeaderValue>, Refused> {
        if *origins == Origins::Any {
            return Ok(Some(HeaderValue::from_static("*")));
        }
        let Some(header) = headers.get(ORIGIN) else {
            return Ok(None);
        };
        let origin = header.to_str().unwrap_or_default();
        if origins.accept(origin) || self.is_of_own_page(hosts, headers) {
            Ok(Some(header.clone()))
        } else {
            Err(Refused::Origin(
                origin.chars().take(MAX_AUTHORITY).collect(),
            ))
        }
    }

    /// Whether the request comes from a page of this server under one of its names.
    pub(super) fn is_of_own_page(&self, hosts: &Hosts, headers: &HeaderMap) -> bool {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        let origin = origin.and_then(|origin| Some(origin.split_once("://")?.1));
        let (Some(origin), Some(authority)) = (origin, &self.authority) else {
            return false;
        };
        origin.eq_ignore_ascii_case(authority) && (self.forwarded || hosts.accept(authority))
    }
}

/// Whether a text can be the host and port of a URL and nothing else.
fn is_authority(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    !text.is_empty() && text.len() <= MAX_AUTHORITY && text.bytes().all(allowed)
}

/// The name in an authority without its port, and whether it stands in brackets; `None` for a text
/// that is no authority.
fn split(authority: &str) -> Option<(&str, bool)> {
    if !is_authority(authority) {
        return None;
    }
    let (name, rest, bracketed) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (name, rest) = rest.split_once(']')?;
            (name, rest, true)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            (&authority[..end], &authority[end..], false)
        }
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let well = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    well.then_some((name, bracketed))
}

fn name_of(authority: &str) -> &str {
    split(authority).map_or(authority, |(name, _)| name)
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => write!(formatter, "this server does not answer as \"{name}\""),
            Self::Origin(origin) => {
                write!(formatter, "pages of {origin} may not announce here")
            }
        }
    }
}

impl fmt::Debug for OnRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("OnRefused").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Hosts {
        Hosts::Local(vec!["Files.Example.org".to_owned()])
    }

    #[test]
    fn addresses_local_names_and_given_names_are_accepted() {
        for host in [
            "127.0.0.1:8080",
            "192.168.1.5",
            "203.0.113.9:80",
            "[::1]:8080",
            "[2001:db8::1]",
            "localhost:8080",
            "LocalHost",
            "a.localhost:1",
            "nas:8080",
            "nas.local",
            "nas.home.arpa:1",
            "a.b.internal",
            "nas.lan:80",
            "nas.local.:80",
            "files.example.org:443",
            "FILES.example.org.",
        ] {
            assert!(local().accept(host), "{host}");
        }
    }

    #[test]
    fn names_that_a_site_can_own_are_not_accepted() {
        for host in [
            "evil.example:8080",
            "192.168.1.5.nip.io",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "evil.locall",
            "notfiles.example.org",
            "files.example.org.evil.example",
            "[evil.example]",
            "[::1].evil.example",
            "",
            ".",
            ":8080",
            "a b",
            "evil@localhost",
            "localhost/../evil",
        ] {
            assert!(!local().accept(host), "{host}");
        }
        assert!(Hosts::Any.accept("evil.example"));
    }

    #[test]
    fn a_request_with_two_hosts_or_another_in_its_url_is_judged_by_no_friendly_one() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("localhost"));
        let uri: Uri = "http://evil.example/".parse().expect("a URL");
        let check = |uri: &Uri, headers: &HeaderMap| {
            Target::of(uri, headers, false).check(&local(), headers, Version::HTTP_11)
        };
        let evil = Refused::Host("evil.example".to_owned());
        assert_eq!(check(&uri, &headers), Err(evil));
        headers.append(HOST, HeaderValue::from_static("evil.example"));
        let path: Uri = "/".parse().expect("a path");
        assert_eq!(check(&path, &headers), Err(Refused::Host(String::new())));
    }
}
