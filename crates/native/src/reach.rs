//! Where web seeds and trackers may lead. A torrent from anywhere could have this machine ask servers
//! that only it can reach: its own, or those of its network. So addresses there are for torrents that
//! come from the very server, and for URLs that the user gave; and for what can only be an announce.

use std::net::{IpAddr, SocketAddr};

use hyper::Uri;

/// Host and port of a server.
type Server = (String, u16);

/// The servers of one torrent that may be anywhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trusted(Vec<Server>);

impl Trusted {
    /// The servers of these URLs.
    pub(crate) fn new<'a>(urls: impl IntoIterator<Item = &'a str>) -> Self {
        let server = |url: &str| {
            let uri: Uri = url.parse().ok()?;
            let port = uri.port_u16().or_else(|| usual_port(&uri));
            Some((uri.host()?.to_owned(), port?))
        };
        Self(urls.into_iter().filter_map(server).collect())
    }

    /// The servers of all of these.
    pub(crate) fn all<'a>(sets: impl IntoIterator<Item = &'a Self>) -> Self {
        Self(sets.into_iter().flat_map(|set| set.0.clone()).collect())
    }

    pub(crate) fn has(&self, host: &str, port: u16) -> bool {
        let known = |(known, at): &Server| *at == port && known.eq_ignore_ascii_case(host);
        self.0.iter().any(known)
    }
}

/// Host and port of a URL of HTTP or HTTPS.
pub(crate) fn server_of(uri: &Uri) -> Option<Server> {
    let scheme = uri.scheme_str()?;
    let port = usual_port(uri).filter(|_| matches!(scheme, "http" | "https"))?;
    Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(port)))
}

fn usual_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str()? {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// Where a request may lead.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reach<'a> {
    /// Anywhere: the user named it.
    Anywhere,
    /// An announce: to these servers, outside of the local network, and inside if it looks like one.
    Announce(&'a Trusted),
}

impl Reach<'_> {
    /// Leaves those addresses of the server of `uri`, at `port`, that may be connected to.
    pub(crate) fn limit(
        self,
        uri: &Uri,
        port: u16,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Inside> {
        match self {
            Self::Announce(trusted)
                if !trusted.has(uri.host().unwrap_or_default(), port)
                    && !looks_like_announce(uri) =>
            {
                outside(addresses)
            }
            _ => Ok(addresses),
        }
    }
}

/// Whether a request could hardly be meant for anything but a tracker. Trackers for WebSockets are at
/// the root as well, where a query might mean something to another server.
fn looks_like_announce(uri: &Uri) -> bool {
    let socket = matches!(uri.scheme_str(), Some("ws" | "wss"));
    match uri.path() {
        "/announce" => true,
        "" | "/" => socket && uri.query().is_none(),
        _ => false,
    }
}

/// A server is in the local network, and the request is not for there.
#[derive(Debug, thiserror::Error)]
#[error("it leads into the local network ({0}), where this torrent does not come from")]
pub(crate) struct Inside(IpAddr);

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
fn is_local(ip: IpAddr) -> bool {
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
        let inside: Vec<SocketAddr> = vec!["192.168.1.1:80".parse().unwrap()];
        let named = Trusted::new(["http://nas.local:6969/tracker.php"]);
        let allowed = |url: &str| {
            let uri: Uri = url.parse().unwrap();
            let port = uri.port_u16().unwrap_or(80);
            let limited = Reach::Announce(&named).limit(&uri, port, inside.clone());
            limited.is_ok_and(|addresses| addresses == inside)
        };
        for url in [
            "http://router/announce",
            "http://router:6969/announce?info_hash=x",
            "ws://router/announce",
            "ws://router",
            "ws://router/",
            "http://nas.local:6969/anything",
        ] {
            assert!(allowed(url), "{url}");
        }
        for url in [
            "http://router/",
            "http://router/reboot?now=1",
            "http://router/announce/../reboot",
            "http://router/reboot/announce",
            "ws://router/?reboot",
            "ws://router/reboot",
            "http://nas.local/anything",
        ] {
            assert!(!allowed(url), "{url}");
        }
        let uri = "http://router/reboot".parse().unwrap();
        assert!(Reach::Anywhere.limit(&uri, 80, inside.clone()).is_ok());
    }

    #[test]
    fn a_server_is_trusted_by_host_and_port() {
        let trusted = Trusted::new([
            "http://NAS.local/a",
            "https://[fd00::1]:8443/b",
            "wss://hub",
            "junk",
        ]);
        assert!(trusted.has("nas.local", 80) && trusted.has("[fd00::1]", 8443));
        assert!(trusted.has("hub", 443));
        assert!(!trusted.has("nas.local", 8080) && !trusted.has("nas.locals", 80));
    }
}
