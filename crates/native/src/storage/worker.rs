//! One worker of the pool. It joins the writes of a piece that follow each other into one system
//! call, and hashes each piece from the blocks in memory as they are written in order, so that a
//! finished piece need not be read back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use brackish_core::{JobId, StorageError, TorrentId};
use brackish_wire::merkle::Hash;
use brackish_wire::{PieceHash, PieceHasher, PieceIndex};
use bytes::{Bytes, BytesMut};

use super::files::Files;
use super::pool::{Answers, Done, Job, Queue, ReadRun};
use super::presence;

/// Most bytes of blocks that wait, each worker, for the ones before them to be hashed. Blocks
/// beyond are read back from the file, which still has them in memory.
const MAX_HELD: usize = 4 << 20;

/// Most pieces hashed bit by bit at a time, each worker; about 200 bytes each, and in version 2
/// 32 bytes a block. Pieces beyond are read back when they are complete.
const MAX_HASHING: usize = 4096;

/// Most blocks written by one system call.
const MAX_RUN: usize = 64;

/// Bytes read at a time to be hashed.
const READ_CHUNK: usize = 256 << 10;

pub(super) struct Worker {
    queue: Arc<Queue>,
    answers: Arc<Answers>,
    hashing: HashMap<(TorrentId, PieceIndex), Hashing>,
    held: usize,
    done: Vec<Done>,
    chunk: Vec<u8>,
}

/// How far a piece is hashed.
struct Hashing {
    hasher: PieceHasher,
    /// Written blocks that come later, by where they begin.
    held: BTreeMap<u32, Bytes>,
}

/// A write as it waits to be joined with others.
struct Block {
    job: JobId,
    begin: u32,
    data: Bytes,
}

impl Worker {
    pub(super) fn new(queue: Arc<Queue>, answers: Arc<Answers>) -> Self {
        Self {
            queue,
            answers,
            hashing: HashMap::new(),
            held: 0,
            done: Vec::new(),
            chunk: Vec::new(),
        }
    }

    /// Works until the queue is closed and empty.
    pub(super) fn run(&mut self) {
        let mut batch = Vec::new();
        while self.queue.take(&mut batch) {
            // Jobs of different pieces may change places, those of one piece may not: the sort is
            // stable. Afterwards the blocks of a piece stand together.
            batch.sort_by_key(Job::order);
            let mut jobs = batch.drain(..).peekable();
            let mut blocks = Vec::new();
            while let Some(job) = jobs.next() {
                if let Job::Write {
                    job,
                    torrent,
                    files,
                    piece,
                    begin,
                    data,
                } = job
                {
                    blocks.push(Block { job, begin, data });
                    let goes_on = |next: &Job| matches!(next, Job::Write { torrent: of, piece: index, .. } if (*of, *index) == (torrent, piece));
                    if !jobs.peek().is_some_and(goes_on) {
                        self.write(torrent, &files, piece, &mut blocks);
                    }
                } else {
                    self.perform(job);
                }
                self.answers.push(&mut self.done);
            }
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Open {
                torrent,
                files,
                verifier,
            } => {
                let result = files
                    .begin(&verifier)
                    .and_then(|()| presence::look(&files, &verifier));
                self.done.push(Done::Opened { torrent, result });
            }
            Job::Settle {
                torrent,
                files,
                wanted,
                verified,
            } => {
                self.done.push(Done::Settled {
                    torrent,
                    settles: true,
                    result: files.settle(&wanted, &verified),
                });
            }
            Job::PutInPlace {
                torrent,
                files,
                complete,
            } => {
                self.done.push(Done::Settled {
                    torrent,
                    settles: false,
                    result: files.put_in_place(&complete),
                });
            }
            Job::Sync { torrent, files } => {
                let result = files.sync();
                self.done.push(Done::Synced { torrent, result });
            }
            Job::Read { files, run, .. } => self.read(&files, run),
            Job::Hash {
                job,
                torrent,
                files,
                piece,
            } => {
                let result = self.hash((torrent, piece), &files);
                self.done.push(Done::Hashed { job, result });
            }
            Job::Close { torrent, files } => {
                self.forget(|(of, _)| *of == torrent);
                files.close();
            }
            // Writes are taken by `run`, joined.
            Job::Write {
                job,
                torrent,
                files,
                piece,
                begin,
                data,
            } => {
                self.write(
                    torrent,
                    &files,
                    piece,
                    &mut vec![Block { job, begin, data }],
                );
            }
        }
    }

    fn read(&mut self, files: &Files, run: ReadRun) {
        let mut buffer = BytesMut::zeroed(run.length as usize);
        match files.read(files.position(run.piece, run.begin), &mut buffer) {
            Ok(()) => self.done.extend(run.split(buffer.freeze())),
            Err(error) => {
                let failed = run.jobs.iter().map(|(job, _)| Done::Read {
                    job: *job,
                    result: Err(error.clone()),
                });
                self.done.extend(failed);
            }
        }
    }

