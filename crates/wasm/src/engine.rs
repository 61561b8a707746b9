//! What the Worker's script calls.

use std::sync::Arc;

use brackish_core::{
    Config, Input, Limits, PAGE_PEERS, Priority, ReaderId, Select, SelectError, Session, TorrentId,
};
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::{InfoBuilder, Metainfo, PieceLayers, Verifier, default_piece_length};
use brackish_wire::{InfoHash, PeerId};
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};
use web_sys::{Blob, FileSystemDirectoryHandle, MessagePort, RtcDataChannel};

use crate::add::{Adding, Known, left_info, selection, with_trackers, with_urls};
use crate::channel::Channel;
use crate::driver::Driver;
use crate::fault::Fault;
use crate::fetches::read_error;
use crate::host::{Host, milliseconds, now};
use crate::report::hex;
use crate::seed::piece_hashes;
use crate::store::wanted::priority;
use crate::store::{Job, Place, Reply};

/// Client and version in a peer id (BEP 20).
const PEER_ID_PREFIX: &[u8; 8] = b"-BK0100-";

/// Random bytes that an engine is made with: a seed, and one for each free place of the peer id.
const RANDOM_BYTES: usize = 32 + 12;

/// Milliseconds between two words on how far the hashing of files to seed has come.
const PROGRESS_EVERY: f64 = 100.0;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn error(message: &str);
}

/// The engine of one page.
#[wasm_bindgen]
pub struct Engine {
    driver: &'static Driver,
    peer_id: PeerId,
}

#[wasm_bindgen]
impl Engine {
    /// An engine without torrents. `random` holds at least 44 random bytes; `opfs` is the folder
    /// in which torrents keep their data, if this page has a file system. `max_peers` are the most
    /// connections of a torrent, [`PAGE_PEERS`] unless given.
    #[wasm_bindgen(constructor)]
    pub fn new(
        host: Host,
        random: &[u8],
        opfs: Option<FileSystemDirectoryHandle>,
        max_peers: Option<u32>,
    ) -> Result<Engine, JsValue> {
        std::panic::set_hook(Box::new(|panic| error(&panic.to_string())));
        let too_few = || {
            Fault::new(
                "internal",
                format!("{RANDOM_BYTES} random bytes are needed"),
            )
        };
        let (seed, rest) = random.split_first_chunk::<32>().ok_or_else(too_few)?;
        let (places, _) = rest.split_first_chunk::<12>().ok_or_else(too_few)?;
        let peer_id = peer_id(places);
        let peers = max_peers.map_or(PAGE_PEERS, |peers| peers as usize);
        let config = Config::page(peer_id, peers);
        Ok(Self {
            driver: Driver::new(host, config, *seed, opfs),
            peer_id,
        })
    }

    /// Who this engine is to peers, as 40 hex digits.
    #[wasm_bindgen(js_name = peerId)]
    pub fn peer_id(&self) -> String {
        hex(&self.peer_id)
    }

    /// Takes part in the torrent of a `.torrent` file. `key` is the page's number for it. Resolves, once it is known what
    /// an earlier visit left, to info-hash, name and magnet link.
    #[wasm_bindgen(js_name = addTorrentFile)]
    pub fn add_torrent_file(
        &self,
        key: u32,
        bytes: &[u8],
        trackers: Vec<String>,
        web_seeds: Vec<String>,
    ) -> Promise {
        let driver = self.driver;
        let place = self.place();
        let metainfo = Metainfo::from_bytes(bytes).map_err(|error| bad_torrent(error.to_string()));
        future_to_promise(async move {
            let metainfo = metainfo?;
            let left = driver.left_of(metainfo.info.info_hash()).await;
            let known = Known::Info(metainfo.verifier());
            Ok(driver
                .add(Adding {
                    key,
                    known,
                    trackers: with_trackers(metainfo.trackers, trackers),
                    web_seeds: with_urls(metainfo.web_seeds, web_seeds),
                    place,
                    select: selection(&left.wanted, Select::Everything),
                })?
                .into())
        })
    }

