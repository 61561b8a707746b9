//! The threads that work on files and hash. All jobs of a piece go to one worker, so that they take
//! effect in order; jobs come and answers go in batches.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use brackish_core::{JobId, Presence, StorageError, TorrentId};
use brackish_wire::merkle::Hash;
use brackish_wire::metainfo::Verifier;
use brackish_wire::{Bitfield, PieceHash, PieceIndex};
use bytes::Bytes;
use tokio::sync::Notify;

use super::files::Files;
use super::ownership::{Notice, StoreError};
use super::worker::Worker;

/// Most workers: hashing on four cores outruns every network that a node meets.
const MAX_WORKERS: usize = 4;

/// The workers and what they have done.
#[derive(Debug)]
pub(crate) struct Pool {
    workers: Vec<Arc<Queue>>,
    threads: Vec<JoinHandle<()>>,
    answers: Arc<Answers>,
}

/// A job for a worker.
#[derive(Debug)]
pub(crate) enum Job {
    /// Find and look at the files of a torrent.
    Open {
        torrent: TorrentId,
        files: Arc<Files>,
        verifier: Verifier,
    },
    /// From now on these files are wanted, and these pieces are right.
    Settle {
        torrent: TorrentId,
        files: Arc<Files>,
        wanted: Bitfield,
        verified: Bitfield,
    },
    /// These files are complete.
    PutInPlace {
        torrent: TorrentId,
        files: Arc<Files>,
        complete: Vec<usize>,
    },
    /// Have the system write everything to the disk.
    Sync {
        torrent: TorrentId,
        files: Arc<Files>,
    },
    /// Read blocks that follow each other.
    Read {
        torrent: TorrentId,
        files: Arc<Files>,
        run: ReadRun,
    },
    /// Write a block.
    Write {
        job: JobId,
        torrent: TorrentId,
        files: Arc<Files>,
        piece: PieceIndex,
        begin: u32,
        data: Bytes,
    },
    /// Hash a piece as the jobs before leave it.
    Hash {
        job: JobId,
        torrent: TorrentId,
        files: Arc<Files>,
        piece: PieceIndex,
    },
    /// Forget the torrent; it gets no more jobs.
    Close {
        torrent: TorrentId,
        files: Arc<Files>,
    },
}

/// Reads of one piece that follow each other, done as one.
#[derive(Debug)]
pub(crate) struct ReadRun {
    /// The piece.
    pub(crate) piece: PieceIndex,
    /// Bytes from the start of the piece.
    pub(crate) begin: u32,
    /// Bytes in all.
    pub(crate) length: u32,
    /// Each job and the bytes that it wants, in order.
    pub(crate) jobs: Vec<(JobId, u32)>,
}

/// What a worker has done.
#[derive(Debug)]
pub(crate) enum Done {
    /// A torrent's files were looked at.
    Opened {
        torrent: TorrentId,
        result: Result<Presence, StoreError>,
    },
    /// The files are in order for what is wanted and what is complete.
    Settled {
        torrent: TorrentId,
        /// Whether that answers `Settle`, not `PutInPlace`.
        settles: bool,
        result: Result<Vec<Notice>, StoreError>,
    },
    /// Everything is on the disk, as far as the system can tell.
    Synced {
        torrent: TorrentId,
        result: Result<bool, StorageError>,
    },
    /// A block was read.
    Read {
        job: JobId,
        result: Result<Bytes, StorageError>,
    },
    /// A block was written, and hashed in version 2.
    Written {
        job: JobId,
        result: Result<Option<Hash>, StorageError>,
    },
    /// A piece was hashed.
    Hashed {
        job: JobId,
        result: Result<PieceHash, StorageError>,
    },
}

/// Jobs of one worker. Not bounded here: the session bounds its writes by `Config::store_budget`,
/// its reads by what peers may ask of it, and its hashes by its own number.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    jobs: VecDeque<Job>,
    closed: bool,
}

/// Answers of all workers, for the engine. Bounded as the jobs are.
#[derive(Debug, Default)]
pub(super) struct Answers {
    done: Mutex<Vec<Done>>,
    filled: Notify,
}

impl Pool {
    /// Starts the workers.
    pub(crate) fn start() -> io::Result<Self> {
        let count = thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_WORKERS);
        let answers = Arc::new(Answers::default());
        let workers: Vec<_> = (0..count).map(|_| Arc::new(Queue::default())).collect();
        let mut threads = Vec::with_capacity(count);
        for (index, queue) in workers.iter().enumerate() {
            let mut worker = Worker::new(queue.clone(), answers.clone());
            let builder = thread::Builder::new().name(format!("brackish-disk{index}"));
            threads.push(builder.spawn(move || worker.run())?);
        }
        Ok(Self {
            workers,
            threads,
            answers,
        })
    }

    /// How many workers there are.
    pub(crate) fn worker_count(&self) -> usize {
        self.workers.len()
    }

    /// The worker that does the jobs of a piece.
    pub(crate) fn worker_of(&self, piece: PieceIndex) -> usize {
        piece.get() as usize % self.workers.len()
    }

    /// Gives a worker jobs, which leaves `jobs` empty.
    pub(crate) fn submit(&self, worker: usize, jobs: &mut Vec<Job>) {
        if let Some(queue) = self.workers.get(worker) {
            queue.push(jobs);
        }
    }

    /// Waits until something is done.
    pub(crate) async fn filled(&self) {
        self.answers.filled.notified().await;
    }

    /// Takes what is done into `into`, which must be empty.
    pub(crate) fn take_done(&self, into: &mut Vec<Done>) {
        let mut done = self
            .answers
            .done
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *done, into);
    }

    /// Lets the workers finish what they have, and end. Does not wait.
    pub(crate) fn close(&self) {
        for queue in &self.workers {
            queue.close();
        }
    }

    /// Whether every worker has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Queue {
    fn push(&self, jobs: &mut Vec<Job>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.jobs.extend(jobs.drain(..));
        drop(state);
        self.filled.notify_one();
    }

    fn close(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.filled.notify_one();
    }

    /// Moves all jobs into `into`, waiting for one; false once closed and empty.
    pub(super) fn take(&self, into: &mut Vec<Job>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.jobs.is_empty() {
            if state.closed {
                return false;
            }
            state = self
                .filled
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        into.extend(state.jobs.drain(..));
        true
    }
}

impl Answers {
    /// Hands answers to the engine, which leaves `done` empty.
    pub(super) fn push(&self, done: &mut Vec<Done>) {
        if done.is_empty() {
            return;
        }
        let mut all = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = all.is_empty();
        all.append(done);
        drop(all);
        if was_empty {
            self.filled.notify_one();
        }
    }
}
