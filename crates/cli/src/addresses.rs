//! Where to listen, and under which addresses other machines reach that.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::TcpListener;

use crate::failure::Failure;

/// The port of the page and the tracker when none is asked for.
const DEFAULT_PORT: u16 = 8080;
/// How many ports after the default are tried.
const PORTS_TRIED: u16 = 100;

/// Reads `HOST:PORT` with an IP address or `localhost` as the host, `:PORT`, `PORT`, or an address
/// alone.
pub fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, DEFAULT_PORT));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let host = match host {
        "" => Some(everywhere),
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => None,
    };
    match (host, port.parse::<u16>()) {
        (Some(host), Ok(port)) => Ok(SocketAddr::new(host, port)),
        _ => Err(
            "expected an address such as 0.0.0.0:8080, [::1]:8080, localhost:8080 or :8080"
                .to_owned(),
        ),
    }
}

/// Addresses of this machine to speak to peers from, at least one.
#[derive(Clone, Debug)]
pub struct Bind(pub Vec<IpAddr>);

/// Reads an IP address, or the name of a network interface, which stands for its addresses.
pub fn parse_bind(text: &str) -> Result<Bind, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Bind(vec![address]));
    }
    let interfaces = if_addrs::get_if_addrs().map_err(|error| error.to_string())?;
    let addresses: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| interface.name == text && !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect();
    if addresses.is_empty() {
        let mut names: Vec<&str> = interfaces
            .iter()
            .map(|interface| interface.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        return Err(format!(
            "expected an IP address, or a network interface with one: {}",
            names.join(", ")
        ));
    }
    Ok(Bind(addresses))
}

/// Listens where asked, or by default on the first free port from 8080 on.
pub async fn listen(asked: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(address) = asked {
        return TcpListener::bind(address)
            .await
            .map_err(|error| cannot_listen(address, &error));
    }
    let address = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    for port in DEFAULT_PORT..DEFAULT_PORT + PORTS_TRIED {
        match TcpListener::bind(address(port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(cannot_listen(address(port), &error)),
        }
    }
    let last = DEFAULT_PORT + PORTS_TRIED - 1;
    Err(Failure::new(
        format!("ports {DEFAULT_PORT} to {last}"),
        "all are in use; choose one with --listen",
    ))
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to listen on that port".to_owned(),
        _ => error.to_string(),
    };
    Failure::new(address, why)
}

/// The addresses to give to people for a server on `listening`: those of this machine's networks
/// first, IPv4 before IPv6, and `localhost` last where that works.
pub fn hosts(listening: SocketAddr) -> Vec<String> {
    let port = listening.port();
    if !listening.ip().is_unspecified() {
        return vec![listening.to_string()];
    }
    let mut addresses: Vec<IpAddr> = network_addresses()
        .into_iter()
        // An IPv4 socket hears only IPv4.
        .filter(|address| listening.is_ipv6() || address.is_ipv4())
        .collect();
    addresses.sort_by_key(|address| (address.is_ipv6(), !is_private(*address)));
    let networks = addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, port).to_string());
    networks.chain([format!("localhost:{port}")]).collect()
}

/// The address by which this machine reaches its own server on `listening`.
pub fn own(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

/// The machine's addresses that other machines may reach: no loopback, no link-local ones.
fn network_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces
        .into_iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(|interface| interface.ip())
        .collect()
}

/// Whether an address is of a local network or of this machine alone.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Whether the host of an authority (`host`, `host:port`, `[v6]:port`) is of a local network or of
/// this machine alone, as far as its name tells.
pub fn is_local_host(authority: &str) -> bool {
    let host = host_of(authority);
    if let Ok(address) = host.parse::<IpAddr>() {
        return is_private(address);
    }
    // A name without a dot is looked up in the local network.
    !host.contains('.')
        || [".local", ".localhost", ".lan", ".home.arpa"]
            .iter()
            .any(|end| host.ends_with(end))
}

/// Whether the host of an authority is this machine alone.
pub fn is_loopback_host(authority: &str) -> bool {
    let host = host_of(authority);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(host, _)| host);
    }
    authority
        .split_once(':')
        .map_or(authority, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_takes_what_people_write() {
        for (text, expected) in [
            ("0.0.0.0:9000", "0.0.0.0:9000"),
            ("[::1]:9000", "[::1]:9000"),
            ("127.0.0.1", "127.0.0.1:8080"),
            (":9000", "0.0.0.0:9000"),
            ("9000", "0.0.0.0:9000"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(
                parse_listen(text)
                    .map(|address| address.to_string())
                    .as_deref(),
                Ok(expected)
            );
        }
        for wrong in [
            "",
            "somewhere:9000",
            "1.2.3.4:99999",
            "http://localhost:8080",
        ] {
            assert!(parse_listen(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_or_an_interface_can_be_bound_to() {
        let addresses = |text: &str| parse_bind(text).map(|bind| bind.0);
        assert_eq!(
            addresses("::1"),
            Ok(vec!["::1".parse().expect("an address")])
        );
        let error = addresses("none0").expect_err("there is no such interface");
        let interfaces = if_addrs::get_if_addrs().expect("interfaces");
        let loopback = interfaces
            .iter()
            .find(|interface| interface.is_loopback())
            .expect("a loopback interface");
        let found = addresses(&loopback.name).expect("its addresses");
        assert!(found.contains(&loopback.ip()), "{found:?}");
        assert!(error.contains(&loopback.name), "{error}");
    }

    #[test]
    fn local_hosts_are_told_from_public_ones() {
        for local in [
            "localhost:8080",
            "192.168.1.2:80",
            "10.0.0.1",
            "[::1]:9",
            "[fd00::1]",
            "nas",
            "nas.local:80",
        ] {
            assert!(is_local_host(local), "{local}");
        }
        for public in ["example.org", "1.1.1.1:80", "[2606:4700::1111]:443"] {
            assert!(!is_local_host(public), "{public}");
        }
    }

    #[test]
    fn a_server_on_every_address_is_reached_by_its_own_machine_on_loopback() {
        assert_eq!(
            own("0.0.0.0:80".parse().expect("an address")).to_string(),
            "127.0.0.1:80"
        );
        assert_eq!(
            own("[::]:80".parse().expect("an address")).to_string(),
            "[::1]:80"
        );
        assert_eq!(
            own("10.1.2.3:80".parse().expect("an address")).to_string(),
            "10.1.2.3:80"
        );
    }
}
