//! The session and everything that it drives, as the tasks of the engine share it. Every method
//! that gives the session something settles it before it returns: all that the session wants done
//! is done or handed on.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Instant;

use brackish_core::{
    ConnectionId, Input, JobId, Session, SocketId, StorageError, Timestamp, TorrentId, Via,
};
use bytes::BytesMut;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::admission::Admission;
use super::changes::Watch;
use super::greeting::EncryptedPeers;
use super::jobs::Jobs;
use super::store::Next;
use super::tcp::{self, TcpLink};
use super::torrents::{Torrents, torrent_of};
use super::web_seeds::Fetch;
use super::webrtc::RtcLink;
use crate::config::Allocation;
use crate::descriptors::Descriptors;
use crate::http::in_words;
use crate::rtc::Stack;
use crate::storage::ownership::{Notice, StoreError};
use crate::storage::{Done, HandleCache, Pool};
use crate::trackers::Announcer;
use crate::web_seeds::WebSeeds;

/// The driver as tasks hold it. Borrowed for the length of a call, never over an await.
pub(super) type Shared = Rc<RefCell<Driver>>;

/// Most times that the outputs of inputs that come of outputs are done before others have their
/// turn: a peer that asks fast of a socket that takes all would otherwise hold the engine.
const MAX_ROUNDS: usize = 8;

pub(super) struct Driver {
    pub(super) session: Session,
    pub(super) torrents: Torrents,
    pub(super) connections: HashMap<ConnectionId, Link>,
    /// Connections that have something new to send.
    pub(super) dirty: Vec<ConnectionId>,
    pub(super) sockets: HashMap<SocketId, mpsc::Sender<String>>,
    pub(super) jobs: Jobs,
    pub(super) pool: Arc<Pool>,
    pub(super) handles: Arc<HandleCache>,
    pub(super) allocation: Allocation,
    pub(super) announcer: Rc<Announcer>,
    pub(super) web_seeds: Rc<WebSeeds>,
    pub(super) fetches: HashMap<JobId, Fetch>,
    pub(super) stack: Option<Rc<dyn Stack>>,
    /// The addresses that peers are dialled from; all if there is none in it.
    pub(super) bind: Rc<[IpAddr]>,
    pub(super) descriptors: Descriptors,
    pub(super) admission: Admission,
    pub(super) watch: Watch,
    pub(super) encrypted_peers: EncryptedPeers,
    /// Announces, tracker sockets and WebRTC closes under way: what a shutdown waits for.
    pub(super) farewells: usize,
    /// Wakes the engine's main task, when the timer moved or rounds are left to do.
    pub(super) wake: Rc<Notify>,
    pub(super) me: Weak<RefCell<Driver>>,
    origin: Instant,
    armed: Option<Timestamp>,
    /// Answers for the session that came without the pool.
    pub(super) done: Vec<Done>,
    buffer: Rc<RefCell<BytesMut>>,
}

/// A connection as the driver has it.
pub(super) enum Link {
    /// A dial that is under way.
    Dialling(AbortHandle),
    /// A TCP connection, from when it is open.
    Tcp(Rc<TcpLink>),
    /// A WebRTC connection at any stage.
    Rtc(Rc<RtcLink>),
}

/// How peers are reached.
pub(super) struct Ways {
    /// What makes WebRTC connections, if any are made.
    pub(super) stack: Option<Rc<dyn Stack>>,
    /// The addresses that peers are dialled from; all if there is none in it.
    pub(super) bind: Vec<IpAddr>,
    /// How many sockets there may be.
    pub(super) descriptors: Descriptors,
}

