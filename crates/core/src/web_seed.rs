//! A web seed (BEP 19): an HTTP server that has the torrent's files. To the picker it is one more
//! source; it is asked for runs of blocks, each a few ranges of files that come as streams.
//!
//! Responsibilities: (1) which pieces it is believed to have; (2) the runs under way: which bytes of
//! which file come next, and the blocks that those make up; (3) when it may be asked again after it
//! failed.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use brackish_wire::metainfo::{FileKind, Info};
use brackish_wire::{BLOCK_LENGTH, Bitfield, BlockRequest, Lengths, PieceIndex};
use bytes::Bytes;

use crate::meter::Meter;
use crate::{ConnectionId, FetchError, JobId, Timestamp};

/// Web seeds kept of one torrent; what is over is not used. Real torrents have a few mirrors.
pub(crate) const MAX_WEB_SEEDS: usize = 16;

/// Runs of one web seed at once: one comes while the next is asked for, so that no round trip is
/// lost between them.
const RUNS: usize = 2;

/// What a run holds in time, at the seed's rate: long enough that requests cost nothing, short
/// enough that what turns out slow can be asked elsewhere.
const RUN_TIME: Duration = Duration::from_secs(2);

/// Blocks of a run of a seed whose rate is not known: 1 MiB.
const FIRST_RUN: usize = 64;

/// Most blocks of a run, unless a piece has more: 8 MiB.
const MAX_RUN: usize = 512;

/// Wait after a first failure; doubled at each that follows.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Doublings of the wait: it ends at about ten minutes.
const MAX_DOUBLINGS: u32 = 7;

/// The longest wait that a server may ask for (`Retry-After`).
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Bad pieces after which a web seed is not asked any more: a mirror with a few files that changed is
/// still worth having, one that lies costs this many pieces.
pub(crate) const MAX_BAD_PIECES: u32 = 8;

/// A slot that no connection has: the names of web seeds are told from those of connections by it.
const SLOT: u32 = (1 << 20) - 1;

const ZEROS: &[u8] = &[0; BLOCK_LENGTH as usize];

impl ConnectionId {
    /// The name of a web seed, as the picker and the blame know it.
    pub(crate) fn of_web_seed(number: u32) -> Self {
        Self {
            slot: SLOT,
            generation: number,
        }
    }

    pub(crate) fn is_web_seed(self) -> bool {
        self.slot == SLOT
    }
}

#[derive(Debug)]
pub(crate) struct WebSeed {
    pub id: ConnectionId,
    pub url: String,
    /// The pieces that it is believed to have; none before the metadata.
    pub has: Bitfield,
    pub runs: Vec<Run>,
    /// The piece after those of its last run.
    pub next: Option<u32>,
    pub down: Meter,
    /// In a row.
    pub failures: u32,
    /// It is not asked before.
    pub rests_until: Timestamp,
    /// Why it failed last, in words.
    pub fault: Option<String>,
    /// It is not asked any more.
    pub dropped: bool,
    /// Pieces that were bad.
    pub bad_pieces: u32,
    /// Files of bad pieces of which it is not known whether they are those that are bad: at most
    /// those of `MAX_BAD_PIECES` pieces.
    doubted: Vec<usize>,
}

impl WebSeed {
    pub fn new(id: ConnectionId, url: String) -> Self {
        Self {
            id,
            url,
            has: Bitfield::new(0),
            runs: Vec::new(),
            next: None,
            down: Meter::default(),
            failures: 0,
            rests_until: Timestamp::ZERO,
            fault: None,
            dropped: false,
            bad_pieces: 0,
            doubted: Vec::new(),
        }
    }

    /// Whether it may be given another run. One that is not known to work has one at a time.
    pub fn takes_run(&self, now: Timestamp) -> bool {
        let untried = self.failures > 0 || self.down.total() == 0;
        let most = if untried { 1 } else { RUNS };
        !self.dropped && now >= self.rests_until && self.runs.len() < most
    }

