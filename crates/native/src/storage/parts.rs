//! Files that are not wanted are not made. Where a piece that is wanted reaches into one, that part
//! of it is kept in one file beside the torrent's own, a slot for each piece that lies in several
//! files; from there it is served, and put in its place when its file is wanted after all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use brackish_core::StorageError;

use super::files::{Files, failure};
use super::homes::{Home, State};
use super::layout::{Layout, Slot};
use super::system;

/// The place of the file of parts in the table of open files: no torrent has so many files.
pub(super) const PARTS: usize = usize::MAX;

/// Bytes moved at a time when a file is wanted after all.
const CHUNK: u64 = 256 << 10;

/// Where a stretch of a file that is not made is.
pub(super) enum Part {
    /// At these bytes of the file of parts.
    At(u64),
    /// Nowhere: its piece lies in this file alone.
    Nowhere,
}

impl State {
    /// Where a byte of the torrent is that belongs to a file that is not made.
    pub(super) fn find(&self, layout: &Layout, offset: u64) -> Part {
        let lengths = layout.lengths();
        let Some(piece) = lengths.piece_at(offset) else {
            return Part::Nowhere;
        };
        match self.shared().binary_search(&piece.get()) {
            Ok(slot) => {
                let slot = slot as u64 * u64::from(lengths.piece_length());
                Part::At(slot + offset - lengths.piece_offset(piece))
            }
            Err(_) => Part::Nowhere,
        }
    }
}

impl Files {
    /// The file of parts, opened now if it is not, and made if it is to be written.
    pub(super) fn open_parts(&self, write: bool) -> Result<Arc<File>, StorageError> {
        if let Some(file) = self.handle(PARTS, write) {
            return Ok(file);
        }
        let opened = match self.layout().parts() {
            Some(path) => open(path, write),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        let file = Arc::new(opened.map_err(|error| self.parts_failure(&error))?);
        self.keep_handle(PARTS, true, file.clone());
        Ok(file)
    }

    /// Whether the piece has a slot that was ever written, or one before it was.
    pub(super) fn may_hold(&self, state: &State, offset: u64) -> bool {
        let there = self
            .layout()
            .parts()
            .and_then(|path| fs::metadata(path).ok());
        match (state.find(self.layout(), offset), there) {
            (Part::At(at), Some(there)) => there.len() > at,
            _ => false,
        }
    }

    /// Moves what is kept of a file that was not made under its temporary name.
    pub(super) fn move_in(
        &self,
        state: &mut State,
        index: usize,
        slot: &Slot,
    ) -> Result<(), StorageError> {
        let lengths = self.layout().lengths();
        let is_there = self.layout().parts().is_some_and(|path| path.exists());
        let pieces = self.layout().pieces_of(slot);
        let slots = state
            .shared()
            .partition_point(|piece| *piece < pieces.start)
            ..state.shared().partition_point(|piece| *piece < pieces.end);
        for place in slots.filter(|_| is_there) {
            let piece = state.shared().get(place).and_then(|at| lengths.piece(*at));
            let Some(piece) = piece else { continue };
            let start = lengths.piece_offset(piece);
            let from = start.max(slot.offset);
            let to = (start + u64::from(lengths.piece_size(piece))).min(slot.offset + slot.length);
            let kept = place as u64 * u64::from(lengths.piece_length()) + from - start;
            self.move_part(kept, index, slot, from - slot.offset..to - slot.offset)?;
        }
        state.set_home(index, Home::Temporary);
        Ok(())
    }

    /// Copies bytes out of the file of parts. What was never written there is not.
    fn move_part(
        &self,
        kept: u64,
        index: usize,
        slot: &Slot,
        range: Range<u64>,
    ) -> Result<(), StorageError> {
        let parts = self.open_parts(false)?;
        let mut at = range.start;
        while at < range.end {
            let mut chunk = vec![0; (range.end - at).min(CHUNK) as usize];
            match system::read_exact_at(&parts, &mut chunk, kept + at - range.start) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(self.parts_failure(&error)),
                Ok(()) => {}
            }
            if chunk.iter().any(|byte| *byte != 0) {
                let file = self.open(index, Home::Temporary, true)?;
                system::write_all_at(&file, &chunk, at)
                    .map_err(|error| failure(&slot.temporary, &error))?;
            }
            at += chunk.len() as u64;
        }
        Ok(())
    }

    /// Copies `ranges` of a file of somebody else's, which lie in verified pieces, to the file of
    /// parts.
    pub(super) fn keep_parts(
        &self,
        state: &State,
        slot: &Slot,
        ranges: &[Range<u64>],
    ) -> Result<(), StorageError> {
        if ranges.is_empty() {
            return Ok(());
        }
        let from = File::open(&slot.path).map_err(|error| failure(&slot.path, &error))?;
        for range in ranges {
            let mut at = range.start;
            while at < range.end {
                let piece = self.layout().lengths().piece_at(slot.offset + at);
                let Some(piece) = piece else { break };
                let lengths = self.layout().lengths();
                let end = lengths.piece_offset(piece) + u64::from(lengths.piece_size(piece));
                let end = (end - slot.offset).min(range.end);
                if let Part::At(to) = state.find(self.layout(), slot.offset + at) {
                    let mut chunk = vec![0; (end - at) as usize];
                    system::read_exact_at(&from, &mut chunk, at)
                        .map_err(|error| failure(&slot.path, &error))?;
                    system::write_all_at(&*self.open_parts(true)?, &chunk, to)
                        .map_err(|error| self.parts_failure(&error))?;
                }
                at = end;
            }
        }
        Ok(())
    }

    /// Removes the file of parts once every file is made.
    pub(super) fn drop_parts(&self) -> Result<(), StorageError> {
        let Some(path) = self.layout().parts() else {
            return Ok(());
        };
        self.close_file(PARTS);
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.parts_failure(&error))
            }
            _ => Ok(()),
        }
    }

    /// What the session is told of an error with the file of parts.
    pub(super) fn parts_failure(&self, error: &io::Error) -> StorageError {
        let path = self.layout().parts().cloned().unwrap_or_default();
        failure(&path, error)
    }
}

fn open(path: &Path, write: bool) -> io::Result<File> {
    // It may be the first of all that is written.
    if let (true, Some(parent)) = (write, path.parent()) {
        fs::create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(write).open(path)
}
