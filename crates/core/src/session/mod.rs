//! The session: inputs in, outputs and events out.
//!
//! This module holds the session's state and hands each input to the part that knows what to do:
//! `connect` (handshakes, ends), `places` (dials, and who may stay), `messages` (what peers say),
//! `download` (requests and blocks), `upload` (serving), `fast` (serving while choked), `dont_have`
//! (pieces lost), `suggest` (what seeds advise), `super_seed` (what they hide), `select` (what is
//! wanted), `readers` (streaming), `limits`, `store` (jobs of the store, verification, blame), `extensions` (BEP 10 and BEP 9), `hashes` (BEP 52), `pex`,
//! `web_seeds` (BEP 19), `trackers`, `tiers` and `signalling`, `relay` and `introductions`
//! (signalling by peers), and `tick` (what time brings).

mod connect;
mod contest;
mod dont_have;
mod download;
mod extensions;
mod fast;
mod figures;
mod hashes;
mod introductions;
mod limits;
mod messages;
mod pex;
mod places;
mod private;
mod proof;
mod readers;
mod relay;
mod relief;
mod select;
mod signalling;
mod sockets;
mod stall;
mod store;
mod suggest;
mod super_seed;
mod suspicion;
mod tick;
mod tiers;
mod trackers;
mod turn;
mod upload;
mod web_seeds;

pub(crate) use contest::{Contender, Secret};
pub(crate) use hashes::PeerHashes;
pub(crate) use relief::Relief;
pub(crate) use suggest::Suggested;
pub(crate) use super_seed::Shown;
pub(crate) use turn::Entrusted;

use std::collections::VecDeque;
use std::net::SocketAddr;

use brackish_wire::message::piece_header;
use brackish_wire::metainfo::Verifier;
use brackish_wire::{Bitfield, BlockRequest, InfoHash, PieceIndex};
use bytes::Bytes;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::announce::Socket;
use crate::connection::Connection;
use crate::dials::Dials;
use crate::names::Names;
use crate::own_address::OwnAddress;
use crate::peer_set::{PeerSet, Source};
use crate::slab::{Key, Slab};
use crate::torrent::{Content, Torrent};
use crate::{
    AddTorrent, AddTorrentError, Config, ConnectionId, DisconnectReason, Event, Input, JobId,
    Output, SocketId, Table, Timestamp, TorrentId, TorrentState, Via,
};

/// Events kept for a user that does not read them; the oldest go first.
const MAX_EVENTS: usize = 1 << 16;

/// Several torrents, their peers and trackers, as one state machine. See the crate's front page
/// for the loop that drives it.
pub struct Session {
    cx: Context,
    torrents: Table<TorrentId, Box<Torrent>>,
    by_hash: Table<InfoHash, TorrentId>,
    next_torrent: u32,
    connections: Slab<Connection>,
    sockets: Table<SocketId, Socket>,
    next_socket: u32,
    next_web_seed: u32,
    next_tick: Option<Timestamp>,
    shutting_down: bool,
}

/// What every part of the session may touch while it holds a torrent or a connection.
pub(crate) struct Context {
    pub config: Config,
    pub rng: ChaCha8Rng,
    /// From which the secrets are made that peers are given.
    pub secret: [u8; 32],
    /// Connections that contended for a place and have it.
    pub won: VecDeque<ConnectionId>,
    pub now: Timestamp,
    pub outputs: VecDeque<Output>,
    pub events: VecDeque<Event>,
    pub jobs: Slab<Job>,
    /// Where we are, as peers say.
    pub own_address: OwnAddress,
    /// Hosts that do not answer dials.
    pub dials: Dials,
    /// Bytes of blocks that the store has been given and not written.
    pub storing: usize,
    /// Bytes of blocks asked for and not come.
    pub requested: usize,
    /// Limits of rates, and who waits for them.
    pub gate: limits::Gate,
    /// Requests were held back because the store or the request budget was full.
    pub held_back: bool,
}

/// A job that the driver was given.
#[derive(Debug)]
pub(crate) enum Job {
    Serve {
        connection: ConnectionId,
        request: BlockRequest,
    },
    Write {
        torrent: TorrentId,
        length: usize,
        piece: PieceIndex,
        number: u32,
    },
    Hash {
        torrent: TorrentId,
        piece: PieceIndex,
    },
    Check {
        torrent: TorrentId,
        piece: PieceIndex,
    },
    Doubt {
        torrent: TorrentId,
        piece: PieceIndex,
    },
    Examine {
        torrent: TorrentId,
        piece: PieceIndex,
        block: u32,
    },
    /// Hash a piece whose blocks' hashes a peer wants.
    HashBlocks {
        torrent: TorrentId,
        piece: PieceIndex,
        connection: ConnectionId,
    },
    Announce {
        torrent: TorrentId,
        tracker: usize,
    },
    Fetch {
        torrent: TorrentId,
        seed: ConnectionId,
    },
}

