//! Where web seeds and trackers may lead. A torrent from anywhere could have this machine ask servers
//! that only it can reach: its own, or those of its network. So addresses there are for torrents that
//! come from the very server, and for URLs that the user gave; and for what can only be an announce.

use std::net::{IpAddr, SocketAddr};

use url::Url;

use crate::http::address::{read, server};

/// Host and port of a server.
type Server = (String, u16);

/// The servers of one torrent that may be anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trusted(Vec<Server>);

impl Trusted {
    /// The servers of these URLs.
    pub(crate) fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let server = |url: &str| {
            let url = read(url).ok()?;
            let (host, port) = server(&url)?;
            Some((host.to_owned(), port))
        };
        Self(urls.into_iter().filter_map(server).collect())
    }

    /// The servers of all of these.
    pub(crate) fn all<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(sets.into_iter().flat_map(|set| set.0.clone()).collect())
    }

    /// Whether the server of this URL is one of them.
    fn has(&self, url: &Url) -> bool {
        let known = |(host, at)| {
            self.0
                .iter()
                .any(|(known, port)| known == host && *port == at)
        };
        server(url).is_some_and(known)
    }
}

/// Where a request may lead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach<'a> {
    /// A download that the user named: anywhere. Its redirects lead into the local network from there alone.
    Download,
    /// An announce: to these servers, outside of the local network, and inside if it looks like one.
    Announce(&'a Trusted),
    /// A file of a torrent: to these servers, and outside of the local network.
    File(&'a Trusted),
}

impl Reach<'_> {
    /// Whether a request for `url` may lead into the local network. `first` is the URL before all redirects; `from_inside`
    /// says that all servers so far were in that network.
    pub(crate) fn allows_inside(self, first: &Url, url: &Url, from_inside: bool) -> bool {
        match self {
            Self::Download => from_inside || server(first) == server(url),
            Self::Announce(trusted) => trusted.has(url) || looks_like_announce(url),
            Self::File(trusted) => trusted.has(url),
        }
    }
}

/// Whether a request could hardly be meant for anything but a tracker: to `/announce` or `/announce.php`, with a user's key
/// before or behind that in the path or not. Trackers for WebSockets are at the root as well, where a query might mean
/// something to another server.
fn looks_like_announce(url: &Url) -> bool {
    let socket = matches!(url.scheme(), "ws" | "wss");
    let path = url.path().trim_start_matches('/');
    let is_page = |name: &str| matches!(name, "announce" | "announce.php");
    match path.split_once('/') {
        None if path.is_empty() => socket && url.query().is_none(),
        None => is_page(path),
        Some((first, last)) => (is_page(first) && is_key(last)) || (is_key(first) && is_page(last)),
    }
}

/// Whether a part of a path is a user's key: letters and digits as no word has them.
fn is_key(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// A server is in the local network, and the request is not for there.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it leads into the local network ({0}), where this torrent does not come from")]
pub(crate) struct Inside(IpAddr);

impl Inside {
    /// An address of the server.
    pub(crate) fn address(&self) -> IpAddr {
        self.0
    }
}

/// Leaves those addresses of a server that are outside of the local network.
pub(crate) fn outside(addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Inside> {
    let first = addresses.first().map(SocketAddr::ip);
    let outside: Vec<_> = addresses
        .into_iter()
        .filter(|address| !is_local(address.ip()))
        .collect();
    match (outside.is_empty(), first) {
        (true, Some(ip)) => Err(Inside(ip)),
        _ => Ok(outside),
    }
}

/// Whether an address is of this machine or its network, or of no host at all.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                // "This network" (RFC 1122), which systems take for themselves.
                || first == 0
                // Shared behind one provider's translator (RFC 6598).
                || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(ip) => {
            ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                // An IPv4 address behind a translator (RFC 6052), or in the form that was given up
                // ("IPv4-compatible", RFC 4291).
                || matches!(
                    ip.segments(),
                    [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low]
                        if is_local(IpAddr::V4((u32::from(high) << 16 | u32::from(low)).into()))
                )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_local_network_are_known_in_every_form() {
        for local in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "::ffff:192.168.1.1",
            "64:ff9b::10.0.0.1",
            "::127.0.0.1",
            "::192.168.1.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for global in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(!is_local(global.parse().unwrap()), "{global}");
        }
    }

    #[test]
    fn of_the_addresses_of_a_name_only_those_outside_are_left() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let left = outside(addresses(&["127.0.0.1:80", "1.1.1.1:80"])).unwrap();
        assert_eq!(left, addresses(&["1.1.1.1:80"]));
        let none = outside(addresses(&["10.0.0.1:80", "[::1]:80"])).unwrap_err();
        assert!(none.to_string().contains("10.0.0.1"), "{none}");
    }

    #[test]
    fn an_announce_leads_into_the_local_network_only_if_it_can_be_nothing_else() {
        let named = Trusted::new(["http://nas.local:6969/tracker.php"]);
        let allowed = |url: &str| {
            let url = read(url).unwrap();
            Reach::Announce(&named).allows_inside(&url, &url, true)
        };
        for url in [
            "http://router/announce",
            "http://router:6969/announce?info_hash=x",
            "http://router/announce.php?passkey=0123",
            "http://router/0123456789abcdef/announce",
            "http://router/announce/0123456789abcdef0123456789ABCDEF",
            "ws://router/announce",
            "ws://router",
            "ws://router/",
            "http://nas.local:6969/anything",
            "http://NAS.local:6969/anything",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "http://router/",
            "http://router/reboot?now=1",
            "http://router/announce/../reboot",
            "http://router/reboot/announce",
            "http://router/announce/reboot",
            "http://router/0123456789abcdef/reboot",
            "http://router/announce/0123456789abcdef/reboot",
            "http://router/factoryresetallnow/announce",
            "ws://router/?reboot",
            "ws://router/reboot",
            "http://nas.local/anything",
        ] {
            assert!(!allowed(url), "{url}");
        }
    }

    #[test]
    fn a_download_goes_inside_from_outside_only_to_the_server_that_the_user_named() {
        let url = |text: &str| read(text).unwrap();
        let named = url("http://host.example/a.torrent");
        let allows =
            |to: &str, from_inside| Reach::Download.allows_inside(&named, &url(to), from_inside);
        assert!(allows("http://router/x", true));
        assert!(!allows("http://router/x", false));
        assert!(allows("http://host.example/b.torrent", false));
        assert!(!allows("https://host.example/b.torrent", false));
    }

    #[test]
    fn a_server_is_trusted_by_host_and_port() {
        let trusted = Trusted::new([
            "http://NAS.local/a b",
            "https://[fd00::1]:8443/b",
            "wss://hub",
            "junk",
        ]);
        let allows = |text: &str| {
            let url = read(text).unwrap();
            Reach::File(&trusted).allows_inside(&url, &url, true)
        };
        assert!(allows("http://nas.local:80/c") && allows("https://[FD00::1]:8443/"));
        assert!(allows("https://hub/"));
        assert!(!allows("http://nas.local:8080/a") && !allows("http://nas.locals/a"));
    }
}
