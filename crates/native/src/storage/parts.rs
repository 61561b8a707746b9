//! Files that are not wanted are not made. Where a piece that is wanted reaches into one, that part
//! of it is kept in one file beside the torrent's own, a slot for each piece that lies in several
//! files; from there it is served, and put in its place when its file is wanted after all.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use brackish_core::StorageError;
use brackish_wire::Bitfield;

use super::files::{Files, failure};
use super::layout::{Layout, Slot};
use super::system;

/// The place of the file of parts in the table of open files: no torrent has so many files.
pub(super) const PARTS: usize = usize::MAX;

/// Bytes moved at a time when a file is wanted after all.
const CHUNK: u64 = 256 << 10;

/// Which files of a torrent are not made, and where parts of them are.
#[derive(Debug)]
pub(super) struct Parts {
    path: Option<PathBuf>,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether each file is one that is not made.
    unmade: Vec<bool>,
    /// The pieces that lie in several files, in order: each has a slot, by its place here.
    shared: Vec<u32>,
}

/// Where a stretch of a file that is not made is.
pub(super) enum Part {
    /// At these bytes of the file of parts.
    At(u64),
    /// Nowhere: its piece lies in this file alone.
    Nowhere,
}

impl Parts {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            path: layout.parts().map(PathBuf::from),
            state: RwLock::default(),
        }
    }

    /// What is known; it does not change while this is held, so that what is written goes where it
    /// is looked for afterwards.
    pub(super) fn look(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, unless it is being changed.
    pub(super) fn try_look(&self) -> Option<RwLockReadGuard<'_, State>> {
        self.state.try_read().ok()
    }

    fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of parts.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.path.as_ref()
    }
}

impl State {
    /// Whether the file is one that is not made.
    pub(super) fn is_unmade(&self, file: usize) -> bool {
        self.unmade.get(file).copied().unwrap_or(false)
    }

    /// Where a byte of the torrent is that belongs to a file that is not made.
    pub(super) fn find(&self, layout: &Layout, offset: u64) -> Part {
        let lengths = layout.lengths();
        let Some(piece) = lengths.piece_at(offset) else {
            return Part::Nowhere;
        };
        match self.shared.binary_search(&piece.get()) {
            Ok(slot) => {
                let slot = slot as u64 * u64::from(lengths.piece_length());
                Part::At(slot + offset - lengths.piece_offset(piece))
            }
            Err(_) => Part::Nowhere,
        }
    }

    fn begin(&mut self, layout: &Layout) {
        if self.unmade.is_empty() {
            self.unmade = vec![false; layout.files().len()];
            self.shared = shared_pieces(layout);
        }
    }
}

impl Files {
    /// Makes ready for the files that are wanted to begin with. Parts that an earlier run left are
    /// found again.
    pub(crate) fn prepare(&self, wanted: &Bitfield) -> Result<(), StorageError> {
        if self.parts.path().is_some_and(|path| path.exists()) {
            let mut state = self.parts.change();
            state.begin(self.layout());
            for (index, slot) in self.layout().files().iter().enumerate() {
                state.unmade[index] = slot.stored && slot.length > 0 && !slot.path.exists();
            }
        }
        self.want(wanted)
    }