    /// Blocks of the next run, where pieces have `piece` blocks.
    pub fn run_length(&self, piece: usize) -> usize {
        let rate = self.down.rate() as f64;
        let blocks = rate * RUN_TIME.as_secs_f64() / f64::from(BLOCK_LENGTH);
        let wanted = if self.down.rate() == 0 {
            FIRST_RUN
        } else {
            (blocks as usize).min(MAX_RUN)
        };
        wanted.max(piece.min(MAX_RUN))
    }

    /// Until when it rests after a failure.
    pub fn rest(&mut self, retry_after: Option<Duration>, now: Timestamp) {
        let wait = FIRST_RETRY * 2u32.pow(self.failures.min(MAX_DOUBLINGS));
        self.failures += 1;
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.rests_until = now + wait.max(asked);
    }

    /// A piece of it was bad. Where that lies in one file, or in a file of which another piece was bad,
    /// the server has another file than the torrent's, and is asked for no piece of it; gives the
    /// file. Else it is not known which of the piece's files is another, and it is not asked for the piece.
    pub fn sent_bad(&mut self, piece: PieceIndex, info: &Info, lengths: Lengths) -> Option<usize> {
        let begin = lengths.piece_offset(piece);
        let end = begin + u64::from(lengths.piece_size(piece));
        let files = info.files().iter().enumerate();
        let touched: Vec<usize> = files
            .filter(|(_, file)| file.kind != FileKind::Padding && file.length > 0)
            .filter(|(_, file)| file.offset < end && file.offset + file.length > begin)
            .map(|(index, _)| index)
            .collect();
        self.has.clear(piece.get());
        self.bad_pieces += 1;
        let changed = match touched[..] {
            [one] => Some(one),
            _ => touched
                .iter()
                .copied()
                .find(|file| self.doubted.contains(file)),
        };
        match changed {
            Some(file) => self.lacks(file, info, lengths),
            None => self.doubted.extend(touched),
        }
        changed
    }

    /// It does not have this file, or has another: the pieces of it are asked elsewhere.
    pub fn lacks(&mut self, file: usize, info: &Info, lengths: Lengths) {
        let Some(entry) = info.files().get(file).filter(|entry| entry.length > 0) else {
            return;
        };
        let first = lengths.piece_at(entry.offset);
        let last = lengths.piece_at(entry.offset + entry.length - 1);
        if let (Some(first), Some(last)) = (first, last) {
            for piece in first.get()..=last.get() {
                self.has.clear(piece);
            }
        }
    }
}

/// Blocks asked of a web seed that come one after the other.
#[derive(Debug)]
pub(crate) struct Run {
    /// Those that have not come, in the order in which they will.
    blocks: VecDeque<RunBlock>,
    /// The range under way.
    pub fetch: Option<Fetch>,
    /// What has come of the first block.
    partial: Vec<u8>,
    /// When bytes came last, or were asked for.
    pub last_data: Timestamp,
    /// Its blocks were given back to the picker because the server was silent.
    pub released: bool,
}

/// A block of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunBlock {
    pub piece: PieceIndex,
    pub number: u32,
    pub request: BlockRequest,
    /// It has not come from another peer meanwhile.
    pub wanted: bool,
}

/// A range of a file under way.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub job: JobId,
    pub file: usize,
    /// Bytes still to come.
    left: u64,
    /// The driver was told to hold it.
    pub paused: bool,
}

/// What a run wants next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This range of this file.
    Range { file: usize, range: Range<u64> },
    /// As many zeros of a padding file, which nobody sends.
    Zeros(u64),
    /// Nothing.
    End,
}

impl Run {
    pub fn new(blocks: VecDeque<RunBlock>, now: Timestamp) -> Self {
        Self {
            blocks,
            fetch: None,
            partial: Vec::new(),
            last_data: now,
            released: false,
        }
    }

    /// The blocks that have not come and are still wanted.
    pub fn wanted(&self) -> impl Iterator<Item = &RunBlock> {
        self.blocks.iter().filter(|block| block.wanted)
    }

    /// A block came from another peer. Whether it was wanted of this run.
    pub fn cancel(&mut self, request: &BlockRequest) -> bool {
        let block = self
            .blocks
            .iter_mut()
            .find(|block| block.request == *request && block.wanted);
        block.map(|block| block.wanted = false).is_some()
    }

