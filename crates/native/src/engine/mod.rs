//! The engine: one thread that owns the session, every TCP socket and every timer. It reads a
//! socket straight into the session and does what the session says at once; only file work,
//! hashing and WebRTC's cryptography happen elsewhere, and come back in batches.

mod admission;
mod changes;
mod driver;
mod greeting;
mod jobs;
mod listen;
mod outputs;
mod probe;
pub(crate) mod random;
mod run;
mod store;
mod tcp;
mod torrents;

mod web_seeds;
mod webrtc;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::thread;

use brackish_core::{
    AddTorrent, AddTorrentError, Event, Limits, PeerStats, Priority, SelectError, TorrentId,
    TorrentStats, TrackerStats, WebSeedStats,
};
use brackish_wire::metainfo::Info;
use brackish_wire::{Bitfield, PeerId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::config::NodeConfig;
use crate::node::NodeError;
use crate::reach::Trusted;
use crate::rtc::ice::IceServers;
use crate::storage::map::Place;
use crate::storage::ownership::{Access, Notice};
use crate::torrent::TorrentError;

/// Most commands that wait for the engine. Who sends more waits.
const MAX_COMMANDS: usize = 64;

/// A question or order to the engine.
pub(crate) enum Command {
    Add {
        add: Box<AddTorrent>,
        place: Place,
        access: Access,
        /// Whose web seeds may be in the local network.
        trusted: Trusted,
        /// Whose trackers may be, whatever their path.
        trusted_trackers: Trusted,
        reply: oneshot::Sender<Result<Registered, AddTorrentError>>,
    },
    Remove {
        torrent: TorrentId,
        done: oneshot::Sender<()>,
    },
    AddPeers {
        torrent: TorrentId,
        peers: Vec<SocketAddr>,
    },
    Limit {
        /// Without one, of all together.
        torrent: Option<TorrentId>,
        limits: Limits,
    },
    Choose {
        torrent: TorrentId,
        choice: Choice,
        reply: oneshot::Sender<Result<(), SelectError>>,
    },
    Peers {
        torrent: TorrentId,
        reply: oneshot::Sender<Vec<PeerStats>>,
    },
    Trackers {
        torrent: TorrentId,
        reply: oneshot::Sender<Vec<TrackerStats>>,
    },
    WebSeeds {
        torrent: TorrentId,
        reply: oneshot::Sender<Vec<WebSeedStats>>,
    },
    Verified {
        torrent: TorrentId,
        reply: oneshot::Sender<Option<Bitfield>>,
    },
    Shutdown {
        done: oneshot::Sender<()>,
    },
}

/// What of a torrent is wanted from now on, and how much.
#[derive(Debug)]
pub(crate) enum Choice {
    File(usize, Priority),
    Files(Vec<Priority>),
    Range(Range<u64>, Priority),
}

/// What the engine tells of a torrent, for its handle.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) torrent: TorrentId,
    pub(crate) stats: watch::Receiver<TorrentStats>,
    pub(crate) info: watch::Receiver<Option<Arc<Info>>>,
    pub(crate) failure: watch::Receiver<Option<TorrentError>>,
    pub(crate) notices: watch::Receiver<Vec<Notice>>,
    pub(crate) synced: watch::Receiver<Option<bool>>,
    pub(crate) events: broadcast::WeakSender<Event>,
    /// Has every event since the torrent was added, until someone takes it.
    pub(crate) first_events: Arc<Mutex<Option<broadcast::Receiver<Event>>>>,
}

/// The way to a running engine. The engine ends when the last one is gone.
#[derive(Debug)]
pub(crate) struct EngineHandle {
    commands: mpsc::Sender<Command>,
}

/// The engine has ended.
#[derive(Debug)]
pub(crate) struct Ended;

/// What is known once the engine runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Started {
    pub(crate) tcp_port: Option<u16>,
    pub(crate) peer_id: PeerId,
}

impl EngineHandle {
    pub(crate) async fn send(&self, command: Command) -> Result<(), Ended> {
        self.commands.send(command).await.map_err(|_| Ended)
    }
}

/// Starts the engine's thread; returns once its port is open.
pub(crate) async fn start(config: NodeConfig) -> Result<(EngineHandle, Started), NodeError> {
    let ice_servers = IceServers::parse(&config.ice_servers)?;
    let peer_id = match config.peer_id {
        Some(peer_id) => peer_id,
        None => random::peer_id().map_err(NodeError::System)?,
    };
    let mut seed = [0; 32];
    random::fill(&mut seed).map_err(NodeError::System)?;
    let (commands, inbox) = mpsc::channel(MAX_COMMANDS);
    let (ready, is_ready) = oneshot::channel();
    let setup = run::Setup {
        config,
        ice_servers,
        peer_id,
        seed,
    };
    thread::Builder::new()
        .name("brackish-engine".to_owned())
        .spawn(move || run::thread(setup, inbox, ready))
        .map_err(NodeError::System)?;
    let gone = |_| NodeError::System(std::io::Error::other("the engine's thread ended"));
    let started = is_ready.await.map_err(gone)??;
    Ok((EngineHandle { commands }, started))
}
