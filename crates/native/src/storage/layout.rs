//! From a torrent's bytes to the files that hold them.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use brackish_wire::metainfo::{FileEntry, FileKind, Info};
use brackish_wire::{Bitfield, Lengths, PieceHashers};

use super::homes::Home;
use super::map::Place;
use super::names::{self, Asking, Paths, Renamed, os_name};
use super::ownership::Notice;
use super::siblings;

/// The files of one torrent with their real paths.
#[derive(Debug)]
pub(crate) struct Layout {
    hashers: PieceHashers,
    files: Vec<Slot>,
    root: Option<PathBuf>,
    parts: Option<PathBuf>,
    renamed: Vec<Renamed>,
    lock: Option<PathBuf>,
    short: String,
}

/// One file of the torrent.
#[derive(Debug)]
pub(crate) struct Slot {
    /// Where it really is, once it is complete.
    pub(crate) path: PathBuf,
    /// Where it is until then; empty for a file that is mapped, has no bytes or is not stored.
    pub(crate) temporary: PathBuf,
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
    /// Whether it is a link that leads out of the torrent's folder, and is not made.
    pub(crate) leads_out: bool,
}

impl Slot {
    /// Where the bytes of the file are if this is its home.
    pub(super) fn at(&self, home: Home) -> &Path {
        match home {
            Home::Temporary => &self.temporary,
            Home::Place | Home::Parts => &self.path,
        }
    }
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
            let path = match place {
                Place::Map(map) => map
                    .path(index)
                    .map_or_else(|| file.path.iter().map(os_name).collect(), PathBuf::from),
                Place::Directory(_) => paths.get(index).cloned().unwrap_or_default(),
            };
            Slot {
                path,
                temporary: PathBuf::new(),
                offset: file.offset,
                length: file.length,
                stored: file.kind == FileKind::File,
                executable: file.executable,
                link: relative(file),
                leads_out: matches!(file.kind, FileKind::Symlink { target: None }),
            }
        });
        let mut files: Vec<_> = files.collect();
        let short = siblings::short(info.info_hash());
        let root = match place {
            Place::Directory(directory) => {
                siblings::name_temporaries(&mut files, &short);
                Some(directory.clone())
            }
            Place::Map(_) => None,
        };
        let own = |ending: &str| {
            let name = format!(".{}.{ending}", info.info_hash());
            root.as_ref().map(|root| root.join(name))
        };
        Self {
            hashers: info.piece_hashers(),
            files,
            parts: own("parts"),
            lock: own("lock"),
            root,
            renamed,
            short,
        }
    }

    /// The files of a torrent to be, where they are now: each with its real path, in the torrent's order.
    pub(crate) fn of_paths(
        hashers: PieceHashers,
        files: impl IntoIterator<Item = (PathBuf, FileEntry)>,
    ) -> Self {
        let files = files.into_iter().map(|(path, file)| Slot {
            path,
            temporary: PathBuf::new(),
            offset: file.offset,
            length: file.length,
            stored: file.kind == FileKind::File,
            executable: false,
            link: None,
            leads_out: false,
        });
        Self {
            hashers,
            files: files.collect(),
            root: None,
            parts: None,
            renamed: Vec::new(),
            lock: None,
            short: String::new(),
        }
    }

    /// The files that have other names here than in the torrent.
    pub(crate) fn renamed(&self) -> &[Renamed] {
        &self.renamed
    }

    /// What a user may not expect of where files are.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        let renamed = self.renamed.first().map(|first| Notice::Renamed {
            files: self.renamed.len(),
            name: first.name.clone(),
            path: first.path.clone(),
        });
        let mut outward = self.files.iter().filter(|slot| slot.leads_out);
        let outward = outward.next().map(|first| Notice::OutwardLinks {
            links: 1 + outward.count(),
            path: first.path.clone(),
        });
        renamed.into_iter().chain(outward).collect()
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

    /// The file that one process locks while it writes the torrent here; `None` where the files are
    /// mapped.
    pub(super) fn lock(&self) -> Option<&PathBuf> {
        self.lock.as_ref()
    }

    /// The beginning of the info-hash that names of files beside the torrent's own carry.
    pub(super) fn short(&self) -> &str {
        &self.short
    }

    /// The pieces that have a byte of the file, by their indices.
    pub(crate) fn pieces_of(&self, slot: &Slot) -> Range<u32> {
        let lengths = self.lengths();
        let last = slot.length.checked_sub(1);
        let last = last.and_then(|last| lengths.piece_at(slot.offset + last));
        match (lengths.piece_at(slot.offset), last) {
            (Some(first), Some(last)) => first.get()..last.get() + 1,
            _ => 0..0,
        }
    }

    /// The bytes of the file that lie in pieces of `verified`, in order and joined where they meet.
    pub(super) fn verified_ranges(&self, slot: &Slot, verified: &Bitfield) -> Vec<Range<u64>> {
        let lengths = self.lengths();
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let pieces = self.pieces_of(slot).filter(|piece| verified.get(*piece));
        for piece in pieces.filter_map(|piece| lengths.piece(piece)) {
            let start = lengths.piece_offset(piece);
            let end = start + u64::from(lengths.piece_size(piece));
            let start = start.max(slot.offset) - slot.offset;
            let end = end.min(slot.offset + slot.length) - slot.offset;
            match ranges.last_mut() {
                Some(last) if last.end == start => last.end = end,
                _ => ranges.push(start..end),
            }
        }
        ranges
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
