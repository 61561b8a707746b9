//! What an operator may set of the machine, and the bounds that nobody may.

use std::time::Duration;

/// Offers of one announce that are relayed; more are ignored. Clients send 5 or 10.
pub const MAX_OFFERS: usize = 10;

/// The most peers that one HTTP announce is given.
pub const MAX_NUMWANT: usize = 200;

/// The peers that an HTTP announce is given when it does not say how many it wants (BEP 3 practice).
pub const DEFAULT_NUMWANT: usize = 50;

/// Messages that are no tracker message, after which a socket is closed: enough for a client that
/// speaks a newer dialect to be told so, too few for one that only makes noise.
pub const MAX_MALFORMED_MESSAGES: u32 = 3;

/// Limits and intervals of a [`Tracker`](crate::Tracker).
#[derive(Clone, Debug)]
pub struct TrackerConfig {
    /// When a web peer should announce again. Short, for that is when it is given more peers; it
    /// stays in the swarm as long as its socket lives, whether it announces or not.
    pub web_interval: Duration,
    /// When a TCP peer should announce again. It is forgotten after twice as long.
    pub tcp_interval: Duration,
    /// How soon a peer may announce again, as it is told. Less than both intervals.
    pub min_interval: Duration,
    /// The same for a peer that lacks something while its swarm has no seed: it is to find one that comes back within
    /// seconds. Less than `min_interval`.
    pub seedless_min_interval: Duration,
    /// Swarms in all; an announce that would make one more is refused.
    pub max_swarms: usize,
    /// Peers in all swarms together; an announce of a new one is then refused.
    pub max_peers: usize,
    /// Peers in one swarm; an announce of a new one is then refused. At most 2^31 - 1.
    pub max_swarm_peers: usize,
    /// Swarms that one socket can be in at once.
    pub max_socket_swarms: usize,
    /// TCP peers in all swarms together that announced from one IPv4 address or IPv6 /64, so that
    /// one host cannot fill the table for everyone.
    pub max_address_peers: usize,
    /// Announces and scrapes that a socket may send.
    pub announce_rate: Rate,
    /// Answers that a socket may send.
    pub answer_rate: Rate,
}

/// How much of something is allowed: a token bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In the long run.
    pub per_second: u32,
    /// At once, after a silence.
    pub burst: u32,
}

impl Rate {
    /// No limit that anyone could reach, for measuring.
    pub const UNLIMITED: Self = Self {
        per_second: u32::MAX,
        burst: u32::MAX,
    };
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            web_interval: Duration::from_secs(120),
            tcp_interval: Duration::from_secs(120),
            min_interval: Duration::from_secs(30),
            seedless_min_interval: Duration::from_secs(5),
            // About 300 bytes each.
            max_swarms: 200_000,
            // About 200 bytes each.
            max_peers: 1_000_000,
            max_swarm_peers: 200_000,
            // A client that seeds hundreds of torrents uses one socket for all of them.
            max_socket_swarms: 512,
            // A seedbox with thousands of torrents, or many homes behind one carrier's address.
            max_address_peers: 20_000,
            // A client that has just connected announces all of its torrents at once.
            announce_rate: Rate {
                per_second: 10,
                burst: 600,
            },
            // Up to ten for each announce of some other peer.
            answer_rate: Rate {
                per_second: 100,
                burst: 1_000,
            },
        }
    }
}
