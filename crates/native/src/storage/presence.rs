//! Which pieces may be in the files already, told from lengths and holes alone; the session hashes
//! them before it believes.

use std::fs;
use std::io;
use std::ops::Range;

use brackish_core::{Presence, StorageError};
use brackish_wire::metainfo::Info;
use brackish_wire::{Bitfield, PieceIndex};
use sha1::{Digest, Sha1};

use super::files::{Files, failure, stay_inside};
use super::layout::Slot;
use super::system;

/// Looks at every file. A piece is absent if any of its bytes is: the file is not there, is too
/// short, or the whole piece is a hole and its hash is not that of zeros.
pub(crate) fn look(files: &Files, info: &Info) -> Result<Presence, StorageError> {
    let lengths = files.layout().lengths();
    let mut there = Bitfield::full(lengths.piece_count());
    let mut zeros = Zeros::default();
    for (index, slot) in files.layout().files().iter().enumerate() {
        if !slot.stored || slot.length == 0 {
            continue;
        }
        let present = length_there(files, slot)?;
        if present < slot.length {
            clear_touched(
                &mut there,
                files,
                slot.offset + present..slot.offset + slot.length,
            );
        }
        if present == 0 {
            continue;
        }
        let file = files.open(index, false)?;
        for hole in system::holes(&file, present.min(slot.length)) {
            let range = slot.offset + hole.start..slot.offset + hole.end;
            clear_hole(&mut there, files, info, range, &mut zeros);
        }
    }
    Ok(if there.is_empty() {
        Presence::Nothing
    } else {
        Presence::Maybe(there)
    })
}

/// The length of the file as it is, 0 if it is not there.
fn length_there(files: &Files, slot: &Slot) -> Result<u64, StorageError> {
    let fail = |error: io::Error| failure(&slot.path, &error);
    if let Some(root) = files.layout().root() {
        stay_inside(root, &slot.below_root).map_err(fail)?;
    }
    match fs::metadata(&slot.path) {
        Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
        Ok(_) => Err(StorageError::Failed {
            place: slot.path.display().to_string(),
            reason: "it is there, and is not a file".into(),
        }),
        Err(error)
            if error.kind() == io::ErrorKind::NotFound && files.layout().root().is_some() =>
        {
            Ok(0)
        }
        Err(error) => Err(fail(error)),
    }
}

/// Clears every piece that has a byte in `range` of the torrent.
fn clear_touched(there: &mut Bitfield, files: &Files, range: Range<u64>) {
    let lengths = files.layout().lengths();
    let (Some(first), Some(last)) = (
        lengths.piece_at(range.start),
        lengths.piece_at(range.end.saturating_sub(1)),
    ) else {
        return;
    };
    for piece in first.get()..=last.get() {
        there.clear(piece);
    }
}

/// Clears every piece that lies wholly in the hole, unless it is right as zeros: a sparse file may
/// be complete.
fn clear_hole(
    there: &mut Bitfield,
    files: &Files,
    info: &Info,
    hole: Range<u64>,
    zeros: &mut Zeros,
) {
    let lengths = files.layout().lengths();
    let (Some(first), Some(last)) = (
        lengths.piece_at(hole.start),
        lengths.piece_at(hole.end.saturating_sub(1)),
    ) else {
        return;
    };
    for piece in (first.get()..=last.get()).filter_map(|index| lengths.piece(index)) {
        let start = lengths.piece_offset(piece);
        let size = lengths.piece_size(piece);
        if start >= hole.start
            && start + u64::from(size) <= hole.end
            && !zeros.is_hash_of(size, info, piece)
        {
            there.clear(piece.get());
        }
    }
}

/// The hash of zeros, for the one or two lengths that a torrent's pieces have.
#[derive(Default)]
struct Zeros {
    hashes: Vec<(u32, [u8; 20])>,
}

impl Zeros {
    fn is_hash_of(&mut self, size: u32, info: &Info, piece: PieceIndex) -> bool {
        let known = self
            .hashes
            .iter()
            .find(|(of, _)| *of == size)
            .map(|(_, hash)| *hash);
        let hash = known.unwrap_or_else(|| {
            let mut sha = Sha1::new();
            let mut rest = size as usize;
            let chunk = [0; 4096];
            while rest > 0 {
                let part = chunk.len().min(rest);
                sha.update(&chunk[..part]);
                rest -= part;
            }
            let hash = sha.finalize().into();
            self.hashes.push((size, hash));
            hash
        });
        hash == *info.piece_hash(piece)
    }
}