    /// Writes blocks of one piece that came without a hash between them; leaves `blocks` empty.
    fn write(
        &mut self,
        torrent: TorrentId,
        files: &Files,
        piece: PieceIndex,
        blocks: &mut Vec<Block>,
    ) {
        // Stable, so that of two blocks for one place the later one lasts.
        blocks.sort_by_key(|block| block.begin);
        let mut rest = blocks.as_slice();
        while let [first, ..] = rest {
            let mut end = first.begin;
            let follows = rest.iter().take(MAX_RUN).take_while(|block| {
                let follows = block.begin == end;
                end = block.begin.saturating_add(block.data.len() as u32);
                follows
            });
            let (run, after) = rest.split_at(follows.count());
            rest = after;
            let data: Vec<Bytes> = run.iter().map(|block| block.data.clone()).collect();
            let result = files.write(files.position(piece, first.begin), &data);
            if result.is_err() {
                self.forget(|key| *key == (torrent, piece));
            }
            for block in run {
                let result = match &result {
                    Ok(()) => Ok(self.advance((torrent, piece), files, block)),
                    Err(error) => Err(error.clone()),
                };
                self.done.push(Done::Written {
                    job: block.job,
                    result,
                });
            }
        }
        blocks.clear();
    }

    /// Takes a written block into the hash of its piece, now or when the blocks before it are. Gives
    /// the block's own, in version 2.
    fn advance(
        &mut self,
        key: (TorrentId, PieceIndex),
        files: &Files,
        block: &Block,
    ) -> Option<Hash> {
        let room = self.hashing.len() < MAX_HASHING;
        let new = || Hashing::new(files.layout().hashers().hasher(key.1));
        let hashing = match self.hashing.get_mut(&key) {
            Some(hashing) => hashing,
            None if room => self.hashing.entry(key).or_insert_with(new),
            None => return new().hasher.block(block.begin, &block.data),
        };
        let hash = hashing.hasher.block(block.begin, &block.data);
        if !hashing.hasher.is_ordered() {
            return hash;
        }
        let taken = hashing.hasher.taken();
        if block.begin < taken {
            // Bytes that are in the hash were replaced: it begins again, from the file.
            self.held -= hashing.held_bytes();
            hashing.held.clear();
            hashing.hasher.restart();
        } else if block.begin > taken {
            if self.held + block.data.len() <= MAX_HELD {
                self.held += block.data.len();
                if let Some(replaced) = hashing.held.insert(block.begin, block.data.clone()) {
                    self.held -= replaced.len();
                }
            } else if let Some(replaced) = hashing.held.remove(&block.begin) {
                self.held -= replaced.len();
            }
        } else {
            hashing.hasher.update(&block.data);
            while let Some(data) = hashing.held.remove(&hashing.hasher.taken()) {
                self.held -= data.len();
                hashing.hasher.update(&data);
            }
        }
        hash
    }

    /// The hash of a piece; what is not in it yet comes from the blocks held or from the file.
    fn hash(
        &mut self,
        key: (TorrentId, PieceIndex),
        files: &Files,
    ) -> Result<PieceHash, StorageError> {
        let hashers = files.layout().hashers();
        let mut hashing = self
            .hashing
            .remove(&key)
            .unwrap_or_else(|| Hashing::new(hashers.hasher(key.1)));
        self.held -= hashing.held_bytes();
        let size = hashers.layout().piece_size(key.1);
        while !hashing.hasher.is_done() {
            let taken = hashing.hasher.taken();
            if let Some(data) = hashing.held.remove(&taken) {
                hashing.hasher.update(&data);
                continue;
            }
            hashing.held = hashing.held.split_off(&taken);
            let until = hashing.held.keys().next().copied().unwrap_or(size);
            let length = READ_CHUNK.min((until.min(size) - taken) as usize);
            self.chunk.resize(READ_CHUNK, 0);
            let Some(chunk) = self.chunk.get_mut(..length) else {
                break;
            };
            files.read(files.position(key.1, taken), chunk)?;
            hashing.hasher.update(chunk);
        }
        Ok(hashing.hasher.finish())
    }

    fn forget(&mut self, which: impl Fn(&(TorrentId, PieceIndex)) -> bool) {
        let held = &mut self.held;
        self.hashing.retain(|key, hashing| {
            let forget = which(key);
            if forget {
                *held -= hashing.held_bytes();
            }
            !forget
        });
    }
}

impl Hashing {
    fn new(hasher: PieceHasher) -> Self {
        Self {
            hasher,
            held: BTreeMap::new(),
        }
    }

    fn held_bytes(&self) -> usize {
        self.held.values().map(Bytes::len).sum()
    }
}

impl Job {
    /// What must stay in order: the jobs of a piece, and a torrent's opening before and closing
    /// after all of them.
    fn order(&self) -> (TorrentId, u64) {
        match self {
            Self::Open { torrent, .. }
            | Self::Settle { torrent, .. }
            | Self::PutInPlace { torrent, .. }
            | Self::Sync { torrent, .. } => (*torrent, 0),
            Self::Read { torrent, run, .. } => (*torrent, u64::from(run.piece.get()) + 1),
            Self::Write { torrent, piece, .. } | Self::Hash { torrent, piece, .. } => {
                (*torrent, u64::from(piece.get()) + 1)
            }
            Self::Close { torrent, .. } => (*torrent, u64::MAX),
        }
    }
}

impl ReadRun {
    /// The answers of the jobs, out of what was read for all of them.
    pub(crate) fn split(&self, mut data: Bytes) -> impl Iterator<Item = Done> {
        self.jobs.iter().map(move |(job, length)| {
            let block = data.split_to((*length as usize).min(data.len()));
            Done::Read {
                job: *job,
                result: Ok(block),
            }
        })
    }
}
