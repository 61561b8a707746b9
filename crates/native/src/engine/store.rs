//! How far the store of a torrent is, and what is held back until it is that far: nothing is written
//! before it is known whose the existing files are, and a torrent has not finished before its files
//! have their names and are on the disk.

use std::sync::Arc;

use brackish_core::{Event, Session, StorageError, TorrentId, TorrentState};
use brackish_wire::{Bitfield, PieceIndex};

use crate::storage::ownership::{Access, Refusal};
use crate::storage::{Completion, Done, Files, Job};

/// The store of a torrent as the engine has it.
pub(super) struct Store {
    pub(super) files: Arc<Files>,
    access: Access,
    stage: Stage,
    wanted: Bitfield,
    completion: Completion,
    /// Jobs that the end of the torrent waits for: files brought in order, renamed, synced.
    unsettled: usize,
    /// That the check is over, while nobody is told.
    checked: Option<Event>,
    /// That the torrent finished, while nobody is told.
    finished: Option<Event>,
}

enum Stage {
    /// It is opened, and what is there is hashed.
    Checking,
    /// Its files are brought in order. Jobs that come meanwhile wait: as many as the session's store
    /// budget allows.
    Settling { jobs: Vec<Job>, settles: usize },
    /// Blocks are written.
    Ready,
    /// Nothing is written any more.
    Failed(StorageError),
}

/// What is to be done after an event.
pub(super) enum Next {
    /// A job for the pool.
    Job(Job),
    /// The torrent has failed.
    Refuse(Refusal),
}

impl Store {
    pub(super) fn new(files: Arc<Files>, wanted: Bitfield) -> Self {
        let access = files.access();
        Self {
            completion: Completion::new(files.layout()),
            stage: match access {
                Access::Read => Stage::Ready,
                Access::Write(_) => Stage::Checking,
            },
            files,
            access,
            wanted,
            unsettled: 0,
            checked: None,
            finished: None,
        }
    }

    /// A job that writes or hashes, unless it has to wait. If nothing is written any more, its
    /// answer is in `done`.
    pub(super) fn admit(&mut self, job: Job, done: &mut Vec<Done>) -> Option<Job> {
        match &mut self.stage {
            Stage::Checking | Stage::Ready => Some(job),
            Stage::Settling { jobs, .. } => {
                jobs.push(job);
                None
            }
            // What is there can still be hashed.
            Stage::Failed(_) if matches!(job, Job::Hash { .. }) => Some(job),
            Stage::Failed(error) => {
                done.extend(failed(&job, error));
                None
            }
        }
    }

    /// Other files are wanted from now on.
    pub(super) fn want(
        &mut self,
        torrent: TorrentId,
        wanted: Bitfield,
        session: &Session,
    ) -> Option<Job> {
        self.wanted = wanted;
        match self.stage {
            Stage::Checking | Stage::Failed(_) => None,
            Stage::Settling { .. } | Stage::Ready => self.settle(torrent, session),
        }
    }

    /// The job that brings the files in order; those that write wait for it.
    fn settle(&mut self, torrent: TorrentId, session: &Session) -> Option<Job> {
        if self.access == Access::Read {
            return None;
        }
        let verified = session.verified(torrent)?.clone();
        match &mut self.stage {
            Stage::Settling { settles, .. } => *settles += 1,
            stage => {
                *stage = Stage::Settling {
                    jobs: Vec::new(),
                    settles: 1,
                }
            }
        }
        self.unsettled += 1;
        Some(Job::Settle {
            torrent,
            files: self.files.clone(),
            wanted: self.wanted.clone(),
            verified,
        })
    }

