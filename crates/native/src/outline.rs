//! A torrent to be, of any version: which files it has in which order, how they are hashed, and what
//! comes of the hashes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use brackish_wire::metainfo::{
    FileEntry, FileKind, Info, InfoBuilder, MetainfoError, Name, NewFile, PieceLayers, V2Builder,
};
use brackish_wire::{LengthsError, PieceHash, PieceHashers};

/// The versions that a torrent has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Version 1 (BEP 3), which every client knows.
    #[default]
    V1,
    /// Version 2 (BEP 52) alone.
    V2,
    /// Both at once.
    Hybrid,
}

/// A file to be shared.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Its path in the torrent and what the torrent says of it; for a torrent of one file its name.
    pub(crate) file: NewFile,
}

/// A torrent to be.
pub(crate) enum Outline {
    V1(InfoBuilder),
    V2(V2Builder),
}

impl Outline {
    /// What `builder` is to make, in this version.
    pub(crate) fn new(builder: InfoBuilder, version: Version) -> Result<Self, MetainfoError> {
        Ok(match version {
            Version::V1 => Self::V1(builder),
            Version::V2 => Self::V2(builder.v2_only()?),
            Version::Hybrid => Self::V2(builder.hybrid()?),
        })
    }

    /// How its pieces are hashed.
    pub(crate) fn hashers(&self) -> Result<PieceHashers, LengthsError> {
        match self {
            Self::V1(builder) => builder.piece_hashers(),
            Self::V2(builder) => Ok(builder.piece_hashers()),
        }
    }

    /// Its files in order, each with where it is; padding is nowhere.
    pub(crate) fn files(&self, found: Vec<Found>) -> Vec<(PathBuf, FileEntry)> {
        match self {
            Self::V1(_) => {
                let mut end = 0;
                let entry = |found: Found| {
                    let offset = end;
                    end += found.file.length;
                    let entry = FileEntry {
                        path: names(&found.file.path),
                        length: found.file.length,
                        offset,
                        kind: match &found.file.link {
                            Some(link) => FileKind::Symlink {
                                target: Some(names(link)),
                            },
                            None => FileKind::File,
                        },
                        executable: found.file.executable,
                        hidden: false,
                    };
                    (found.path, entry)
                };
                found.into_iter().map(entry).collect()
            }
            Self::V2(builder) => {
                let found = found.into_iter();
                let found = found.map(|found| (names(&found.file.path), found.path));
                let places: BTreeMap<Vec<Name>, PathBuf> = found.collect();
                let place = |file: &FileEntry| match file.kind {
                    FileKind::File => places.get(&file.path).cloned().unwrap_or_default(),
                    _ => PathBuf::new(),
                };
                let files = builder.files().iter();
                files.map(|file| (place(file), file.clone())).collect()
            }
        }
    }

    /// The torrent.
    pub(crate) fn build(&self, hashes: &[PieceHash]) -> Result<(Info, PieceLayers), MetainfoError> {
        match self {
            Self::V1(builder) => {
                let hashes: Vec<[u8; 20]> = hashes.iter().filter_map(|hash| hash.sha1).collect();
                Ok((builder.build(&hashes)?, PieceLayers::default()))
            }
            Self::V2(builder) => builder.build(hashes),
        }
    }
}

/// The path as the torrent will have it. None of its names is one that stands for nothing.
fn names(path: &[Vec<u8>]) -> Vec<Name> {
    path.iter().filter_map(|name| Name::new(name)).collect()
}
