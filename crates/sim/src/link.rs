//! The two ends of a connection and the access links that they share.
//!
//! What a session transmits waits in its end's queue; the node's uplink takes one chunk at a time
//! from its ends, each chunk flies for the path's delay, waits its turn on the far node's downlink
//! and is delivered. A small message of an end with nothing else to send does not wait for its turn,
//! as fair queueing has it: it goes at once, and what it takes of the links is charged to what
//! follows. An end may have only so much in flight, as a transport's window has it, so
//! that a slow receiver holds back that one connection and leaves the uplink to the others.

use std::collections::VecDeque;
use std::time::Duration;

use brackish_core::{ConnectionId, Timestamp};
use bytes::Bytes;

use crate::scenario::{Discipline, LinkSpec, NodeIndex};

/// An end, by its place in the world's table. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndIndex(pub u32);

/// Bytes of a chunk at the most: a block with its header, and the small messages before it.
const CHUNK: usize = 16 * 1024 + 512;

/// One chunk in so many is cut at a random place.
const CUT_ONE_IN: u32 = 16;

/// Bytes in flight that every transport allows.
const MIN_WINDOW: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct End {
    pub node: NodeIndex,
    pub id: ConnectionId,
    pub state: EndState,
    pub far: Option<EndIndex>,
    /// For an answer: the offer's end.
    pub answers: Option<EndIndex>,
    /// Bytes that the driver takes.
    pub room: usize,
    /// Bytes that the driver holds: waiting, or on the uplink now.
    pub queued: usize,
    /// One-way delay of the path.
    pub delay: Duration,
    /// Bytes that may be in flight.
    pub window: usize,
    /// It waits for its turn on the uplink.
    pub listed: bool,
    queue: VecDeque<Bytes>,
    flying: usize,
    wire: VecDeque<Bytes>,
    chunks: VecDeque<Chunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndState {
    /// Being dialled or signalled.
    Pending,
    Open,
    /// The session ended it, or was told that it ended.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    parts: u32,
    bytes: usize,
}

impl End {
    pub fn new(node: NodeIndex, id: ConnectionId, room: usize, delay: Duration) -> Self {
        Self {
            node,
            id,
            state: EndState::Pending,
            far: None,
            answers: None,
            room,
            queued: 0,
            delay,
            window: MIN_WINDOW,
            listed: false,
            queue: VecDeque::new(),
            flying: 0,
            wire: VecDeque::new(),
            chunks: VecDeque::new(),
        }
    }

    /// As large as a transport would find that fills a path to a receiver of this rate.
    pub fn set_window(&mut self, down: Option<u64>) {
        let round_trip = 2.0 * self.delay.as_secs_f64();
        self.window = down.map_or(usize::MAX, |rate| {
            (2.0 * rate as f64 * round_trip) as usize + MIN_WINDOW
        });
    }

    pub fn transmit(&mut self, data: Bytes) {
        self.queued += data.len();
        self.queue.push_back(data);
    }

    pub fn has_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    pub fn may_fly(&self) -> bool {
        self.flying < self.window
    }

    /// Takes a chunk from the queue onto the wire; gives its bytes.
    pub fn launch(&mut self, rng: &mut fastrand::Rng) -> usize {
        let most = if rng.u32(..CUT_ONE_IN) == 0 {
            rng.usize(1..=CHUNK)
        } else {
            CHUNK
        };
        let mut chunk = Chunk { parts: 0, bytes: 0 };
        while let Some(next) = self.queue.front_mut() {
            let free = most - chunk.bytes;
            let part = if next.len() <= free {
                self.queue.pop_front().unwrap_or_default()
            } else if chunk.bytes == 0 || most < CHUNK {
                next.split_to(free)
            } else {
                // A whole chunk ends where a message does.
                break;
            };
            chunk.parts += 1;
            chunk.bytes += part.len();
            self.wire.push_back(part);
            if chunk.bytes == most {
                break;
            }
        }
        self.flying += chunk.bytes;
        self.chunks.push_back(chunk);
        chunk.bytes
    }

    /// Puts a message on the wire at once.
    pub fn express(&mut self, data: Bytes) {
        self.flying += data.len();
        self.chunks.push_back(Chunk {
            parts: 1,
            bytes: data.len(),
        });
        self.wire.push_back(data);
    }

    /// Whether nothing is in flight but so many bytes.
    pub fn flies_only(&self, bytes: usize) -> bool {
        self.flying == bytes
    }

    /// Takes the chunk in front off the wire and puts it into `into`.
    pub fn land(&mut self, into: &mut Vec<u8>) {
        let Some(chunk) = self.chunks.pop_front() else {
            return;
        };
        self.flying -= chunk.bytes;
        for part in self.wire.drain(..chunk.parts as usize) {
            into.extend_from_slice(&part);
        }
    }

    /// Nothing of it reaches the far end any more.
    pub fn end(&mut self) {
        self.state = EndState::Gone;
        self.queue = VecDeque::new();
        self.wire = VecDeque::new();
        self.chunks = VecDeque::new();
        self.queued = 0;
    }
}

/// A node's upload, shared by its connections.
#[derive(Debug)]
pub(crate) struct Uplink {
    pub rate: Option<u64>,
    pub discipline: Discipline,
    /// Ends with something to send: in turn, or one entry for each thing that was sent.
    pub ready: VecDeque<EndIndex>,
    /// The chunk that is going through.
    pub busy: Option<(EndIndex, usize)>,
    /// Time that small messages took and no chunk has paid yet.
    pub debt: Duration,
}

/// A node's download, shared by its connections.
#[derive(Debug)]
pub(crate) struct Downlink {
    pub rate: Option<u64>,
    pub busy_until: Timestamp,
}

impl Uplink {
    pub fn new(spec: &LinkSpec) -> Self {
        Self {
            rate: spec.up,
            discipline: spec.discipline,
            ready: VecDeque::new(),
            busy: None,
            debt: Duration::ZERO,
        }
    }
}

impl Downlink {
    pub fn new(spec: &LinkSpec) -> Self {
        Self {
            rate: spec.down,
            busy_until: Timestamp::ZERO,
        }
    }

    /// When so many bytes that arrive now have come through.
    pub fn schedule(&mut self, bytes: usize, now: Timestamp) -> Timestamp {
        self.busy_until = self.busy_until.max(now) + transfer_time(bytes, self.rate);
        self.busy_until
    }
}

/// The time that a link of `rate` bytes per second takes for `bytes`.
pub(crate) fn transfer_time(bytes: usize, rate: Option<u64>) -> Duration {
    rate.map_or(Duration::ZERO, |rate| {
        Duration::from_nanos(bytes as u64 * 1_000_000_000 / rate.max(1))
    })
}
