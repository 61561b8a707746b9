//! Reverse proxies: whose word about the client counts, and what they say.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Whether one of these networks has the address.
pub(super) fn trust(proxies: &[IpNet], address: IpAddr) -> bool {
    proxies.iter().any(|network| network.contains(&address))
}

/// The client that asks: the other end of the connection, or the client that trusted proxies name in
/// `X-Forwarded-For`.
///
/// Each proxy adds at the end the address that it was asked from. So the last address that is not a
/// trusted proxy's is the client's, and what stands before it is whatever the client claimed.
pub(super) fn client(proxies: &[IpNet], remote: IpAddr, headers: &HeaderMap) -> IpAddr {
    let mut client = remote;
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let mut forwarded = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.rsplit(','));
    while trust(proxies, client) {
        match forwarded.next().and_then(parse) {
            Some(address) => client = address,
            None => break,
        }
    }
    client
}

/// An address, which some proxies give a port, and some put in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
    let address = address.or_else(|_| with_port()).ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_last_address_that_is_no_trusted_proxy() {
        let proxies: Vec<IpNet> = ["127.0.0.0/8", "10.0.0.0/24", "fd00::/64"]
            .map(|network| network.parse().expect("a network"))
            .into();
        for (remote, forwarded, expected) in [
            ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
            ("127.0.0.1", "6.6.6.6, 203.0.113.7, 10.0.0.9", "203.0.113.7"),
            ("127.0.0.1", "203.0.113.7:4711", "203.0.113.7"),
            ("127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
            ("127.0.0.1", "[2001:db8::7]", "2001:db8::7"),
            ("fd00::1", "::ffff:203.0.113.7", "203.0.113.7"),
            // A proxy that says nothing of use is the client itself.
            ("127.0.0.1", "", "127.0.0.1"),
            ("127.0.0.1", "6.6.6.6, unknown", "127.0.0.1"),
            ("127.0.0.1", "10.0.0.1, 10.0.0.2", "10.0.0.1"),
            // Whoever is no proxy speaks for nobody.
            ("203.0.113.9", "6.6.6.6", "203.0.113.9"),
            ("10.0.1.1", "6.6.6.6", "10.0.1.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", forwarded.parse().expect("a value"));
            let remote = remote.parse().expect("an address");
            let client = client(&proxies, remote, &headers);
            assert_eq!(client.to_string(), expected, "{remote} with {forwarded:?}");
        }
    }
}
