//! Brings a torrent's files in order once it is known which pieces are right and which files are
//! wanted: what is not the torrent's is refused or moved aside, what is to be written gets its
//! temporary name, what is complete its own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use brackish_core::StorageError;
use brackish_wire::Bitfield;

use super::clone;
use super::files::{Files, failure, read_only};
use super::homes::{Home, State};
use super::layout::Slot;
use super::ownership::{Access, Action, Facts, Notice, Refusal, StoreError, decide, proves};
use super::siblings;
use super::system;
use crate::config::Allocation;

impl Files {
    /// From now on these files are wanted, and these pieces are right. Tells what was done with
    /// existing files. Refuses before anything is changed.
    pub(crate) fn settle(
        &self,
        wanted: &Bitfield,
        verified: &Bitfield,
    ) -> Result<Vec<Notice>, StoreError> {
        let Access::Write(options) = self.access else {
            return Ok(Vec::new());
        };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let facts = self.survey(&self.homes.look(), wanted, verified)?;
        let has_parts = self.layout().parts().is_some_and(|path| path.exists());
        let proven = has_parts || facts.iter().any(|(_, facts)| proves(facts));
        let actions: Vec<_> = facts
            .iter()
            .map(|(index, facts)| (*index, decide(facts, proven, options)))
            .collect();
        let foreign = actions
            .iter()
            .find(|(_, action)| *action == Action::MoveAside);
        if let Some((index, _)) = foreign.filter(|_| !proven)
            && let Some(slot) = self.layout().files().get(*index)
        {
            let path = slot.path.clone();
            return Err(Refusal::Foreign { path }.into());
        }
        let unfinished = facts
            .iter()
            .any(|(_, facts)| facts.wanted && !facts.complete);
        if unfinished || actions.iter().any(|(_, action)| *action != Action::Keep) {
            self.lock_folder()?;
        }
        let mut notices = Vec::new();
        self.copy_existing(&actions, verified)?;
        for ((index, action), (_, facts)) in actions.into_iter().zip(&facts) {
            let Some(slot) = self.layout().files().get(index) else {
                continue;
            };
            self.act(index, slot, action, facts, verified, &mut notices)?;
        }
        self.link_wanted(wanted)?;
        if !self.homes.look().any(Home::Parts) {
            self.drop_parts()?;
        }
        if !unfinished {
            self.unlock_complete();
        }
        Ok(notices)
    }

    /// Copies the files of the torrent that are to be changed, so that their names keep what they
    /// have until the new state is complete.
    fn copy_existing(
        &self,
        actions: &[(usize, Action)],
        verified: &Bitfield,
    ) -> Result<(), StoreError> {
        let copied = |action: Action| matches!(action, Action::Begin { copy: true, .. });
        let slots = actions.iter().filter(|(_, action)| copied(*action));
        let slots: Vec<(usize, &Slot, Vec<Range<u64>>)> = slots
            .filter_map(|(index, _)| Some((*index, self.layout().files().get(*index)?)))
            .map(|(index, slot)| (index, slot, self.layout().verified_ranges(slot, verified)))
            .collect();
        let mut shares_data = true;
        for (place, (index, slot, ranges)) in slots.iter().enumerate() {
            let fail = |error: io::Error| failure(&slot.temporary, &error);
            let done = shares_data
                && clone::reflink(&slot.path, &slot.temporary, slot.length).map_err(fail)?;
            if !done {
                if std::mem::take(&mut shares_data) {
                    room_for(slots.get(place..).unwrap_or_default())?;
                }
                let copied = clone::sparse(&slot.path, &slot.temporary, slot.length, ranges);
                copied.map_err(|error| match failure(&slot.temporary, &error) {
                    StorageError::Full { .. } => {
                        no_room(slot, slots.get(place..).unwrap_or_default()).into()
                    }
                    error => StoreError::Storage(error),
                })?;
            }
            self.rehome(&mut self.homes.change(), *index, Home::Temporary);
        }
        Ok(())
    }