impl Driver {
    pub(super) fn new(
        session: Session,
        origin: Instant,
        pool: Arc<Pool>,
        allocation: Allocation,
        ways: Ways,
        me: &Weak<RefCell<Driver>>,
    ) -> Self {
        let Ways {
            stack,
            bind,
            descriptors,
        } = ways;
        Self {
            session,
            torrents: Torrents::default(),
            connections: HashMap::new(),
            dirty: Vec::new(),
            sockets: HashMap::new(),
            jobs: Jobs::new(pool.worker_count()),
            pool,
            handles: Arc::new(HandleCache::new(descriptors.files)),
            allocation,
            announcer: Rc::new(Announcer::new()),
            web_seeds: Rc::new(WebSeeds::new()),
            fetches: HashMap::new(),
            stack,
            bind: bind.into(),
            admission: Admission::new(descriptors.tcp),
            descriptors,
            watch: Watch::default(),
            encrypted_peers: EncryptedPeers::default(),
            farewells: 0,
            wake: Rc::new(Notify::new()),
            me: me.clone(),
            origin,
            armed: None,
            done: Vec::new(),
            buffer: Rc::new(RefCell::new(tcp::read_buffer())),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        timestamp(self.origin)
    }

    /// The instant of a time of the session.
    pub(super) fn instant(&self, at: Timestamp) -> Instant {
        self.origin + at.since(Timestamp::ZERO)
    }

    /// When the session wants to be called, as the main task was last told.
    pub(super) fn armed(&self) -> Option<Timestamp> {
        self.armed
    }

    /// The buffer that sockets are read into; only ever borrowed within one turn.
    pub(super) fn read_buffer(&self) -> Rc<RefCell<BytesMut>> {
        self.buffer.clone()
    }

    /// Gives the session an input.
    pub(super) fn input(&mut self, input: Input<'_>) {
        let now = self.now();
        self.session.handle_input(input, now);
        self.settle();
    }

    /// Bytes came in.
    pub(super) fn received(&mut self, connection: ConnectionId, data: &[u8]) {
        self.input(Input::Received { connection, data });
    }

    /// Takes an incoming TCP connection, unless the session does not want it.
    pub(super) fn accept(
        &mut self,
        link: Rc<TcpLink>,
        address: SocketAddr,
    ) -> Option<ConnectionId> {
        let now = self.now();
        let connection = self
            .session
            .accept(Via::Tcp, Some(address), tcp::ROOM, now)
            .ok()?;
        self.connections.insert(connection, Link::Tcp(link));
        self.settle();
        Some(connection)
    }

    /// A dial came through. False if the session has lost interest meanwhile.
    pub(super) fn opened(&mut self, connection: ConnectionId, link: Link, room: usize) -> bool {
        let Some(place) = self.connections.get_mut(&connection) else {
            return false;
        };
        *place = link;
        self.input(Input::Opened { connection, room });
        true
    }

    /// A connection ended by itself, or was not made.
    pub(super) fn ended(&mut self, connection: ConnectionId, reason: String) {
        if self.connections.remove(&connection).is_some() {
            self.input(Input::Closed { connection, reason });
        }
    }

    /// A socket takes bytes again.
    pub(super) fn writable(&mut self, connection: ConnectionId) {
        self.dirty.push(connection);
        self.settle();
    }

    /// Does what is due.
    pub(super) fn timeout(&mut self) {
        let now = self.now();
        self.session.handle_timeout(now);
        self.armed = None;
        self.settle();
    }

    /// Takes what the pool has done.
    pub(super) fn take_done(&mut self) {
        let mut done = Vec::new();
        self.pool.take_done(&mut done);
        self.jobs.answered(done.len());
        self.answer(&mut done);
        self.settle();
    }

    /// Does all that the session wants, and tells its events.
    pub(super) fn settle(&mut self) {
        loop {
            self.settle_outputs();
            if !self.take_events() {
                break;
            }
        }
        let due = self.session.poll_timeout();
        let earlier = match (due, self.armed) {
            (Some(due), Some(armed)) => due < armed,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if earlier {
            self.armed = due;
            self.wake.notify_one();
        }
    }

    /// Does all that the session wants.
    fn settle_outputs(&mut self) {
        let mut rounds = 0;
        loop {
            while let Some(output) = self.session.poll_output() {
                self.perform(output);
            }
            let pool = self.pool.clone();
            let mut done = std::mem::take(&mut self.done);
            self.jobs.submit(&pool, &mut done);
            let read = !done.is_empty();
            self.answer(&mut done);
            self.done = done;
            let sent = self.flush();
            if !read && !sent {
                break;
            }
            rounds += 1;
            if rounds == MAX_ROUNDS {
                self.wake.notify_one();
                break;
            }
        }
    }

    /// Takes the session's events; whether anything follows that is to be done.
    fn take_events(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.session.poll_event() {
            let torrent = torrent_of(&event);
            match self.torrents.take_event(event, &self.session) {
                None => continue,
                Some(Next::Job(job)) => self.jobs.of_torrent(job),
                Some(Next::Refuse(refusal)) => self.store_failed(torrent, refusal.into()),
            }
            any = true;
        }
        any
    }

    /// Gives the session the answers of storage jobs.
    fn answer(&mut self, done: &mut Vec<Done>) {
        let now = self.now();
        for done in done.drain(..) {
            let input = match done {
                Done::Opened { torrent, result } => {
                    let result = result.map_err(|error| self.explained(torrent, error));
                    Input::StorageOpened { torrent, result }
                }
                Done::Settled {
                    torrent,
                    settles,
                    result,
                } => {
                    self.store_settled(torrent, settles, result);
                    continue;
                }
                Done::Synced { torrent, result } => {
                    self.store_synced(torrent, result);
                    continue;
                }
                Done::Read { job, result } => Input::BlockRead { job, result },
                Done::Written { job, result } => Input::BlockWritten { job, result },
                Done::Hashed { job, result } => Input::PieceHashed { job, result },
            };
            self.session.handle_input(input, now);
        }
    }

    /// Files were brought in order, or renamed.
    fn store_settled(
        &mut self,
        torrent: TorrentId,
        settles: bool,
        result: Result<Vec<Notice>, StoreError>,
    ) {
        match result {
            Ok(notices) => {
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    entry.notice(notices);
                }
                let store = self.torrents.store_mut(torrent);
                for job in store
                    .map(|store| store.on_settled(settles))
                    .unwrap_or_default()
                {
                    self.jobs.resume(&self.pool, job);
                }
                self.torrents.tell_held(torrent, &self.session);
            }
            Err(error) => self.store_failed(torrent, error),
        }
    }

    /// A finished torrent is on the disk, or the system cannot tell.
    fn store_synced(&mut self, torrent: TorrentId, result: Result<bool, StorageError>) {
        match result {
            Ok(synced) => {
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    entry.synced(synced);
                }
                self.store_settled(torrent, false, Ok(Vec::new()));
            }
            Err(error) => self.store_failed(torrent, error.into()),
        }
    }

