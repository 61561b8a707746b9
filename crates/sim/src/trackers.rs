//! The tracker and the ways to it: WebSockets and HTTP announces.

use std::time::Duration;

use brackish_core::{Input, JobId, SocketId};
use brackish_tracker::Output;
use brackish_wire::tracker::AnnounceRequest;

use crate::scenario::NodeIndex;
use crate::world::{Happening, World};

/// When an announce to a dead tracker fails.
const NO_ANSWER: Duration = Duration::from_secs(5);

/// A WebSocket of a node, by its name at the tracker.
#[derive(Debug)]
pub(crate) struct Socket {
    pub node: NodeIndex,
    pub life: u32,
    pub id: SocketId,
    pub open: bool,
}

impl World {
    pub(crate) fn open_socket(&mut self, node: NodeIndex, id: SocketId) {
        let socket = self.next_socket;
        self.next_socket += 1;
        let life = self.nodes[node].life;
        let state = Socket {
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
        let delay = 4 * self.tracker_delay(node);
        self.push(delay, Happening::SocketOpens(socket));
    }

    pub(crate) fn send_socket(&mut self, node: NodeIndex, socket: u64, text: String) {
        self.push(
            self.tracker_delay(node),
            Happening::ToTracker(socket, text.into()),
        );
    }

    pub(crate) fn socket_opens(&mut self, socket: u64) {
        if self.tracker.is_none() {
            return self.socket_ends(socket);
        }
        let Some(state) = self.sockets.get_mut(&socket) else {
            return;
        };
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
        if let Some(tracker) = &mut self.tracker {
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
        self.sockets.remove(&socket);
        if let Some(tracker) = &mut self.tracker {
            tracker.handle_closed(brackish_tracker::SocketId(socket));
            self.drain_tracker();
        }
    }

    pub(crate) fn to_tracker(&mut self, socket: u64, text: &str) {
        let now = self.tracker_now();
        if let (Some(tracker), true) = (&mut self.tracker, self.sockets.contains_key(&socket)) {
            tracker.handle_timeout(now);
            tracker.handle_message(brackish_tracker::SocketId(socket), text, now);
            self.drain_tracker();
        }
    }

    pub(crate) fn from_tracker(&mut self, socket: u64, text: &str) {
        let Some(state) = self.sockets.get(&socket).filter(|state| state.open) else {
            return;
        };
        let (node, life, id) = (state.node, state.life, state.id);
        if self.nodes[node].life == life {
            self.trace.add(text.len() as u64);
            self.give(node, Input::SocketMessage { socket: id, text });
        }
    }

    pub(crate) fn announce(
        &mut self,
        node: NodeIndex,
        life: u32,
        job: JobId,
        request: &AnnounceRequest,
    ) {
        let now = self.tracker_now();
        let asker = self.asker(node);
        let Some(tracker) = &mut self.tracker else {
            let result = Box::new(Err("no answer".to_owned()));
            return self.push(NO_ANSWER, Happening::Announced(node, life, job, result));
        };
        tracker.handle_timeout(now);
        let answer = tracker.handle_http_announce(request, asker, now);
        let result = Box::new(answer.map_err(|refusal| refusal.to_string()));
        self.drain_tracker();
        let delay = self.tracker_delay(node);
        self.push(delay, Happening::Announced(node, life, job, result));
    }

    pub(crate) fn tracker_dies(&mut self) {
        self.tracker = None;
        for socket in self.sockets.keys().copied().collect::<Vec<_>>() {
            self.push(Duration::ZERO, Happening::SocketEnds(socket));
        }
    }

    fn drain_tracker(&mut self) {
        while let Some(output) = self.tracker.as_mut().and_then(|t| t.poll_output()) {
            match output {
                Output::Send { socket, text } => {
                    let Some(state) = self.sockets.get(&socket.0) else {
                        continue;
                    };
                    let delay = self.tracker_delay(state.node);
                    let text = self.maybe_damaged(text);
                    self.push(delay, Happening::FromTracker(socket.0, text.into()));
                }
                Output::Close { socket, .. } => {
                    let delay = self
                        .sockets
                        .get(&socket.0)
                        .map(|s| self.tracker_delay(s.node));
                    let delay = delay.unwrap_or_default();
                    self.push(delay, Happening::SocketEnds(socket.0));
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

    pub(crate) fn tracker_delay(&self, node: NodeIndex) -> Duration {
        self.nodes[node].spec.link.delay + self.scenario.tracker_delay
    }

    fn tracker_now(&self) -> Duration {
        Duration::from_micros(self.now.as_micros())
    }
}
