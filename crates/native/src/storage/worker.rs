//! One worker of the pool. It joins the writes of a piece that follow each other into one system
//! call, and hashes each piece from the blocks in memory as they are written in order, so that a
//! finished piece need not be read back.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use brackish_core::{JobId, StorageError, TorrentId};
use brackish_wire::PieceIndex;
use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};

use super::files::Files;
use super::pool::{Answers, Done, Job, Queue, ReadRun};
use super::presence;

/// Most bytes of blocks that wait, each worker, for the ones before them to be hashed. Blocks
/// beyond are read back from the file, which still has them in memory.
const MAX_HELD: usize = 4 << 20;

/// Most pieces hashed bit by bit at a time, each worker; about 200 bytes each. Pieces beyond are
/// read back when they are complete.
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
    sha: Sha1,
    /// Bytes that are in `sha`.
    next: u32,
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
                info,
            } => {
                let result = files.prepare().and_then(|()| presence::look(&files, &info));
                self.done.push(Done::Opened { torrent, result });
            }
            Job::Read { files, run, .. } => self.read(&files, run),
            Job::Hash {
                job,
                torrent,
                files,
                piece,
            } => {
                let result = self.hash(torrent, &files, piece);
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
            match &result {
                Ok(()) => run
                    .iter()
                    .for_each(|block| self.advance((torrent, piece), block)),
                Err(_) => self.forget(|key| *key == (torrent, piece)),
            }
            self.done.extend(run.iter().map(|block| Done::Written {
                job: block.job,
                result: result.clone(),
            }));
        }
        blocks.clear();
    }

    /// Takes a written block into the hash of its piece, now or when the blocks before it are.
    fn advance(&mut self, key: (TorrentId, PieceIndex), block: &Block) {
        let room = self.hashing.len() < MAX_HASHING;
        let hashing = match self.hashing.get_mut(&key) {
            Some(hashing) => hashing,
            None if room => self.hashing.entry(key).or_insert_with(Hashing::new),
            None => return,
        };
        if block.begin < hashing.next {
            // Bytes that are in the hash were replaced: it begins again, from the file.
            self.held -= hashing.held_bytes();
            *hashing = Hashing::new();
            return;
        }
        if block.begin > hashing.next {
            if self.held + block.data.len() <= MAX_HELD {
                self.held += block.data.len();
                if let Some(replaced) = hashing.held.insert(block.begin, block.data.clone()) {
                    self.held -= replaced.len();
                }
            } else if let Some(replaced) = hashing.held.remove(&block.begin) {
                self.held -= replaced.len();
            }
            return;
        }
        hashing.update(&block.data);
        while let Some(data) = hashing.held.remove(&hashing.next) {
            self.held -= data.len();
            hashing.update(&data);
        }
    }

    /// The hash of a piece; what is not in it yet comes from the blocks held or from the file.
    fn hash(
        &mut self,
        torrent: TorrentId,
        files: &Files,
        piece: PieceIndex,
    ) -> Result<[u8; 20], StorageError> {
        let mut hashing = self
            .hashing
            .remove(&(torrent, piece))
            .unwrap_or_else(Hashing::new);
        self.held -= hashing.held_bytes();
        let size = files.layout().lengths().piece_size(piece);
        while hashing.next < size {
            if let Some(data) = hashing.held.remove(&hashing.next) {
                hashing.update(&data);
                continue;
            }
            hashing.held = hashing.held.split_off(&hashing.next);
            let until = hashing
                .held
                .keys()
                .next()
                .copied()
                .unwrap_or(size)
                .min(size);
            let length = READ_CHUNK.min((until - hashing.next) as usize);
            self.chunk.resize(READ_CHUNK, 0);
            let Some(chunk) = self.chunk.get_mut(..length) else {
                break;
            };
            files.read(files.position(piece, hashing.next), chunk)?;
            hashing.update(chunk);
        }
        Ok(hashing.sha.finalize().into())
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
    fn new() -> Self {
        Self {
            sha: Sha1::new(),
            next: 0,
            held: BTreeMap::new(),
        }
    }

    fn update(&mut self, data: &[u8]) {
        self.sha.update(data);
        self.next = self.next.saturating_add(data.len() as u32);
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
            Self::Open { torrent, .. } => (*torrent, 0),
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
