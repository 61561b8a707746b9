//! A lock per torrent and folder, so that two processes never write the same files: a file
//! `.INFO-HASH.lock` in the folder, there while the torrent is being written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long a lock that another holds is waited for: long enough for one that is being let go, as
/// when a torrent is removed and added again.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// How often a lock that another holds is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// Longest content that is read of a lock's file, in bytes: it holds the number of a process.
const MAX_CONTENT: u64 = 32;

/// The lock, held until this is dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    path: PathBuf,
    /// Open and locked; `None` on a file system that has no locks.
    file: Option<File>,
}

/// Why a lock is not had.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another holds it: the number of its process, where that can be read.
    Held(Option<u32>),
    /// The file cannot be made.
    Io(io::Error),
}

impl FolderLock {
    /// Locks the file at `path`, made with its folder if they are not there. Waits at most for
    /// `patience` while another holds it.
    pub(super) fn acquire(path: &Path, patience: Duration) -> Result<Self, LockError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(LockError::Io)?;
        }
        let end = Instant::now() + patience;
        loop {
            match Self::try_acquire(path) {
                // Another may have removed the file between opening and locking it.
                Ok(None) => {}
                Ok(Some(lock)) => return Ok(lock),
                Err(LockError::Held(_)) if Instant::now() < end => thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
    }

    /// The lock, or nothing if the locked file is not the one at `path` any more.
    fn try_acquire(path: &Path) -> Result<Option<Self>, LockError> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(LockError::Io)?;
        let lock = |file| Self {
            path: path.to_path_buf(),
            file,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(Some(lock(None)));
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        if !is_at(&file, path) {
            return Ok(None);
        }
        // Only for a person who meets the lock: it holds without it.
        let _ = file.set_len(0);
        let _ = write!(file, "{}", std::process::id());
        Ok(Some(lock(Some(file))))
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Removed while it is held: whoever waits at the old file sees that it is gone. A file that
        // cannot be removed holds nobody up.
        let _ = fs::remove_file(&self.path);
        drop(self.file.take());
    }
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_CONTENT).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Whether the open file is the one at `path` still.
fn is_at(file: &File, path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let same = |one: fs::Metadata, other: fs::Metadata| {
            (one.dev(), one.ino()) == (other.dev(), other.ino())
        };
        let both = file.metadata().ok().zip(fs::metadata(path).ok());
        both.is_some_and(|(one, other)| same(one, other))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        path.exists()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_process_that_holds_the_first() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("new folder/.lock");
        let first = FolderLock::acquire(&path, Duration::ZERO).unwrap();
        match FolderLock::acquire(&path, Duration::ZERO) {
            Err(LockError::Held(process)) => assert_eq!(process, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert!(!path.exists());
        FolderLock::acquire(&path, PATIENCE).unwrap();
    }

    #[test]
    fn a_lock_that_is_let_go_soon_is_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".lock");
        let first = FolderLock::acquire(&path, Duration::ZERO).unwrap();
        let waiting = thread::spawn({
            let path = path.clone();
            move || FolderLock::acquire(&path, Duration::from_secs(60))
        });
        drop(first);
        waiting.join().unwrap().unwrap();
    }

    #[test]
    fn what_a_killed_process_left_is_taken_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join(".lock");
        fs::write(&path, "4194304").unwrap();
        FolderLock::acquire(&path, PATIENCE).unwrap();
    }
}
