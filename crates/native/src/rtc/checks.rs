//! What a node sends to addresses that a stranger named. Who writes a description can name any
//! address, so nothing but connectivity checks goes to one before it has answered, and of those
//! few, slowly: a description is no means to have a node send packets at others.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::stun::{self, Message, Transaction};

/// Bytes that go to unproven addresses for each byte of a description. Each candidate, a line of
/// 60 to 100 bytes, is checked from each local address of its family by packets of 100 bytes.
const BYTES_PER_BYTE: usize = 8;

/// Bytes of a description that count for that: twice what a browser with many addresses sends.
const MAX_COUNTED: usize = 4 << 10;

/// How long the checks of one description go on. A page may need seconds to apply our answer.
const SPREAD: Duration = Duration::from_secs(15);

/// The shortest time between two checks of one connection (RFC 8445, Ta).
const SHORTEST_GAP: Duration = Duration::from_millis(50);

/// Packets to unproven addresses that the node sends in any [`WINDOW`].
const MAX_PER_WINDOW: usize = 200;
const WINDOW: Duration = Duration::from_secs(1);

/// Bytes that go to an unproven address for each byte that came from it: an answer and a check of
/// our own for each check of its, as in QUIC (RFC 9000, 8.1).
const BYTES_PER_BYTE_RECEIVED: usize = 3;

/// Addresses that may send checks to one connection; those of more are not heard. Ten candidates
/// behind a NAT that gives each flow a port of its own are fewer.
const MAX_SENDERS: usize = 64;

/// Packets that wait, one for each pair of addresses: ten candidates and seven local addresses.
const MAX_HELD: usize = 70;

/// Checks whose answers are waited for: as many as can be on their way for a second.
const MAX_TRANSACTIONS: usize = 512;

/// Packets to unproven addresses that the whole node has sent of late.
#[derive(Debug, Default)]
pub(super) struct NodeChecks {
    sent: Mutex<VecDeque<Instant>>,
}

impl NodeChecks {
    /// Takes leave to send one packet, or gives the time at which to ask again.
    fn take(&self, now: Instant) -> Result<(), Instant> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= MAX_PER_WINDOW
            && let Some(again) = sent.front().map(|oldest| *oldest + WINDOW)
        {
            if again > now {
                return Err(again);
            }
            sent.pop_front();
        }
        sent.push_back(now);
        Ok(())
    }
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is sent now.
    Now,
    /// It waits for its time.
    Held,
    /// It is not sent.
    Dropped,
}

/// A packet whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The local address, by the number of its socket.
    pub(super) socket: usize,
    pub(super) destination: SocketAddr,
    pub(super) contents: Vec<u8>,
}

/// A pair of addresses, and the newest check of it that waits.
#[derive(Debug)]
struct Pair {
    socket: usize,
    destination: SocketAddr,
    /// Tells apart what goes to one address: the peer behind a TURN server, or the question of a
    /// multicast.
    subject: u64,
    waiting: Option<Vec<u8>>,
    sent: u32,
}

/// The checks of one connection.
#[derive(Debug, Default)]
pub(super) struct Checks {
    /// The name of our ICE agent, once it has one.
    ufrag: Option<String>,
    /// When the description of the other side came.
    since: Option<Instant>,
    /// Bytes that may go to unproven addresses, and that have gone there.
    allowed: usize,
    spent: usize,
    latest: Option<Instant>,
    pairs: Vec<Pair>,
    /// STUN and TURN servers that the user named.
    servers: HashSet<SocketAddr>,
    /// Peers by the channels that TURN servers carry to them.
    channels: HashMap<(SocketAddr, u16), SocketAddr>,
    transactions: VecDeque<(Transaction, SocketAddr)>,
    /// Addresses that have answered a check.
    proven: HashSet<SocketAddr>,
    /// Bytes that may go to an address because bytes came from it.
    credit: HashMap<SocketAddr, usize>,
}

impl Checks {
    /// Our ICE agent is called so by the other side.
    pub(super) fn named(&mut self, ufrag: &str) {
        self.ufrag = Some(ufrag.to_owned());
    }

    /// A description of the other side came.
    pub(super) fn described(&mut self, bytes: usize, now: Instant) {
        self.since = Some(now);
        self.allowed += bytes.min(MAX_COUNTED) * BYTES_PER_BYTE;
    }

    /// A server that the user named is at this address.
    pub(super) fn trust(&mut self, server: SocketAddr) {
        self.servers.insert(server);
    }

    /// Whether a check or an answer of the other side came.
    pub(super) fn has_heard(&self) -> bool {
        !self.proven.is_empty() || !self.credit.is_empty()
    }

    /// What becomes of a packet. What is sent now is counted by [`sent`](Self::sent).
    pub(super) fn judge(&mut self, socket: usize, to: SocketAddr, contents: &[u8]) -> Verdict {
        let Some((peer, inner)) = self.recipient(to, contents) else {
            return Verdict::Now;
        };
        if self.proven.contains(&peer) || self.credit_of(peer) >= contents.len() {
            return Verdict::Now;
        }
        let check = Message::read(inner).is_some_and(|check| check.binding_request().is_some());
        let subject = match (peer.ip().is_multicast(), peer == to) {
            (true, _) => hash(contents),
            (false, true) => 0,
            (false, false) => hash(peer),
        };
        if (check || peer.ip().is_multicast()) && self.hold(socket, to, subject, contents) {
            Verdict::Held
        } else {
            Verdict::Dropped
        }
    }

