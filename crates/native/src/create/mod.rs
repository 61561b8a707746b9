//! Makes a torrent of files and folders where they are.

mod walk;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use brackish_core::StorageError;
use brackish_wire::metainfo::{InfoBuilder, Metainfo, MetainfoError, Name, default_piece_length};
use brackish_wire::{Bitfield, LengthsError};

use crate::config::Allocation;
pub use crate::hashing::Progress;
use crate::hashing::hash_pieces;
use crate::outline::Outline;
pub use crate::outline::Version;
use crate::storage::map::StorageMap;
use crate::storage::names::{bytes_of, os_name};
use crate::storage::ownership::Access;
use crate::storage::{Files, Layout};
use walk::walk_all;

/// The longest name of a file, in bytes, that common file systems take.
const MAX_FILE_NAME: usize = 255;

/// What becomes of symbolic links in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are links in the torrent, too (BEP 47). One that leads out of the folder is refused.
    #[default]
    Keep,
    /// What they lead to is shared in their place.
    Follow,
    /// They are left out.
    Skip,
}

/// What a torrent says besides its files.
#[derive(Clone, Debug, Default)]
pub struct CreateOptions {
    /// Bytes in a piece: at least 1; `None` chooses by the total.
    pub piece_length: Option<u32>,
    /// The torrent's name; `None` takes that of the file or folder, or of the folder that all are
    /// in.
    pub name: Option<String>,
    /// Announce URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// HTTP servers that have the files (BEP 19).
    pub web_seeds: Vec<String>,
    /// Whether peers may come from the trackers alone (BEP 27).
    pub private: bool,
    /// Words for the user.
    pub comment: Option<String>,
    /// When the torrent says that it was made, in seconds since 1970; `None` takes the clock's time.
    pub creation_date: Option<i64>,
    /// What becomes of symbolic links in a folder.
    pub links: Links,
    /// Whether what cannot be read is left out, instead of refusing all: files and folders without
    /// permission, links that lead nowhere, sockets, pipes and devices.
    pub skip_unreadable: bool,
    /// The versions that the torrent has. For version 2, a piece must be a power of two from 16 KiB
    /// on.
    pub version: Version,
}

/// A torrent and how it came about.
#[derive(Debug)]
pub struct Created {
    /// The torrent.
    pub metainfo: Metainfo,
    /// Where its files are, to be seeded from there.
    pub map: StorageMap,
    /// What could not be read, and so is not in the torrent.
    pub left_out: Vec<CreateError>,
    /// How many links were left out.
    pub skipped_links: usize,
}

/// Why no torrent was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A file or folder cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Neither a file nor a folder: a device, a pipe, a socket.
    #[error("{}: neither a file nor a folder", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// A link that cannot be followed: what it leads to is not there, or it leads to itself.
    #[error("{}: the link to {} cannot be followed: {error}", path.display(), target.display())]
    Link {
        /// The link.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A link that leads to what is not shared.
    #[error("{}: the link leads out of the folder, to {}", path.display(), target.display())]
    OutwardLink {
        /// The link.
        path: PathBuf,
        /// Where it points.
        target: PathBuf,
    },
    /// A name that is not Unicode, on a system whose names are not bytes.
    #[error("{}: the name is not valid Unicode", path.display())]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// Two of the paths given have one name.
    #[error("{} and {} would have the same name in the torrent", first.display(), second.display())]
    SameName {
        /// The one given first.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Folders within each other without end, as by a link that leads back up.
    #[error("{}: more than {} folders within each other", path.display(), walk::MAX_DEPTH)]
    TooDeep {
        /// The folder at which the walk ended.
        path: PathBuf,
    },
    /// No path was given.
    #[error("no path was given")]
    NoPath,
    /// The lengths that no torrent can have, for instance none at all.
    #[error("{}: {error}", path.display())]
    Lengths {
        /// The first path given.
        path: PathBuf,
        /// What is wrong.
        error: LengthsError,
    },
    /// A file could not be read to its end.
    #[error(transparent)]
    Hash(#[from] StorageError),
    /// The files make no valid torrent.
    #[error("{}: {error}", path.display())]
    Metainfo {
        /// The first path given.
        path: PathBuf,
        /// What is wrong.
        error: MetainfoError,
    },
}

impl CreateError {
    /// What could not be taken into the torrent, if it is one file or folder.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Read { path, .. }
            | Self::NotAFile { path }
            | Self::Link { path, .. }
            | Self::OutwardLink { path, .. }
            | Self::Name { path }
            | Self::TooDeep { path } => Some(path),
            Self::SameName { .. }
            | Self::NoPath
            | Self::Lengths { .. }
            | Self::Hash(_)
            | Self::Metainfo { .. } => None,
        }
    }
}

