//! The loop that runs the session: inputs go in, what it asks for is done, its events are told to
//! the page. Everything runs on the Worker's one thread; no borrow of a part is held while another
//! part, or a script, is called.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use brackish_core::{Config, Input, JobId, Output, Select, Session, SocketId, Table, TorrentId};
use brackish_wire::metainfo::{Info, Verifier};
use brackish_wire::{InfoHash, InfoHashV2};
use js_sys::Promise;
use wasm_bindgen::closure::Closure;
use web_sys::FileSystemDirectoryHandle;

use crate::connections::Connections;
use crate::fetches::Fetches;
use crate::host::{Host, Timer, now};
use crate::socket::{self, Socket};
use crate::store::{Job, Place, Store, Told};

/// The session and everything that it drives.
pub struct Driver {
    pub(crate) host: Host,
    pub(crate) session: RefCell<Session>,
    pub(crate) connections: RefCell<Connections>,
    pub(crate) torrents: RefCell<Table<TorrentId, Torrent>>,
    /// Where torrents keep their data, if this page has a file system.
    pub(crate) opfs: Option<FileSystemDirectoryHandle>,
    pub(crate) fetches: RefCell<Fetches>,
    /// Stores of torrents that were left, by the info-hash that names their folder.
    pub(crate) closing: RefCell<Table<InfoHash, Promise>>,
    pub(crate) sockets: RefCell<Table<SocketId, Socket>>,
    timer: RefCell<Timer>,
    /// The message being handed to the session: one buffer for all, so that none is allocated.
    inbox: RefCell<Vec<u8>>,
    pumping: Cell<bool>,
}

/// What the driver knows of a torrent.
pub struct Torrent {
    /// The page's number for it.
    pub key: u32,
    /// Its name in the swarm.
    pub info_hash: InfoHash,
    /// Its name by version 2, where it is known to have one.
    pub info_hash_v2: Option<InfoHashV2>,
    /// Its name for people.
    pub name: String,
    /// Announce URLs in tiers.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds.
    pub web_seeds: Vec<String>,
    /// Where its bytes are to be.
    pub place: Place,
    /// What of it was wanted when it was added.
    pub select: Select,
    /// What of it is wanted, as its store was last told to keep it.
    pub kept: Option<Vec<u8>>,
    /// Its files, once known.
    pub info: Option<Arc<Info>>,
    /// Its store, once the session has asked for it.
    pub store: Option<Rc<Store>>,
    /// The page was told that it cannot go on.
    pub failed: bool,
    /// When the page was last told that stored data is lost, in milliseconds.
    pub lost_told: Option<f64>,
    /// The page was told that it has no tracker that a page can use.
    pub no_tracker_told: bool,
}

