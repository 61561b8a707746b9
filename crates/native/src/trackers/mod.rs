//! Clients of trackers: HTTP and HTTPS (BEP 3), UDP (BEP 15), and the WebSockets that carry
//! WebRTC signalling. The session decides when to announce and to whom; these only carry it.

pub(crate) mod connect;
pub(crate) mod http;
mod udp;
pub(crate) mod websocket;

use std::io;
use std::time::Duration;

use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse};
use tokio::sync::Semaphore;

use udp::UdpTrackers;

use crate::reach::{Reach, Trusted};

/// Longest time that an announce takes: a tracker that is slower is as good as dead to a swarm.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Most announces under way at once; more wait. Enough for a few dozen torrents that start
/// together.
const MAX_ANNOUNCES: usize = 32;

/// Longest answer of an HTTP tracker, in bytes. A thousand peers in the long form are about
/// 100 KB.
const MAX_ANSWER: usize = 1 << 20;

/// The announces of a node by HTTP and UDP.
pub(crate) struct Announcer {
    udp: UdpTrackers,
    slots: Semaphore,
}

impl Announcer {
    pub(crate) fn new() -> Self {
        Self {
            udp: UdpTrackers::default(),
            slots: Semaphore::new(MAX_ANNOUNCES),
        }
    }

    /// Announces, and says in words what went wrong if it does. `trusted` are servers that may be
    /// anywhere. Datagrams may go anywhere too: nothing that a torrent chose is in them before the
    /// other end has answered as a tracker.
    pub(crate) async fn announce(
        &self,
        url: &str,
        request: &AnnounceRequest,
        tracker_id: Option<&[u8]>,
        trusted: &Trusted,
    ) -> Result<AnnounceResponse, String> {
        let _slot = self
            .slots
            .acquire()
            .await
            .map_err(|_| "the node is shutting down".to_owned())?;
        let announce = async {
            if url.starts_with("udp:") {
                self.udp.announce(url, request).await
            } else {
                announce_by_http(url, request, tracker_id, trusted).await
            }
        };
        match tokio::time::timeout(TIMEOUT, announce).await {
            Ok(result) => result,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }
}

async fn announce_by_http(
    url: &str,
    request: &AnnounceRequest,
    tracker_id: Option<&[u8]>,
    trusted: &Trusted,
) -> Result<AnnounceResponse, String> {
    let url = brackish_wire::tracker::http::announce_url(url, request, tracker_id)
        .map_err(|error| error.to_string())?;
    let answer = http::get(&url, MAX_ANSWER, Reach::Announce(trusted))
        .await
        .map_err(|error| error.to_string())?;
    brackish_wire::tracker::http::parse_announce_response(&answer.body).map_err(
        |error| match answer.status.is_success() {
            true => error.to_string(),
            false => format!("HTTP status {}", answer.status),
        },
    )
}

/// What went wrong, in words that a person understands without knowing the call.
pub(crate) fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::TimedOut => "no answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "the connection ended early".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
