//! ICE servers as a person gives them.

use webrtc::peer_connection::RTCIceServer;

use crate::node::NodeError;

/// STUN and TURN servers.
#[derive(Clone, Debug, Default)]
pub(crate) struct IceServers(pub(super) Vec<RTCIceServer>);

impl IceServers {
    /// Reads `stun:host[:port]` and `turn:[user:password@]host[:port][?transport=udp]`.
    pub(crate) fn parse(urls: &[String]) -> Result<Self, NodeError> {
        urls.iter()
            .map(|url| parse(url))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn parse(url: &str) -> Result<RTCIceServer, NodeError> {
    let wrong = |reason| NodeError::IceServer {
        url: url.to_owned(),
        reason,
    };
    let (scheme, rest) = url
        .split_once(':')
        .ok_or_else(|| wrong("it must begin with stun: or turn:"))?;
    let turn = match scheme {
        "stun" | "stuns" => false,
        "turn" | "turns" => true,
        _ => return Err(wrong("it must begin with stun: or turn:")),
    };
    let (credentials, host) = match rest.rsplit_once('@') {
        Some((credentials, host)) => (Some(credentials), host),
        None => (None, rest),
    };
    if host.is_empty() || host.starts_with([':', '?', '/']) {
        return Err(wrong("it names no host"));
    }
    let (username, credential) = match credentials {
        Some(credentials) => credentials
            .split_once(':')
            .ok_or_else(|| wrong("its user has no password"))?,
        None if turn => return Err(wrong("a TURN server needs user:password@ before the host")),
        None => ("", ""),
    };
    Ok(RTCIceServer {
        urls: vec![format!("{scheme}:{host}")],
        username: username.to_owned(),
        credential: credential.to_owned(),
    })
}