    /// Takes part in the torrent of a magnet link or info-hash, as
    /// [`add_torrent_file`](Self::add_torrent_file) does; an earlier visit may have left the metadata.
    #[wasm_bindgen(js_name = addMagnet)]
    pub fn add_magnet(
        &self,
        key: u32,
        link: String,
        trackers: Vec<String>,
        web_seeds: Vec<String>,
    ) -> Promise {
        let driver = self.driver;
        let place = self.place();
        future_to_promise(async move {
            let magnet = read_magnet(&link)?;
            let tiers = magnet.trackers.iter().map(|url| vec![url.clone()]);
            let tiers = with_trackers(tiers.collect(), trackers);
            let web_seeds = with_urls(magnet.web_seeds.clone(), web_seeds);
            let select = match magnet.select.is_empty() {
                true => Select::Everything,
                false => Select::Files(magnet.select.clone()),
            };
            let left = driver.left_of(magnet.info_hash).await;
            let known = left_info(&left).map_or(Known::Magnet(magnet), Known::Info);
            Ok(driver
                .add(Adding {
                    key,
                    known,
                    trackers: tiers,
                    web_seeds,
                    place,
                    select: selection(&left.wanted, select),
                })?
                .into())
        })
    }

    /// The `.torrent` of a magnet link, which the page has fetched from where the link says.
    #[wasm_bindgen(js_name = supplyTorrentFile)]
    pub fn supply_torrent_file(&self, key: u32, bytes: &[u8]) -> Result<(), JsValue> {
        Ok(self.driver.supply(key, bytes)?)
    }

    /// Makes a torrent of files and seeds it. `paths` are the files' in the torrent; one file with
    /// an empty `name` is a torrent of one file, else `name` is the folder's. `piece_length` 0
    /// chooses. Returns what [`add_torrent_file`](Self::add_torrent_file) does.
    #[expect(clippy::too_many_arguments, reason = "a script cannot pass structures")]
    pub fn seed(
        &self,
        key: u32,
        files: Vec<Blob>,
        paths: Vec<String>,
        name: String,
        piece_length: u32,
        trackers: Vec<String>,
        web_seeds: Vec<String>,
    ) -> Promise {
        let driver = self.driver;
        future_to_promise(async move {
            let files: Vec<(String, Blob)> = paths.into_iter().zip(files).collect();
            let total = files.iter().map(|(_, file)| file.size() as u64).sum();
            let piece_length = match piece_length {
                0 => default_piece_length(total),
                chosen => chosen,
            };
            let builder = match (files.as_slice(), name.is_empty()) {
                ([(path, file)], true) => {
                    InfoBuilder::single_file(path.as_str(), file.size() as u64, piece_length)
                }
                (files, _) => InfoBuilder::multi_file(name, listed(files), piece_length),
            };
            builder
                .check()
                .map_err(|error| bad_torrent(error.to_string()))?;
            let lengths = builder
                .lengths()
                .map_err(|error| bad_torrent(error.to_string()))?;
            let mut told = 0.0;
            let hashes = piece_hashes(&files, lengths, |fraction| {
                if milliseconds() - told > PROGRESS_EVERY {
                    told = milliseconds();
                    driver.host.hashed(key, fraction);
                }
            });
            let info = builder
                .build(&hashes.await?)
                .map_err(|error| bad_torrent(error.to_string()))?;
            let unportable = info.unportable_files();
            let files = files.into_iter().map(|(_, file)| file).collect();
            let tiers = with_trackers(Vec::new(), trackers);
            let known = Known::Info(Verifier::new(Arc::new(info), PieceLayers::default()));
            let added = driver.add(Adding {
                key,
                known,
                trackers: tiers,
                web_seeds,
                place: Place::Files(files),
                select: Select::Everything,
            })?;
            if unportable > 0 {
                spawn_local(driver.warn_of_names(key, unportable));
            }
            Ok(added.into())
        })
    }

    /// Leaves a torrent. Resolves once its store is let go of.
    pub fn remove(&self, key: u32, delete: bool) -> Promise {
        match self.driver.id(key) {
            Some(id) => self.driver.leave(id, delete).1,
            None => Promise::resolve(&JsValue::UNDEFINED),
        }
    }

