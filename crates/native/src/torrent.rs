//! A torrent of a node: what to give when one is added, and the handle that one gets.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use brackish_core::{
    AddTorrent, AddTorrentError, Event, Existing, Limits, PeerStats, Priority, Select, SelectError,
    StorageError, TorrentId, TorrentState, TorrentStats, TrackerStats, WebSeedStats,
};
use brackish_wire::metainfo::Info;
use brackish_wire::{Bitfield, InfoHash};
use tokio::sync::{broadcast, oneshot, watch};

use crate::engine::{Choice, Command, EngineHandle, Registered};
use crate::reach::Trusted;
use crate::source::Source;
use crate::storage::map::Place;
use crate::storage::ownership::{Access, Notice, Refusal, WriteOptions};

/// A torrent to take part in, and where its files are.
#[derive(Clone, Debug)]
pub struct Add {
    /// What is known of it.
    pub source: Source,
    /// Where its files are, or will be.
    pub place: Place,
    /// What may be done with them; files of a [`Place::Map`] are only read.
    pub access: Access,
    /// What to make of data that is there already.
    pub existing: Existing,
    /// What of it is wanted; it can be changed later.
    pub select: Select,
    /// Super-seed it (BEP 16) until the swarm has a copy; see [`AddTorrent::super_seed`].
    pub super_seed: bool,
    /// TCP peers to try at once, besides those that the source names.
    pub peers: Vec<SocketAddr>,
    /// Announce URLs besides those of the source. They may lead anywhere; what the source alone
    /// names leads into the local network only to the server that it was loaded from, or if it is an
    /// announce by its path (`/announce`, or `/` for a WebSocket).
    pub extra_trackers: Vec<String>,
    /// Web seeds besides those of the source. Their servers may be in the local network; what the
    /// source alone names may not be, but for the server that it was loaded from.
    pub extra_web_seeds: Vec<String>,
    /// What the source was [loaded](crate::source::load) from, if it was; a URL makes a difference.
    pub loaded_from: Option<String>,
}

/// Why a torrent was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The session did not take it.
    #[error(transparent)]
    Session(#[from] AddTorrentError),
    /// The map of files has another number of files than the torrent.
    #[error("the torrent has {expected} files, and {given} paths were given")]
    FileCount {
        /// Files in the torrent.
        expected: usize,
        /// Paths in the map.
        given: usize,
    },
    /// The node was shut down.
    #[error("the node was shut down")]
    Stopped,
}

/// Why a torrent will not finish.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TorrentError {
    /// Its files cannot be written or read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Its files are not touched before the user decides.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was removed, or the node shut down.
    #[error("the torrent was removed")]
    Removed,
}

/// A torrent of a running node. Dropping the handle leaves the torrent running.
#[derive(Clone, Debug)]
pub struct Torrent {
    engine: Arc<EngineHandle>,
    info_hash: InfoHash,
    registered: Registered,
}

impl Add {
    /// The torrent `source`, its files in `directory`, hashing what is there already. What is wanted
    /// is what a magnet link says (BEP 53), else everything.
    pub fn new(source: Source, directory: impl Into<PathBuf>) -> Self {
        let select = match &source {
            Source::Magnet(magnet) if !magnet.select.is_empty() => {
                Select::Files(magnet.select.clone())
            }
            _ => Select::Everything,
        };
        Self {
            select,
            source,
            place: Place::Directory(directory.into()),
            access: Access::Write(WriteOptions::default()),
            existing: Existing::Check,
            super_seed: false,
            peers: Vec::new(),
            extra_trackers: Vec::new(),
            extra_web_seeds: Vec::new(),
            loaded_from: None,
        }
    }
}