    fn act(
        &self,
        index: usize,
        slot: &Slot,
        action: Action,
        facts: &Facts,
        verified: &Bitfield,
        notices: &mut Vec<Notice>,
    ) -> Result<(), StoreError> {
        let mut state = self.homes.change();
        match action {
            Action::Keep => {}
            Action::MakeEmpty => _ = self.open(index, Home::Place, true)?,
            Action::Cut => notices.push(cut(slot)?),
            Action::Unmake => {
                let ranges = match state.home(index) {
                    Home::Place if facts.there.is_some() => {
                        self.layout().verified_ranges(slot, verified)
                    }
                    _ => Vec::new(),
                };
                self.keep_parts(&state, slot, &ranges)?;
                self.rehome(&mut state, index, Home::Parts);
            }
            Action::Begin { claim, .. } => {
                if claim {
                    state.claim(index);
                }
                self.make_temporary(&mut state, index, slot)?;
            }
            Action::MoveAside => {
                let to = self.move_aside(slot)?;
                state.cleared(index);
                if slot.length == 0 {
                    self.open(index, Home::Place, true)?;
                } else {
                    let was_home = state.home(index) == Home::Place;
                    self.make_temporary(&mut state, index, slot)?;
                    if was_home {
                        self.take_over(index, slot, &to, verified)?;
                    }
                }
                let path = slot.path.clone();
                notices.push(Notice::MovedAside { path, to });
            }
            Action::Finish => {}
        }
        let finishes = facts.complete && slot.length > 0 && state.home(index) == Home::Temporary;
        if finishes {
            notices.extend(self.finish(&mut state, index, slot)?);
        }
        Ok(())
    }

    /// Gives a file its temporary name, with what is kept of it, and its space where that was asked
    /// for.
    fn make_temporary(
        &self,
        state: &mut State,
        index: usize,
        slot: &Slot,
    ) -> Result<(), StorageError> {
        match state.home(index) {
            Home::Parts => self.move_in(state, index, slot)?,
            _ => self.rehome(state, index, Home::Temporary),
        }
        if self.allocation == Allocation::Full {
            let file = self.open(index, Home::Temporary, true)?;
            system::allocate(&file, slot.length)
                .map_err(|error| failure(&slot.temporary, &error))?;
        }
        Ok(())
    }

    /// Takes what is right of a file that was moved aside.
    fn take_over(
        &self,
        index: usize,
        slot: &Slot,
        from: &Path,
        verified: &Bitfield,
    ) -> Result<(), StorageError> {
        let ranges = self.layout().verified_ranges(slot, verified);
        if ranges.is_empty() {
            return Ok(());
        }
        let file = self.open(index, Home::Temporary, true)?;
        let copied = File::open(from).and_then(|from| clone::copy_ranges(&from, &file, &ranges));
        copied.map_err(|error| failure(&slot.temporary, &error))
    }

