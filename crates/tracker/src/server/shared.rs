//! What all connections share: the tracker machine behind its mutex, the outboxes of the sockets,
//! and the clock that the machine goes by.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brackish_wire::InfoHash;
use brackish_wire::tracker::http as codec;
use brackish_wire::tracker::ws::ClientMessage;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::budget::Budget;
use super::connections::Connections;
use super::memory::{self, Memory};
use super::outbox::{Outbox, lock};
use super::rates::Rates;
use super::{Fallback, ServerConfig};
use crate::tracker::shrink;
use crate::{Asker, Output, Refusal, SocketId, Stats, Tracker};

/// How often the rate of messages is measured and expired peers are looked for, at least.
const TICK: Duration = Duration::from_secs(2);

/// The close code for a client that breaks the protocol (RFC 6455, section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// The close code for a server that goes away.
const GOING_AWAY: u16 = 1001;

/// See the module's own documentation.
pub(super) struct Shared {
    pub(super) config: ServerConfig,
    pub(super) fallback: Option<Fallback>,
    pub(super) connections: Arc<Connections>,
    pub(super) budget: Arc<Budget>,
    rates: Rates,
    origin: Instant,
    state: Mutex<State>,
    received: AtomicU64,
    sent: AtomicU64,
    /// Messages in and out in the last tick, for each second of it.
    rate: AtomicU64,
}

struct State {
    tracker: Tracker,
    outboxes: HashMap<SocketId, Arc<Outbox>>,
    held: super::held::Held,
    last_socket: u64,
}

/// What the server holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerStats {
    /// Of the tracker machine.
    pub tracker: Stats,
    /// Open connections, HTTP ones included.
    pub connections: usize,
    /// Open WebSockets.
    pub sockets: usize,
    /// WebSocket messages received since the start.
    pub messages_received: u64,
    /// WebSocket messages sent since the start.
    pub messages_sent: u64,
    /// WebSocket messages per second, both ways, over the last two seconds.
    pub messages_per_second: u64,
}

impl Shared {
    pub(super) fn new(config: ServerConfig, fallback: Option<Fallback>, seed: [u8; 32]) -> Self {
        let tracker = Tracker::new(config.tracker.clone(), seed);
        let connections = Connections::new(config.max_connections);
        let budget = Budget::new(config.max_unfinished);
        Self {
            config,
            fallback,
            connections: Arc::new(connections),
            budget: Arc::new(budget),
            rates: Rates::default(),
            origin: Instant::now(),
            state: Mutex::new(State {
                tracker,
                outboxes: HashMap::new(),
                held: super::held::Held::default(),
                last_socket: 0,
            }),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            rate: AtomicU64::new(0),
        }
    }

    /// A new socket, which belongs to a page of this server's own or not.
    pub(super) fn open_socket(&self, of_own_page: bool) -> (SocketId, Arc<Outbox>) {
        let mut state = lock(&self.state);
        state.last_socket += 1;
        let id = SocketId(state.last_socket);
        let outbox = Arc::new(Outbox::default());
        state.outboxes.insert(id, Arc::clone(&outbox));
        if of_own_page {
            state.tracker.trust(id);
        }
        (id, outbox)
    }

    pub(super) fn close_socket(&self, id: SocketId) {
        let mut state = lock(&self.state);
        state.outboxes.remove(&id);
        shrink(&mut state.outboxes);
        state.tracker.handle_closed(id);
        state.held.forget(id);
        state.deliver();
    }

    pub(super) fn handle_text(&self, id: SocketId, text: &str) {
        self.received.fetch_add(1, Ordering::Relaxed);
        let message = ClientMessage::parse(text);
        let now = self.origin.elapsed();
        let mut state = lock(&self.state);
        let State { tracker, held, .. } = &mut *state;
        if self.config.own_pages_bring_swarms {
            if let Ok(ClientMessage::Announce { info_hash, .. }) = &message
                && held.hold(tracker, id, *info_hash, text, now)
            {
                return;
            }
            tracker.handle_parsed(id, message, now);
            held.release(tracker, now);
        } else {
            tracker.handle_parsed(id, message, now);
        }
        state.deliver();
    }

