//! A torrent's bytes in the page's own files: what a person chose or dropped to seed. Nothing is
//! copied; each read goes to the file as it is on the disk, so a file that changes there stops being
//! what was shared. The browser notices most changes; where it does not, the hash of a piece does
//! when the piece is first served.

use brackish_core::{KeySet, StorageError};
use brackish_wire::metainfo::Info;
use brackish_wire::{Bitfield, PieceIndex};
use wasm_bindgen::JsValue;
use web_sys::Blob;

use super::blobs::read_blob;
use super::opfs::place;
use super::spans::spans;
use crate::fault::thrown;

/// The files, in the torrent's order.
pub struct OwnFiles {
    files: Vec<Blob>,
    /// Pieces that were hashed since the torrent was made.
    checked: Bitfield,
    /// Files that are not as they were when they were hashed.
    changed: KeySet<usize>,
}

impl OwnFiles {
    /// The files of a torrent of as many pieces.
    pub fn new(files: Vec<Blob>, pieces: u32) -> Self {
        Self {
            files,
            checked: Bitfield::new(pieces),
            changed: KeySet::default(),
        }
    }

    /// Whether a piece was hashed since the torrent was made.
    pub fn is_checked(&self, piece: PieceIndex) -> bool {
        self.checked.get(piece.get())
    }

    /// A piece had the hash that it must have.
    pub fn was_checked(&mut self, piece: PieceIndex) {
        self.checked.set(piece.get());
    }

    /// The bytes of a run do not have their hash: a file in it has changed, and nothing more of it is read. Where the
    /// run lies in several, there is no telling which.
    pub fn was_changed(&mut self, info: &Info, offset: u64, length: usize) -> StorageError {
        let mut files = spans(info.files(), offset, length).map(|span| span.file);
        match (files.next(), files.next()) {
            (Some(only), None) => {
                self.changed.insert(only);
                changed(&place(info, only))
            }
            (Some(first), Some(_)) => {
                changed(&format!("{} or a file after it", place(info, first)))
            }
            _ => changed(info.name()),
        }
    }

    /// Reads at an offset of the torrent.
    pub async fn read(
        &mut self,
        info: &Info,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), StorageError> {
        for span in spans(info.files(), offset, buffer.len()) {
            let (Some(file), Some(part)) = (self.files.get(span.file), buffer.get_mut(span.range))
            else {
                continue;
            };
            let place = place(info, span.file);
            if self.changed.contains(&span.file) {
                return Err(changed(&place));
            }
            if read_blob(file, span.offset, part).await.is_err() {
                self.changed.insert(span.file);
                return Err(changed(&place));
            }
        }
        Ok(())
    }

    /// A whole file.
    pub fn blob(&self, info: &Info, file: usize) -> Result<Blob, StorageError> {
        if self.changed.contains(&file) {
            return Err(changed(&place(info, file)));
        }
        self.files.get(file).cloned().ok_or(StorageError::Failed {
            place: info.name().to_owned(),
            reason: "no such file".to_owned(),
        })
    }
}

fn changed(place: &str) -> StorageError {
    StorageError::Failed {
        place: place.to_owned(),
        reason: "the file was changed, moved or deleted after it was chosen, so it cannot be shared as it was; choose \
                 it again to share it as it is now"
            .to_owned(),
    }
}

/// A file that was there and now cannot be read has been changed, moved or deleted.
pub fn unreadable(place: &str, error: &JsValue) -> StorageError {
    let (_, message) = thrown(error);
    StorageError::Failed {
        place: place.to_owned(),
        reason: format!("cannot be read; it may have been changed, moved or deleted ({message})"),
    }
}
