//! What a driver decides before a session runs, and what it says when it adds a torrent.

use std::net::SocketAddr;
use std::sync::Arc;

use brackish_wire::metainfo::{Info, PieceLayers};
use brackish_wire::{InfoHash, InfoHashV2, PeerId};

use crate::Select;

/// Most connections of one torrent that a node has unless its user says otherwise.
pub const NODE_PEERS: usize = 100;

/// Most connections of one torrent that a page has unless its user says otherwise: each costs the browser some memory
/// and a data channel.
pub const PAGE_PEERS: usize = 55;

/// Connections of the whole session for each of a torrent's: dials, offers and strangers are counted there.
const CONNECTIONS_PER_PEER: usize = 4;

/// The settings of a session. They hold for its life.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who this session is to peers and trackers (BEP 20: eight bytes of client and version, then
    /// random ones).
    pub peer_id: PeerId,
    /// The name and version that the extension handshake carries (BEP 10, `v`).
    pub client: String,
    /// The TCP port on which the driver accepts peers; told to trackers and peers.
    pub listen_port: Option<u16>,
    /// Whether the driver can dial TCP. A page cannot.
    pub tcp: bool,
    /// Whether the driver can make WebRTC connections.
    pub webrtc: bool,
    /// Most connections of one torrent, dials and unanswered offers not counted.
    pub connections_per_torrent: usize,
    /// Most connections of the session, everything counted.
    pub connections: usize,
    /// Most dials under way at once.
    pub half_open: usize,
    /// Offers sent with one announce. 5 is what every public tracker accepts.
    pub offers_per_announce: usize,
    /// Bytes of blocks that may be with the store, not yet written. Above it nothing is requested. A node's disk outruns
    /// its network on average, so that 8 MiB hold what comes while it does not; a page's store is slower and has 16.
    pub store_budget: usize,
    /// Bytes of blocks that may be requested and not yet received, over all peers. A page's 32 MiB are two seconds at
    /// the 15 MB/s or so that a browser's channels carry at best.
    pub request_budget: usize,
}

impl Config {
    /// The settings of a node that calls itself `peer_id`; see the fields for what to change.
    pub fn new(peer_id: PeerId) -> Self {
        Self {
            peer_id,
            client: concat!("Brackish ", env!("CARGO_PKG_VERSION")).to_owned(),
            listen_port: None,
            tcp: true,
            webrtc: true,
            connections_per_torrent: NODE_PEERS,
            connections: NODE_PEERS * CONNECTIONS_PER_PEER,
            half_open: 16,
            offers_per_announce: 5,
            store_budget: 8 << 20,
            request_budget: 64 << 20,
        }
    }

    /// The settings of a page that calls itself `peer_id` and has at most `peers` connections of a torrent
    /// ([`PAGE_PEERS`] unless its user says otherwise). It has no TCP, and less memory than a node.
    pub fn page(peer_id: PeerId, peers: usize) -> Self {
        Self {
            tcp: false,
            connections_per_torrent: peers,
            connections: peers * CONNECTIONS_PER_PEER,
            store_budget: 16 << 20,
            request_budget: 32 << 20,
            ..Self::new(peer_id)
        }
    }
}

/// A torrent to take part in.
#[derive(Clone, Debug)]
pub struct AddTorrent {
    /// What is known of it.
    pub source: Source,
    /// Announce URLs in tiers (BEP 12): `ws:`, `wss:`, `http:`, `https:` or `udp:`. Of each tier one
    /// is announced to while it answers, and one of its WebSocket trackers besides one of the
    /// others; of a private torrent one of all tiers. Those that the driver cannot reach are left out by the session
    /// (`http`, `https` and `udp` where `Config::tcp` is false, `ws` and `wss` where
    /// `Config::webrtc` is false).
    pub trackers: Vec<Vec<String>>,
    /// HTTP servers that have the files (BEP 19): `http:` and `https:` URLs; others are left out.
    pub web_seeds: Vec<String>,
    /// TCP peers to try at once. Passed over where the torrent is private (BEP 27); for a magnet link
    /// that is known with the metadata, and they are let go then.
    pub peers: Vec<SocketAddr>,
    /// What to make of data that the store already holds.
    pub existing: Existing,
    /// What of it is wanted.
    pub select: Select,
    /// Super-seed it (BEP 16): each peer is shown a few pieces at a time, and more once others have
    /// these from it. For an origin that has the only copy and little upload. It ends for good when
    /// the peers together have every piece, when another seed comes, and when something is missing
    /// here. Peers that came before the metadata of a magnet link are shown everything.
    pub super_seed: bool,
}

/// What is known of a torrent when it is added.
#[derive(Clone, Debug)]
pub enum Source {
    /// Its whole `info` dictionary.
    Info {
        /// The dictionary.
        info: Arc<Info>,
        /// What is known of its piece layers (BEP 52): empty in version 1. Those that a torrent of version 2 lacks come
        /// from peers.
        piece_layers: PieceLayers,
    },
    /// Its info-hash alone, as from a magnet link: the rest comes from peers (BEP 9, BEP 52).
    Magnet {
        /// The SHA-1 of the `info` dictionary; of version 2 alone, its SHA-256 cut short.
        info_hash: InfoHash,
        /// The SHA-256 of the `info` dictionary, where it is known to be of version 2.
        info_hash_v2: Option<InfoHashV2>,
        /// The name to show until the metadata is there.
        name: Option<String>,
    },
}

/// What to make of data that the store already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Hash whatever the store says may be there.
    Check,
    /// Every piece was verified by the caller just now, as by one who has made the torrent.
    AllVerified,
    /// Serve whatever the store holds as if it were right, and hash none of it: for tests and
    /// benchmarks that play a liar.
    Unproven,
}

/// Why a torrent was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddTorrentError {
    /// The session has this torrent.
    #[error("torrent {0} was added before")]
    Duplicate(InfoHash),
    /// The session is shutting down.
    #[error("the session is shutting down")]
    ShuttingDown,
}