    /// Blocks that come next and are not wanted any more.
    pub fn unwanted_ahead(&self) -> usize {
        self.blocks.iter().take_while(|block| !block.wanted).count()
    }

    /// What to fetch next, once what was fetched has come: as far as the blocks and the file go on
    /// without a gap.
    pub fn next(&mut self, info: &Info, lengths: Lengths) -> Next {
        self.fetch = None;
        if self.partial.is_empty() {
            while self.blocks.front().is_some_and(|block| !block.wanted) {
                self.blocks.pop_front();
            }
        }
        let offset =
            |block: &RunBlock| lengths.piece_offset(block.piece) + u64::from(block.request.begin);
        let Some(first) = self.blocks.front() else {
            return Next::End;
        };
        let begin = offset(first) + self.partial.len() as u64;
        let mut end = offset(first) + u64::from(first.request.length);
        for block in self.blocks.iter().skip(1) {
            if offset(block) != end || !block.wanted {
                break;
            }
            end += u64::from(block.request.length);
        }
        let files = info.files();
        let file = files.partition_point(|file| file.offset + file.length <= begin);
        let Some(entry) = files.get(file).filter(|entry| entry.offset <= begin) else {
            return Next::End;
        };
        let range = begin - entry.offset..entry.length.min(end - entry.offset);
        match entry.kind {
            FileKind::Padding => Next::Zeros(range.end - range.start),
            _ => Next::Range { file, range },
        }
    }

    /// A range is under way.
    pub fn begin(&mut self, job: JobId, file: usize, range: &Range<u64>, now: Timestamp) {
        self.last_data = now;
        self.fetch = Some(Fetch {
            job,
            file,
            left: range.end - range.start,
            paused: false,
        });
    }

    /// Cuts what came to what the range has left, and says whether that is all of it.
    pub fn advance<'a>(&mut self, data: &'a [u8], now: Timestamp) -> (&'a [u8], bool) {
        self.last_data = now;
        let Some(fetch) = &mut self.fetch else {
            return (&[], false);
        };
        let left = usize::try_from(fetch.left).unwrap_or(usize::MAX);
        let data = data.get(..left).unwrap_or(data);
        fetch.left -= data.len() as u64;
        (data, fetch.left == 0)
    }

    /// Takes bytes off `data` until a block is whole.
    pub fn take_block(&mut self, data: &mut &[u8]) -> Option<(RunBlock, Bytes)> {
        let length = self.blocks.front()?.request.length as usize;
        let missing = length.saturating_sub(self.partial.len());
        let (head, rest) = data.split_at_checked(missing).unwrap_or((*data, &[]));
        *data = rest;
        let block = if head.len() == length {
            Bytes::copy_from_slice(head)
        } else {
            if self.partial.is_empty() {
                self.partial.reserve_exact(length);
            }
            self.partial.extend_from_slice(head);
            if head.len() < missing {
                return None;
            }
            std::mem::take(&mut self.partial).into()
        };
        Some((self.blocks.pop_front()?, block))
    }
}

/// Up to a block of zeros, to be given as often as needed.
pub(crate) fn zeros(count: u64) -> &'static [u8] {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    ZEROS.get(..count).unwrap_or(ZEROS)
}

/// What a failed fetch says of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is of no use to this torrent.
    Useless,
    /// It does not have this file.
    LacksFile,
    /// It may do better later, at the earliest after the time that it asks for.
    Later(Option<Duration>),
}

impl FetchError {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            // Request Timeout, Too Early, Too Many Requests.
            Self::Status {
                code: 408 | 425 | 429,
                retry_after,
            } => Verdict::Later(*retry_after),
            Self::Status { code: 400..500, .. } | Self::WrongLength { .. } => Verdict::LacksFile,
            Self::Status { retry_after, .. } => Verdict::Later(*retry_after),
            Self::NoRanges | Self::WrongRange | Self::Unusable { .. } => Verdict::Useless,
            Self::Failed { .. } => Verdict::Later(None),
        }
    }
}
