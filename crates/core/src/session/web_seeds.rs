//! Web seeds (BEP 19): what is asked of them, what comes, and what becomes of those that fail.
//! Their blocks go the way of all blocks: the same picker, store, hashes and blame.

use std::collections::VecDeque;
use std::time::Duration;

use brackish_wire::{BLOCK_LENGTH, BlockRequest, PieceIndex, web_seed};

use super::tick::{SNUB, USELESS};
use super::{Job, Session};
use crate::web_seed::{
    MAX_BAD_PIECES, MAX_WEB_SEEDS, Next, Run, RunBlock, Verdict, WebSeed, zeros,
};
use crate::{ConnectionId, Event, FetchError, JobId, Output, TorrentId, TorrentState};

/// Runs of all web seeds of a torrent at once: requests to as many hosts as fill any link.
const MAX_RUNS: usize = 8;

/// A run takes at most this share of the request budget that is free, so that peers and other web
/// seeds have theirs.
const BUDGET_SHARE: usize = 4;

/// A run is given up for a new one when what comes next is no longer wanted for as many blocks.
const MAX_UNWANTED: usize = 32;

impl Session {
    pub(super) fn add_web_seeds(&mut self, torrent_id: TorrentId, urls: Vec<String>) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        for url in urls {
            let known = torrent.web_seeds.iter().any(|seed| seed.url == url);
            if known || !web_seed::is_web_seed(&url) || torrent.web_seeds.len() >= MAX_WEB_SEEDS {
                continue;
            }
            let id = ConnectionId::of_web_seed(self.next_web_seed);
            self.next_web_seed = self.next_web_seed.wrapping_add(1);
            torrent.web_seeds.push(WebSeed::new(id, url));
        }
    }

    /// Asks the web seeds of a torrent for as much as they and the budgets take.
    pub(super) fn fill_web_seeds(&mut self, torrent_id: TorrentId) {
        let count = self
            .torrents
            .get(&torrent_id)
            .map_or(0, |torrent| torrent.web_seeds.len());
        for at in 0..count {
            while self.begin_run(torrent_id, at) {}
        }
    }

    /// Gives a web seed one run, if there is one for it.
    fn begin_run(&mut self, torrent_id: TorrentId, at: usize) -> bool {
        if !self.may_ask(torrent_id) {
            return false;
        }
        let allowed = self.blocks_at_once(torrent_id);
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return false;
        };
        let runs: usize = torrent.web_seeds.iter().map(|seed| seed.runs.len()).sum();
        let (Some(content), Some(seed)) = (
            torrent
                .content
                .as_mut()
                .filter(|_| torrent.state == TorrentState::Downloading),
            torrent.web_seeds.get_mut(at),
        ) else {
            return false;
        };
        if runs >= MAX_RUNS || !seed.takes_run(self.cx.now) || seed.has.count_ones() == 0 {
            return false;
        }
        let block = BLOCK_LENGTH as usize;
        let config = &self.cx.config;
        let free = config.request_budget.saturating_sub(self.cx.requested) / block;
        if self.cx.storing >= config.store_budget || free == 0 {
            self.cx.held_back = true;
            return false;
        }
        let piece_blocks = (content.lengths.piece_length() as usize).div_ceil(block);
        let goal = seed
            .run_length(piece_blocks)
            .min((free / BUDGET_SHARE).max(1));
        let most = u32::try_from(goal / piece_blocks)
            .unwrap_or(u32::MAX)
            .max(1);
        let rng = &mut self.cx.rng;
        let mut due = content.readers.due().iter().map(|due| due.piece);
        let urgent = due.find(|piece| content.picker.is_to_be_had(*piece));
        let mut pieces = content.picker.run(&seed.has, urgent, seed.next, most, rng);
        // Whole pieces where there are such: remainders are for those who began them.
        let goal = match pieces.len() {
            0 => goal,
            pieces => goal.min(pieces * piece_blocks),
        };
        let goal = goal.min(allowed);
        let (picker, now) = (&mut content.picker, self.cx.now);
        let mut chosen = if content.blame.is_suspected(seed.id) {
            picker.pick_alone(seed.id, &seed.has, &mut pieces, goal, now, rng)
        } else {
            picker.pick(seed.id, &seed.has, &mut pieces, goal, now, rng)
        };
        let rest = goal.saturating_sub(chosen.len());
        chosen.extend(picker.pick_again(seed.id, &seed.has, rest, Duration::ZERO, now));
        let mut blocks = VecDeque::with_capacity(chosen.len());
        for request in chosen {
            let Some((piece, number)) = content.lengths.block_number(&request) else {
                continue;
            };
            self.cx.requested += request.length as usize;
            seed.next = Some(piece.get() + 1);
            blocks.push_back(RunBlock {
                piece,
                number,
                request,
                wanted: true,
            });
        }
        if blocks.is_empty() {
            return false;
        }
        let index = seed.runs.len();
        let bytes = blocks.iter().map(|block| block.request.length as usize);
        let bytes = bytes.sum();
        seed.runs.push(Run::new(blocks, self.cx.now));
        self.charge(torrent_id, bytes);
        self.go_on(torrent_id, at, index);
        true
    }

    /// Asks for the next range of a run, or ends it.
    fn go_on(&mut self, torrent_id: TorrentId, at: usize, index: usize) {
        loop {
            let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
                return;
            };
            let (Some(content), Some(seed)) =
                (torrent.content.as_ref(), torrent.web_seeds.get_mut(at))
            else {
                return;
            };
            let Some(run) = seed.runs.get_mut(index) else {
                return;
            };
            match run.next(&content.info, content.lengths.lengths()) {
                Next::End => {
                    let run = seed.runs.remove(index);
                    self.abandon(torrent_id, at, run);
                    return;
                }
                Next::Zeros(count) => {
                    let zeros = zeros(count);
                    let name = seed.id;
                    if !self.take_run_bytes(torrent_id, name, at, index, zeros) {
                        return;
                    }
                }
                Next::Range { file, range } => {
                    let url = web_seed::file_url(&seed.url, &content.info, file);
                    let file_length = content.info.files().get(file).map(|file| file.length);
                    let (Some(url), Some(file_length)) = (url, file_length) else {
                        return;
                    };
                    let job = self.cx.add_job(Job::Fetch {
                        torrent: torrent_id,
                        seed: seed.id,
                    });
                    run.begin(job, file, &range, self.cx.now);
                    self.cx.outputs.push_back(Output::Fetch {
                        job,
                        torrent: torrent_id,
                        url,
                        range,
                        file_length,
                    });
                    return;
                }
            }
        }
    }

    /// Where the run of a fetch is: torrent, place of the web seed, place of the run.
    fn find_run(&self, job: JobId) -> Option<(TorrentId, usize, usize)> {
        let Job::Fetch { torrent, seed } = self.cx.job(job)? else {
            return None;
        };
        let seeds = &self.torrents.get(torrent)?.web_seeds;
        let at = seeds.iter().position(|s| s.id == *seed)?;
        let of_job = |run: &Run| run.fetch.as_ref().is_some_and(|fetch| fetch.job == job);
        Some((*torrent, at, seeds.get(at)?.runs.iter().position(of_job)?))
    }

    pub(super) fn fetched(&mut self, job: JobId, data: &[u8]) {
        let Some((torrent_id, at, index)) = self.find_run(job) else {
            return;
        };
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(seed) = torrent.web_seeds.get_mut(at) else {
            return;
        };
        let Some(run) = seed.runs.get_mut(index) else {
            return;
        };
        let (data, complete) = run.advance(data, now);
        let length = data.len() as u64;
        seed.down.add(length);
        torrent.down.add(length);
        torrent.down_web_seeds += length;
        let name = seed.id;
        if !self.take_run_bytes(torrent_id, name, at, index, data) {
            return;
        }
        if complete {
            // Whatever else the driver says of it is of no interest.
            self.cx.take_job(job);
            if let Some(seed) = self.web_seed(torrent_id, name) {
                seed.failures = 0;
                seed.fault = None;
            }
            self.go_on(torrent_id, at, index);
            self.fill_web_seeds(torrent_id);
        } else if self.cx.storing >= self.cx.config.store_budget {
            self.pause(torrent_id, at, index);
        }
    }

    /// Cuts bytes of a run into blocks. False if the run ended by it.
    fn take_run_bytes(
        &mut self,
        torrent_id: TorrentId,
        name: ConnectionId,
        at: usize,
        index: usize,
        mut data: &[u8],
    ) -> bool {
        loop {
            // A block may end its run, for instance as the torrent's last.
            let seed = self
                .torrents
                .get_mut(&torrent_id)
                .and_then(|torrent| torrent.web_seeds.get_mut(at))
                .filter(|seed| seed.id == name);
            let Some(run) = seed.and_then(|seed| seed.runs.get_mut(index)) else {
                return false;
            };
            let Some((block, bytes)) = run.take_block(&mut data) else {
                return true;
            };
            if block.wanted {
                self.cx.requested -= bytes.len();
                let RunBlock {
                    piece,
                    number,
                    request,
                    ..
                } = block;
                self.take_block(torrent_id, name, piece, number, request, || bytes);
            } else if let Some(torrent) = self.torrents.get_mut(&torrent_id) {
                torrent.wasted += bytes.len() as u64;
            }
        }
    }

    pub(super) fn fetch_ended(&mut self, job: JobId, result: Result<(), FetchError>) {
        let Some((torrent_id, at, index)) = self.find_run(job) else {
            return;
        };
        self.cx.take_job(job);
        // Had all of it come, the run would have gone on to the next range.
        let error = result.err().unwrap_or_else(|| FetchError::Failed {
            reason: "the answer ended early".to_owned(),
        });
        self.fetch_failed(torrent_id, at, index, error);
    }

    fn fetch_failed(&mut self, torrent_id: TorrentId, at: usize, index: usize, error: FetchError) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let (Some(content), Some(seed)) = (torrent.content.as_ref(), torrent.web_seeds.get_mut(at))
        else {
            return;
        };
        if index >= seed.runs.len() {
            return;
        }
        let run = seed.runs.remove(index);
        let mut reason = error.to_string();
        match error.verdict() {
            Verdict::Useless => return self.drop_web_seed_after(torrent_id, at, run, reason),
            Verdict::LacksFile => {
                if let Some(fetch) = &run.fetch {
                    seed.lacks(fetch.file, &content.info, content.lengths.lengths());
                    if let Some(file) = content.info.files().get(fetch.file) {
                        reason = format!("{}: {reason}", file.path_text());
                    }
                }
                if seed.has.count_ones() == 0 {
                    return self.drop_web_seed_after(torrent_id, at, run, reason);
                }
                // It may lack very many.
                seed.rest(None, self.cx.now);
                seed.fault = Some(reason.clone());
            }
            Verdict::Later(retry_after) => {
                seed.rest(retry_after, self.cx.now);
                seed.fault = Some(reason.clone());
            }
        }
        self.cx.events.push_back(Event::WebSeedFailed {
            torrent: torrent_id,
            url: seed.url.clone(),
            reason,
            dropped: false,
        });
        self.abandon(torrent_id, at, run);
        self.fill_all(torrent_id);
    }

    fn drop_web_seed_after(&mut self, torrent_id: TorrentId, at: usize, run: Run, reason: String) {
        self.abandon(torrent_id, at, run);
        let seed = self
            .torrents
            .get(&torrent_id)
            .and_then(|torrent| torrent.web_seeds.get(at));
        if let Some(name) = seed.map(|seed| seed.id) {
            self.drop_web_seed(torrent_id, name, reason);
        }
    }

    /// A peer or web seed sent a part of a piece that was bad. A peer is banned. A web seed may have
    /// another version of one file, and right ones of the others.
    pub(super) fn sent_bad_data(
        &mut self,
        torrent_id: TorrentId,
        sender: ConnectionId,
        piece: PieceIndex,
    ) {
        if !sender.is_web_seed() {
            return self.ban(torrent_id, sender);
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let mut seeds = torrent.web_seeds.iter_mut();
        let (Some(content), Some(seed)) = (
            torrent.content.as_ref(),
            seeds.find(|seed| seed.id == sender && !seed.dropped),
        ) else {
            return;
        };
        let lengths = content.lengths.lengths();
        let file = seed.sent_bad(piece, &content.info, lengths);
        if seed.has.count_ones() == 0 || seed.bad_pieces >= MAX_BAD_PIECES {
            return self.ban(torrent_id, sender);
        }
        let file = file.and_then(|file| content.info.files().get(file));
        let reason = match file {
            Some(file) => format!("{}: it has another file of that length", file.path_text()),
            None => format!("it sent bad data for piece {piece}"),
        };
        seed.fault = Some(reason.clone());
        let url = seed.url.clone();
        self.cx.events.push_back(Event::WebSeedFailed {
            torrent: torrent_id,
            url,
            reason,
            dropped: false,
        });
        // What is under way may be of that file.
        self.end_runs(torrent_id, sender);
        self.fill_all(torrent_id);
    }

    /// A web seed is of no use, or lies: it is not asked any more.
    pub(super) fn drop_web_seed(&mut self, torrent: TorrentId, name: ConnectionId, reason: String) {
        let Some(seed) = self.web_seed(torrent, name).filter(|seed| !seed.dropped) else {
            return;
        };
        seed.dropped = true;
        seed.fault = Some(reason.clone());
        let url = seed.url.clone();
        self.cx.events.push_back(Event::WebSeedFailed {
            torrent,
            url,
            reason,
            dropped: true,
        });
        self.end_runs(torrent, name);
        self.discard_blocks_of(torrent, name);
        self.fill_all(torrent);
    }

    /// Nothing more is to be fetched for a torrent.
    pub(super) fn stop_web_seeds(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        let names: Vec<_> = torrent.web_seeds.iter().map(|seed| seed.id).collect();
        for name in names {
            self.end_runs(torrent_id, name);
        }
    }

    fn end_runs(&mut self, torrent_id: TorrentId, name: ConnectionId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(at) = torrent.web_seeds.iter().position(|seed| seed.id == name) else {
            return;
        };
        let runs = torrent
            .web_seeds
            .get_mut(at)
            .map(|seed| std::mem::take(&mut seed.runs));
        for run in runs.into_iter().flatten() {
            self.abandon(torrent_id, at, run);
        }
    }

    /// Gives back what a run has not brought, and ends its fetch.
    fn abandon(&mut self, torrent_id: TorrentId, at: usize, run: Run) {
        if let Some(fetch) = &run.fetch
            && self.cx.take_job(fetch.job).is_some()
        {
            self.cx
                .outputs
                .push_back(Output::CancelFetch { job: fetch.job });
        }
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let (Some(content), Some(seed)) = (torrent.content.as_mut(), torrent.web_seeds.get(at))
        else {
            return;
        };
        for block in run.wanted() {
            self.cx.requested -= block.request.length as usize;
            if !run.released {
                content.picker.release(seed.id, block.piece, block.number);
            }
        }
    }

    /// A block came from another peer: it is not waited for, and a run of which nothing is wanted
    /// soon makes room for another.
    pub(super) fn cancel_of_web_seed(
        &mut self,
        torrent_id: TorrentId,
        name: ConnectionId,
        request: BlockRequest,
    ) {
        let Some(seed) = self.web_seed(torrent_id, name) else {
            return;
        };
        let Some(index) = seed.runs.iter_mut().position(|run| run.cancel(&request)) else {
            return;
        };
        let Some(run) = seed.runs.get(index) else {
            return;
        };
        if run.unwanted_ahead() <= MAX_UNWANTED && run.wanted().next().is_some() {
            self.cx.requested -= request.length as usize;
            return;
        }
        let run = seed.runs.remove(index);
        self.cx.requested -= request.length as usize;
        let at = self.torrents.get(&torrent_id).and_then(|torrent| {
            let seeds = &torrent.web_seeds;
            seeds.iter().position(|seed| seed.id == name)
        });
        if let Some(at) = at {
            self.abandon(torrent_id, at, run);
            self.fill_web_seeds(torrent_id);
        }
    }

    fn pause(&mut self, torrent_id: TorrentId, at: usize, index: usize) {
        let run = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.web_seeds.get_mut(at)?.runs.get_mut(index));
        if let Some(fetch) = run.and_then(|run| run.fetch.as_mut())
            && !std::mem::replace(&mut fetch.paused, true)
        {
            self.cx.held_back = true;
            self.cx.outputs.push_back(Output::PauseFetch {
                job: fetch.job,
                paused: true,
            });
        }
    }

    /// The store has room again: what was held goes on.
    pub(super) fn resume_web_seeds(&mut self) {
        let now = self.cx.now;
        for seed in self
            .torrents
            .values_mut()
            .flat_map(|torrent| &mut torrent.web_seeds)
        {
            for run in &mut seed.runs {
                if let Some(fetch) = &mut run.fetch
                    && std::mem::take(&mut fetch.paused)
                {
                    run.last_data = now;
                    self.cx.outputs.push_back(Output::PauseFetch {
                        job: fetch.job,
                        paused: false,
                    });
                }
            }
        }
    }

    /// Rates, silent servers, and those whose rest is over.
    pub(super) fn tick_web_seeds(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        let mut stuck = Vec::new();
        let mut silent = false;
        for (at, seed) in torrent.web_seeds.iter_mut().enumerate() {
            seed.down.tick(now);
            for (index, run) in seed.runs.iter_mut().enumerate() {
                if run.fetch.as_ref().is_none_or(|fetch| fetch.paused) {
                    continue;
                }
                let waited = now.since(run.last_data);
                if waited > USELESS {
                    stuck.push((at, index));
                } else if waited > SNUB && !std::mem::replace(&mut run.released, true) {
                    silent = true;
                    for block in run.wanted() {
                        content.picker.release(seed.id, block.piece, block.number);
                    }
                }
            }
        }
        // From the last on, so that places stay as they are.
        for (at, index) in stuck.into_iter().rev() {
            let error = FetchError::Failed {
                reason: "it sends nothing".to_owned(),
            };
            self.fetch_failed(torrent_id, at, index, error);
        }
        if silent {
            self.fill_all(torrent_id);
        }
        // What made room may have been no write: a store that failed or was let go.
        if self.cx.storing <= self.cx.config.store_budget / 2 {
            self.resume_web_seeds();
        }
        self.fill_web_seeds(torrent_id);
    }

    fn web_seed(&mut self, torrent: TorrentId, name: ConnectionId) -> Option<&mut WebSeed> {
        let seeds = &mut self.torrents.get_mut(&torrent)?.web_seeds;
        seeds.iter_mut().find(|seed| seed.id == name)
    }
}
