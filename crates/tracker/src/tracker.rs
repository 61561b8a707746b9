//! The machine itself: every swarm, every socket, and what is common to both kinds of peer. How web
//! peers are served stands in `web.rs`, how TCP peers are in `tcp.rs`.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::time::Duration;

use ahash::RandomState;
use brackish_wire::tracker::{MAX_SCRAPE, ScrapeEntry};
use brackish_wire::{InfoHash, PeerId};

use crate::config::TrackerConfig;
use crate::output::{Output, SocketId, Stats};
use crate::pool::{Pool, Slot};
use crate::socket::Socket;
use crate::swarm::Swarm;

/// Peers that one call of [`Tracker::handle_timeout`] forgets at most, so that nobody waits long
/// for their turn; the next call is then due at once.
const MAX_EXPIRIES: usize = 4096;

/// A tracker without sockets or a clock: messages in, messages out.
///
/// Every call that takes `now`, the time since an origin of the caller's choice, may leave outputs
/// behind: call [`poll_output`](Self::poll_output) until it gives `None` before the next call, so
/// that they do not pile up. The same seed and the same calls give the same outputs.
#[derive(Debug)]
pub struct Tracker {
    pub(crate) config: TrackerConfig,
    pub(crate) hasher: RandomState,
    pub(crate) random: fastrand::Rng,
    pub(crate) swarms: HashMap<InfoHash, Swarm, RandomState>,
    pub(crate) sockets: HashMap<SocketId, Socket, RandomState>,
    /// The TCP peers in the order in which they expire. The number tells apart those of one moment.
    pub(crate) expiries: BTreeMap<(Duration, u64), (InfoHash, PeerId, IpAddr)>,
    pub(crate) expiry_number: u64,
    /// TCP peers by the network they announced from, see [`host_of`](crate::network::host_of).
    pub(crate) networks: HashMap<IpAddr, usize, RandomState>,
    pub(crate) web_peers: usize,
    /// The only swarms that are served; `None`: all.
    allowed: Option<HashSet<InfoHash>>,
    pub(crate) outputs: VecDeque<Output>,
    /// Kept between calls for its memory alone.
    pub(crate) chosen: Vec<Slot>,
    pub(crate) counters: Stats,
}

/// Why an announce or a scrape is refused. The words reach the client as its `failure reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Whoever came first keeps the id while the socket lives: ids are known to the whole swarm,
    /// so a newcomer with the same one may be anybody.
    #[error("this peer id belongs to another connection")]
    PeerIdTaken,
    /// A socket is one peer in each swarm.
    #[error("this connection is in the swarm under another peer id")]
    SecondPeerId,
    /// An answer from a socket that has not announced.
    #[error("announce before you answer")]
    NotInSwarm,
    /// Another announce from the same address gave this peer id with another `key`.
    #[error("this peer id was announced with another key")]
    WrongKey,
    /// BEP 3 needs a port to give to others.
    #[error("port 0 cannot be reached")]
    NoPort,
    /// [`TrackerConfig::announce_rate`] or [`TrackerConfig::answer_rate`].
    #[error("too many messages: slow down")]
    TooFast,
    /// [`TrackerConfig::max_socket_swarms`].
    #[error("too many swarms for one connection")]
    TooManySwarms,
    /// [`TrackerConfig::max_address_peers`].
    #[error("too many peers at this address")]
    TooManyPeersAtAddress,
    /// [`TrackerConfig::max_swarms`], [`TrackerConfig::max_peers`] or
    /// [`TrackerConfig::max_swarm_peers`].
    #[error("the tracker is full")]
    Full,
    /// [`Tracker::set_allowed`].
    #[error("this tracker does not serve this torrent")]
    NotAllowed,
    /// Only named swarms are scraped.
    #[error("a scrape must name its info-hashes")]
    FullScrape,
}

impl Tracker {
    /// A tracker with no peers. Give every tracker on an open network its own secret `seed`: it
    /// guards the hash tables against info-hashes and peer ids made to collide.
    pub fn new(config: TrackerConfig, seed: [u8; 32]) -> Self {
        let mut keys = [0; 4];
        for (key, bytes) in keys.iter_mut().zip(seed.chunks_exact(8)) {
            *key = bytes
                .iter()
                .fold(0, |key, &byte| key << 8 | u64::from(byte));
        }
        let hasher = RandomState::with_seeds(keys[0], keys[1], keys[2], keys[3]);
        Self {
            config,
            random: fastrand::Rng::with_seed(hasher.hash_one("choice of peers")),
            swarms: HashMap::with_hasher(hasher.clone()),
            sockets: HashMap::with_hasher(hasher.clone()),
            expiries: BTreeMap::new(),
            expiry_number: 0,
            networks: HashMap::with_hasher(hasher.clone()),
            web_peers: 0,
            allowed: None,
            hasher,
            outputs: VecDeque::new(),
            chosen: Vec::new(),
            counters: Stats::default(),
        }
    }