    /// What is there was hashed. Whether the event waits, and what follows.
    pub(super) fn on_checked(&mut self, event: &Event, session: &Session) -> (bool, Option<Next>) {
        let Event::Checked { torrent, verified } = event else {
            return (false, None);
        };
        if self.access == Access::Read {
            let pieces = self.files.layout().lengths().piece_count();
            let root = self.files.layout().root();
            let refusal = root.filter(|_| *verified < pieces).map(|folder| {
                Next::Refuse(Refusal::Incomplete {
                    path: folder.clone(),
                    missing: pieces - verified,
                    pieces,
                })
            });
            // Nobody is told that it goes on.
            return (refusal.is_some(), refusal);
        }
        self.checked = Some(event.clone());
        (true, self.settle(*torrent, session).map(Next::Job))
    }

    /// A piece was verified: the job to rename what is complete with it.
    pub(super) fn on_verified(
        &mut self,
        torrent: TorrentId,
        piece: u32,
        session: &Session,
    ) -> Option<Job> {
        let writes = matches!(self.stage, Stage::Settling { .. } | Stage::Ready);
        if self.access == Access::Read || !writes {
            return None;
        }
        let layout = self.files.layout();
        let piece: PieceIndex = layout.lengths().piece(piece)?;
        let complete = self
            .completion
            .verified(layout, session.verified(torrent)?, piece);
        if complete.is_empty() {
            return None;
        }
        self.unsettled += 1;
        Some(Job::PutInPlace {
            torrent,
            files: self.files.clone(),
            complete,
        })
    }

    /// Everything wanted is verified. Whether the event waits, and the job that it waits for.
    pub(super) fn on_finished(&mut self, event: &Event) -> (bool, Option<Job>) {
        let Event::Finished { torrent } = event else {
            return (false, None);
        };
        if self.access == Access::Read {
            return (false, None);
        }
        self.finished = Some(event.clone());
        self.unsettled += 1;
        let files = self.files.clone();
        (
            true,
            Some(Job::Sync {
                torrent: *torrent,
                files,
            }),
        )
    }

    /// A job of those that the end waits for is done: the jobs that waited for it.
    pub(super) fn on_settled(&mut self, settles: bool) -> Vec<Job> {
        self.unsettled = self.unsettled.saturating_sub(1);
        match &mut self.stage {
            Stage::Settling {
                jobs,
                settles: left,
            } if settles => {
                *left = left.saturating_sub(1);
                if *left > 0 {
                    return Vec::new();
                }
                let jobs = std::mem::take(jobs);
                self.stage = Stage::Ready;
                jobs
            }
            _ => Vec::new(),
        }
    }

    /// Nothing is written any more; the answers of the jobs that waited.
    pub(super) fn fail(&mut self, error: &StorageError) -> Vec<Done> {
        self.unsettled = self.unsettled.saturating_sub(1);
        self.checked = None;
        self.finished = None;
        let failed_stage = Stage::Failed(error.clone());
        match std::mem::replace(&mut self.stage, failed_stage) {
            Stage::Settling { jobs, .. } => {
                jobs.iter().filter_map(|job| failed(job, error)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The events that waited and need not any more, in order.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if matches!(self.stage, Stage::Ready) {
            events.extend(self.checked.take());
            if self.unsettled == 0 {
                events.extend(self.finished.take());
            }
        }
        events
    }

    /// The state of the torrent as its handles see it.
    pub(super) fn seen(&self, state: TorrentState) -> TorrentState {
        let is_checked = self.checked.is_none() && !matches!(self.stage, Stage::Checking);
        match state {
            TorrentState::Downloading | TorrentState::Seeding if !is_checked => {
                TorrentState::Checking
            }
            TorrentState::Seeding if self.unsettled > 0 => TorrentState::Downloading,
            state => state,
        }
    }
}

/// The answer of a job that is not done for this reason.
fn failed(job: &Job, error: &StorageError) -> Option<Done> {
    match job {
        Job::Write { job, .. } => Some(Done::Written {
            job: *job,
            result: Err(error.clone()),
        }),
        Job::Hash { job, .. } => Some(Done::Hashed {
            job: *job,
            result: Err(error.clone()),
        }),
        _ => None,
    }
}
