//! The trackers and the ways to them: WebSockets and HTTP announces.

use std::time::Duration;

use brackish_core::{Input, JobId, SocketId};
use brackish_tracker::{Output, Tracker, TrackerConfig};
use brackish_wire::tracker::AnnounceRequest;

use crate::scenario::NodeIndex;
use crate::world::{Happening, World};

/// When an announce to a dead tracker fails.
const NO_ANSWER: Duration = Duration::from_secs(5);

/// A WebSocket of a node, by its name at the tracker.
#[derive(Debug)]
pub(crate) struct Socket {
    pub tracker: usize,
    pub node: NodeIndex,
    pub life: u32,
    pub id: SocketId,
    pub open: bool,
}

/// The announce URLs of so many trackers.
pub(crate) fn announce_urls(trackers: usize) -> Vec<Vec<String>> {
    let urls = |tracker| ["ws", "http"].map(|scheme| format!("{scheme}://{tracker}/announce"));
    (0..trackers).map(|tracker| urls(tracker).into()).collect()
}

/// The tracker that an announce URL names.
fn tracker_of(url: &str) -> Option<usize> {
    url.split('/').nth(2)?.parse().ok()
}

impl World {
    /// Starts every tracker that does not run.
    pub(crate) fn trackers_begin(&mut self) {
        self.trackers.resize_with(self.scenario.trackers, || None);
        for tracker in &mut self.trackers {
            let seed = std::array::from_fn(|_| self.rng.u8(..));
            tracker.get_or_insert_with(|| Tracker::new(TrackerConfig::default(), seed));
        }
    }