/// What a `.torrent` of `paths` is called: the torrent's name, which may be given, with `.torrent`.
pub fn torrent_file_name(paths: &[PathBuf], name: Option<&str>) -> Result<OsString, CreateError> {
    const ENDING: &str = ".torrent";
    let name = match name {
        Some(name) => name.as_bytes().to_vec(),
        None => default_name(paths)?,
    };
    let name = Name::new(&name).map_or_else(|| "files".into(), |name| os_name(&name));
    let mut file = name.clone();
    file.push(ENDING);
    if file.len() <= MAX_FILE_NAME {
        return Ok(file);
    }
    let mut text = name.to_string_lossy().into_owned();
    while text.len() + ENDING.len() > MAX_FILE_NAME {
        text.pop();
    }
    Ok((text + ENDING).into())
}

/// Makes a torrent of `paths`, files and folders, hashing on all cores; `progress` is called about
/// ten times a second and once at the end. Must run on a tokio runtime with time enabled.
pub async fn create(
    paths: &[PathBuf],
    options: CreateOptions,
    progress: impl FnMut(Progress),
) -> Result<Created, CreateError> {
    let first = paths.first().ok_or(CreateError::NoPath)?.clone();
    let given = paths.to_vec();
    let (links, skip_unreadable) = (options.links, options.skip_unreadable);
    let walked =
        tokio::task::spawn_blocking(move || walk_all(&given, links, skip_unreadable)).await;
    let walked = walked.map_err(|error| CreateError::Read {
        path: first.clone(),
        error: io::Error::other(error),
    })??;
    let mut found = walked.found;
    let total = found
        .iter()
        .fold(0u64, |sum, found| sum.saturating_add(found.file.length));
    let piece_length = options
        .piece_length
        .unwrap_or_else(|| default_piece_length(total));
    let single_file = matches!(found.as_slice(), [found] if paths.len() == 1 && found.file.path.len() == 1)
        && !fs::metadata(&first).is_ok_and(|metadata| metadata.is_dir());
    let name = match options.name {
        Some(name) => name.into_bytes(),
        None => default_name(paths)?,
    };
    let builder = if single_file {
        let executable = found.iter().any(|found| found.file.executable);
        for found in &mut found {
            found.file.path = vec![name.clone()];
        }
        InfoBuilder::single_file(name, total, piece_length).executable(executable)
    } else {
        // A folder given alone is the torrent's own folder; several paths are below it.
        let below = usize::from(paths.len() == 1);
        for found in &mut found {
            for path in std::iter::once(&mut found.file.path).chain(&mut found.file.link) {
                path.drain(..below.min(path.len()));
            }
        }
        let files = found.iter().map(|found| found.file.clone());
        InfoBuilder::multi_file(name, files.collect(), piece_length)
    };
    let builder = builder.private(options.private);
    let refused = |error| CreateError::Metainfo {
        path: first.clone(),
        error,
    };
    builder.check().map_err(refused)?;
    let outline = Outline::new(builder, options.version).map_err(refused)?;
    let hashers = outline.hashers().map_err(|error| CreateError::Lengths {
        path: first.clone(),
        error,
    })?;
    let pieces = hashers.layout().piece_count();
    let files = outline.files(found);
    let paths = files.iter().map(|(path, _)| path.clone()).collect();
    let layout = Layout::of_paths(hashers, files);
    let files = Files::new(layout, Access::Read, Allocation::Sparse, Arc::default());
    let hashes = hash_pieces(files, Bitfield::full(pieces), progress).await?;
    let (info, piece_layers) = outline.build(&hashes).map_err(refused)?;
    let mut metainfo = Metainfo::from_info(Arc::new(info));
    metainfo.piece_layers = piece_layers;
    metainfo.trackers = options.trackers;
    metainfo.web_seeds = options.web_seeds;
    metainfo.comment = options.comment;
    metainfo.created_by = Some(concat!("Brackish ", env!("CARGO_PKG_VERSION")).to_owned());
    metainfo.creation_date = options.creation_date.or_else(now);
    Ok(Created {
        metainfo,
        map: StorageMap::new(paths),
        left_out: walked.left_out,
        skipped_links: walked.skipped_links,
    })
}

/// Seconds since 1970.
fn now() -> Option<i64> {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(age.as_secs()).ok()
}

/// The name of the one path, or of the folder that all paths are in.
fn default_name(paths: &[PathBuf]) -> Result<Vec<u8>, CreateError> {
    let absolute = |path: &PathBuf| {
        let found = if path.file_name().is_some() {
            std::path::absolute(path)
        } else {
            fs::canonicalize(path)
        };
        found.map_err(|error| CreateError::Read {
            path: path.clone(),
            error,
        })
    };
    let named = match paths {
        [path] => absolute(path)?,
        _ => {
            let mut parents = Vec::new();
            for path in paths {
                parents.push(
                    absolute(path)?
                        .parent()
                        .map(Path::to_path_buf)
                        .unwrap_or_default(),
                );
            }
            match parents.split_first() {
                Some((first, rest)) if rest.iter().all(|parent| parent == first) => first.clone(),
                _ => PathBuf::from("files"),
            }
        }
    };
    let Some(name) = named.file_name() else {
        return Ok(b"files".to_vec());
    };
    bytes_of(name).ok_or_else(|| CreateError::Name {
        path: named.clone(),
    })
}
