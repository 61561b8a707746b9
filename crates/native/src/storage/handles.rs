//! Open files, kept for reuse and bounded in number over all torrents.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Most files kept open. The usual limit of a process is 1024 descriptors, and peers need most.
const MAX_OPEN: usize = 256;

/// The open files of all stores.
#[derive(Debug, Default)]
pub(crate) struct HandleCache {
    next_store: AtomicU32,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<Key, Handle>,
    clock: u64,
}

/// A file of a store.
type Key = (u32, usize);

#[derive(Debug)]
struct Handle {
    file: Arc<File>,
    writable: bool,
    used: u64,
}

impl HandleCache {
    /// A number for a store, by which its files are told from those of others.
    pub(crate) fn new_store(&self) -> u32 {
        self.next_store.fetch_add(1, Ordering::Relaxed)
    }

    /// The file at `index` of `store`, if it is open, and open for writing where that is asked.
    pub(crate) fn get(&self, store: u32, index: usize, writable: bool) -> Option<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clock += 1;
        let now = open.clock;
        let handle = open
            .files
            .get_mut(&(store, index))
            .filter(|handle| handle.writable || !writable)?;
        handle.used = now;
        Some(handle.file.clone())
    }

    /// Keeps an open file, in the place of the one used longest ago if there are too many.
    pub(crate) fn put(&self, store: u32, index: usize, writable: bool, file: Arc<File>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.clock += 1;
        let used = open.clock;
        if open.files.len() >= MAX_OPEN
            && let Some(oldest) = open
                .files
                .iter()
                .min_by_key(|(_, handle)| handle.used)
                .map(|(key, _)| *key)
        {
            open.files.remove(&oldest);
        }
        open.files.insert(
            (store, index),
            Handle {
                file,
                writable,
                used,
            },
        );
    }

    /// Closes one file of a store, once the jobs that use it are done.
    pub(crate) fn close_file(&self, store: u32, index: usize) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.files.remove(&(store, index));
    }

    /// Closes the files of a store, once the jobs that use them are done.
    pub(crate) fn close(&self, store: u32) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.files.retain(|(of, _), _| *of != store);
    }
}
