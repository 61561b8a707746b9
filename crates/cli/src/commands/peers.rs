//! From the flags that share, download and seed have in common to a running node.

use std::net::SocketAddr;

use brackish_native::{Limits, Node, NodeConfig, Source};

use crate::addresses::is_local_host;
use crate::args::PeerArgs;
use crate::failure::Failure;

/// Used where the peers may be anywhere and the person named no other server.
const PUBLIC_STUN: &str = "stun:stun.l.google.com:19302";

/// Connections that a node may have for each of its peers: dials, offers without an answer and
/// strangers count among them. As many as a page has.
const CONNECTIONS_PER_PEER: usize = 4;

/// Starts a node as the flags say. `trackers` are those that it will announce to.
pub async fn start_node<'a>(
    args: &PeerArgs,
    trackers: impl IntoIterator<Item = &'a str>,
) -> Result<Node, Failure> {
    let max_peers = usize::from(args.max_peers);
    let config = NodeConfig {
        port: args.port,
        bind: args
            .bind
            .as_ref()
            .map_or_else(Vec::new, |bind| bind.0.clone()),
        tcp: !args.no_tcp,
        webrtc: !args.no_webrtc,
        ice_servers: ice_servers(&args.ice_servers, trackers),
        connections_per_torrent: max_peers,
        connections: max_peers * CONNECTIONS_PER_PEER,
        limits: Limits {
            up: args.max_up,
            down: args.max_down,
        },
        ..NodeConfig::default()
    };
    Ok(Node::start(config).await?)
}

/// The ICE servers to use: those asked for, else none as long as every tracker is in the local
/// network, for then so are the peers and nobody outside needs to hear of them.
pub fn ice_servers<'a>(
    asked: &[String],
    trackers: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let local = |url: &str| {
        url.split_once("://")
            .is_none_or(|(_, rest)| is_local_host(authority(rest)))
    };
    if trackers.into_iter().all(local) {
        Vec::new()
    } else {
        vec![PUBLIC_STUN.to_owned()]
    }
}

/// The trackers that a source names.
pub fn trackers_of(source: &Source) -> Vec<&str> {
    match source {
        Source::Metainfo(metainfo) => metainfo
            .trackers
            .iter()
            .flatten()
            .map(String::as_str)
            .collect(),
        Source::Magnet(magnet) => magnet.trackers.iter().map(String::as_str).collect(),
    }
}

/// Whether a source says that its peers come from its trackers alone (BEP 27). A magnet link does
/// not say.
pub fn is_private(source: &Source) -> bool {
    matches!(source, Source::Metainfo(metainfo) if metainfo.info.is_private())
}

/// The web seeds that a source names.
pub fn web_seeds_of(source: &Source) -> &[String] {
    match source {
        Source::Metainfo(metainfo) => &metainfo.web_seeds,
        Source::Magnet(magnet) => &magnet.web_seeds,
    }
}

/// The name that a source gives, else its info-hash.
pub fn name_of(source: &Source) -> String {
    match source {
        Source::Metainfo(metainfo) => metainfo.info.name().to_owned(),
        Source::Magnet(magnet) => magnet
            .name
            .clone()
            .unwrap_or_else(|| magnet.info_hash.to_string()),
    }
}

/// Looks up the peers that the person named.
pub async fn resolve(peers: &[String]) -> Result<Vec<SocketAddr>, Failure> {
    let mut found = Vec::new();
    for peer in peers {
        let addresses = tokio::net::lookup_host(peer.as_str())
            .await
            .map_err(|error| Failure::new(peer, error))?;
        found.extend(addresses);
    }
    Ok(found)
}

fn authority(rest: &str) -> &str {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    rest.split_at(end).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_tracker_outside_brings_in_a_public_stun_server() {
        assert!(ice_servers(&[], []).is_empty());
        assert!(
            ice_servers(
                &[],
                [
                    "ws://127.0.0.1:8080/announce",
                    "http://192.168.1.2/announce"
                ]
            )
            .is_empty()
        );
        assert_eq!(
            ice_servers(&[], ["ws://127.0.0.1:1/", "wss://tracker.example.org"]),
            [PUBLIC_STUN]
        );
        assert_eq!(
            ice_servers(&["stun:mine".to_owned()], ["wss://tracker.example.org"]),
            ["stun:mine"]
        );
    }
}