impl Torrent {
    pub(crate) async fn add(engine: &Arc<EngineHandle>, add: Add) -> Result<Self, AddError> {
        let info_hash = add.source.info_hash();
        if let (Place::Map(map), Source::Metainfo(metainfo)) = (&add.place, &add.source)
            && map.len() != metainfo.info.files().len()
        {
            return Err(AddError::FileCount {
                expected: metainfo.info.files().len(),
                given: map.len(),
            });
        }
        let mut peers = add.peers;
        let (source, mut trackers, mut web_seeds) = match add.source {
            Source::Metainfo(metainfo) => {
                let source = brackish_core::Source::Info {
                    info: metainfo.info,
                    piece_layers: metainfo.piece_layers,
                };
                (source, metainfo.trackers, metainfo.web_seeds)
            }
            Source::Magnet(magnet) => {
                peers.extend(resolve(&magnet.peers).await);
                let source = brackish_core::Source::Magnet {
                    info_hash,
                    info_hash_v2: magnet.info_hash_v2,
                    name: magnet.name,
                };
                (
                    source,
                    magnet.trackers.into_iter().map(|url| vec![url]).collect(),
                    magnet.web_seeds,
                )
            }
        };
        let named = add.extra_trackers.iter().chain(&add.loaded_from);
        let trusted_trackers = Trusted::new(named.map(String::as_str));
        trackers.extend(add.extra_trackers.into_iter().map(|url| vec![url]));
        let own = add.extra_web_seeds.iter().chain(&add.loaded_from);
        let trusted = Trusted::new(own.map(String::as_str));
        // Before the others, of which a source may name more than are used.
        web_seeds.splice(0..0, add.extra_web_seeds);
        let session = AddTorrent {
            source,
            trackers,
            web_seeds,
            peers,
            existing: add.existing,
            select: add.select,
            super_seed: add.super_seed,
        };
        let (reply, answer) = oneshot::channel();
        let command = Command::Add {
            add: Box::new(session),
            place: add.place,
            access: add.access,
            trusted,
            trusted_trackers,
            reply,
        };
        engine.send(command).await.map_err(|_| AddError::Stopped)?;
        let registered = answer.await.map_err(|_| AddError::Stopped)??;
        Ok(Self {
            engine: engine.clone(),
            info_hash,
            registered,
        })
    }

    /// The identity of the torrent in its node; events carry it.
    pub fn id(&self) -> TorrentId {
        self.registered.torrent
    }

    /// The info-hash of the torrent.
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The figures of the torrent, renewed four times a second and when its state changes.
    pub fn stats(&self) -> watch::Receiver<TorrentStats> {
        self.registered.stats.clone()
    }

