//! The store of one torrent: a queue of jobs and the task that does them in order, in slices, so
//! that the Worker answers peers while a long check runs. Jobs are few in number by the session's
//! own budgets: it asks for no more reads, writes and hashes than it has room for.

mod blobs;
mod buffers;
mod folder;
mod opfs;
mod own_files;
mod read_ahead;
mod slots;
mod spans;
pub mod wanted;
mod work;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use brackish_core::{Input, JobId, TorrentId};
use brackish_wire::PieceIndex;
use brackish_wire::metainfo::Verifier;
use bytes::Bytes;
use js_sys::{Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Blob, FileSystemDirectoryHandle};

pub use folder::{Stored, stored};
pub use own_files::unreadable;

use crate::fault::Fault;
use work::Work;

/// Where the bytes of a torrent are to be.
#[derive(Clone)]
pub enum Place {
    /// In a folder of the origin private file system.
    Opfs(FileSystemDirectoryHandle),
    /// With the browser, for as long as the page is open.
    Memory,
    /// In files of the page's own, in the torrent's order.
    Files(Vec<Blob>),
}

/// What a store has to tell.
pub enum Told {
    /// To the session, which is not asked yet what it wants done.
    Input(Input<'static>),
    /// The session is to be asked: nothing more comes for now. Asked once for many answers, it
    /// gives what goes to one peer in one go.
    Rest,
    /// To the page: where the bytes are.
    Medium(&'static str),
    /// To the page: another tab has this torrent's folder.
    InUse,
}

/// What is asked of a store.
pub enum Job {
    /// As in [`Output::Read`](brackish_core::Output::Read).
    Read {
        /// Which job.
        job: JobId,
        /// Of which piece.
        piece: PieceIndex,
        /// Bytes from the start of the piece.
        begin: u32,
        /// Bytes to read.
        length: u32,
    },
    /// As in [`Output::Write`](brackish_core::Output::Write).
    Write {
        /// Which job.
        job: JobId,
        /// Of which piece.
        piece: PieceIndex,
        /// Bytes from the start of the piece.
        begin: u32,
        /// What to write.
        data: Bytes,
    },
    /// As in [`Output::Hash`](brackish_core::Output::Hash).
    Hash {
        /// Which job.
        job: JobId,
        /// Which piece.
        piece: PieceIndex,
    },
    /// Verified bytes for the page, as a `Uint8Array`.
    Show {
        /// Bytes from the start of the torrent.
        offset: u64,
        /// Bytes to read.
        length: u32,
        /// To whom.
        reply: Reply,
    },
    /// A verified file for the page, as a Blob.
    Blob {
        /// Its place in the torrent's list.
        file: usize,
        /// To whom.
        reply: Reply,
    },
    /// Keep which pieces are verified, if that has changed.
    Save,
    /// Keep what is wanted, as [`wanted::encode`] gives it.
    SaveWanted(Vec<u8>),
    /// Let go of everything, after what was asked before.
    Close {
        /// Whether to delete what was stored.
        delete: bool,
        /// To whom.
        reply: Option<Reply>,
    },
}

/// The two ends of a promise that the page waits for.
pub struct Reply {
    resolve: Function,
    reject: Function,
}

impl Reply {
    /// A promise, and what settles it.
    pub fn new() -> (Promise, Self) {
        let mut ends = None;
        let promise = Promise::new(&mut |resolve, reject| ends = Some((resolve, reject)));
        let (resolve, reject) = ends.unwrap_or_default();
        (promise, Self { resolve, reject })
    }

    /// Settles it.
    pub fn send(self, result: Result<JsValue, Fault>) {
        let _ = match result {
            Ok(value) => self.resolve.call1(&JsValue::UNDEFINED, &value),
            Err(fault) => self.reject.call1(&JsValue::UNDEFINED, &fault.into()),
        };
    }
}

/// The store of one torrent.
pub struct Store {
    queue: RefCell<VecDeque<Job>>,
    running: Cell<bool>,
    /// Taken out by the task while it runs.
    work: RefCell<Option<Work>>,
    tell: Rc<dyn Fn(Told)>,
}

impl Store {
    /// Opens or makes the store of a torrent, once its former one is `closed`, and tells when that is done.
    pub fn open(
        torrent: TorrentId,
        verifier: Verifier,
        place: Place,
        closed: Option<Promise>,
        pause: impl Fn() -> Promise + 'static,
        tell: impl Fn(Told) + 'static,
    ) -> Rc<Self> {
        let store = Rc::new(Self {
            queue: RefCell::default(),
            running: Cell::new(true),
            work: RefCell::default(),
            tell: Rc::new(tell),
        });
        let task = store.clone();
        spawn_local(async move {
            if let Some(closed) = closed {
                // Whether that went well was told to whoever closed it.
                let _ = JsFuture::from(closed).await;
            }
            let work =
                Work::open(torrent, verifier, place, Rc::new(pause), task.tell.clone()).await;
            task.run(work).await;
        });
        store
    }

    /// Has a job done after those given before.
    pub fn push(self: &Rc<Self>, job: Job) {
        self.queue.borrow_mut().push_back(job);
        if !self.running.replace(true) {
            let task = self.clone();
            spawn_local(async move {
                let work = task.work.take();
                task.run(work).await;
            });
        }
    }

    async fn run(&self, mut work: Option<Work>) {
        loop {
            let next = self.queue.borrow_mut().pop_front();
            let Some(job) = next else {
                (self.tell)(Told::Rest);
                if self.queue.borrow().is_empty() {
                    break;
                }
                continue;
            };
            match (job, &mut work) {
                (Job::Close { delete, reply }, _) => {
                    let closed = match work.take() {
                        Some(work) => work.close(delete).await,
                        None => Ok(()),
                    };
                    if let Some(reply) = reply {
                        reply.send(closed.map(|()| JsValue::UNDEFINED));
                    }
                }
                (job, Some(work)) => work.act(job).await,
                (Job::Show { reply, .. } | Job::Blob { reply, .. }, None) => {
                    reply.send(Err(Fault::new("removed", "the torrent's store is closed")));
                }
                // The session has been told that there is no store, or has let go of it.
                (_, None) => {}
            }
        }
        self.work.replace(work);
        self.running.set(false);
    }
}
