//! From a torrent's bytes to the files that hold them.

use std::ffi::OsString;
use std::path::PathBuf;

use brackish_wire::metainfo::{FileEntry, FileKind, Info};
use brackish_wire::{InfoHash, Lengths, PieceHashers};

use super::map::Place;
use super::names::{self, Asking, Paths, Renamed, os_name};

/// The files of one torrent with their real paths.
#[derive(Debug)]
pub(crate) struct Layout {
    hashers: PieceHashers,
    files: Vec<Slot>,
    root: Option<PathBuf>,
    parts: Option<PathBuf>,
    renamed: Vec<Renamed>,
}

/// One file of the torrent.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Where it really is.
    pub(crate) path: PathBuf,
    /// The components of its path below the root; empty for a mapped file.
    pub(crate) below_root: Vec<OsString>,
    /// Where it begins in the torrent, in bytes.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) length: u64,
    /// Whether it exists as a file; paddings and links do not.
    pub(crate) stored: bool,
    /// Whether it may be run as a program (BEP 47).
    pub(crate) executable: bool,
    /// Where it points, if it is a link: from the folder that it is in (BEP 47).
    pub(crate) link: Option<PathBuf>,
}

/// A stretch of a torrent's bytes that lies in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Index of the file.
    pub(crate) file: usize,
    /// Where the stretch begins in the file, in bytes.
    pub(crate) offset: u64,
    /// Bytes.
    pub(crate) length: u64,
}

impl Layout {
    /// The files of `info` at `place`. A map that is too short leaves the files that it lacks
    /// without a path; opening them fails and names the torrent's own path.
    pub(crate) fn new(info: &Info, place: &Place, asking: Asking) -> Self {
        let (paths, renamed) = match place {
            Place::Map(_) => (Vec::new(), Vec::new()),
            Place::Directory(directory) => {
                let Paths { paths, renamed } = names::paths(info, directory, asking);
                (paths, renamed)
            }
        };
        let files = info.files().iter().enumerate().map(|(index, file)| {
            let mut below_root = Vec::new();
            let path = match place {
                Place::Map(map) => map
                    .path(index)
                    .map_or_else(|| file.path.iter().map(os_name).collect(), PathBuf::from),
                Place::Directory(directory) => {
                    let path = paths.get(index).cloned().unwrap_or_default();
                    let below = path.strip_prefix(directory).unwrap_or(&path);
                    below_root.extend(below.iter().map(OsString::from));
                    path
                }
            };
            Slot {
                path,
                below_root,
                offset: file.offset,
                length: file.length,
                stored: file.kind == FileKind::File,
                executable: file.executable,
                link: relative(file),
            }
        });
        let files = files.collect();
        let root = match place {
            Place::Directory(directory) => Some(directory.clone()),
            Place::Map(_) => None,
        };
        Self {
            hashers: info.piece_hashers(),
            files,
            parts: root
                .as_ref()
                .map(|root| root.join(parts_name(info.info_hash()))),
            root,
            renamed,
        }
    }

    /// The files of a torrent to be, where they are now: each with its real path, in the torrent's order.
    pub(crate) fn of_paths(
        hashers: PieceHashers,
        files: impl IntoIterator<Item = (PathBuf, FileEntry)>,
    ) -> Self {
        let files = files.into_iter().map(|(path, file)| Slot {
            path,
            below_root: Vec::new(),
            offset: file.offset,
            length: file.length,
            stored: file.kind == FileKind::File,
            executable: false,
            link: None,
        });
        Self {
            hashers,
            files: files.collect(),
            root: None,
            parts: None,
            renamed: Vec::new(),
        }
    }

    /// The files that have other names here than in the torrent.
    pub(crate) fn renamed(&self) -> &[Renamed] {
        &self.renamed
    }

    /// The folder that no path may leave, and below which files may be made; `None` where the
    /// files are mapped and only read.
    pub(crate) fn root(&self) -> Option<&PathBuf> {
        self.root.as_ref()
    }

    /// The file for parts of files that are not made; `None` where the files are mapped.
    pub(crate) fn parts(&self) -> Option<&PathBuf> {
        self.parts.as_ref()
    }

    /// Total length and pieces, gaps between files counted.
    pub(crate) fn lengths(&self) -> Lengths {
        self.hashers.layout().lengths()
    }

    /// How the pieces are hashed.
    pub(crate) fn hashers(&self) -> &PieceHashers {
        &self.hashers
    }

    /// The files, in the torrent's order.
    pub(crate) fn files(&self) -> &[Slot] {
        &self.files
    }

    /// The stretches of files that hold `length` bytes from `offset` of the torrent.
    pub(crate) fn segments(&self, offset: u64, length: u64) -> impl Iterator<Item = Segment> + '_ {
        let end = offset.saturating_add(length);
        let first = self
            .files
            .partition_point(|file| file.offset + file.length <= offset);
        let files = self.files.iter().enumerate().skip(first);
        files
            .take_while(move |(_, file)| file.offset < end)
            .filter(|(_, file)| file.length > 0)
            .map(move |(index, file)| {
                let from = offset.max(file.offset);
                let to = end.min(file.offset + file.length);
                Segment {
                    file: index,
                    offset: from - file.offset,
                    length: to - from,
                }
            })
    }
}

/// Where a link points, from the folder that it is in. Both paths are below the torrent's folder, so that what lies between
/// them is, too.
fn relative(file: &FileEntry) -> Option<PathBuf> {
    let FileKind::Symlink {
        target: Some(target),
    } = &file.kind
    else {
        return None;
    };
    let (_, folders) = file.path.split_last()?;
    let up = folders.iter().map(|_| OsString::from(".."));
    let path: PathBuf = up.chain(target.iter().map(os_name)).collect();
    Some(if path.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        path
    })
}

/// The name of the file for parts of files that are not made.
fn parts_name(info_hash: InfoHash) -> String {
    format!(".{info_hash}.parts")
}
