//! What of a torrent is wanted, and how much: by file and by stretch of bytes, and what follows for
//! each piece and each file.
//!
//! Every byte has a priority, that of the last call that named it. A piece has the highest of its
//! bytes, since it comes as a whole; a file is wanted if any byte of it is.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use brackish_wire::Bitfield;
use brackish_wire::metainfo::{FileKind, Info};

/// Stretches of unlike priority in one torrent. They are a person's choices; a program that makes
/// more is told so.
const MAX_STRETCHES: usize = 1 << 17;

/// How much a piece, file or stretch is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Not at all: it is not asked for, and not stored where that can be helped.
    Skip,
    /// After everything else.
    Low,
    /// As everything is unless it is said otherwise.
    #[default]
    Normal,
    /// Before everything else, but for what a reader waits for.
    High,
}

/// What is wanted of a torrent when it is added. It can be changed at any time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// All of it.
    #[default]
    Everything,
    /// Nothing yet: it waits until something is chosen.
    Nothing,
    /// The files with these places in the torrent's list, as in a magnet link (BEP 53). Places that
    /// no file has are left out.
    Files(Vec<RangeInclusive<u32>>),
    /// Stretches of bytes, each with its priority, as [`Session::stretches`](crate::Session::stretches) gave them in an
    /// earlier session. What none of them names is wanted as usual; what lies beyond the torrent's end is left out.
    Stretches(Vec<(Range<u64>, Priority)>),
}

/// Why a choice cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The session has no such torrent (any more).
    #[error("the torrent was removed")]
    Removed,
    /// What the torrent holds is not known yet.
    #[error("the metadata of the torrent has not come")]
    NoMetadata,
    /// It has fewer files.
    #[error("the torrent has {files} files, and none with the place {file}")]
    NoSuchFile {
        /// The place that was asked for.
        file: usize,
        /// The files that there are.
        files: usize,
    },
    /// The stretch is empty or leads beyond the torrent's end.
    #[error("bytes {start} to {end} are not a stretch of a torrent of {total} bytes")]
    OutOfRange {
        /// The first byte.
        start: u64,
        /// The byte after the last.
        end: u64,
        /// Bytes in the torrent.
        total: u64,
    },
    /// As many readers of the torrent are open as there may be.
    #[error("too many readers")]
    TooManyReaders,
    /// So many different choices were made that no more are kept.
    #[error("too many stretches of different priority")]
    TooMany,
}

/// The priorities of one torrent.
#[derive(Debug)]
pub(crate) struct Selection {
    total: u64,
    /// Where each stretch begins and its priority, in order; the first begins at 0, and
    /// neighbours differ.
    stretches: Vec<(u64, Priority)>,
    /// The priority of each piece; empty while all are normal.
    pieces: Vec<Priority>,
    /// Whether each file without bytes is wanted, by its place in the torrent's list, where that was
    /// said. Others are wanted while any byte of the torrent is.
    empty: BTreeMap<usize, bool>,
}

impl Selection {
    /// Everything is wanted.
    pub fn new(total: u64) -> Self {
        Self {
            total,
            stretches: vec![(0, Priority::Normal)],
            pieces: Vec::new(),
            empty: BTreeMap::new(),
        }
    }

    /// What was chosen when the torrent was added.
    pub fn begin(info: &Info, select: &Select) -> Self {
        let mut selection = Self::new(info.lengths().total());
        let chosen = match select {
            Select::Everything => return selection,
            Select::Nothing => &[][..],
            Select::Files(files) => files,
            Select::Stretches(stretches) => {
                for (range, priority) in stretches.iter().take(MAX_STRETCHES) {
                    let range = range.start..range.end.min(selection.total);
                    if !range.is_empty() {
                        selection.splice(range, *priority);
                    }
                }
                selection.settle(info, &[]);
                return selection;
            }
        };
        selection.stretches = vec![(0, Priority::Skip)];
        for (index, file) in info.files().iter().enumerate() {
            let named = |range: &RangeInclusive<u32>| {
                u32::try_from(index).is_ok_and(|index| range.contains(&index))
            };
            let is_chosen = chosen.iter().any(named);
            if file.length == 0 {
                selection.empty.insert(index, is_chosen);
            } else if is_chosen {
                let bytes = file_range(info, index);
                selection.splice(bytes, Priority::Normal);
            }
        }
        selection.settle(info, &[]);
        selection
    }

    /// The priority of a piece.
    pub fn piece(&self, piece: u32) -> Priority {
        let known = self.pieces.get(piece as usize).copied();
        known.unwrap_or_default()
    }

    /// Whether a piece is wanted at all.
    pub fn wants(&self, piece: u32) -> bool {
        self.piece(piece) != Priority::Skip
    }

    /// Whether everything is wanted alike.
    pub fn is_uniform(&self) -> bool {
        matches!(self.stretches[..], [(_, Priority::Normal)])
    }

    /// Whether every piece is wanted.
    pub fn is_everything(&self) -> bool {
        self.pieces
            .iter()
            .all(|priority| *priority != Priority::Skip)
    }

