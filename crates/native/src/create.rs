//! Makes a torrent of files and folders where they are.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use brackish_core::StorageError;
use brackish_wire::metainfo::{
    InfoBuilder, Metainfo, MetainfoError, NewFile, default_piece_length,
};
use brackish_wire::{Bitfield, LengthsError};

use crate::config::Allocation;
pub use crate::hashing::Progress;
use crate::hashing::hash_pieces;
pub use crate::outline::Version;
use crate::outline::{Found, Outline};
use crate::storage::map::StorageMap;
use crate::storage::names::bytes_of;
use crate::storage::{Files, HandleCache, Layout};

/// Most folders within each other that are walked. A torrent takes no more, and a link that leads
/// back up ends here.
const MAX_DEPTH: usize = 100;

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
    /// The versions that the torrent has. For version 2, a piece must be a power of two from 16 KiB
    /// on.
    pub version: Version,
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
    /// A name that is not Unicode, which a torrent cannot hold.
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
    #[error("{}: more than {MAX_DEPTH} folders within each other", path.display())]
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

/// Makes a torrent of `paths`, files and folders, hashing on all cores; `progress` is called about
/// ten times a second and once at the end. Gives the torrent and where its files are, to be seeded
/// from there. Must run on a tokio runtime with time enabled.
pub async fn create(
    paths: &[PathBuf],
    options: CreateOptions,
    progress: impl FnMut(Progress),
) -> Result<(Metainfo, StorageMap), CreateError> {
    let first = paths.first().ok_or(CreateError::NoPath)?.clone();
    let given = paths.to_vec();
    let walked = tokio::task::spawn_blocking(move || walk_all(&given)).await;
    let mut found = walked.map_err(|error| CreateError::Read {
        path: first.clone(),
        error: io::Error::other(error),
    })??;
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
        for found in &mut found {
            found.file.path = vec![name.clone()];
        }
        InfoBuilder::single_file(name, total, piece_length)
    } else {
        // A folder given alone is the torrent's own folder; several paths are below it.
        let below = usize::from(paths.len() == 1);
        for found in &mut found {
            found.file.path.drain(..below.min(found.file.path.len()));
        }
        let files = found.iter().map(|found| found.file.clone());
        InfoBuilder::multi_file(name, files.collect(), piece_length)
    };
    let builder = builder.private(options.private);
    let refused = |error| CreateError::Metainfo {
        path: first.clone(),
        error,
    };
    let outline = Outline::new(builder, options.version).map_err(refused)?;
    let hashers = outline.hashers().map_err(|error| CreateError::Lengths {
        path: first.clone(),
        error,
    })?;
    let pieces = hashers.layout().piece_count();
    let files = outline.files(found);
    let paths = files.iter().map(|(path, _)| path.clone()).collect();
    let layout = Layout::of_paths(hashers, files);
    let files = Files::new(layout, Allocation::Sparse, Arc::new(HandleCache::default()));
    let hashes = hash_pieces(files, Bitfield::full(pieces), progress).await?;
    let (info, piece_layers) = outline.build(&hashes).map_err(refused)?;
    let mut metainfo = Metainfo::from_info(Arc::new(info));
    metainfo.piece_layers = piece_layers;
    metainfo.trackers = options.trackers;
    metainfo.web_seeds = options.web_seeds;
    metainfo.comment = options.comment;
    metainfo.created_by = Some(concat!("Brackish ", env!("CARGO_PKG_VERSION")).to_owned());
    metainfo.creation_date = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|age| i64::try_from(age.as_secs()).ok());
    Ok((metainfo, StorageMap::new(paths)))
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

fn walk_all(paths: &[PathBuf]) -> Result<Vec<Found>, CreateError> {
    let mut found = Vec::new();
    let mut names: BTreeMap<Vec<u8>, &PathBuf> = BTreeMap::new();
    for path in paths {
        let name = default_name(std::slice::from_ref(path))?;
        if let Some(first) = names.insert(name.clone(), path) {
            return Err(CreateError::SameName {
                first: first.clone(),
                second: path.clone(),
            });
        }
        walk(path, &mut vec![name], &mut found)?;
    }
    Ok(found)
}

/// Adds the file, or all files below the folder, sorted by name.
fn walk(
    path: &Path,
    components: &mut Vec<Vec<u8>>,
    found: &mut Vec<Found>,
) -> Result<(), CreateError> {
    let fail = |error| CreateError::Read {
        path: path.to_path_buf(),
        error,
    };
    let metadata = fs::metadata(path).map_err(fail)?;
    if metadata.is_file() {
        // Opened so that a file that cannot be read is refused now, not after others were hashed.
        fs::File::open(path).map_err(fail)?;
        found.push(Found {
            path: path.to_path_buf(),
            file: NewFile {
                path: components.clone(),
                length: metadata.len(),
                executable: false,
                link: None,
            },
        });
        return Ok(());
    }
    if !metadata.is_dir() {
        return Err(CreateError::NotAFile {
            path: path.to_path_buf(),
        });
    }
    if components.len() > MAX_DEPTH {
        return Err(CreateError::TooDeep {
            path: path.to_path_buf(),
        });
    }
    let entries = fs::read_dir(path).map_err(fail)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(fail)?;
    names.sort();
    for name in names {
        let path = path.join(&name);
        let Some(name) = bytes_of(&name) else {
            return Err(CreateError::Name { path });
        };
        components.push(name);
        walk(&path, components, found)?;
        components.pop();
    }
    Ok(())
}