    /// From now on these files are wanted, and the others are not made unless they are there.
    pub(crate) fn want(&self, wanted: &Bitfield) -> Result<(), StorageError> {
        if self.parts.path().is_none() {
            return Ok(());
        }
        let wants = |index: usize| u32::try_from(index).is_ok_and(|index| wanted.get(index));
        let mut state = self.parts.change();
        state.begin(self.layout());
        for (index, slot) in self.layout().files().iter().enumerate() {
            if let Some(target) = slot.link.as_ref().filter(|_| wants(index)) {
                self.link(slot, target)
                    .map_err(|error| failure(&slot.path, &error))?;
            }
            if !slot.stored {
                continue;
            }
            let unmade = state.is_unmade(index);
            if !wants(index) {
                let is_there = slot.length == 0 || slot.path.exists();
                state.unmade[index] = unmade || !is_there;
                continue;
            }
            if unmade {
                self.move_in(&mut state, index, slot)?;
            }
            self.make(index, slot)?;
        }
        let any = state.unmade.contains(&true);
        if !any && let Some(path) = self.parts.path() {
            self.close_file(PARTS);
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failure(path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A stretch of a file that was not to be made is written, and there is no slot for it: the
    /// file is made after all.
    pub(super) fn make_after_all(&self, index: usize) -> Result<(), StorageError> {
        let mut state = self.parts.change();
        match self.layout().files().get(index) {
            Some(slot) if state.is_unmade(index) => self.move_in(&mut state, index, slot),
            _ => Ok(()),
        }
    }

    /// Whether the piece has a slot that was ever written, or one before it was.
    pub(super) fn may_hold(&self, state: &State, offset: u64) -> bool {
        let there = self.parts.path().and_then(|path| fs::metadata(path).ok());
        match (state.find(self.layout(), offset), there) {
            (Part::At(at), Some(there)) => there.len() > at,
            _ => false,
        }
    }

    /// Moves what is kept of a file into its place.
    fn move_in(&self, state: &mut State, index: usize, slot: &Slot) -> Result<(), StorageError> {
        let lengths = self.layout().lengths();
        let end = slot.offset + slot.length;
        let first = lengths.piece_at(slot.offset);
        let last = lengths.piece_at(end.saturating_sub(1));
        let touched: Vec<u32> = first.into_iter().chain(last).map(|at| at.get()).collect();
        state.unmade[index] = false;
        let is_there = self.parts.path().is_some_and(|path| path.exists());
        let (Some(first), Some(last), true) = (touched.first(), touched.last(), is_there) else {
            return Ok(());
        };
        let slots = state.shared.partition_point(|piece| piece < first)
            ..state.shared.partition_point(|piece| piece <= last);
        for place in slots {
            let Some(piece) = state.shared.get(place).and_then(|at| lengths.piece(*at)) else {
                continue;
            };
            let start = lengths.piece_offset(piece);
            let from = start.max(slot.offset);
            let to = (start + u64::from(lengths.piece_size(piece))).min(end);
            let kept = place as u64 * u64::from(lengths.piece_length()) + from - start;
            let moved = self.copy(kept, index, slot, from - slot.offset, to - from);
            if moved.is_err() {
                state.unmade[index] = true;
            }
            moved?;
        }
        Ok(())
    }

    /// Copies bytes out of the file of parts. What was never written there is not.
    fn copy(
        &self,
        kept: u64,
        index: usize,
        slot: &Slot,
        offset: u64,
        length: u64,
    ) -> Result<(), StorageError> {
        let parts = self.open(PARTS, false)?;
        let mut done = 0;
        while done < length {
            let mut chunk = vec![0; (length - done).min(CHUNK) as usize];
            match system::read_exact_at(&parts, &mut chunk, kept + done) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(self.parts_failure(&error)),
                Ok(()) => {}
            }
            if chunk.iter().any(|byte| *byte != 0) {
                let file = self.open(index, true)?;
                system::write_all_at(&file, &chunk, offset + done)
                    .map_err(|error| failure(&slot.path, &error))?;
            }
            done += chunk.len() as u64;
        }
        Ok(())
    }

    /// What the session is told of an error with the file of parts.
    pub(super) fn parts_failure(&self, error: &io::Error) -> StorageError {
        let path = self.parts.path().cloned().unwrap_or_default();
        failure(&path, error)
    }
}

/// The pieces that have bytes of several files that are stored.
fn shared_pieces(layout: &Layout) -> Vec<u32> {
    let lengths = layout.lengths();
    let mut shared = Vec::new();
    let mut before = None;
    let stored = |slot: &&Slot| slot.stored && slot.length > 0;
    for slot in layout.files().iter().filter(stored) {
        let first = lengths.piece_at(slot.offset).map(|piece| piece.get());
        let last = lengths.piece_at(slot.offset + slot.length - 1);
        if let Some(first) = first.filter(|first| before == Some(*first))
            && shared.last() != Some(&first)
        {
            shared.push(first);
        }
        before = last.map(|piece| piece.get());
    }
    shared
}
