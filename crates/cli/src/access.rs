//! Whom the HTTP port of `share` and `tracker` answers: the flags for it, and what is said of those
//! that it refuses.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brackish_tracker::server::{Hosts, OnRefused, Origins, Refused};
use brackish_wire::InfoHash;
use brackish_wire::metainfo::Info;
use clap::Args;
use ipnet::IpNet;
use tokio::sync::mpsc;

/// The time between two lines about refused requests: a page can send them without end.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// Refusals that wait to be shown.
const MAX_UNTOLD: usize = 4;

/// Every name or origin.
const ANY: &str = "*";

/// What stands for all of loopback as a proxy's address.
const LOOPBACK: &str = "loopback";

/// Whose pages may announce, and which proxies are believed.
#[derive(Debug, Args)]
pub struct AccessArgs {
    /// Let only pages of this origin use the tracker, such as https://app.example.org, besides those
    /// that are served here; repeatable [default: *, all pages].
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub origins: Vec<String>,
    /// Believe a reverse proxy at these addresses or networks about the client (X-Forwarded-For)
    /// and the name that it asked for (X-Forwarded-Host) [without a value: loopback].
    #[arg(long = "trust-proxy", value_name = "ADDR,...", num_args = 0..=1, require_equals = true,
          default_missing_value = LOOPBACK, value_delimiter = ',', value_parser = parse_proxy)]
    proxies: Vec<Proxies>,
}

/// The networks that one value of `--trust-proxy` names.
#[derive(Clone, Debug)]
struct Proxies(Vec<IpNet>);

impl AccessArgs {
    /// Whose pages may announce.
    pub fn origins(&self) -> Origins {
        let any = self.origins.is_empty() || self.origins.iter().any(|origin| origin == ANY);
        match any {
            true => Origins::Any,
            false => Origins::Only(self.origins.clone()),
        }
    }

    /// The networks of the proxies that are believed.
    pub fn proxies(&self) -> Vec<IpNet> {
        let all = self.proxies.iter().flat_map(|Proxies(networks)| networks);
        all.copied().collect()
    }
}

/// The names that `share` answers under: the machine's own and these.
pub fn hosts(given: &[String]) -> Hosts {
    if given.iter().any(|name| name == ANY) {
        return Hosts::Any;
    }
    Hosts::Local(given.iter().cloned().chain(machine_name()).collect())
}

/// The info-hashes of a torrent, as peers name them to trackers.
pub fn info_hashes(info: &Info) -> impl Iterator<Item = InfoHash> {
    let v2 = info.v2().map(|v2| v2.info_hash().truncated());
    [info.info_hash()].into_iter().chain(v2)
}

/// The name of this machine, which may be one with dots.
fn machine_name() -> Option<String> {
    #[cfg(unix)]
    {
        let system = rustix::system::uname();
        let name = system.nodename().to_str().ok()?;
        Some(name.to_owned())
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// A request that was refused, for the person who shares.
#[derive(Debug)]
pub struct Told(pub Refused);

impl fmt::Display for Told {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Refused::Host(name) if name.is_empty() => {
                formatter.write_str("refused a request that names no host or several")
            }
            Refused::Host(name) => write!(
                formatter,
                "refused a request for {name}, which is no name of this machine; --host {name} \
                 would allow it"
            ),
            Refused::Origin(origin) => write!(
                formatter,
                "refused an announce by a page of {origin}; --allow-origin {origin} would allow it"
            ),
        }
    }
}

/// The hook that answers refused requests, and where those come out that are worth a line: one in
/// ten seconds.
pub fn on_refused() -> (OnRefused, mpsc::Receiver<Told>) {
    let (tell, told) = mpsc::channel(MAX_UNTOLD);
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    let hook = move |refused: &Refused| {
        let mut last = last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
            *last = Some(Instant::now());
            // Nobody has read the ones before: they say enough.
            let _ = tell.try_send(Told(refused.clone()));
        }
        sentence(refused)
    };
    (OnRefused(Arc::new(hook)), told)
}

/// What the client is told.
fn sentence(refused: &Refused) -> String {
    match refused {
        Refused::Host(name) if name.is_empty() => {
            "This request must name one host, such as that of the link. Behind a proxy, start \
             brackish with --trust-proxy, or with --host '*' to answer under every name."
                .to_owned()
        }
        Refused::Host(name) => format!(
            "{name} is no name that this server answers under. Start brackish with --host {name} \
             to allow it, or with --trust-proxy where a proxy asks for it."
        ),
        Refused::Origin(origin) => format!(
            "Pages of {origin} may not use this tracker. Start brackish with --allow-origin \
             {origin} to allow it."
        ),
    }
}

/// Reads the value of `--host`: a name without scheme and port, or `*`.
pub fn parse_host(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let well = text == ANY || (!text.is_empty() && text.bytes().all(is_name));
    match well {
        true => Ok(text.to_owned()),
        false => Err(
            "expected a name without scheme and port, such as files.example.org, or '*' for \
             every name"
                .to_owned(),
        ),
    }
}

fn parse_origin(text: &str) -> Result<String, String> {
    let of_url = text.split_once("://").is_some_and(|(scheme, host)| {
        let host = host.strip_suffix('/').unwrap_or(host);
        !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@'])
    });
    match of_url || text == ANY || text == "null" {
        true => Ok(text.to_owned()),
        false => Err(
            "expected the beginning of a page's URL, such as https://app.example.org, or '*' for \
             every page"
                .to_owned(),
        ),
    }
}

fn parse_proxy(text: &str) -> Result<Proxies, String> {
    if text == LOOPBACK {
        let networks = ["127.0.0.0/8", "::1/128"].into_iter();
        return Ok(Proxies(
            networks
                .filter_map(|network| network.parse().ok())
                .collect(),
        ));
    }
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    let network = text.parse::<IpNet>();
    network
        .or_else(|_| address())
        .map(|network| Proxies(vec![network]))
        .map_err(|_| {
            "expected an address or network, such as 192.168.1.2 or 10.0.0.0/8, or loopback"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_origins_and_proxies_are_taken_as_people_write_them() {
        for right in ["files.example.org", "nas", "*", "a_b"] {
            assert!(parse_host(right).is_ok(), "{right}");
        }
        for wrong in ["", "http://a", "a:80", "a/b", "[::1]", "a b"] {
            assert!(parse_host(wrong).is_err(), "{wrong}");
        }
        for right in ["*", "null", "https://a.example", "http://a:80/"] {
            assert!(parse_origin(right).is_ok(), "{right}");
        }
        for wrong in ["", "a.example", "https://", "https://a/b", "://a"] {
            assert!(parse_origin(wrong).is_err(), "{wrong}");
        }
        for (right, networks) in [("loopback", 2), ("10.0.0.0/8", 1), ("::1", 1)] {
            let parsed = parse_proxy(right).map(|Proxies(networks)| networks.len());
            assert_eq!(parsed, Ok(networks), "{right}");
        }
        for wrong in ["", "10.0.0.0/99", "proxy.example", "1.2.3.4:80"] {
            assert!(parse_proxy(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_flood_of_refusals_is_told_once() {
        let (OnRefused(hook), mut told) = on_refused();
        for number in 0..1000 {
            let refused = Refused::Host(format!("evil{number}.example"));
            assert!(hook(&refused).contains(&format!("--host evil{number}.example")));
        }
        let line = told.try_recv().expect("one").to_string();
        assert!(line.contains("--host evil0.example"), "{line}");
        assert!(told.try_recv().is_err());
    }
}
