//! What is there when a store is opened, and later when other files are wanted: nothing is changed
//! here but for the lock.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;
use std::sync::PoisonError;

use brackish_core::StorageError;
use brackish_wire::Bitfield;
use brackish_wire::metainfo::{Verdict, Verifier};

use super::files::{Files, failure};
use super::homes::{Home, State};
use super::layout::Slot;
use super::lock::{FolderLock, LockError, PATIENCE};
use super::ownership::{Access, Facts, Refusal, StoreError};
use super::system;

/// Bytes read at a time to be hashed.
const CHUNK: usize = 256 << 10;

impl Files {
    /// Finds the files, before anything else is done with the store. Locks the folder if something
    /// will have to be written.
    pub(crate) fn begin(&self, verifier: &Verifier) -> Result<(), StoreError> {
        self.refuse_hidden()?;
        if let Some(path) = self.layout().parts().filter(|path| path.is_dir()) {
            let reason =
                "there is a folder of this name where a file of parts is kept: move it away";
            return Err(failure(path, &io::Error::other(reason)).into());
        }
        let Some(found) = self.find(verifier)? else {
            return Ok(());
        };
        let locks = self.access != Access::Read && !found.all_in_place();
        *self.homes.change() = found;
        if locks {
            self.lock_folder()?;
            // Whoever had the lock may have changed what is there.
            if let Some(found) = self.find(verifier)? {
                *self.homes.change() = found;
            }
        }
        Ok(())
    }

    fn refuse_hidden(&self) -> Result<(), Refusal> {
        let allowed = match self.access {
            Access::Read => true,
            Access::Write(options) => options.allow_hidden,
        };
        let (Some(root), false) = (self.layout().root(), allowed) else {
            return Ok(());
        };
        for slot in self.layout().files() {
            let below = slot.path.strip_prefix(root).unwrap_or(&slot.path);
            let first = below.components().next().map(|first| first.as_os_str());
            if let Some(name) = first.filter(|name| name.as_encoded_bytes().starts_with(b".")) {
                let path = root.join(name);
                return Err(Refusal::Hidden { path });
            }
        }
        Ok(())
    }

    /// Where the files are, unless they are mapped.
    fn find(&self, verifier: &Verifier) -> Result<Option<State>, StorageError> {
        let Some(parts) = self.layout().parts() else {
            return Ok(None);
        };
        let has_parts = parts.exists();
        let writes = self.access != Access::Read;
        let mut homes = Vec::with_capacity(self.layout().files().len());
        let mut twice = Vec::new();
        for (index, slot) in self.layout().files().iter().enumerate() {
            if !slot.stored || slot.length == 0 {
                homes.push(Home::Place);
                continue;
            }
            let begun = file_at(&slot.temporary)?.is_some();
            let there = slot.path.exists();
            homes.push(match (begun, there) {
                (true, false) => Home::Temporary,
                (true, true) if writes => Home::Temporary,
                (_, true) => Home::Place,
                (false, false) if has_parts => Home::Parts,
                (false, false) if writes => Home::Temporary,
                (false, false) => Home::Place,
            });
            if begun && there && writes {
                twice.push(index);
            }
        }
        let mut state = State::new(self.layout(), homes);
        for index in twice {
            let Some(slot) = self.layout().files().get(index) else {
                continue;
            };
            match self.is_small(&state, slot) || self.holds_right_piece(&state, slot, verifier) {
                true => state.claim(index),
                false => state.contest(index),
            }
        }
        Ok(Some(state))
    }

    /// Where the file is if it is there under its temporary name alone.
    pub(crate) fn unfinished(&self, index: usize) -> Option<&Path> {
        let slot = self.layout().files().get(index)?;
        let unfinished = self.homes.look().home(index) == Home::Temporary;
        unfinished.then_some(slot.temporary.as_path())
    }

    /// Whether no piece lies in the file alone.
    fn is_small(&self, state: &State, slot: &Slot) -> bool {
        let mut pieces = self.layout().pieces_of(slot);
        pieces.all(|piece| state.is_shared(piece))
    }

