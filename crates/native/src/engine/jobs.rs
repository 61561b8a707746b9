//! Storage jobs on their way from the session to the pool: grouped by worker, reads that follow
//! each other joined, and reads of what is in memory done on the spot.

use std::sync::Arc;

use brackish_core::{JobId, TorrentId};
use brackish_wire::PieceIndex;
use bytes::BytesMut;

use crate::storage::{Done, Files, Job, Pool, ReadRun};

/// Longest run of reads done as one, in bytes. A peer asks for blocks in order, and its queue is
/// usually served in rooms of about this size.
const MAX_READ_RUN: u32 = 256 << 10;

/// The jobs given by the session and not yet handed on.
pub(super) struct Jobs {
    by_worker: Vec<Vec<Job>>,
    reads: Vec<(TorrentId, Arc<Files>, ReadRun)>,
    /// Jobs handed to the pool and not yet answered.
    under_way: usize,
}

impl Jobs {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            by_worker: (0..workers).map(|_| Vec::new()).collect(),
            reads: Vec::new(),
            under_way: 0,
        }
    }

    /// A job that belongs to a piece, and is no read.
    pub(super) fn push(&mut self, pool: &Pool, piece: PieceIndex, job: Job) {
        self.push_to(pool.worker_of(piece), job);
        self.under_way += 1;
    }

    /// A job that had to wait for its store.
    pub(super) fn resume(&mut self, pool: &Pool, job: Job) {
        match job {
            Job::Write { piece, .. } | Job::Hash { piece, .. } => self.push(pool, piece, job),
            job => self.of_torrent(job),
        }
    }

    /// A job that belongs to a torrent as a whole.
    pub(super) fn of_torrent(&mut self, job: Job) {
        self.push_to(0, job);
        self.under_way += 1;
    }

    /// Lets every worker forget a torrent. Not answered.
    pub(super) fn close(&mut self, torrent: TorrentId, files: &Arc<Files>) {
        for jobs in &mut self.by_worker {
            jobs.push(Job::Close {
                torrent,
                files: files.clone(),
            });
        }
    }

    /// A read, joined with the one before if it goes on from there.
    pub(super) fn read(
        &mut self,
        job: JobId,
        torrent: TorrentId,
        files: Arc<Files>,
        wanted: (PieceIndex, u32, u32),
    ) {
        let (piece, begin, length) = wanted;
        if let Some((of, _, run)) = self.reads.last_mut()
            && *of == torrent
            && run.piece == piece
            && run.begin.checked_add(run.length) == Some(begin)
            && run.length.saturating_add(length) <= MAX_READ_RUN
        {
            run.length += length;
            run.jobs.push((job, length));
            return;
        }
        self.reads.push((
            torrent,
            files,
            ReadRun {
                piece,
                begin,
                length,
                jobs: vec![(job, length)],
            },
        ));
    }

    /// Does the reads that need no disk, whose answers go into `done`, and hands everything else to
    /// the pool.
    pub(super) fn submit(&mut self, pool: &Pool, done: &mut Vec<Done>) {
        for (torrent, files, run) in std::mem::take(&mut self.reads) {
            let mut buffer = BytesMut::zeroed(run.length as usize);
            if files.read_immediately(files.position(run.piece, run.begin), &mut buffer) {
                done.extend(run.split(buffer.freeze()));
            } else {
                self.under_way += run.jobs.len();
                self.push_to(
                    pool.worker_of(run.piece),
                    Job::Read {
                        torrent,
                        files,
                        run,
                    },
                );
            }
        }
        for (worker, jobs) in self
            .by_worker
            .iter_mut()
            .enumerate()
            .filter(|(_, jobs)| !jobs.is_empty())
        {
            pool.submit(worker, jobs);
        }
    }

    /// Counts answers of the pool.
    pub(super) fn answered(&mut self, count: usize) {
        self.under_way = self.under_way.saturating_sub(count);
    }

    /// Whether the pool has answered everything.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way == 0
    }

    fn push_to(&mut self, worker: usize, job: Job) {
        if let Some(jobs) = self.by_worker.get_mut(worker) {
            jobs.push(job);
        }
    }
}