    /// Gives the bytes of a file another priority.
    pub fn set_file(
        &mut self,
        info: &Info,
        file: usize,
        priority: Priority,
    ) -> Result<(), SelectError> {
        if file >= info.files().len() {
            let files = info.files().len();
            return Err(SelectError::NoSuchFile { file, files });
        }
        let entry = info.files().get(file);
        if entry.is_some_and(|entry| entry.length == 0) {
            self.empty.insert(file, priority != Priority::Skip);
        }
        let range = file_range(info, file);
        if range.is_empty() {
            return Ok(());
        }
        self.set(range, priority)
    }

    /// Gives a stretch another priority.
    pub fn set(&mut self, range: Range<u64>, priority: Priority) -> Result<(), SelectError> {
        if range.is_empty() || range.end > self.total {
            return Err(SelectError::OutOfRange {
                start: range.start,
                end: range.end,
                total: self.total,
            });
        }
        if self.stretches.len() + 2 > MAX_STRETCHES {
            return Err(SelectError::TooMany);
        }
        self.splice(range, priority);
        Ok(())
    }

    fn splice(&mut self, range: Range<u64>, priority: Priority) {
        let first = self.stretches.partition_point(|(at, _)| *at < range.start);
        let after = self.stretches.partition_point(|(at, _)| *at <= range.end);
        let before = first.checked_sub(1).map(|at| self.stretches[at].1);
        let behind = self.stretches[after.max(1) - 1].1;
        let mut new = Vec::with_capacity(2);
        if before != Some(priority) {
            new.push((range.start, priority));
        }
        if behind != priority && range.end < self.total {
            new.push((range.end, behind));
        }
        self.stretches.splice(first..after, new);
    }

    /// The stretches of unlike priority, which follow each other from the torrent's beginning to its end.
    pub fn stretches(&self) -> Vec<(Range<u64>, Priority)> {
        let ends = self.stretches.iter().skip(1).map(|(at, _)| *at);
        let ends = ends.chain([self.total]);
        let stretches = self.stretches.iter().zip(ends);
        stretches
            .map(|((start, priority), end)| (*start..end, *priority))
            .collect()
    }

    /// Works out the priorities of the pieces. What is in `reading` is wanted whatever was chosen.
    pub fn settle(&mut self, info: &Info, reading: &[Range<u64>]) {
        let lengths = info.lengths();
        self.pieces.clear();
        if self.is_uniform() {
            return;
        }
        self.pieces = vec![Priority::Skip; lengths.piece_count() as usize];
        let chosen = self.stretches().into_iter();
        let read = reading.iter().cloned().map(|range| (range, Priority::Low));
        for (range, priority) in chosen.chain(read) {
            for piece in touched(&lengths, &range) {
                if let Some(of_piece) = self.pieces.get_mut(piece as usize) {
                    *of_piece = priority.max(*of_piece);
                }
            }
        }
        if self.pieces.iter().all(|of| *of == Priority::Normal) {
            self.pieces.clear();
        }
    }

    /// The files that have a byte that is wanted or in `reading`, and those without bytes that are
    /// wanted.
    pub fn files(&self, info: &Info, reading: &[Range<u64>]) -> Bitfield {
        let count = u32::try_from(info.files().len()).unwrap_or(u32::MAX);
        let mut wanted = Bitfield::new(count);
        let something = self.stretches.iter().any(|(_, of)| *of != Priority::Skip);
        for (index, file) in (0..count).zip(info.files()) {
            let range = file.offset..file.offset + file.length;
            let read = reading
                .iter()
                .any(|read| read.start < range.end && range.start < read.end);
            let chosen = if range.is_empty() {
                let said = self.empty.get(&(index as usize)).copied();
                said.unwrap_or(something)
            } else {
                self.highest(&range) != Priority::Skip
            };
            if chosen || read {
                wanted.set(index);
            }
        }
        wanted
    }

    /// The highest priority of a stretch that is not empty.
    pub fn highest(&self, range: &Range<u64>) -> Priority {
        let first = self.stretches.partition_point(|(at, _)| *at <= range.start);
        let here = first.checked_sub(1).map(|at| self.stretches[at].1);
        let rest = self.stretches.get(first..).unwrap_or_default();
        let within = rest.iter().take_while(|(at, _)| *at < range.end);
        let priorities = within.map(|(_, priority)| *priority).chain(here);
        priorities.max().unwrap_or_default()
    }
}

/// The bytes of a file, and of the padding that follows it: nobody wants one without the other.
pub(crate) fn file_range(info: &Info, file: usize) -> Range<u64> {
    let Some(entry) = info.files().get(file) else {
        return 0..0;
    };
    let mut end = entry.offset + entry.length;
    for next in info.files().iter().skip(file + 1) {
        if next.kind != FileKind::Padding {
            break;
        }
        end = next.offset + next.length;
    }
    entry.offset..end
}