impl Driver {
    /// A driver with nothing to do. It lives as long as the Worker does, which ends all at once.
    pub fn new(
        host: Host,
        config: Config,
        seed: [u8; 32],
        opfs: Option<FileSystemDirectoryHandle>,
    ) -> &'static Self {
        let driver = Box::leak(Box::new(Self {
            host,
            session: RefCell::new(Session::new(config, seed, now())),
            connections: RefCell::default(),
            torrents: RefCell::default(),
            opfs,
            fetches: RefCell::default(),
            closing: RefCell::default(),
            sockets: RefCell::default(),
            timer: RefCell::default(),
            inbox: RefCell::default(),
            pumping: Cell::new(false),
        }));
        let driver: &'static Self = driver;
        driver.timer.borrow_mut().on_ring(Closure::new(|| {
            driver.timer.borrow_mut().rang();
            driver.session.borrow_mut().handle_timeout(now());
            driver.pump();
        }));
        driver
    }

    /// Tells the session what has happened, and does what follows from it.
    pub fn input(&'static self, input: Input<'_>) {
        self.session.borrow_mut().handle_input(input, now());
        self.pump();
    }

    /// As [`input`](Self::input), for bytes that are still the script's.
    pub fn received(
        &'static self,
        connection: brackish_core::ConnectionId,
        message: &js_sys::ArrayBuffer,
    ) {
        let message = js_sys::Uint8Array::new(message);
        self.bytes(&message, |data| Input::Received { connection, data });
    }

    /// Hands the session an input with bytes that are still the script's.
    pub(crate) fn bytes(
        &'static self,
        message: &js_sys::Uint8Array,
        input: impl for<'b> FnOnce(&'b [u8]) -> Input<'b>,
    ) {
        let length = message.length() as usize;
        if length > 0 {
            let mut inbox = self.inbox.borrow_mut();
            if inbox.len() < length {
                inbox.resize(length, 0);
            }
            if let Some(data) = inbox.get_mut(..length) {
                message.copy_to(data);
                self.session.borrow_mut().handle_input(input(data), now());
            }
        }
        self.pump();
    }

    /// Does everything that the session asks for, until it asks for nothing more. Called from
    /// within itself, it leaves the work to the call that is under way.
    pub fn pump(&'static self) {
        if self.pumping.replace(true) {
            return;
        }
        loop {
            let output = self.session.borrow_mut().poll_output();
            match output {
                Some(output) => self.act(output),
                // Messages under construction go out last: what goes to one peer goes together.
                None if self.send_messages() => {}
                None => break,
            }
        }
        loop {
            let event = self.session.borrow_mut().poll_event();
            let Some(event) = event else { break };
            self.report_event(event);
        }
        self.pumping.set(false);
        let due = self.session.borrow().poll_timeout();
        self.timer.borrow_mut().arm(due);
    }

    fn act(&'static self, output: Output) {
        match output {
            Output::MakeOffer { connection } => {
                self.connections.borrow_mut().add(connection);
                self.host.make_offer(connection.to_u64() as f64);
            }
            Output::MakeAnswer { connection, offer } => {
                self.connections.borrow_mut().add(connection);
                self.host.make_answer(connection.to_u64() as f64, &offer);
            }
            Output::ApplyAnswer { connection, answer } => {
                self.host.apply_answer(connection.to_u64() as f64, &answer);
            }
            Output::Transmit { connection, data } => self.transmit(connection, &data),
            Output::Close { connection } => self.close_connection(connection),
            // A page has data channels alone.
            Output::Hold { .. } => {}

            Output::OpenStorage {
                torrent,
                info,
                piece_layers,
                ..
            } => self.open_store(torrent, Verifier::new(info, piece_layers)),
            // A file is made by the first block of it, and there are few of an unwanted one.
            Output::WantFiles { .. } => {}
            Output::CloseStorage { torrent } => {
                if let Some(store) = self.take_store(torrent) {
                    store.push(Job::Close {
                        delete: false,
                        reply: None,
                    });
                }
            }
            Output::Read {
                job,
                torrent,
                piece,
                begin,
                length,
            } => self.store_job(
                torrent,
                Job::Read {
                    job,
                    piece,
                    begin,
                    length,
                },
            ),
            Output::Write {
                job,
                torrent,
                piece,
                begin,
                data,
            } => self.store_job(
                torrent,
                Job::Write {
                    job,
                    piece,
                    begin,
                    data,
                },
            ),
            Output::Hash {
                job,
                torrent,
                piece,
            } => self.store_job(torrent, Job::Hash { job, piece }),

            Output::OpenSocket { socket, url } => self.open_socket(socket, &url),
            Output::SendSocket { socket, text } => {
                if let Some(socket) = self.sockets.borrow_mut().get_mut(&socket) {
                    socket.send(&text);
                }
            }
            Output::CloseSocket { socket } => {
                self.sockets.borrow_mut().remove(&socket);
            }

            Output::Fetch {
                job,
                url,
                range,
                file_length,
                ..
            } => {
                let fetch = self.fetches.borrow_mut().add(job);
                let (begin, end) = (range.start as f64, range.end as f64);
                self.host.fetch(fetch, &url, begin, end, file_length as f64);
            }
            Output::PauseFetch { job, paused } => {
                if let Some(fetch) = self.fetches.borrow().number(job) {
                    self.host.pause_fetch(fetch, paused);
                }
            }
            Output::CancelFetch { job } => {
                let fetch = self.fetches.borrow_mut().take_number(job);
                if let Some(fetch) = fetch {
                    self.host.cancel_fetch(fetch);
                }
            }

            // A page has neither TCP nor UDP, and the session was told so.
            Output::Dial { connection, .. } => self.impossible(Input::Closed {
                connection,
                reason: "a page cannot connect by TCP".to_owned(),
            }),
            Output::Announce { job, .. } => self.refuse_announce(job),
        }
    }

    fn refuse_announce(&'static self, job: JobId) {
        self.impossible(Input::Announced {
            job,
            result: Err("a page can only use WebSocket trackers".to_owned()),
        });
    }

    fn impossible(&'static self, input: Input<'_>) {
        self.session.borrow_mut().handle_input(input, now());
    }

    fn open_socket(&'static self, id: SocketId, url: &str) {
        let opened = Socket::open(url, move |signal| match signal {
            socket::Signal::Open => self.input(Input::SocketOpened { socket: id }),
            socket::Signal::Message(text) => {
                if let Some(socket) = self.sockets.borrow_mut().get_mut(&id) {
                    socket.heard(&text);
                }
                self.input(Input::SocketMessage {
                    socket: id,
                    text: &text,
                });
            }
            socket::Signal::Closed => {
                self.close_socket(id, "the tracker cannot be reached".to_owned());
            }
        });
        match opened {
            Ok(socket) => {
                self.sockets.borrow_mut().insert(id, socket);
            }
            Err(reason) => self.impossible(Input::SocketClosed { socket: id, reason }),
        }
    }

    /// A socket is closed, or given up.
    pub(crate) fn close_socket(&'static self, id: SocketId, reason: String) {
        self.sockets.borrow_mut().remove(&id);
        self.input(Input::SocketClosed { socket: id, reason });
    }

    fn open_store(&'static self, id: TorrentId, verifier: Verifier) {
        let mut torrents = self.torrents.borrow_mut();
        let Some(torrent) = torrents.get_mut(&id) else {
            return;
        };
        let key = torrent.key;
        let own_files = matches!(torrent.place, Place::Files(_));
        let closed = self.closing(verifier.info().info_hash());
        let store = Store::open(
            id,
            verifier,
            torrent.place.clone(),
            closed,
            || self.host.pause(),
            move |told| match told {
                Told::Input(input) => {
                    let mut session = self.session.borrow_mut();
                    let failed = match &input {
                        Input::BlockRead { result, .. } => result.as_ref().err(),
                        Input::PieceHashed { result, .. } => result.as_ref().err(),
                        _ => None,
                    };
                    if let Some(error) = failed
                        && own_files
                    {
                        // A file of the page's own is not what it was: nothing is fetched into it, and what of the
                        // torrent is still right is served.
                        let (torrent, error) = (id, error.clone());
                        session.handle_input(Input::StorageFailed { torrent, error }, now());
                    }
                    session.handle_input(input, now());
                }
                Told::Rest => self.pump(),
                Told::Medium(medium) => self.host.stored(key, medium),
                Told::InUse => self.host.warning(
                    key,
                    "in-use",
                    "another tab of this site has this torrent open; here it is kept in memory",
                ),
            },
        );
        torrent.store = Some(store);
    }

    fn take_store(&self, torrent: TorrentId) -> Option<Rc<Store>> {
        self.torrents.borrow_mut().get_mut(&torrent)?.store.take()
    }

    fn store_job(&self, torrent: TorrentId, job: Job) {
        if let Some(store) = self
            .torrents
            .borrow()
            .get(&torrent)
            .and_then(|torrent| torrent.store.as_ref())
        {
            store.push(job);
        }
    }
}
