//! Jobs of the store and what their ends mean: pieces verified or failed, data checked at the
//! start, bad blocks traced to their senders.

use brackish_wire::merkle::Hash;
use brackish_wire::metainfo::Verdict;
use brackish_wire::{PieceHash, PieceIndex};
use bytes::Bytes;
use sha1::{Digest as _, Sha1};

use super::{Job, Session};
use crate::blame::{Digest, Evidence, digest_of};
use crate::torrent::Examination;
use crate::{
    ConnectionId, Event, Existing, JobId, Output, Presence, StorageError, TorrentId, TorrentState,
};

/// Pieces being hashed at once while a store is checked: enough to keep several threads busy.
const CHECKS: usize = 16;

impl Session {
    pub(super) fn storage_opened(&mut self, id: TorrentId, result: Result<Presence, StorageError>) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(content) = torrent
            .content
            .as_mut()
            .filter(|_| torrent.state == TorrentState::Checking)
        else {
            return;
        };
        match (result, torrent.existing) {
            (Err(error), _) => return self.fail_torrent(id, error),
            (Ok(_), Existing::AllVerified | Existing::Unproven) => {
                for piece in content.lengths.pieces() {
                    if torrent.existing == Existing::Unproven {
                        content.proven.set(piece.get());
                    }
                    content.verified.set(piece.get());
                    content.picker.verified(piece);
                }
                content.missing = 0;
                content.checked = content.lengths.piece_count();
            }
            (Ok(Presence::Nothing), _) => content.checked = content.lengths.piece_count(),
            (Ok(Presence::Maybe(pieces)), _) => {
                content.unchecked = pieces.ones().collect();
                content.checked = content.lengths.piece_count() - pieces.count_ones();
            }
        }
        self.check_next(id);
    }

    /// Keeps the checks of a store going; the torrent starts when they are done.
    fn check_next(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        while content.checking < CHECKS {
            let Some(piece) = content
                .unchecked
                .pop_front()
                .and_then(|piece| content.lengths.piece(piece))
            else {
                break;
            };
            content.checking += 1;
            let job = self.cx.add_job(Job::Check { torrent: id, piece });
            self.cx.outputs.push_back(Output::Hash {
                job,
                torrent: id,
                piece,
            });
        }
        if content.checking > 0 || torrent.state != TorrentState::Checking {
            return;
        }
        let verified = content.verified.count_ones();
        let complete = content.verified.is_full();
        let finished = content.is_finished();
        let all_given = torrent.existing != Existing::Check;
        torrent.was_incomplete = !complete;
        torrent.state = if finished {
            TorrentState::Seeding
        } else {
            TorrentState::Downloading
        };
        self.cx.events.push_back(Event::Checked {
            torrent: id,
            verified,
        });
        if !complete {
            self.end_super_seeding(id);
        }
        if finished {
            if all_given {
                for piece in 0..verified {
                    self.tell_have(id, piece);
                }
            }
            self.finished(id);
        } else {
            self.fill_all(id);
        }
        self.next_tick = Some(self.cx.now);
    }

    pub(super) fn block_read(&mut self, job: JobId, result: Result<Bytes, StorageError>) {
        match self.cx.take_job(job) {
            Some(Job::Serve {
                connection,
                request,
            }) => self.send_block(connection, job, request, result),
            Some(Job::Examine {
                torrent,
                piece,
                block,
            }) => self.examined(torrent, piece, block, result.ok()),
            _ => {}
        }
    }

    pub(super) fn block_written(&mut self, job: JobId, result: Result<Option<Hash>, StorageError>) {
        let Some(Job::Write {
            torrent,
            length,
            piece,
            number,
        }) = self.cx.take_job(job)
        else {
            return;
        };
        self.cx.storing = self.cx.storing.saturating_sub(length);
        match result {
            Ok(Some(hash)) => self.block_stored(torrent, piece, number, hash),
            Ok(None) => {}
            Err(error) => return self.fail_torrent(torrent, error),
        }
        // Half-empty, so that it does not start and stop at each block.
        if self.cx.held_back && self.cx.storing <= self.cx.config.store_budget / 2 {
            self.cx.held_back = false;
            self.resume_web_seeds();
            for id in self.torrents.keys().copied().collect::<Vec<_>>() {
                self.fill_all(id);
            }
        }
    }

    pub(super) fn piece_hashed(&mut self, job: JobId, result: Result<PieceHash, StorageError>) {
        match self.cx.take_job(job) {
            Some(Job::Doubt { torrent, piece }) => self.doubt_over(torrent, piece, result),
            Some(Job::Check { torrent, piece }) => self.piece_checked(torrent, piece, result),
            Some(Job::Hash { torrent, piece }) => match result {
                Ok(hash) => self.piece_complete(torrent, piece, job, &hash),
                Err(error) => self.fail_torrent(torrent, error),
            },
            Some(Job::HashBlocks {
                torrent,
                piece,
                connection,
            }) => self.blocks_hashed(torrent, piece, connection, result),
            _ => {}
        }
    }

    fn piece_checked(
        &mut self,
        id: TorrentId,
        piece: PieceIndex,
        result: Result<PieceHash, StorageError>,
    ) {
        let Some(content) = self.torrents.get_mut(&id).and_then(|t| t.content.as_mut()) else {
            return;
        };
        content.checking = content.checking.saturating_sub(1);
        content.checked += 1;
        // A piece that cannot be read is one that is not there.
        match result.map(|hash| content.verifier.judge(piece, &hash)) {
            Ok(Verdict::Good) => {
                content.proven.set(piece.get());
                self.piece_verified(id, piece);
            }
            Ok(Verdict::Inconsistent) => return self.inconsistent(id, piece),
            Ok(Verdict::Bad) | Err(_) => {}
        }
        self.check_next(id);
    }

    /// Every block of a piece came and was hashed.
    fn piece_complete(&mut self, id: TorrentId, piece: PieceIndex, job: JobId, hash: &PieceHash) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        // A block of it may have been found wrong meanwhile, and be on its way anew.
        if content.hashing.get(&piece.get()) != Some(&job) {
            return;
        }
        content.hashing.remove(&piece.get());
        let senders = content.senders.remove(&piece.get()).unwrap_or_default();
        match content.verifier.judge(piece, hash) {
            Verdict::Good => {
                content.proven.set(piece.get());
                content.trees.keep_blocks(piece, hash.blocks.clone());
                if content.blame.is_open(piece) {
                    self.examine(id, piece, None, &hash.blocks);
                }
                return self.piece_verified(id, piece);
            }
            // Blocks that could not be written say nothing about who sent them.
            Verdict::Bad | Verdict::Inconsistent if torrent.state == TorrentState::Failed => return,
            Verdict::Inconsistent => return self.inconsistent(id, piece),
            Verdict::Bad => {}
        }
        content.checks.restart(piece);
        torrent.wasted += u64::from(content.lengths.piece_size(piece));
        self.cx.events.push_back(Event::PieceFailed {
            torrent: id,
            piece: piece.get(),
        });
        let mut known = senders.iter().flatten();
        let first = known.next().copied();
        if known.all(|sender| Some(*sender) == first) {
            content.picker.restart(piece);
            if let Some(liar) = first {
                self.sent_bad_data(id, liar, piece);
            }
            self.fill_all(id);
        } else {
            content.picker.freeze(piece);
            self.examine(id, piece, Some(senders), &hash.blocks);
        }
    }

    /// A hybrid torrent's versions say different things of a piece (BEP 52): who follows one would ban who follows the
    /// other, and there is no telling which was meant.
    fn inconsistent(&mut self, id: TorrentId, piece: PieceIndex) {
        let error = StorageError::Failed {
            place: format!("piece {piece}"),
            reason: "the torrent's versions 1 and 2 do not describe the same data".to_owned(),
        };
        self.fail_torrent(id, error);
    }

    fn piece_verified(&mut self, id: TorrentId, piece: PieceIndex) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        content.picker.verified(piece);
        content.checks.end(piece);
        content.readers.verified(piece.get());
        if !content.verified.set(piece.get()) {
            return;
        }
        if content.selection.wants(piece.get()) {
            content.missing = content.missing.saturating_sub(1);
        }
        self.cx.events.push_back(Event::PieceVerified {
            torrent: id,
            piece: piece.get(),
        });
        let finishes = torrent.state == TorrentState::Downloading && content.is_finished();
        // A piece that was on its way when it was deselected may be the very last one.
        let completes = torrent.state == TorrentState::Seeding && content.verified.is_full();
        if finishes {
            torrent.state = TorrentState::Seeding;
        }
        self.tell_have(id, piece.get());
        self.watch_readers(id);
        if finishes {
            self.finished(id);
        } else if completes {
            self.completed(id);
        }
    }

    /// Every wanted piece is verified.
    pub(super) fn finished(&mut self, id: TorrentId) {
        self.cx.events.push_back(Event::Finished { torrent: id });
        if self.torrents.get(&id).is_some_and(|t| t.is_complete()) {
            self.completed(id);
        } else {
            self.shake_again(id);
        }
    }

    /// Every piece is verified.
    fn completed(&mut self, id: TorrentId) {
        self.announce_completed(id);
        self.stop_web_seeds(id);
        let Some(torrent) = self.torrents.get(&id) else {
            return;
        };
        for peer in torrent.active.clone() {
            self.part_if_both_seeds(peer);
        }
    }

    /// Compares the blocks of a piece: of a bad one, with its senders, or a good one, without. In version 2 their hashes
    /// are known; else the blocks are read back.
    fn examine(
        &mut self,
        id: TorrentId,
        piece: PieceIndex,
        senders: Option<Vec<Option<ConnectionId>>>,
        hashes: &[Hash],
    ) {
        let Some(content) = self.torrents.get_mut(&id).and_then(|t| t.content.as_mut()) else {
            return;
        };
        let count = content.lengths.block_count(piece);
        let known = hashes.iter().map(|hash| Some(digest_of(hash)));
        let mut examination = Examination {
            digests: known.collect(),
            missing: 0,
            senders,
        };
        if !hashes.is_empty() {
            return self.compare(id, piece, examination);
        }
        examination.digests = vec![None; count as usize];
        examination.missing = count as usize;
        content.examinations.insert(piece.get(), examination);
        for number in 0..count {
            let Some(block) = content.lengths.block(piece, number) else {
                continue;
            };
            let job = self.cx.add_job(Job::Examine {
                torrent: id,
                piece,
                block: number,
            });
            self.cx.outputs.push_back(Output::Read {
                job,
                torrent: id,
                piece,
                begin: block.begin,
                length: block.length,
            });
        }
    }

    fn examined(&mut self, id: TorrentId, piece: PieceIndex, block: u32, data: Option<Bytes>) {
        let Some(content) = self.torrents.get_mut(&id).and_then(|t| t.content.as_mut()) else {
            return;
        };
        let Some(examination) = content.examinations.get_mut(&piece.get()) else {
            return;
        };
        examination.missing = examination.missing.saturating_sub(1);
        if let Some(slot) = examination.digests.get_mut(block as usize) {
            *slot = data.map(|data| Sha1::digest(&data).into());
        }
        if examination.missing > 0 {
            return;
        }
        if let Some(examination) = content.examinations.remove(&piece.get()) {
            self.compare(id, piece, examination);
        }
    }

    /// What the blocks of a piece say of their senders.
    fn compare(&mut self, id: TorrentId, piece: PieceIndex, examination: Examination) {
        let Some(content) = self.torrents.get_mut(&id).and_then(|t| t.content.as_mut()) else {
            return;
        };
        let Some(senders) = examination.senders else {
            let good: Option<Vec<Digest>> = examination.digests.into_iter().collect();
            for liar in content.blame.solve(piece, &good.unwrap_or_default()) {
                self.sent_bad_data(id, liar, piece);
            }
            self.unpark(id);
            return;
        };
        let evidence = senders.into_iter().zip(examination.digests).zip(0..);
        let evidence = evidence.filter_map(|((sender, digest), block)| {
            Some(Evidence {
                block,
                sender: sender?,
                digest: digest?,
            })
        });
        content.blame.failed(piece, evidence.collect());
        content.picker.restart(piece);
        self.fill_all(id);
    }

    /// The store, or the torrent itself, is no good: nothing more is fetched.
    pub(super) fn fail_torrent(&mut self, id: TorrentId, error: StorageError) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        if torrent.state == TorrentState::Failed {
            return;
        }
        torrent.state = TorrentState::Failed;
        self.stop_web_seeds(id);
        self.cx
            .events
            .push_back(Event::StorageFailed { torrent: id, error });
    }
}