    /// Whether some of the bytes from `begin` up to, not including, `end` are not wanted.
    #[wasm_bindgen(js_name = isUnwanted)]
    pub fn is_unwanted(&self, key: u32, begin: f64, end: f64) -> bool {
        let session = self.driver.session.borrow();
        let stretches = self.driver.id(key).and_then(|id| session.stretches(id));
        let (begin, end) = (begin as u64, end as u64);
        stretches.is_some_and(|stretches| {
            let mut within = stretches.iter();
            within.any(|(range, priority)| {
                *priority == Priority::Skip && range.start < end && begin < range.end
            })
        })
    }

    /// Changes how much a file is wanted: 0 not at all, 1 less than others, 2 as usual, 3 more.
    #[wasm_bindgen(js_name = selectFile)]
    pub fn select_file(&self, key: u32, file: u32, wanted: u8) -> Result<(), JsValue> {
        self.select(key, |session, id| {
            session.set_file_priority(id, file as usize, priority(wanted), now())
        })?;
        self.keep_selection(key);
        Ok(())
    }

    /// Changes how much the bytes from `begin` up to, not including, `end` are wanted.
    #[wasm_bindgen(js_name = selectRange)]
    pub fn select_range(&self, key: u32, begin: f64, end: f64, wanted: u8) -> Result<(), JsValue> {
        self.select(key, |session, id| {
            session.set_range_priority(id, begin as u64..end as u64, priority(wanted), now())
        })?;
        self.keep_selection(key);
        Ok(())
    }

    /// Most payload bytes per second, up and down, of a torrent, or of all together; nothing is no
    /// limit.
    pub fn limit(&self, key: Option<u32>, up: Option<f64>, down: Option<f64>) {
        let limits = Limits {
            up: up.map(|up| up as u64),
            down: down.map(|down| down as u64),
        };
        {
            let mut session = self.driver.session.borrow_mut();
            match key.map(|key| self.driver.id(key)) {
                Some(Some(id)) => session.set_torrent_limits(id, limits, now()),
                Some(None) => {}
                None => session.set_limits(limits, now()),
            }
        }
        self.driver.pump();
    }

    /// Begins to read the bytes from `begin` up to, not including, `end`: they are fetched first, in
    /// order. Returns the reader's number.
    #[wasm_bindgen(js_name = openReader)]
    pub fn open_reader(&self, key: u32, begin: f64, end: f64) -> Result<u32, JsValue> {
        let mut reader = 0;
        self.select(key, |session, id| {
            reader = session
                .open_reader(id, begin as u64..end as u64, now())?
                .to_u32();
            Ok(())
        })?;
        Ok(reader)
    }

    /// Says where a reader is; nothing ends it.
    #[wasm_bindgen(js_name = moveReader)]
    pub fn move_reader(&self, key: u32, reader: u32, position: Option<f64>) {
        let Some(id) = self.driver.id(key) else {
            return;
        };
        let reader = ReaderId::from_u32(reader);
        {
            let mut session = self.driver.session.borrow_mut();
            match position {
                Some(position) => session.move_reader(id, reader, position as u64, now()),
                None => session.close_reader(id, reader, now()),
            }
        }
        self.driver.pump();
    }

    /// Verified bytes of a torrent, as a `Uint8Array`.
    pub fn read(&self, key: u32, offset: f64, length: u32) -> Promise {
        self.ask(key, |reply| Job::Show {
            offset: offset as u64,
            length,
            reply,
        })
    }

    /// A verified file, by its place in the torrent's list, as a Blob.
    pub fn blob(&self, key: u32, file: u32) -> Promise {
        self.ask(key, |reply| Job::Blob {
            file: file as usize,
            reply,
        })
    }

    /// The SDP of an offer or answer that the page was asked to make.
    pub fn description(&self, connection: f64, sdp: String) {
        let id = self.driver.connections.borrow().id(connection as u64);
        if let Some(connection) = id {
            self.driver
                .input(Input::LocalDescription { connection, sdp });
        }
    }

    /// The data channel of a connection, transferred.
    pub fn channel(&self, connection: f64, channel: RtcDataChannel) {
        self.driver.attach(connection as u64, |signal| {
            Channel::transferred(channel, signal)
        });
    }

    /// The data channel of a connection, behind a port.
    pub fn relay(&self, connection: f64, port: MessagePort) {
        self.driver
            .attach(connection as u64, |signal| Channel::relayed(port, signal));
    }