    pub(crate) fn trackers_die(&mut self) {
        self.trackers.fill_with(|| None);
        for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.push(Duration::ZERO, Happening::SocketEnds(socket));
        }
    }

    pub(crate) fn open_socket(&mut self, node: NodeIndex, id: SocketId, url: &str) {
        let tracker = tracker_of(url).unwrap_or(usize::MAX);
        let socket = self.next_socket;
        self.next_socket += 1;
        let life = self.nodes[node].life;
        let state = Socket {
            tracker,
            node,
            life,
            id,
            open: false,
        };
        self.sockets.insert(socket, state);
        if let Some(running) = &mut self.nodes[node].running {
            running.sockets.insert(id, socket);
        }
        // TCP, then the upgrade.
        let delay = 4 * self.tracker_delay(node, tracker);
        self.push(delay, Happening::SocketOpens(socket));
    }

    pub(crate) fn send_socket(&mut self, node: NodeIndex, socket: u64, text: String) {
        let tracker = self.sockets.get(&socket).map_or(0, |state| state.tracker);
        let delay = self.tracker_delay(node, tracker);
        self.push(delay, Happening::ToTracker(socket, text.into()));
    }

    pub(crate) fn socket_opens(&mut self, socket: u64) {
        let Some(state) = self.sockets.get(&socket) else {
            return;
        };
        let node = state.node;
        if self.severed_from_trackers(node).is_some() {
            return self.push(NO_ANSWER, Happening::SocketEnds(socket));
        }
        let Some(state) = self.sockets.get_mut(&socket) else {
            return;
        };
        if !matches!(self.trackers.get(state.tracker), Some(Some(_))) {
            return self.socket_ends(socket);
        }
        state.open = true;
        let (node, life, id) = (state.node, state.life, state.id);
        if self.nodes[node].life == life {
            self.give(node, Input::SocketOpened { socket: id });
        }
    }

    /// A node learns that its socket ended.
    pub(crate) fn socket_ends(&mut self, socket: u64) {
        let Some(state) = self.sockets.remove(&socket) else {
            return;
        };
        if let Some(Some(tracker)) = self.trackers.get_mut(state.tracker) {
            tracker.handle_closed(brackish_tracker::SocketId(socket));
        }
        if self.nodes[state.node].life != state.life {
            return;
        }
        if let Some(running) = &mut self.nodes[state.node].running {
            running.sockets.remove(&state.id);
        }
        let reason = "the tracker closed it".to_owned();
        let socket = state.id;
        self.give(state.node, Input::SocketClosed { socket, reason });
    }

    /// The tracker learns that a node left its socket.
    pub(crate) fn socket_leaves(&mut self, socket: u64) {
        let Some(state) = self.sockets.remove(&socket) else {
            return;
        };
        if let Some(Some(tracker)) = self.trackers.get_mut(state.tracker) {
            tracker.handle_closed(brackish_tracker::SocketId(socket));
            self.drain_tracker(state.tracker);
        }
    }

    pub(crate) fn reach_tracker(&mut self, socket: u64, text: &str) {
        let now = self.tracker_now();
        let Some((index, node)) = self.sockets.get(&socket).map(|s| (s.tracker, s.node)) else {
            return;
        };
        if let Some(heals) = self.severed_from_trackers(node) {
            return self
                .queue
                .push(heals, Happening::ToTracker(socket, text.into()));
        }
        if let Some(Some(tracker)) = self.trackers.get_mut(index) {
            tracker.handle_timeout(now);
            tracker.handle_message(brackish_tracker::SocketId(socket), text, now);
            self.drain_tracker(index);
        }
    }

    pub(crate) fn leave_tracker(&mut self, socket: u64, text: &str) {
        let Some(state) = self.sockets.get(&socket).filter(|state| state.open) else {
            return;
        };
        let (node, life, id) = (state.node, state.life, state.id);
        if let Some(heals) = self.severed_from_trackers(node) {
            return self
                .queue
                .push(heals, Happening::FromTracker(socket, text.into()));
        }
        if self.nodes[node].life == life {
            self.trace.add(text.len() as u64);
            self.give(node, Input::SocketMessage { socket: id, text });
        }
    }

    /// Sends an announce by HTTP.
    pub(crate) fn announce_later(
        &mut self,
        node: NodeIndex,
        job: JobId,
        url: &str,
        request: AnnounceRequest,
    ) {
        let life = self.nodes[node].life;
        let tracker = tracker_of(url).unwrap_or(usize::MAX);
        // TCP, then the request.
        let delay = 3 * self.tracker_delay(node, tracker);
        let request = Box::new((tracker, request));
        self.push(delay, Happening::Announce(node, life, job, request));
    }

    pub(crate) fn announce(
        &mut self,
        node: NodeIndex,
        life: u32,
        job: JobId,
        (index, request): (usize, AnnounceRequest),
    ) {
        let now = self.tracker_now();
        let asker = self.asker(node);
        let severed = self.severed_from_trackers(node).is_some();
        let tracker = self.trackers.get_mut(index).filter(|_| !severed);
        let Some(Some(tracker)) = tracker else {
            let result = Box::new(Err("no answer".to_owned()));
            return self.push(NO_ANSWER, Happening::Announced(node, life, job, result));
        };
        tracker.handle_timeout(now);
        let answer = tracker.handle_http_announce(&request, asker, now);
        let result = Box::new(answer.map_err(|refusal| refusal.to_string()));
        self.drain_tracker(index);
        let delay = self.tracker_delay(node, index);
        self.push(delay, Happening::Announced(node, life, job, result));
    }

    fn drain_tracker(&mut self, index: usize) {
        while let Some(Some(tracker)) = self.trackers.get_mut(index) {
            let Some(output) = tracker.poll_output() else {
                return;
            };
            match output {
                Output::Send { socket, text } => {
                    let Some(state) = self.sockets.get(&socket.0) else {
                        continue;
                    };
                    let delay = self.tracker_delay(state.node, index);
                    let text = self.maybe_damaged(text);
                    self.push(delay, Happening::FromTracker(socket.0, text.into()));
                }
                Output::Close { socket, .. } => {
                    if let Some(state) = self.sockets.get(&socket.0) {
                        let delay = self.tracker_delay(state.node, index);
                        self.push(delay, Happening::SocketEnds(socket.0));
                    }
                }
            }
        }
    }

    /// A message as a hostile tracker might send it.
    fn maybe_damaged(&mut self, text: String) -> String {
        let one_in = self.tracker_lies;
        if one_in == 0 || self.rng.u32(..one_in) > 0 || text.is_empty() {
            return text;
        }
        let mut chars: Vec<char> = text.chars().collect();
        let at = self.rng.usize(..chars.len());
        match self.rng.u8(..4) {
            0 => chars.truncate(at),
            1 => chars[at] = char::from(self.rng.u8(32..)),
            2 => chars.insert(at, '['),
            _ => drop(chars.remove(at)),
        }
        chars.into_iter().collect()
    }

    /// One way, and differently for each node: who is first at one tracker may be last at another.
    pub(crate) fn tracker_delay(&self, node: NodeIndex, tracker: usize) -> Duration {
        let mut place = fastrand::Rng::with_seed((node as u64) << 32 | tracker as u64);
        self.nodes[node].spec.link.delay + Duration::from_micros(place.u64(1_000..50_000))
    }

    fn tracker_now(&self) -> Duration {
        Duration::from_micros(self.now.as_micros())
    }
}
