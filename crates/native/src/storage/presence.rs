//! Which pieces may be in the files already, told from lengths and holes alone; the session hashes
//! them before it believes.

use std::io;
use std::ops::Range;

use brackish_core::Presence;
use brackish_wire::metainfo::{Verdict, Verifier};
use brackish_wire::{BLOCK_LENGTH, Bitfield, PieceHash, PieceIndex};

use super::files::{Files, failure, stay_inside};
use super::homes::{Home, State};
use super::layout::Slot;
use super::ownership::{Access, Refusal, StoreError};
use super::survey::file_at;
use super::system;

/// Looks at every file. A piece is absent if any of its bytes is: the file is not there, is too
/// short, or the whole piece is a hole and its hash is not that of zeros.
pub(crate) fn look(files: &Files, verifier: &Verifier) -> Result<Presence, StoreError> {
    let lengths = files.layout().lengths();
    let mut there = Bitfield::full(lengths.piece_count());
    let mut zeros = Zeros::default();
    for (index, slot) in files.layout().files().iter().enumerate() {
        if !slot.stored {
            continue;
        }
        let state = files.homes.look();
        let home = state.home(index);
        if home == Home::Parts {
            let range = slot.offset..slot.offset + slot.length;
            clear_unkept(&mut there, files, &state, range);
            continue;
        }
        let present = length_there(files, slot, home)?;
        if present < slot.length {
            clear_touched(
                &mut there,
                files,
                slot.offset + present..slot.offset + slot.length,
            );
        }
        if present == 0 || slot.length == 0 {
            continue;
        }
        let file = files.open(index, home, false)?;
        for hole in system::holes(&file, present.min(slot.length)) {
            let range = slot.offset + hole.start..slot.offset + hole.end;
            clear_hole(&mut there, files, verifier, range, &mut zeros);
        }
    }
    Ok(if there.is_empty() {
        Presence::Nothing
    } else {
        Presence::Maybe(there)
    })
}

/// Clears every piece of a file that is not made but those of which a part may be kept.
fn clear_unkept(there: &mut Bitfield, files: &Files, parts: &State, range: Range<u64>) {
    let lengths = files.layout().lengths();
    let mut next = range.start;
    while let Some(piece) = lengths.piece_at(next).filter(|_| next < range.end) {
        if !files.may_hold(parts, next) {
            there.clear(piece.get());
        }
        next = lengths.piece_offset(piece) + u64::from(lengths.piece_size(piece));
    }
}

/// The length of the file as it is, 0 if it is not there.
fn length_there(files: &Files, slot: &Slot, home: Home) -> Result<u64, StoreError> {
    let path = slot.at(home);
    let root = files.layout().root();
    if let Some(root) = root
        && files.access != Access::Read
    {
        stay_inside(root, path).map_err(|error| failure(path, &error))?;
    }
    let Some(there) = file_at(path)? else {
        return match root {
            Some(_) => Ok(0),
            None => Err(failure(path, &io::ErrorKind::NotFound.into()).into()),
        };
    };
    let (actual, expected) = (there.len(), slot.length);
    if root.is_some() && files.access == Access::Read && actual > expected {
        let path = path.to_path_buf();
        return Err(Refusal::WrongLength {
            path,
            actual,
            expected,
        }
        .into());
    }
    Ok(actual)
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
    verifier: &Verifier,
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
        let size = files.layout().hashers().layout().piece_size(piece);
        if start >= hole.start
            && start + u64::from(size) <= hole.end
            && verifier.judge(piece, zeros.hash(files, piece, size)) == Verdict::Bad
        {
            there.clear(piece.get());
        }
    }
}

/// The hash of zeros, for the one or two lengths that most torrents' pieces have.
#[derive(Default)]
struct Zeros {
    hashes: Vec<(u32, PieceHash)>,
}

/// Lengths whose hash is kept: a torrent of version 2 has one for each of its files.
const MAX_ZEROS: usize = 16;

impl Zeros {
    /// That of a piece of `size` bytes, all of them in one file.
    fn hash(&mut self, files: &Files, piece: PieceIndex, size: u32) -> &PieceHash {
        let known = self.hashes.iter().position(|(of, _)| *of == size);
        let at = known.unwrap_or_else(|| {
            let mut hasher = files.layout().hashers().hasher(piece);
            let zeros = [0; BLOCK_LENGTH as usize];
            while !hasher.is_done() {
                let length = BLOCK_LENGTH.min(size - hasher.taken()) as usize;
                hasher.update(&zeros[..length]);
            }
            if self.hashes.len() >= MAX_ZEROS {
                self.hashes.pop();
            }
            self.hashes.push((size, hasher.finish()));
            self.hashes.len() - 1
        });
        &self.hashes[at].1
    }
}
