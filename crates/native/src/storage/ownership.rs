//! Whose the files are that stand where a torrent's files are to be, and what follows. A file is
//! the torrent's if it holds a right whole piece, if the torrent has begun it under its temporary
//! name, or if it is too small for a whole piece and another file is proven in one of these ways.
//! Nothing is written before it is known.

use std::fmt;
use std::path::{Path, PathBuf};

use brackish_core::StorageError;

use super::homes::Home;

/// What may be done with the files of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They are read and never changed. A file with more bytes than the torrent says is an error, and
    /// so is a piece that is missing or wrong.
    Read,
    /// What is missing is written.
    Write(WriteOptions),
}

/// What a user allows beyond making files where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Replace files that are not this torrent's.
    pub overwrite: bool,
    /// Make a file or folder in the target folder although its name begins with a dot.
    pub allow_hidden: bool,
    /// Change an existing file of the torrent where it is, so that readers see it half-written, in
    /// place of making a copy that takes its place when it is complete.
    pub in_place: bool,
}

impl Access {
    /// Whether files are changed under their own names.
    pub(super) fn in_place(self) -> bool {
        matches!(self, Self::Write(options) if options.in_place)
    }
}

/// Why a torrent's files are not touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A file stands where one of the torrent's is to be, and no file there is the torrent's.
    Foreign {
        /// The first such file.
        path: PathBuf,
    },
    /// A name of the torrent begins with a dot, right below the target folder.
    Hidden {
        /// Where it would be.
        path: PathBuf,
    },
    /// There is no room for the copy that takes the place of an existing file when it is complete.
    NoRoom {
        /// The existing file, the first if there are several.
        path: PathBuf,
        /// Bytes that the copies need, of all existing files together.
        needed: u64,
        /// Bytes that the file system has for them.
        available: u64,
    },
    /// Another process writes the torrent's files in the same folder.
    InUse {
        /// The folder.
        path: PathBuf,
        /// The number of the process, where it could be read.
        process: Option<u32>,
    },
    /// A file has more bytes than the torrent says, and is only to be read.
    WrongLength {
        /// The file.
        path: PathBuf,
        /// Bytes that it has.
        actual: u64,
        /// Bytes that it should have.
        expected: u64,
    },
    /// Pieces are missing or wrong, and the files are only to be read.
    Incomplete {
        /// The folder.
        path: PathBuf,
        /// How many are.
        missing: u32,
        /// How many there are in all.
        pieces: u32,
    },
}

impl Refusal {
    /// The file or folder that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Foreign { path }
            | Self::Hidden { path }
            | Self::NoRoom { path, .. }
            | Self::InUse { path, .. }
            | Self::WrongLength { path, .. }
            | Self::Incomplete { path, .. } => path,
        }
    }

    /// In words, without the path.
    pub fn reason(&self) -> String {
        match self {
            Self::Foreign { .. } => {
                "the file is there and is not this torrent's: no piece of it is right".to_owned()
            }
            Self::Hidden { .. } => {
                "the name begins with a dot, as those of hidden files and of settings do".to_owned()
            }
            Self::NoRoom {
                needed, available, ..
            } => format!(
                "no room for a copy of what is right in it: {needed} bytes are needed, \
                 {available} available"
            ),
            Self::InUse { process, .. } => {
                let other = process.map_or_else(
                    || "another process".to_owned(),
                    |process| format!("process {process}"),
                );
                format!("{other} downloads this torrent into the same folder")
            }
            Self::WrongLength {
                actual, expected, ..
            } => format!("wrong length: it has {actual} bytes, and the torrent says {expected}"),
            Self::Incomplete {
                missing, pieces, ..
            } => format!("{missing} of {pieces} pieces missing or wrong"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path().display(), self.reason())
    }
}

impl std::error::Error for Refusal {}

/// Something that was done with an existing file, which its owner may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A file that is not the torrent's was in the way, and has another name now.
    MovedAside {
        /// Where it was.
        path: PathBuf,
        /// Where it is.
        to: PathBuf,
    },
    /// A file of the torrent was too long, and was cut.
    Cut {
        /// The file.
        path: PathBuf,
        /// Bytes that it had.
        was: u64,
        /// Bytes that it has.
        length: u64,
    },
    /// Files have other names here than in the torrent, since no system, or not this one, can have
    /// their own, or since this one takes them for other files'.
    Renamed {
        /// How many.
        files: usize,
        /// The path of the first in the torrent, as text.
        name: String,
        /// Where the first is.
        path: PathBuf,
    },
    /// Links of the torrent lead out of its folder, and are not made.
    OutwardLinks {
        /// How many.
        links: usize,
        /// Where the first would be.
        path: PathBuf,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MovedAside { path, to } => write!(
                formatter,
                "{}: the file was not this torrent's and is now {}",
                path.display(),
                to.display()
            ),
            Self::Cut { path, was, length } => write!(
                formatter,
                "{}: cut from {was} to {length} bytes, as the torrent says",
                path.display()
            ),
            Self::Renamed { files, name, path } => {
                write!(
                    formatter,
                    "{}: this file has another name than in the torrent, {name:?}, since a file \
                     cannot be called so here",
                    path.display()
                )?;
                more(formatter, *files)
            }
            Self::OutwardLinks { links, path } => {
                write!(
                    formatter,
                    "{}: left out: this link of the torrent leads out of its folder",
                    path.display()
                )?;
                more(formatter, *links)
            }
        }
    }
}

