//! Clients of trackers: HTTP and HTTPS (BEP 3), UDP (BEP 15), and the WebSockets that carry
//! WebRTC signalling. The session decides when to announce and to whom; these only carry it.

mod udp;
pub(crate) mod websocket;

use std::net::SocketAddr;
use std::time::Duration;

use brackish_wire::tracker::http::{HttpTrackerError, announce_url, parse_announce_response};
use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse};
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use udp::UdpTrackers;

use crate::http::{self, HttpClient, HttpError, in_words};
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
    http: HttpClient,
    udp: UdpTrackers,
    slots: Semaphore,
}

impl Announcer {
    pub(crate) fn new() -> Self {
        Self {
            // Announces are minutes apart.
            http: HttpClient::new(0),
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
                self.announce_by_http(url, request, tracker_id, trusted)
                    .await
            }
        };
        match tokio::time::timeout(TIMEOUT, announce).await {
            Ok(result) => result,
            Err(_) => Err("no answer in time".to_owned()),
        }
    }

    async fn announce_by_http(
        &self,
        url: &str,
        request: &AnnounceRequest,
        tracker_id: Option<&[u8]>,
        trusted: &Trusted,
    ) -> Result<AnnounceResponse, String> {
        let base = http::address::read(url).map_err(|error| error.to_string())?;
        let url =
            announce_url(base.as_str(), request, tracker_id).map_err(|error| error.to_string())?;
        let answer = self
            .http
            .get(&url, MAX_ANSWER, Reach::Announce(trusted))
            .await
            .map_err(refusal)?;
        match parse_announce_response(&answer.body) {
            Ok(mut response) => {
                response.peers.extend(look_up(&response.hosts).await);
                Ok(response)
            }
            Err(error @ HttpTrackerError::Failure { .. }) => Err(error.to_string()),
            Err(error) if answer.status.is_success() => Err(error.to_string()),
            Err(_) => Err(format!("HTTP status {}", answer.status)),
        }
    }
}

/// The most host names of one answer that are looked up; trackers that give any give one or two.
const MAX_HOSTS: usize = 8;

/// The longest time to look up the host names of an answer.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// Gives the addresses of peers that a tracker named by host.
async fn look_up(hosts: &[(String, u16)]) -> Vec<SocketAddr> {
    let one = |(host, port): &(String, u16)| {
        let found = tokio::net::lookup_host((host.clone(), *port));
        async {
            tokio::time::timeout(LOOK_UP_TIMEOUT, found)
                .await
                .ok()?
                .ok()?
                .next()
        }
    };
    let found = join_all(hosts.iter().take(MAX_HOSTS).map(one)).await;
    found.into_iter().flatten().collect()
}

/// Says why a tracker was not asked or gave no answer.
fn refusal(error: HttpError) -> String {
    match error {
        HttpError::Inside(inside) => {
            format!("{inside}; if this is your own tracker, name it with --tracker URL")
        }
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
