//! What is asked of a file system about names.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

/// What tells one file from another: device and inode where there are such.
pub(super) type Identity = (u64, u64);

/// A file system, as far as names go.
pub(super) trait FileSystem {
    /// Looks at a path, at a link itself and not what it leads to.
    fn look(&self, path: &Path) -> io::Result<Identity>;

    /// Whether the folder of this path lists the very name at its end.
    fn lists(&self, path: &Path) -> bool;

    /// Makes an empty file that is not there yet, with the folders that it is in.
    fn make(&mut self, path: &Path) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    fn remove(&mut self, folder: &Path);
}

/// The system's own.
pub(super) struct Real;

impl FileSystem for Real {
    fn look(&self, path: &Path) -> io::Result<Identity> {
        fs::symlink_metadata(path).map(|metadata| identity(&metadata))
    }

    fn lists(&self, path: &Path) -> bool {
        let folder = path.parent().and_then(|folder| fs::read_dir(folder).ok());
        let mut entries = folder.into_iter().flatten().map_while(Result::ok);
        entries.any(|entry| Some(entry.file_name().as_os_str()) == path.file_name())
    }

    fn make(&mut self, path: &Path) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::File::create_new(path).map(|_| ())
    }

    fn remove(&mut self, folder: &Path) {
        // What is left is empty, and is removed by the next that tries names here.
        let _ = fs::remove_dir_all(folder);
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Names are chosen without looking where there is no identity.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0)
}