    /// Counts a packet that was judged to be sent now.
    pub(super) fn sent(&mut self, to: SocketAddr, contents: &[u8]) {
        if self.servers.contains(&to)
            && let Some((channel, peer)) = Message::read(contents).and_then(|m| m.channel_bind())
            && self.channels.len() < MAX_SENDERS
        {
            self.channels.insert((to, channel), peer);
        }
        let Some((peer, inner)) = self.recipient(to, contents) else {
            return;
        };
        if self.proven.contains(&peer) {
            return;
        }
        if let Some(credit) = self.credit.get_mut(&peer) {
            *credit = credit.saturating_sub(contents.len());
        }
        self.await_answer(peer, inner);
    }

    /// Takes note of a packet that came; false if it is not to be heard.
    pub(super) fn received(&mut self, from: SocketAddr, contents: &[u8]) -> bool {
        let Some((peer, inner)) = self.recipient(from, contents) else {
            return true;
        };
        if self.proven.contains(&peer) {
            return true;
        }
        let Some(message) = Message::read(inner) else {
            return true;
        };
        let answers = |transaction| {
            let asked = (transaction, peer);
            self.transactions.iter().position(|other| *other == asked)
        };
        if let Some(at) = message.binding_success().and_then(answers) {
            self.transactions.remove(at);
            self.credit.remove(&peer);
            self.proven.insert(peer);
            self.pairs.retain(|pair| pair.destination != peer);
        } else if self
            .ufrag
            .as_deref()
            .is_some_and(|ufrag| message.checks(ufrag))
        {
            let senders = self.credit.len() + self.proven.len();
            if senders >= MAX_SENDERS && !self.credit.contains_key(&peer) {
                return false;
            }
            *self.credit.entry(peer).or_default() += contents.len() * BYTES_PER_BYTE_RECEIVED;
        }
        true
    }

    /// A packet that is sent now, or when to look again; `None` where nothing waits.
    pub(super) fn due(&mut self, node: &NodeChecks, now: Instant) -> Option<Result<Due, Instant>> {
        let since = self.since?;
        if now > since + SPREAD {
            return None;
        }
        let next = self
            .pairs
            .iter_mut()
            .filter(|pair| pair.waiting.is_some())
            .min_by_key(|pair| pair.sent)?;
        let bytes = next.waiting.as_ref().map_or(0, Vec::len);
        if self.spent + bytes > self.allowed {
            next.waiting = None;
            return None;
        }
        // Half of the bytes are spent in a quarter of the time, and so on.
        let share = self.spent as f64 / self.allowed.max(1) as f64;
        let by_share = since + SPREAD.mul_f64(share * share);
        let by_gap = self.latest.map(|latest| latest + SHORTEST_GAP);
        let at = by_gap.map_or(by_share, |by_gap| by_gap.max(by_share));
        if at > now {
            return Some(Err(at));
        }
        if let Err(again) = node.take(now) {
            return Some(Err(again));
        }
        let contents = next.waiting.take()?;
        next.sent += 1;
        let (socket, destination) = (next.socket, next.destination);
        self.spent += bytes;
        self.latest = Some(now);
        if let Some((peer, inner)) = self.recipient(destination, &contents) {
            self.await_answer(peer, inner);
        }
        Some(Ok(Due {
            socket,
            destination,
            contents,
        }))
    }

    /// Whose packet it is, and what it carries: of a server, the peer behind it. `None` for what
    /// concerns the server alone.
    fn recipient<'a>(
        &self,
        other: SocketAddr,
        contents: &'a [u8],
    ) -> Option<(SocketAddr, &'a [u8])> {
        if !self.servers.contains(&other) {
            return Some((other, contents));
        }
        match stun::channel_data(contents) {
            Some((channel, inner)) => Some((*self.channels.get(&(other, channel))?, inner)),
            None => Message::read(contents)?.relayed(),
        }
    }

    fn credit_of(&self, peer: SocketAddr) -> usize {
        self.credit.get(&peer).copied().unwrap_or(0)
    }

    fn await_answer(&mut self, peer: SocketAddr, inner: &[u8]) {
        let Some(transaction) = Message::read(inner).and_then(|check| check.binding_request())
        else {
            return;
        };
        if self.transactions.len() == MAX_TRANSACTIONS {
            self.transactions.pop_front();
        }
        self.transactions.push_back((transaction, peer));
    }

    /// Keeps a packet until its time comes, in place of an older one of the same pair.
    fn hold(&mut self, socket: usize, to: SocketAddr, subject: u64, contents: &[u8]) -> bool {
        let same = |pair: &&mut Pair| {
            pair.socket == socket && pair.destination == to && pair.subject == subject
        };
        if let Some(pair) = self.pairs.iter_mut().find(same) {
            pair.waiting = Some(contents.to_vec());
        } else if self.pairs.len() < MAX_HELD {
            self.pairs.push(Pair {
                socket,
                destination: to,
                subject,
                waiting: Some(contents.to_vec()),
                sent: 0,
            });
        } else {
            return false;
        }
        true
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[path = "tests/checks.rs"]
mod tests;