impl Session {
    /// A session without torrents. `seed` decides every random choice that it makes.
    pub fn new(config: Config, seed: [u8; 32], now: Timestamp) -> Self {
        Self {
            cx: Context {
                config,
                rng: ChaCha8Rng::from_seed(seed),
                secret: secret(seed),
                won: VecDeque::new(),
                now,
                outputs: VecDeque::new(),
                events: VecDeque::new(),
                jobs: Slab::new(),
                own_address: OwnAddress::default(),
                dials: Dials::default(),
                storing: 0,
                requested: 0,
                gate: limits::Gate::new(now),
                held_back: false,
            },
            torrents: Table::default(),
            by_hash: Table::default(),
            next_torrent: 0,
            connections: Slab::new(),
            sockets: Table::default(),
            next_socket: 0,
            next_web_seed: 0,
            next_tick: None,
            shutting_down: false,
        }
    }

    /// Takes part in a torrent from now on.
    pub fn add_torrent(
        &mut self,
        add: AddTorrent,
        now: Timestamp,
    ) -> Result<TorrentId, AddTorrentError> {
        self.cx.now = now;
        if self.shutting_down {
            return Err(AddTorrentError::ShuttingDown);
        }
        let (info_hash, names, name, verifier) = match add.source {
            crate::Source::Info { info, piece_layers } => (
                info.info_hash(),
                Names::of_info(&info),
                Some(info.name().to_owned()),
                Some(Verifier::new(info, piece_layers)),
            ),
            crate::Source::Magnet {
                info_hash,
                info_hash_v2,
                name,
            } => {
                let names = Names::of_magnet(info_hash, info_hash_v2);
                (info_hash, names, name, None)
            }
        };
        if let Some(known) = names.swarms().find(|hash| self.by_hash.contains_key(hash)) {
            return Err(AddTorrentError::Duplicate(known));
        }
        let id = TorrentId(self.next_torrent);
        self.next_torrent += 1;
        let mut peer_set = PeerSet::new(self.cx.config.peer_id, self.cx.config.listen_port);
        if let Some(own) = self.cx.own_address.get() {
            peer_set.set_own(own);
        }
        let private = verifier
            .as_ref()
            .is_some_and(|known| known.info().is_private());
        for peer in add.peers.into_iter().filter(|_| !private) {
            peer_set.add(peer, Source::User);
        }
        let (select, existing) = (add.select, add.existing);
        let mut torrent = Torrent::new(info_hash, names, name, existing, select, peer_set, now);
        torrent.super_seed = add.super_seed;
        self.torrents.insert(id, Box::new(torrent));
        for hash in names.swarms() {
            self.by_hash.insert(hash, id);
        }
        self.add_trackers(id, add.trackers);
        self.add_web_seeds(id, add.web_seeds);
        if let Some(verifier) = verifier {
            self.begin_content(id, verifier);
        }
        self.next_tick = Some(now);
        Ok(id)
    }

    /// Leaves a torrent: its peers are closed, its trackers told, its store let go.
    pub fn remove_torrent(&mut self, torrent: TorrentId, now: Timestamp) {
        self.cx.now = now;
        self.leave(torrent);
    }

    /// Adds TCP peers to the peer set of a torrent. Nothing happens where the torrent is private:
    /// its peers come from its trackers alone (BEP 27).
    pub fn add_peers(&mut self, torrent: TorrentId, peers: &[SocketAddr], now: Timestamp) {
        self.cx.now = now;
        let torrent = self.torrents.get_mut(&torrent);
        let Some(torrent) = torrent.filter(|torrent| !torrent.is_private()) else {
            return;
        };
        for peer in peers {
            torrent.peer_set.add(*peer, Source::User);
        }
        self.next_tick = Some(now);
    }

    /// Leaves every torrent: trackers are told `stopped`, peers closed, stores let go. The session
    /// then takes no more; the driver ends once the outputs are done.
    pub fn shut_down(&mut self, now: Timestamp) {
        self.cx.now = now;
        self.shutting_down = true;
        for torrent in self.torrents.keys().copied().collect::<Vec<_>>() {
            self.leave(torrent);
        }
        for key in self.connections.keys() {
            self.close(key.into(), DisconnectReason::Removed);
        }
        for (socket, _) in std::mem::take(&mut self.sockets) {
            self.cx.outputs.push_back(Output::CloseSocket { socket });
        }
        self.next_tick = None;
    }