    /// Serves these swarms alone from now on, or with `None` all, besides those that a
    /// [trusted](Self::trust) socket is in. The others end: their peers are forgotten, and refused
    /// when they announce again.
    pub fn set_allowed(&mut self, allowed: Option<HashSet<InfoHash>>) {
        self.allowed = allowed;
        let ended: Vec<InfoHash> = self
            .swarms
            .keys()
            .copied()
            .filter(|info_hash| !self.is_listed(info_hash))
            .collect();
        for info_hash in ended {
            self.end_swarm(info_hash);
        }
    }

    /// Lets a socket bring swarms of its choice, which others may join while they last.
    pub fn trust(&mut self, socket: SocketId) {
        self.sockets.entry(socket).or_default().trusted = true;
    }

    /// Whether a swarm is served, to this socket or, without one, to an HTTP client.
    pub(crate) fn check_allowed(
        &self,
        info_hash: InfoHash,
        socket: Option<SocketId>,
    ) -> Result<(), Refusal> {
        let trusted = |socket| {
            let socket = self.sockets.get(&socket);
            socket.is_some_and(|socket| socket.trusted)
        };
        // A swarm that is not listed was brought by a trusted socket.
        let served = self.is_listed(&info_hash)
            || self.swarms.contains_key(&info_hash)
            || socket.is_some_and(trusted);
        served.then_some(()).ok_or(Refusal::NotAllowed)
    }

    fn is_listed(&self, info_hash: &InfoHash) -> bool {
        let allowed = self.allowed.as_ref();
        allowed.is_none_or(|allowed| allowed.contains(info_hash))
    }

    fn end_swarm(&mut self, info_hash: InfoHash) {
        let Some(swarm) = self.swarms.get(&info_hash) else {
            return;
        };
        let tcp: Vec<(PeerId, IpAddr)> = [&swarm.tcp_v4, &swarm.tcp_v6]
            .into_iter()
            .flat_map(Pool::iter)
            .map(|peer| (peer.id, peer.ip))
            .collect();
        let web: Vec<(PeerId, SocketId)> = swarm
            .web
            .iter()
            .map(|peer| (peer.id, peer.socket))
            .collect();
        for (peer_id, ip) in tcp {
            self.remove_tcp_peer(info_hash, peer_id, ip);
        }
        for (peer_id, socket) in web {
            // The socket's own peer, so this is never refused.
            let _ = self.stop(socket, info_hash, peer_id);
        }
    }

    /// What to do next.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; it changes with every announce.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.expiries.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Forgets the TCP peers that have not announced in time. Early and extra calls do nothing.
    pub fn handle_timeout(&mut self, now: Duration) {
        for _ in 0..MAX_EXPIRIES {
            let Some(entry) = self.expiries.first_entry() else {
                return;
            };
            if now < entry.key().0 {
                return;
            }
            let (info_hash, peer_id, ip) = entry.remove();
            self.remove_tcp_peer(info_hash, peer_id, ip);
        }
    }

    /// The counts of each swarm that is named, zeros for one without peers (BEP 48). Names beyond
    /// [`MAX_SCRAPE`] are left out.
    pub fn scrape(&mut self, info_hashes: &[InfoHash]) -> Vec<(InfoHash, ScrapeEntry)> {
        self.counters.scrapes += 1;
        let counts = |info_hash| {
            self.swarms
                .get(info_hash)
                .map(Swarm::counts)
                .unwrap_or_default()
        };
        info_hashes
            .iter()
            .take(MAX_SCRAPE)
            .map(|info_hash| (*info_hash, counts(info_hash)))
            .collect()
    }

    /// What there is now, and what has been done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            swarms: self.swarms.len(),
            web_peers: self.web_peers,
            tcp_peers: self.expiries.len(),
            sockets: self.sockets.len(),
            ..self.counters
        }
    }

    /// The swarm for a peer that is to be added, made if need be; a refusal if there is no room.
    pub(crate) fn swarm_with_room(&mut self, info_hash: InfoHash) -> Result<&mut Swarm, Refusal> {
        if self.web_peers + self.expiries.len() >= self.config.max_peers {
            return Err(Refusal::Full);
        }
        let swarms = self.swarms.len();
        match self.swarms.entry(info_hash) {
            Entry::Occupied(entry) if entry.get().entries() >= self.config.max_swarm_peers => {
                Err(Refusal::Full)
            }
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(_) if swarms >= self.config.max_swarms => Err(Refusal::Full),
            Entry::Vacant(entry) => Ok(entry.insert(Swarm::new())),
        }
    }

    pub(crate) fn drop_if_empty(&mut self, info_hash: InfoHash) {
        if self.swarms.get(&info_hash).is_some_and(Swarm::is_empty) {
            self.swarms.remove(&info_hash);
            shrink(&mut self.swarms);
        }
    }
}

/// Tables of fewer entries keep their memory.
const SMALL: usize = 1024;

/// Gives back the memory of a table that has become nearly empty. Each entry pays for it at most
/// once, with its removal.
pub(crate) fn shrink<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.capacity() > SMALL && table.len() < table.capacity() / 8 {
        table.shrink_to(2 * table.len());
    }
}

/// As messages have it: whole seconds.
pub(crate) fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