    /// Nothing is written to a store any more.
    fn store_failed(&mut self, torrent: TorrentId, error: StoreError) {
        let now = self.now();
        let error = self.explained(torrent, error);
        let store = self.torrents.store_mut(torrent);
        let mut waited = store.map(|store| store.fail(&error)).unwrap_or_default();
        self.session
            .handle_input(Input::StorageFailed { torrent, error }, now);
        self.answer(&mut waited);
    }

    /// What the session is told of an error; the handles of the torrent keep the reason.
    fn explained(&mut self, torrent: TorrentId, error: StoreError) -> StorageError {
        if let StoreError::Refused(refusal) = &error
            && let Some(entry) = self.torrents.get_mut(torrent)
        {
            entry.refuse(refusal.clone());
        }
        error.into_storage()
    }

    /// Writes to the connections that have something new; whether any took bytes.
    fn flush(&mut self) -> bool {
        let mut any = false;
        let now = self.now();
        let mut dirty = std::mem::take(&mut self.dirty);
        for connection in dirty.drain(..) {
            match self.connections.get(&connection) {
                Some(Link::Tcp(link)) => match link.flush() {
                    Ok(0) => {}
                    Ok(bytes) => {
                        self.session
                            .handle_input(Input::Sent { connection, bytes }, now);
                        any = true;
                    }
                    Err(error) => {
                        link.close();
                        self.connections.remove(&connection);
                        let reason = in_words(&error);
                        self.session
                            .handle_input(Input::Closed { connection, reason }, now);
                        any = true;
                    }
                },
                Some(Link::Rtc(link)) => link.wake(),
                Some(Link::Dialling(_)) | None => {}
            }
        }
        // What the session wants next goes to the list of the next round.
        dirty.append(&mut self.dirty);
        self.dirty = dirty;
        any
    }
}

/// The time since the origin.
pub(super) fn timestamp(origin: Instant) -> Timestamp {
    Timestamp::from_micros(u64::try_from(origin.elapsed().as_micros()).unwrap_or(u64::MAX))
}