    /// Takes what has happened outside. Total: hostile bytes end a connection, never the session.
    pub fn handle_input(&mut self, input: Input<'_>, now: Timestamp) {
        self.cx.now = now;
        match input {
            Input::Opened { connection, room } => self.opened(connection, room),
            Input::Located {
                connection,
                address,
            } => self.located(connection, address),
            Input::Received { connection, data } => self.received(connection, data),
            Input::Sent { connection, bytes } => self.sent(connection, bytes),
            Input::Room { connection, room } => self.room_changed(connection, room),
            Input::Closed { connection, reason } => self.closed(connection, reason),
            Input::LocalDescription { connection, sdp } => self.described(connection, sdp),
            Input::StorageOpened { torrent, result } => self.storage_opened(torrent, result),
            Input::FileChanged {
                torrent,
                file,
                longer,
            } => self.file_changed(torrent, file, longer),
            Input::StorageFailed { torrent, error } => self.fail_torrent(torrent, error),
            Input::BlockRead { job, result } => self.block_read(job, result),
            Input::BlockWritten { job, result } => self.block_written(job, result),
            Input::PieceHashed { job, result } => self.piece_hashed(job, result),
            Input::Fetched { job, data } => self.fetched(job, data),
            Input::FetchEnded { job, result } => self.fetch_ended(job, result),
            Input::SocketOpened { socket } => self.socket_opened(socket),
            Input::SocketMessage { socket, text } => self.socket_message(socket, text),
            Input::SocketClosed { socket, reason } => self.socket_closed(socket, reason),
            Input::Announced { job, result } => self.announced(job, result),
        }
        self.admit_winners();
        while self.cx.events.len() > MAX_EVENTS {
            self.cx.events.pop_front();
        }
    }

    /// Does what is due. Early or extra calls do nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.cx.now = now;
        if self.cx.gate.next.is_some_and(|due| due <= now) {
            self.move_rows();
        }
        if self.next_tick.is_some_and(|due| due <= now) {
            self.tick();
        }
        self.admit_winners();
    }

    /// What the driver must do next; `None` when there is nothing left for now.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.cx.outputs.pop_front()
    }

    /// What the user may want to know next. Events that nobody reads are kept up to a bound.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.cx.events.pop_front()
    }

    /// When to call [`Session::handle_timeout`], if nothing comes in before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let rows = self.cx.gate.next.filter(|_| self.next_tick.is_some());
        self.next_tick.into_iter().chain(rows).min()
    }

    /// The dictionary of a torrent is known. Where hashes of its pieces are missing, they come from peers before anything
    /// else does.
    fn begin_content(&mut self, id: TorrentId, verifier: Verifier) {
        if verifier.is_ready() {
            return self.open_content(id, verifier);
        }
        if let Some(torrent) = self.torrents.get_mut(&id) {
            torrent.name = Some(verifier.info().name().to_owned());
            torrent.unready = Some(verifier);
        }
    }

    /// The content of a torrent is known from now on: its store is opened.
    fn open_content(&mut self, id: TorrentId, verifier: Verifier) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let (info, piece_layers) = (verifier.info().clone(), verifier.layers().clone());
        torrent.name = Some(info.name().to_owned());
        let content = Content::new(verifier, &torrent.select, &mut self.cx.rng);
        let wanted = content.files.clone();
        torrent.content = Some(content);
        for seed in &mut torrent.web_seeds {
            seed.has = Bitfield::full(info.lengths().piece_count());
        }
        torrent.state = TorrentState::Checking;
        self.cx.outputs.push_back(Output::OpenStorage {
            torrent: id,
            info,
            wanted,
            piece_layers,
        });
    }

    /// Names of a torrent became known with its metadata: it takes part in their swarms, too.
    fn add_names(&mut self, id: TorrentId, names: Names) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        torrent.names = torrent.names.and(names);
        for swarm in torrent.names.swarms() {
            // Where the same torrent was added by its other name, that one keeps it.
            self.by_hash.get_or_insert_with(swarm, || id);
        }
        self.add_swarms(id);
    }

    fn leave(&mut self, id: TorrentId) {
        self.announce_stopped(id);
        self.stop_web_seeds(id);
        for (key, connection) in self
            .connections
            .iter()
            .map(|(k, c)| (k, c.torrent))
            .collect::<Vec<_>>()
        {
            if connection == Some(id) {
                self.close(key.into(), DisconnectReason::Removed);
            }
        }
        let Some(torrent) = self.torrents.remove(&id) else {
            return;
        };
        self.by_hash.retain(|_, torrent| *torrent != id);
        if torrent.content.is_some() {
            self.cx
                .outputs
                .push_back(Output::CloseStorage { torrent: id });
        }
        self.forget_jobs(id);
        self.close_unused_sockets();
    }
}