/// The pieces that have a byte of the stretch.
pub(crate) fn touched(lengths: &brackish_wire::Lengths, range: &Range<u64>) -> Range<u32> {
    let last = range.end.checked_sub(1).and_then(|at| lengths.piece_at(at));
    match (lengths.piece_at(range.start), last) {
        (Some(first), Some(last)) if !range.is_empty() => first.get()..last.get() + 1,
        _ => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use brackish_wire::metainfo::InfoBuilder;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const PIECE: u32 = 1 << 14;

    fn info(files: &[u64]) -> Info {
        let files = files.iter().enumerate();
        let files = files.map(|(at, length)| (vec![format!("file{at}")], *length));
        let builder = InfoBuilder::multi_file("folder", files.collect(), PIECE);
        let pieces = builder.lengths().unwrap().piece_count();
        builder.build(&vec![[0; 20]; pieces as usize]).unwrap()
    }

    #[test]
    fn each_byte_has_the_priority_of_the_last_call_that_named_it() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut selection = Selection::new(100);
        let mut bytes = [Priority::Normal; 100];
        for _ in 0..5000 {
            let start = rng.random_range(0..100);
            let end = rng.random_range(start + 1..=100);
            let priority = [
                Priority::Skip,
                Priority::Low,
                Priority::Normal,
                Priority::High,
            ][rng.random_range(0..4)];
            selection.set(start..end, priority).unwrap();
            bytes[start as usize..end as usize].fill(priority);
            for at in 0..100u64 {
                assert_eq!(selection.highest(&(at..at + 1)), bytes[at as usize]);
            }
            let differ = |pair: &[(u64, Priority)]| pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1;
            assert!(selection.stretches.windows(2).all(differ));
        }
    }

    #[test]
    fn a_piece_of_a_wanted_and_an_unwanted_file_is_wanted() {
        let info = info(&[20_000, 40_000]);
        let mut selection = Selection::new(60_000);
        selection.set_file(&info, 1, Priority::Skip).unwrap();
        selection.settle(&info, &[]);
        let wanted: Vec<bool> = (0..4).map(|piece| selection.wants(piece)).collect();
        assert_eq!(wanted, [true, true, false, false]);
        assert_eq!(selection.files(&info, &[]).ones().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn what_is_read_is_wanted_while_it_is_read() {
        let info = info(&[20_000, 40_000]);
        let mut selection = Selection::begin(&info, &Select::Nothing);
        assert!(!selection.wants(0));
        let reading = 40_000..40_001;
        selection.settle(&info, std::slice::from_ref(&reading));
        assert_eq!(selection.piece(2), Priority::Low);
        assert_eq!(selection.files(&info, &[reading]).ones().count(), 1);
        selection.settle(&info, &[]);
        assert!(!selection.wants(2));
    }

    #[test]
    fn the_files_of_a_magnet_link_are_chosen_by_their_place() {
        let info = info(&[PIECE.into(), PIECE.into(), 0, PIECE.into()]);
        let selection = Selection::begin(&info, &Select::Files(vec![1..=1, 3..=900]));
        let wanted: Vec<bool> = (0..3).map(|piece| selection.wants(piece)).collect();
        assert_eq!(wanted, [false, true, true]);
    }

    #[test]
    fn what_was_chosen_in_one_session_is_chosen_in_the_next() {
        let info = info(&[PIECE.into(), 20_000, PIECE.into()]);
        let total = info.lengths().total();
        let mut selection = Selection::new(total);
        selection.set_file(&info, 1, Priority::Skip).unwrap();
        selection.set(5..total - 7, Priority::High).unwrap();
        selection.set(9..11, Priority::Low).unwrap();
        let mut kept = selection.stretches();
        // What lies beyond the end is left out.
        kept.push((total..total + 5, Priority::Skip));
        let again = Selection::begin(&info, &Select::Stretches(kept));
        assert_eq!(again.stretches, selection.stretches);
        selection.settle(&info, &[]);
        assert_eq!(again.pieces, selection.pieces);
    }

    #[test]
    fn a_file_without_bytes_is_wanted_if_it_is_chosen() {
        let info = info(&[PIECE.into(), 0, 0, 0]);
        let files = |selection: &Selection| selection.files(&info, &[]).ones().collect::<Vec<_>>();
        assert_eq!(files(&Selection::new(PIECE.into())), [0, 1, 2, 3]);
        let mut selection = Selection::begin(&info, &Select::Files(vec![0..=0, 2..=2]));
        assert_eq!(files(&selection), [0, 2]);
        selection.set_file(&info, 0, Priority::Skip).unwrap();
        selection.set_file(&info, 2, Priority::Skip).unwrap();
        selection.set_file(&info, 3, Priority::High).unwrap();
        assert_eq!(files(&selection), [3]);
        assert!(files(&Selection::begin(&info, &Select::Nothing)).is_empty());
    }

    #[test]
    fn what_does_not_exist_cannot_be_chosen() {
        let info = info(&[100]);
        let mut selection = Selection::new(100);
        assert!(selection.set(50..101, Priority::High).is_err());
        assert!(selection.set(50..50, Priority::High).is_err());
        assert!(selection.set_file(&info, 1, Priority::High).is_err());
    }
}
