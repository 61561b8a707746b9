//! Compares files with a torrent, without a session.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brackish_core::StorageError;
use brackish_wire::Bitfield;
use brackish_wire::metainfo::{Metainfo, Verdict};

use crate::config::Allocation;
pub use crate::hashing::Progress;
use crate::hashing::hash_pieces;
use crate::storage::map::Place;
use crate::storage::names::{Asking, Renamed};
use crate::storage::ownership::{Access, StoreError};
use crate::storage::{Files, Layout};

/// How the files compare with the torrent.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each file that the torrent stores, in its order.
    pub files: Vec<FileReport>,
    /// The pieces that are right.
    pub verified: Bitfield,
    /// The pieces that are wrong or absent, in order.
    pub bad_pieces: Vec<u32>,
    /// The files that have another name here than in the torrent.
    pub renamed: Vec<Renamed>,
}

/// How one file compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Where it is, or should be.
    pub path: PathBuf,
    /// The bytes that it should have.
    pub length: u64,
    /// How it is.
    pub state: FileState,
}

/// How a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileState {
    /// Every piece that has a byte of it is right.
    Complete,
    /// It is not there.
    Missing,
    /// It is there and has another length.
    WrongLength {
        /// The bytes that it has.
        actual: u64,
    },
    /// It is there under its temporary name alone, as an unfinished download leaves it.
    Unfinished {
        /// How many pieces are missing or wrong.
        pieces: u32,
    },
    /// Its length is right, and pieces of it are not.
    Damaged {
        /// How many.
        pieces: u32,
    },
}

/// Why files cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A file cannot be looked at.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file could not be read to its end.
    #[error(transparent)]
    Hash(#[from] StorageError),
}

impl Report {
    /// Whether every piece is right and every file has its length.
    pub fn is_complete(&self) -> bool {
        self.bad_pieces.is_empty()
            && self
                .files
                .iter()
                .all(|file| file.state == FileState::Complete)
    }
}

/// Compares the files below `directory` with the torrent, hashing on all cores; `progress` is
/// called about ten times a second and once at the end. Must run on a tokio runtime with time
/// enabled.
pub async fn verify(
    metainfo: &Metainfo,
    directory: &Path,
    progress: impl FnMut(Progress),
) -> Result<Report, VerifyError> {
    let info = &metainfo.info;
    let lengths = info.lengths();
    let layout = Layout::new(
        info,
        &Place::Directory(directory.to_path_buf()),
        Asking::Look,
    );
    let mut wanted = Bitfield::full(lengths.piece_count());
    let mut reports = Vec::new();
    let mut ranges = Vec::new();
    let files = Files::new(layout, Access::Read, Allocation::Sparse, Arc::default());
    let verifier = metainfo.verifier();
    files.begin(&verifier).map_err(StoreError::into_storage)?;
    let layout = files.layout();
    for (index, slot) in layout
        .files()
        .iter()
        .enumerate()
        .filter(|(_, slot)| slot.stored)
    {
        let (state, present) = match files.unfinished(index) {
            Some(path) => (
                FileState::Unfinished { pieces: 0 },
                look(path, slot.length)?.1,
            ),
            None => look(&slot.path, slot.length)?,
        };
        let pieces = layout.pieces_of(slot);
        for piece in touched(&lengths, slot.offset + present, slot.length - present) {
            wanted.clear(piece);
        }
        reports.push(FileReport {
            path: slot.path.clone(),
            length: slot.length,
            state,
        });
        ranges.push(pieces);
    }
    let renamed = layout.renamed().to_vec();
    let hashes = hash_pieces(files, wanted.clone(), progress).await?;
    let mut verified = Bitfield::new(lengths.piece_count());
    let mut bad_pieces = Vec::new();
    for (piece, hash) in lengths.pieces().zip(&hashes) {
        if wanted.get(piece.get()) && verifier.judge(piece, hash) == Verdict::Good {
            verified.set(piece.get());
        } else {
            bad_pieces.push(piece.get());
        }
    }
    for (report, pieces) in reports.iter_mut().zip(ranges) {
        let bad = pieces.filter(|piece| !verified.get(*piece)).count();
        let bad = bad as u32;
        match &mut report.state {
            FileState::Unfinished { pieces } => *pieces = bad,
            state @ FileState::Complete if bad > 0 => *state = FileState::Damaged { pieces: bad },
            _ => {}
        }
    }
    Ok(Report {
        files: reports,
        verified,
        bad_pieces,
        renamed,
    })
}

/// How a file is by its length alone, and how many of its bytes are there.
fn look(path: &Path, length: u64) -> Result<(FileState, u64), VerifyError> {
    let fail = |error| VerifyError::Read {
        path: path.to_path_buf(),
        error,
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            let actual = metadata.len();
            fs::File::open(path).map_err(fail)?;
            let state = if actual == length {
                FileState::Complete
            } else {
                FileState::WrongLength { actual }
            };
            Ok((state, actual.min(length)))
        }
        Ok(_) => Err(fail(io::Error::other("not a file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((FileState::Missing, 0)),
        Err(error) => Err(fail(error)),
    }
}

/// The pieces that have a byte of the stretch.
fn touched(lengths: &brackish_wire::Lengths, offset: u64, length: u64) -> std::ops::Range<u32> {
    let first = lengths.piece_at(offset);
    let last = length
        .checked_sub(1)
        .and_then(|most| lengths.piece_at(offset + most));
    match (first, last) {
        (Some(first), Some(last)) => first.get()..last.get() + 1,
        _ => 0..0,
    }
}