    /// A connection ended or could not be made.
    pub fn closed(&self, connection: f64, reason: String) {
        self.driver.connection_lost(connection as u64, reason);
    }

    /// Bytes of a fetch came.
    pub fn fetched(&self, fetch: u32, data: &Uint8Array) {
        self.driver.fetched(fetch, data);
    }

    /// A fetch ended. Without `kind` all went well; else see
    /// [`read_error`](crate::fetches::read_error).
    #[wasm_bindgen(js_name = fetchEnded)]
    pub fn fetch_ended(
        &self,
        fetch: u32,
        kind: Option<String>,
        number: f64,
        other: f64,
        reason: String,
    ) {
        let error = kind.map(|kind| read_error(&kind, number, other, reason));
        self.driver.fetch_ended(fetch, error);
    }

    /// To be called every so many seconds: tells the page the figures of every torrent, keeps what
    /// was verified, and measures the connections.
    pub fn tick(&self, seconds: f64) {
        self.driver.measure_rooms(seconds);
        self.driver.watch_trackers();
        self.driver.report();
    }

    /// Leaves every torrent. Resolves once every store is let go of.
    #[wasm_bindgen(js_name = shutDown)]
    pub fn shut_down(&self) -> Promise {
        let torrents = std::mem::take(&mut *self.driver.torrents.borrow_mut());
        self.driver.session.borrow_mut().shut_down(now());
        self.driver.pump();
        let closings = Array::new();
        for store in torrents
            .into_iter()
            .filter_map(|(_, torrent)| torrent.store)
        {
            let (promise, reply) = Reply::new();
            store.push(Job::Close {
                delete: false,
                reply: Some(reply),
            });
            closings.push(&promise);
        }
        Promise::all(&closings)
    }

    fn select(
        &self,
        key: u32,
        choose: impl FnOnce(&mut Session, TorrentId) -> Result<(), SelectError>,
    ) -> Result<(), JsValue> {
        let id = self.driver.id(key);
        let chosen = match id {
            Some(id) => choose(&mut self.driver.session.borrow_mut(), id),
            None => Err(SelectError::Removed),
        };
        self.driver.pump();
        self.driver.report();
        chosen.map_err(|error| Fault::new("bad-selection", error.to_string()).into())
    }

    fn keep_selection(&self, key: u32) {
        if let Some(id) = self.driver.id(key) {
            self.driver.keep_selection(id);
        }
    }

    fn ask(&self, key: u32, job: impl FnOnce(Reply) -> Job) -> Promise {
        let (promise, reply) = Reply::new();
        let torrents = self.driver.torrents.borrow();
        let store = torrents
            .iter()
            .find(|(_, torrent)| torrent.key == key)
            .and_then(|(_, torrent)| torrent.store.as_ref());
        match store {
            Some(store) => store.push(job(reply)),
            None => reply.send(Err(Fault::new("removed", "the torrent has no store"))),
        }
        promise
    }

    fn place(&self) -> Place {
        match &self.driver.opfs {
            Some(folder) => Place::Opfs(folder.clone()),
            None => Place::Memory,
        }
    }
}

fn peer_id(random: &[u8; 12]) -> PeerId {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-.";
    let mut id = [0; 20];
    let (prefix, places) = id.split_at_mut(PEER_ID_PREFIX.len());
    prefix.copy_from_slice(PEER_ID_PREFIX);
    for (place, byte) in places.iter_mut().zip(random) {
        *place = ALPHABET
            .get(usize::from(*byte) % ALPHABET.len())
            .copied()
            .unwrap_or_default();
    }
    PeerId(id)
}

fn bad_torrent(message: String) -> Fault {
    Fault::new("bad-torrent", message)
}

fn read_magnet(link: &str) -> Result<Magnet, Fault> {
    if let Ok(info_hash) = link.parse::<InfoHash>() {
        return Ok(Magnet::new(info_hash));
    }
    link.parse()
        .map_err(|error: brackish_wire::magnet::MagnetError| bad_torrent(error.to_string()))
}

fn listed(files: &[(String, Blob)]) -> Vec<(Vec<String>, u64)> {
    files
        .iter()
        .map(|(path, file)| {
            let components = path.split('/').map(str::to_owned).collect();
            (components, file.size() as u64)
        })
        .collect()
}