    pub(super) fn count_sent(&self, messages: usize) {
        self.sent.fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Counts a request over HTTP; `false` if the client sends too many.
    pub(super) fn allow_request(&self, client: IpAddr) -> bool {
        let now = self.origin.elapsed();
        self.rates.allow(client, self.config.http_rate, now)
    }

    pub(super) fn set_allowed(&self, allowed: Option<HashSet<InfoHash>>) {
        let mut state = lock(&self.state);
        state.tracker.set_allowed(allowed);
        state.deliver();
    }

    /// Answers an announce over HTTP in bencoding, failures too.
    pub(super) fn handle_announce(&self, query: &str, asker: Asker) -> Vec<u8> {
        let query = match codec::parse_announce_query(query) {
            Ok(query) => query,
            Err(error) => return codec::failure(&error.to_string()),
        };
        let now = self.origin.elapsed();
        let response = lock(&self.state)
            .tracker
            .handle_http_announce(&query.request, asker, now);
        match response {
            Ok(response) => codec::encode_announce_response(&response, query.compact),
            Err(refusal) => codec::failure(&refusal.to_string()),
        }
    }

    /// Answers a scrape over HTTP in bencoding, failures too.
    pub(super) fn handle_scrape(&self, query: &str) -> Vec<u8> {
        match codec::parse_scrape_query(query) {
            Ok(info_hashes) if info_hashes.is_empty() => {
                codec::failure(&Refusal::FullScrape.to_string())
            }
            Ok(info_hashes) => {
                codec::encode_scrape_response(&lock(&self.state).tracker.scrape(&info_hashes))
            }
            Err(error) => codec::failure(&error.to_string()),
        }
    }

    /// Has every WebSocket closed, once what waits for it has been sent.
    pub(super) fn close_all(&self) {
        for outbox in lock(&self.state).outboxes.values() {
            outbox.close(GOING_AWAY, "the tracker is shutting down".to_owned());
        }
    }

    pub(super) fn stats(&self) -> ServerStats {
        let state = lock(&self.state);
        ServerStats {
            tracker: state.tracker.stats(),
            sockets: state.outboxes.len(),
            connections: self.connections.total(),
            messages_received: self.received.load(Ordering::Relaxed),
            messages_sent: self.sent.load(Ordering::Relaxed),
            messages_per_second: self.rate.load(Ordering::Relaxed),
        }
    }

    /// Connections and peers: what memory is held for.
    fn holds(&self) -> usize {
        let Stats {
            web_peers,
            tcp_peers,
            ..
        } = lock(&self.state).tracker.stats();
        self.connections.total() + web_peers + tcp_peers
    }

    fn messages(&self) -> u64 {
        self.received.load(Ordering::Relaxed) + self.sent.load(Ordering::Relaxed)
    }
}

impl State {
    /// Hands what the machine has to say to the sockets' own tasks.
    fn deliver(&mut self) {
        while let Some(output) = self.tracker.poll_output() {
            match output {
                Output::Send { socket, text } => {
                    if let Some(outbox) = self.outboxes.get(&socket) {
                        outbox.push(text);
                    }
                }
                Output::Close { socket, reason } => {
                    if let Some(outbox) = self.outboxes.get(&socket) {
                        outbox.close(POLICY_VIOLATION, reason.to_string());
                    }
                }
            }
        }
    }
}

/// Forgets the TCP peers that announce no more, gives memory back after floods and measures the rate
/// of messages, for ever.
pub(super) async fn expire(shared: Arc<Shared>) {
    let (mut measured_at, mut measured) = (Instant::now(), shared.messages());
    let mut memory = Memory::default();
    loop {
        let now = shared.origin.elapsed();
        let next = {
            let mut state = lock(&shared.state);
            let State { tracker, held, .. } = &mut *state;
            tracker.handle_timeout(now);
            held.release(tracker, now);
            let next = [tracker.poll_timeout(), held.next()];
            state.deliver();
            next.into_iter().flatten().min()
        };
        shared.rates.forget(now);
        let elapsed = measured_at.elapsed();
        if elapsed >= TICK {
            if memory.note(shared.holds()) {
                // Not here, where sockets wait for their turn. Nobody waits for its end either.
                drop(spawn_blocking(memory::give_back));
            }
            let messages = shared.messages();
            let rate = (messages - measured) as f64 / elapsed.as_secs_f64();
            shared.rate.store(rate as u64, Ordering::Relaxed);
            (measured_at, measured) = (Instant::now(), messages);
        }
        let pause = next.map_or(TICK, |next| next.saturating_sub(now).min(TICK));
        // At least a millisecond, for that is what the timer can tell apart.
        sleep(pause.max(Duration::from_millis(1))).await;
    }
}

impl ServerStats {
    /// The answer to `/stats`.
    pub(super) fn to_json(self) -> String {
        let Self {
            tracker,
            connections,
            sockets,
            messages_received,
            messages_sent,
            messages_per_second,
        } = self;
        let Stats {
            swarms,
            web_peers,
            tcp_peers,
            web_announces,
            tcp_announces,
            scrapes,
            ..
        } = tracker;
        let Stats {
            offers_relayed,
            answers_relayed,
            answers_dropped,
            failures,
            ..
        } = tracker;
        let fields = [
            ("swarms", swarms as u64),
            ("web_peers", web_peers as u64),
            ("tcp_peers", tcp_peers as u64),
            ("sockets", sockets as u64),
            ("connections", connections as u64),
            ("web_announces", web_announces),
            ("tcp_announces", tcp_announces),
            ("scrapes", scrapes),
            ("offers_relayed", offers_relayed),
            ("answers_relayed", answers_relayed),
            ("answers_dropped", answers_dropped),
            ("failures", failures),
            ("messages_received", messages_received),
            ("messages_sent", messages_sent),
            ("messages_per_second", messages_per_second),
        ];
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}