/// How many more a notice is about than the one that it names.
fn more(formatter: &mut fmt::Formatter<'_>, all: usize) -> fmt::Result {
    match all.saturating_sub(1) {
        0 => Ok(()),
        more => write!(formatter, " (and {more} more)"),
    }
}

/// Why a store cannot be used.
#[derive(Clone, Debug)]
pub(crate) enum StoreError {
    /// The user is to decide.
    Refused(Refusal),
    /// The system does not let it.
    Storage(StorageError),
}

impl StoreError {
    /// As an error of the system.
    pub(crate) fn into_storage(self) -> StorageError {
        match self {
            Self::Storage(error) => error,
            Self::Refused(refusal) => StorageError::Failed {
                place: refusal.path().display().to_string(),
                reason: refusal.reason(),
            },
        }
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// What is known of a file that the torrent stores.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Bytes that it should have.
    pub(super) length: u64,
    pub(super) wanted: bool,
    pub(super) home: Home,
    /// Whether there is a file under its temporary name.
    pub(super) begun: bool,
    /// Bytes of the file under its own name, if there is one.
    pub(super) there: Option<u64>,
    /// Whether that one holds no data at all, so that nothing of it can be lost.
    pub(super) vacant: bool,
    /// Whether no piece lies in it alone.
    pub(super) small: bool,
    /// Whether a piece that lies in it alone is verified.
    pub(super) piece: bool,
    /// Whether all its pieces are verified.
    pub(super) complete: bool,
    /// Whether the file under its own name may be replaced, as was found before.
    pub(super) claimed: bool,
    /// Whether the file under its own name is another's although this one is begun.
    pub(super) contested: bool,
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    Keep,
    /// It has no bytes, and is made.
    MakeEmpty,
    /// It is complete but for what stands after its end.
    Cut,
    /// It is begun, or goes on, under its temporary name.
    Begin {
        /// What stands under its own name may be replaced.
        claim: bool,
        /// What is right of that is taken over first.
        copy: bool,
    },
    /// Somebody else's file is moved out of the way, and it is begun; what is right of that file is
    /// taken over if nothing was begun.
    MoveAside,
    /// It is complete under its temporary name.
    Finish,
    /// It is not wanted, and not made.
    Unmake,
}

/// Whether this file proves that the torrent was downloaded here before.
pub(super) fn proves(facts: &Facts) -> bool {
    let content = facts.piece || facts.complete;
    facts.length > 0 && (facts.begun || facts.home != Home::Parts && content)
}

/// What is to be done with a file, where another file proves the torrent or not.
pub(super) fn decide(facts: &Facts, proven: bool, options: WriteOptions) -> Action {
    // The file under its own name, by the rules above; of no weight if it has no data.
    let ours = facts.claimed || facts.small && proven || options.overwrite || facts.vacant;
    let claim = facts.there.is_some();
    if facts.length == 0 {
        return match facts.there {
            _ if !facts.wanted => Action::Keep,
            None => Action::MakeEmpty,
            Some(0) => Action::Keep,
            Some(_) if ours => Action::Cut,
            Some(_) => Action::MoveAside,
        };
    }
    match facts.home {
        Home::Place if facts.complete => match facts.there {
            Some(length) if length > facts.length && facts.wanted => Action::Cut,
            _ => Action::Keep,
        },
        Home::Place if facts.there.is_none() || facts.vacant => match facts.wanted {
            true => Action::Begin { claim, copy: false },
            false => Action::Unmake,
        },
        Home::Place => match (ours || facts.piece, facts.wanted) {
            (true, false) => Action::Keep,
            (true, true) if !options.in_place => Action::Begin { claim, copy: true },
            (true, true) if facts.there > Some(facts.length) => Action::Cut,
            (true, true) => Action::Keep,
            (false, true) => Action::MoveAside,
            (false, false) => Action::Unmake,
        },
        Home::Temporary if facts.contested && !ours => Action::MoveAside,
        Home::Temporary if facts.complete && facts.begun => Action::Finish,
        // A file that came under its own name meanwhile is looked at when this one is complete.
        Home::Temporary if facts.wanted => Action::Begin {
            claim: facts.claimed || facts.contested,
            copy: false,
        },
        Home::Temporary if facts.begun => Action::Keep,
        Home::Temporary => Action::Unmake,
        Home::Parts => match (facts.wanted, claim) {
            (false, _) => Action::Keep,
            (true, true) if !ours => Action::MoveAside,
            (true, _) => Action::Begin { claim, copy: false },
        },
    }
}
