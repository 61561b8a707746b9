//! Where the files of a torrent really are.

use std::path::{Path, PathBuf};

/// Where the files of a torrent are, or will be.
#[derive(Clone, Debug)]
pub enum Place {
    /// Below a folder, by the torrent's own paths: `DIR/name` for a single file,
    /// `DIR/name/path` for several. Made where missing, and written.
    Directory(PathBuf),
    /// Each file where it was when the torrent was made. Only read.
    Map(StorageMap),
}

/// The real path of each file of a torrent, in the torrent's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageMap {
    paths: Vec<PathBuf>,
}

impl StorageMap {
    /// A map of the torrent's files to `paths`, in the torrent's order. Paddings count as files;
    /// theirs are not looked at.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths }
    }

    /// The real path of the file at `index` of the torrent.
    pub fn path(&self, index: usize) -> Option<&Path> {
        self.paths.get(index).map(PathBuf::as_path)
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}