impl Session {
    /// The driver need not answer for a store that it let go.
    fn forget_jobs(&mut self, id: TorrentId) {
        let of_it = |job: &Job| match job {
            Job::Write { torrent, .. }
            | Job::Hash { torrent, .. }
            | Job::Check { torrent, .. }
            | Job::Doubt { torrent, .. }
            | Job::HashBlocks { torrent, .. }
            | Job::Examine { torrent, .. } => *torrent == id,
            Job::Serve { connection, .. } => self.connections.get((*connection).into()).is_none(),
            Job::Announce { .. } | Job::Fetch { .. } => false,
        };
        let jobs: Vec<Key> = self
            .cx
            .jobs
            .iter()
            .filter(|(_, job)| of_it(job))
            .map(|(key, _)| key)
            .collect();
        for key in jobs {
            if let Some(Job::Write { length, .. }) = self.cx.jobs.remove(key) {
                self.cx.storing = self.cx.storing.saturating_sub(length);
            }
        }
    }
}

/// A secret of the session: what no peer can tell from its other random choices.
fn secret(seed: [u8; 32]) -> [u8; 32] {
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_stream(1);
    rng.random()
}

impl Context {
    pub fn add_job(&mut self, job: Job) -> JobId {
        let key = self.jobs.insert(job);
        JobId((u64::from(key.generation) << 32) | u64::from(key.slot))
    }

    pub fn job(&self, id: JobId) -> Option<&Job> {
        self.jobs.get(id.into())
    }

    pub fn take_job(&mut self, id: JobId) -> Option<Job> {
        self.jobs.remove(id.into())
    }

    /// Sends messages. While many wait, they are joined.
    pub fn transmit(&mut self, id: ConnectionId, connection: &mut Connection, data: Bytes) {
        connection.last_sent = self.now;
        if let Some(run) = connection.outbox.say(data, connection.room) {
            self.hand_over(id, run);
        } else if connection.via == Via::Tcp && connection.outbox.is_backed_up() {
            self.hold(id, connection, true);
        }
    }

    /// Sends a block, for which there is credit, behind all that was said before.
    pub fn transmit_block(
        &mut self,
        id: ConnectionId,
        connection: &mut Connection,
        request: &BlockRequest,
        data: Bytes,
    ) {
        connection.last_sent = self.now;
        if let Some(run) = connection.outbox.take() {
            self.hand_over(id, run);
            self.hold(id, connection, false);
        }
        let header = piece_header(request.piece, request.begin, request.length);
        for run in [Bytes::copy_from_slice(&header), data] {
            let run = connection.outbox.run(run);
            self.hand_over(id, run);
        }
    }

    /// The transport took bytes.
    pub fn taken(&mut self, id: ConnectionId, connection: &mut Connection, bytes: usize) {
        if let Some(run) = connection.outbox.sent(bytes, connection.room) {
            self.hand_over(id, run);
            self.hold(id, connection, false);
        }
    }

    fn hand_over(&mut self, connection: ConnectionId, data: Bytes) {
        self.outputs
            .push_back(Output::Transmit { connection, data });
    }

    fn hold(&mut self, id: ConnectionId, connection: &mut Connection, held: bool) {
        if connection.held.is_some() != held {
            connection.held = held.then_some(self.now);
            self.outputs.push_back(Output::Hold {
                connection: id,
                held,
            });
        }
    }
}

impl From<JobId> for Key {
    fn from(id: JobId) -> Self {
        Self {
            slot: id.0 as u32,
            generation: (id.0 >> 32) as u32,
        }
    }
}

impl From<Key> for ConnectionId {
    fn from(key: Key) -> Self {
        Self {
            slot: key.slot,
            generation: key.generation,
        }
    }
}

impl From<ConnectionId> for Key {
    fn from(id: ConnectionId) -> Self {
        Self {
            slot: id.slot,
            generation: id.generation,
        }
    }
}