    /// Whether the file under its own name holds a piece that lies in it alone and is right.
    fn holds_right_piece(&self, state: &State, slot: &Slot, verifier: &Verifier) -> bool {
        let Ok(file) = File::open(&slot.path) else {
            return false;
        };
        let hashers = self.layout().hashers();
        let lengths = self.layout().lengths();
        let mut chunk = vec![0; CHUNK];
        let pieces = self.layout().pieces_of(slot);
        let mut pieces = pieces
            .filter(|piece| !state.is_shared(*piece))
            .filter_map(|piece| lengths.piece(piece));
        pieces.any(|piece| {
            let start = lengths.piece_offset(piece) - slot.offset;
            let size = hashers.layout().piece_size(piece);
            let mut hasher = hashers.hasher(piece);
            while !hasher.is_done() {
                let taken = hasher.taken();
                let length = CHUNK.min((size - taken) as usize);
                let Some(chunk) = chunk.get_mut(..length) else {
                    return false;
                };
                let at = start + u64::from(taken);
                // What lies beyond the file in its piece is padding.
                let within = slot.length.saturating_sub(at).min(length as u64) as usize;
                let (data, padding) = chunk.split_at_mut(within);
                padding.fill(0);
                if system::read_exact_at(&file, data, at).is_err() {
                    return false;
                }
                hasher.update(chunk);
            }
            verifier.judge(piece, &hasher.finish()) == Verdict::Good
        })
    }

    /// Takes the lock of the folder, unless it is held.
    pub(super) fn lock_folder(&self) -> Result<(), StoreError> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(path) = self.layout().lock().filter(|_| held.is_none()) else {
            return Ok(());
        };
        match FolderLock::acquire(path, PATIENCE) {
            Ok(lock) => *held = Some(lock),
            Err(LockError::Held(process)) => {
                let path = self.layout().root().cloned().unwrap_or_default();
                return Err(Refusal::InUse { path, process }.into());
            }
            Err(LockError::Io(error)) => return Err(failure(path, &error).into()),
        }
        Ok(())
    }

    /// What is known of each file that the torrent stores, by its place.
    pub(super) fn survey(
        &self,
        state: &State,
        wanted: &Bitfield,
        verified: &Bitfield,
    ) -> Result<Vec<(usize, Facts)>, StorageError> {
        let stored = self.layout().files().iter().enumerate();
        let stored = stored.filter(|(_, slot)| slot.stored);
        stored
            .map(|(index, slot)| {
                let wanted = u32::try_from(index).is_ok_and(|index| wanted.get(index));
                let facts = self.facts(state, index, slot, wanted, verified)?;
                Ok((index, facts))
            })
            .collect()
    }

    fn facts(
        &self,
        state: &State,
        index: usize,
        slot: &Slot,
        wanted: bool,
        verified: &Bitfield,
    ) -> Result<Facts, StorageError> {
        let home = state.home(index);
        let there = match wanted || home == Home::Place {
            true => file_at(&slot.path)?,
            false => None,
        };
        let begun = home == Home::Temporary && file_at(&slot.temporary)?.is_some();
        let mut own = self.layout().pieces_of(slot);
        let complete = own.clone().all(|piece| verified.get(piece));
        let piece = own.any(|piece| verified.get(piece) && !state.is_shared(piece));
        let vacant = there
            .as_ref()
            .is_some_and(|there| !piece && is_vacant(&slot.path, there));
        Ok(Facts {
            length: slot.length,
            wanted,
            home,
            begun,
            there: there.map(|there| there.len()),
            vacant,
            small: self.is_small(state, slot),
            piece,
            complete,
            claimed: state.is_claimed(index),
            contested: state.is_contested(index),
        })
    }
}

/// The file at this path, if there is something; what is not a file is an error.
pub(super) fn file_at(path: &Path) -> Result<Option<Metadata>, StorageError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(StorageError::Failed {
            place: path.display().to_string(),
            reason: "it is there, and is not a file".into(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure(path, &error)),
    }
}

/// Whether a file holds no data: it has no bytes, or its file system knows that all are zeros which
/// nobody wrote.
fn is_vacant(path: &Path, metadata: &Metadata) -> bool {
    let length = metadata.len();
    let unwritten = |file: File| matches!(system::holes(&file, length).as_slice(), [hole] if *hole == (0..length));
    length == 0 || File::open(path).is_ok_and(unwritten)
}