    /// What happens to the torrent: since it was added for the first receiver, from now on for those
    /// after it. A receiver that falls 4096 events behind misses some.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        let first = self.registered.first_events.lock();
        if let Some(events) = first.unwrap_or_else(PoisonError::into_inner).take() {
            return events;
        }
        let events = self.registered.events.upgrade();
        events.map_or_else(|| broadcast::channel(1).1, |events| events.subscribe())
    }

    /// The `info` dictionary; `None` while a magnet link waits for its metadata.
    pub fn info(&self) -> Option<Arc<Info>> {
        self.registered.info.borrow().clone()
    }

    /// Waits for the `info` dictionary, which a magnet link gets from peers.
    pub async fn wait_metadata(&self) -> Result<Arc<Info>, TorrentError> {
        let mut info = self.registered.info.clone();
        let found = info
            .wait_for(Option::is_some)
            .await
            .map_err(|_| TorrentError::Removed)?;
        found.clone().ok_or(TorrentError::Removed)
    }

    /// What was done with files that stood where the torrent's are to be, in order; at most 1000
    /// of these are kept.
    pub fn notices(&self) -> watch::Receiver<Vec<Notice>> {
        self.registered.notices.clone()
    }

    /// Whether what finished last is on the disk: `false` where the system cannot tell, `None` before
    /// the torrent finished and where its files are only read.
    pub fn synced(&self) -> Option<bool> {
        *self.registered.synced.borrow()
    }

    /// Waits until every wanted piece is verified and its files have their names and are on the
    /// disk.
    pub async fn wait_finished(&self) -> Result<(), TorrentError> {
        let mut stats = self.registered.stats.clone();
        let ended = |stats: &TorrentStats| {
            matches!(stats.state, TorrentState::Seeding | TorrentState::Failed)
        };
        let state = stats
            .wait_for(ended)
            .await
            .map_err(|_| TorrentError::Removed)?
            .state;
        match state {
            TorrentState::Failed => {
                let failure = self.registered.failure.borrow().clone();
                Err(failure.unwrap_or(TorrentError::Removed))
            }
            _ => Ok(()),
        }
    }

    /// The figures of each connected peer.
    pub async fn peers(&self) -> Vec<PeerStats> {
        let torrent = self.id();
        self.ask(|reply| Command::Peers { torrent, reply })
            .await
            .unwrap_or_default()
    }

    /// How each tracker stands.
    pub async fn trackers(&self) -> Vec<TrackerStats> {
        let torrent = self.id();
        self.ask(|reply| Command::Trackers { torrent, reply })
            .await
            .unwrap_or_default()
    }

    /// How each web seed stands.
    pub async fn web_seeds(&self) -> Vec<WebSeedStats> {
        let torrent = self.id();
        self.ask(|reply| Command::WebSeeds { torrent, reply })
            .await
            .unwrap_or_default()
    }

    /// The verified pieces; `None` before the metadata.
    pub async fn verified(&self) -> Option<Bitfield> {
        let torrent = self.id();
        self.ask(|reply| Command::Verified { torrent, reply })
            .await
            .flatten()
    }

    /// Changes how much a file is wanted, by its place in the torrent's list. What is not wanted is
    /// not fetched; a file that is not wanted is not made.
    pub async fn set_file_priority(
        &self,
        file: usize,
        priority: Priority,
    ) -> Result<(), SelectError> {
        self.choose(Choice::File(file, priority)).await
    }

    /// Changes how much files are wanted, all at once: the priority of each, by its place in the
    /// torrent's list.
    pub async fn set_file_priorities(&self, priorities: Vec<Priority>) -> Result<(), SelectError> {
        self.choose(Choice::Files(priorities)).await
    }

    /// Changes how much a stretch of the torrent's bytes is wanted.
    pub async fn set_range_priority(
        &self,
        range: Range<u64>,
        priority: Priority,
    ) -> Result<(), SelectError> {
        self.choose(Choice::Range(range, priority)).await
    }

    async fn choose(&self, choice: Choice) -> Result<(), SelectError> {
        let torrent = self.id();
        let command = |reply| Command::Choose {
            torrent,
            choice,
            reply,
        };
        self.ask(command).await.unwrap_or(Err(SelectError::Removed))
    }

    /// Limits the rates of the torrent from now on.
    pub async fn set_limits(&self, limits: Limits) {
        let torrent = Some(self.id());
        // A node that is gone sends nothing.
        let _ = self.engine.send(Command::Limit { torrent, limits }).await;
    }

    /// Adds TCP peers to the peer set.
    pub async fn add_peers(&self, peers: Vec<SocketAddr>) {
        let torrent = self.id();
        // A node that is gone needs no peers.
        let _ = self.engine.send(Command::AddPeers { torrent, peers }).await;
    }

    /// Leaves the torrent: its peers are closed and its trackers told. Its files stay.
    pub async fn remove(self) {
        let torrent = self.id();
        self.ask(|done| Command::Remove { torrent, done }).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.engine.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// The addresses of peers given as `host:port`. Names that are not found are left out: peers come
/// and go, and a torrent does not depend on one.
async fn resolve(peers: &[String]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for peer in peers {
        if let Ok(addresses) = tokio::net::lookup_host(peer).await {
            found.extend(addresses);
        }
    }
    found
}