    /// Gives files that are complete their own names. Those that have them already are passed over.
    pub(crate) fn put_in_place(&self, complete: &[usize]) -> Result<Vec<Notice>, StoreError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notices = Vec::new();
        for index in complete {
            let mut state = self.homes.change();
            if state.home(*index) == Home::Temporary
                && let Some(slot) = self.layout().files().get(*index)
            {
                notices.extend(self.finish(&mut state, *index, slot)?);
            }
        }
        // What is changed under its own name may not be complete.
        if !self.access.in_place() {
            self.unlock_complete();
        }
        Ok(notices)
    }

    fn finish(
        &self,
        state: &mut State,
        index: usize,
        slot: &Slot,
    ) -> Result<Option<Notice>, StorageError> {
        let fail = |error: io::Error| failure(&slot.path, &error);
        let file = self.open(index, Home::Temporary, true)?;
        if file.metadata().map_err(fail)?.len() != slot.length {
            // Zeros at its end were never written.
            file.set_len(slot.length).map_err(fail)?;
        }
        drop(file);
        self.close_file(index);
        let overwrites = matches!(self.access, Access::Write(options) if options.overwrite);
        let mut notice = None;
        if overwrites || state.is_claimed(index) {
            fs::rename(&slot.temporary, &slot.path).map_err(fail)?;
        } else {
            let mut renamed = system::rename_new(&slot.temporary, &slot.path);
            if matches!(&renamed, Err(error) if error.kind() == io::ErrorKind::AlreadyExists) {
                // It came while this one was downloaded.
                let to = self.move_aside(slot)?;
                let path = slot.path.clone();
                notice = Some(Notice::MovedAside { path, to });
                renamed = system::rename_new(&slot.temporary, &slot.path);
            }
            renamed.map_err(fail)?;
        }
        self.rehome(state, index, Home::Place);
        Ok(notice)
    }

    /// Moves the file under a file's own name out of the way: where to.
    fn move_aside(&self, slot: &Slot) -> Result<PathBuf, StorageError> {
        let mut number = 1;
        loop {
            let to = siblings::aside(&slot.path, self.layout().short(), number);
            match system::rename_new(&slot.path, &to) {
                Ok(()) => return Ok(to),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failure(&slot.path, &error)),
            }
        }
    }

    /// A block is to be written to a file that is not made, or that stands under its own name.
    pub(super) fn make_writable(&self, index: usize) -> Result<(), StorageError> {
        let Some(slot) = self.layout().files().get(index) else {
            return Ok(());
        };
        if self.access == Access::Read {
            return Err(failure(&slot.path, &read_only()));
        }
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let home = self.homes.look().home(index);
        self.lock_folder().map_err(StoreError::into_storage)?;
        if home == Home::Place && slot.path.exists() {
            let whole = 0..slot.length;
            let copied = clone::reflink(&slot.path, &slot.temporary, slot.length).and_then(
                |done| match done {
                    true => Ok(()),
                    false => clone::sparse(&slot.path, &slot.temporary, slot.length, &[whole]),
                },
            );
            copied.map_err(|error| failure(&slot.temporary, &error))?;
        }
        let mut state = self.homes.change();
        if home == Home::Place {
            state.claim(index);
        }
        match home {
            Home::Temporary => Ok(()),
            _ => self.make_temporary(&mut state, index, slot),
        }
    }

    /// Makes the links that are wanted.
    fn link_wanted(&self, wanted: &Bitfield) -> Result<(), StorageError> {
        for (index, slot) in self.layout().files().iter().enumerate() {
            let wants = u32::try_from(index).is_ok_and(|index| wanted.get(index));
            if let Some(target) = slot.link.as_ref().filter(|_| wants) {
                self.link(slot, target)
                    .map_err(|error| failure(&slot.path, &error))?;
            }
        }
        Ok(())
    }

    /// Has the system write all that it holds back of the torrent's file systems: whether it can.
    pub(crate) fn sync(&self) -> Result<bool, StorageError> {
        let files = self.layout().files().iter().filter(|slot| slot.stored);
        let root = self.layout().root().map(PathBuf::as_path);
        let paths = root
            .into_iter()
            .chain(files.map(|slot| slot.path.as_path()));
        system::sync(paths).map_err(|error| failure(root.unwrap_or(Path::new("")), &error))
    }

    /// Changes where the bytes of a file are; it is opened anew there.
    fn rehome(&self, state: &mut State, index: usize, home: Home) {
        if state.home(index) != home {
            self.close_file(index);
            state.set_home(index, home);
        }
    }

    /// Lets others write here once there is nothing left to write.
    fn unlock_complete(&self) {
        if self.homes.look().all_in_place() {
            self.lock
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
        }
    }
}

fn cut(slot: &Slot) -> Result<Notice, StorageError> {
    let open = OpenOptions::new().write(true).open(&slot.path);
    let cut = open.and_then(|file| {
        let was = file.metadata()?.len();
        file.set_len(slot.length)?;
        Ok(was)
    });
    Ok(Notice::Cut {
        path: slot.path.clone(),
        was: cut.map_err(|error| failure(&slot.path, &error))?,
        length: slot.length,
    })
}

/// Refuses where the copies have no room, all together.
fn room_for(copies: &[(usize, &Slot, Vec<Range<u64>>)]) -> Result<(), Refusal> {
    let Some((_, first, _)) = copies.first() else {
        return Ok(());
    };
    let available = first.temporary.parent().and_then(system::available);
    match available {
        Some(available) if needed(copies) > available => Err(no_room(first, copies)),
        _ => Ok(()),
    }
}

fn no_room(slot: &Slot, copies: &[(usize, &Slot, Vec<Range<u64>>)]) -> Refusal {
    let available = slot.temporary.parent().and_then(system::available);
    Refusal::NoRoom {
        path: slot.path.clone(),
        needed: needed(copies),
        available: available.unwrap_or(0),
    }
}

/// Bytes that the copies take.
fn needed(copies: &[(usize, &Slot, Vec<Range<u64>>)]) -> u64 {
    let of_one = |(_, slot, ranges): &(usize, &Slot, Vec<Range<u64>>)| {
        let asked: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        let allocated = fs::metadata(&slot.path).map_or(asked, |there| system::allocated(&there));
        asked.min(allocated)
    };
    copies.iter().map(of_one).sum()
}
