//! UDP trackers (BEP 15): one socket for each address family and all trackers, so that a connection
//! id may be used again; lost datagrams are sent again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use brackish_wire::tracker::udp::{Request, Response};
use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::in_words;
use crate::engine::random::random_u32;

/// How long a connection id may be used (BEP 15).
const CONNECTION_LIFE: Duration = Duration::from_secs(60);

/// How long each try waits for its answer. Shorter than the 15 seconds and their doubles of
/// BEP 15, since a node has other trackers and announces again.
const TRIES: [Duration; 3] = [
    Duration::from_secs(3),
    Duration::from_secs(6),
    Duration::from_secs(12),
];

/// Longest datagram taken, in bytes: an answer with 400 IPv6 peers.
const MAX_ANSWER: usize = 8 << 10;

/// Most connection ids kept; the oldest goes first.
const MAX_CONNECTIONS: usize = 256;

/// The UDP side of an announcer.
#[derive(Default)]
pub(super) struct UdpTrackers {
    v4: RefCell<Option<Rc<Socket>>>,
    v6: RefCell<Option<Rc<Socket>>>,
    connections: RefCell<HashMap<SocketAddr, (u64, Instant)>>,
}

/// A socket and those who wait for datagrams on it.
struct Socket {
    udp: UdpSocket,
    waiting: RefCell<HashMap<u32, Waiting>>,
}

struct Waiting {
    tracker: SocketAddr,
    answer: oneshot::Sender<Response>,
}

impl UdpTrackers {
    /// Announces to the tracker at a `udp:` URL, at the first of its addresses that answers.
    pub(super) async fn announce(
        &self,
        url: &str,
        request: &AnnounceRequest,
    ) -> Result<AnnounceResponse, String> {
        let uri: hyper::Uri = url.parse().map_err(|_| "not a valid udp URL".to_owned())?;
        let (Some(host), Some(port)) = (uri.host(), uri.port_u16()) else {
            return Err("a udp tracker needs a host and a port".to_owned());
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port))
            .await
            .map_err(|_| format!("no such host: {bare}"))?;
        let mut addresses: Vec<_> = found.collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup_by_key(|address| address.is_ipv6());
        let url_data = uri.path_and_query().map_or("", |path| path.as_str());
        let url_data = if url_data == "/" { "" } else { url_data };
        let mut failure = format!("no such host: {bare}");
        for tracker in addresses {
            match self.announce_to(tracker, request, url_data).await {
                Ok(response) => return Ok(response),
                Err(reason) => failure = reason,
            }
        }
        Err(failure)
    }

    async fn announce_to(
        &self,
        tracker: SocketAddr,
        request: &AnnounceRequest,
        url_data: &str,
    ) -> Result<AnnounceResponse, String> {
        let socket = self
            .socket(tracker)
            .await
            .map_err(|error| in_words(&error))?;
        for patience in TRIES {
            let connection_id = match self.connection(tracker) {
                Some(id) => id,
                None => match socket
                    .ask(tracker, patience, |transaction_id| Request::Connect {
                        transaction_id,
                    })
                    .await?
                {
                    Some(Response::Connect { connection_id, .. }) => {
                        self.keep(tracker, connection_id);
                        connection_id
                    }
                    Some(Response::Error { message, .. }) => return Err(message),
                    Some(_) => return Err("the tracker answered out of turn".to_owned()),
                    None => continue,
                },
            };
            let announce = |transaction_id| Request::Announce {
                connection_id,
                transaction_id,
                request: request.clone(),
                url_data: url_data.as_bytes().to_vec(),
            };
            match socket.ask(tracker, patience, announce).await? {
                Some(Response::Announce {
                    interval,
                    incomplete,
                    complete,
                    peers,
                    ..
                }) => {
                    let (complete, incomplete) = (Some(complete), Some(incomplete));
                    return Ok(AnnounceResponse {
                        interval,
                        complete,
                        incomplete,
                        peers,
                        ..Default::default()
                    });
                }
                Some(Response::Error { message, .. }) => {
                    self.connections.borrow_mut().remove(&tracker);
                    return Err(message);
                }
                Some(_) => return Err("the tracker answered out of turn".to_owned()),
                // The connection id may be what it did not like.
                None => _ = self.connections.borrow_mut().remove(&tracker),
            }
        }
        Err("no answer in time".to_owned())
    }

    fn connection(&self, tracker: SocketAddr) -> Option<u64> {
        let connections = self.connections.borrow();
        connections
            .get(&tracker)
            .filter(|(_, since)| since.elapsed() < CONNECTION_LIFE)
            .map(|(id, _)| *id)
    }

    fn keep(&self, tracker: SocketAddr, connection_id: u64) {
        let mut connections = self.connections.borrow_mut();
        if connections.len() >= MAX_CONNECTIONS
            && let Some(oldest) = connections
                .iter()
                .min_by_key(|(_, (_, since))| *since)
                .map(|(tracker, _)| *tracker)
        {
            connections.remove(&oldest);
        }
        connections.insert(tracker, (connection_id, Instant::now()));
    }

    /// The socket of the tracker's address family, opened and read from at its first use.
    async fn socket(&self, tracker: SocketAddr) -> io::Result<Rc<Socket>> {
        let (place, any): (_, SocketAddr) = match tracker {
            SocketAddr::V4(_) => (&self.v4, (Ipv4Addr::UNSPECIFIED, 0).into()),
            SocketAddr::V6(_) => (&self.v6, (Ipv6Addr::UNSPECIFIED, 0).into()),
        };
        if let Some(socket) = place.borrow().as_ref() {
            return Ok(socket.clone());
        }
        let socket = Rc::new(Socket {
            udp: UdpSocket::bind(any).await?,
            waiting: RefCell::default(),
        });
        let reader = socket.clone();
        *place.borrow_mut() = Some(socket.clone());
        // Ends with the engine, as every local task does.
        tokio::task::spawn_local(async move {
            loop {
                reader.receive().await;
            }
        });
        Ok(socket)
    }
}

impl Socket {
    /// Sends a request and waits for its answer; `None` if none came in time.
    async fn ask(
        &self,
        tracker: SocketAddr,
        patience: Duration,
        request: impl FnOnce(u32) -> Request,
    ) -> Result<Option<Response>, String> {
        let transaction_id = random_u32();
        let (answer, answered) = oneshot::channel();
        self.waiting
            .borrow_mut()
            .insert(transaction_id, Waiting { tracker, answer });
        let sent = self
            .udp
            .send_to(&request(transaction_id).encode(), tracker)
            .await;
        let response = match sent {
            Ok(_) => Ok(tokio::time::timeout(patience, answered)
                .await
                .ok()
                .and_then(Result::ok)),
            Err(error) => Err(in_words(&error)),
        };
        self.waiting.borrow_mut().remove(&transaction_id);
        response
    }

    /// Takes one datagram to whom it is for. Anything else is passed over: anyone can send here.
    async fn receive(&self) {
        let mut buffer = [0; MAX_ANSWER];
        // An error is an ICMP message about an earlier datagram; the time-out tells of it.
        let Ok((length, from)) = self.udp.recv_from(&mut buffer).await else {
            return;
        };
        let Ok(response) =
            Response::decode(buffer.get(..length).unwrap_or_default(), from.is_ipv6())
        else {
            return;
        };
        let mut waiting = self.waiting.borrow_mut();
        let id = response.transaction_id();
        if waiting
            .get(&id)
            .is_some_and(|waiting| waiting.tracker == from)
            && let Some(waiting) = waiting.remove(&id)
        {
            // One who waits no more needs no answer.
            let _ = waiting.answer.send(response);
        }
    }
}
