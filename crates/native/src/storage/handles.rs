//! Open files, kept for reuse and bounded in number over all torrents.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::descriptors::{self, Descriptors};

/// How often a file is opened anew after others were closed for it, and the wait before each: other
/// threads may have taken what was freed.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// The open files of all stores.
#[derive(Debug)]
pub(crate) struct HandleCache {
    /// Most files kept open.
    most: usize,
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

impl Default for HandleCache {
    /// As many as the process may have, its limit raised.
    fn default() -> Self {
        Self::new(Descriptors::raised().files)
    }
}

impl HandleCache {
    /// Keeps as many files open as `most`, over all stores.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            next_store: AtomicU32::default(),
            open: Mutex::default(),
        }
    }

    /// Closes the half of the files that was used longest ago, once the jobs that use them are done.
    pub(crate) fn make_room(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used: Vec<u64> = open.files.values().map(|handle| handle.used).collect();
        used.sort_unstable();
        if let Some(middle) = used.get(used.len() / 2).copied() {
            open.files.retain(|_, handle| handle.used > middle);
        }
    }

    /// Opens something; where the process has too many files and sockets open, files that are not in
    /// use are closed for it.
    pub(crate) fn opening<T>(&self, open: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let mut attempt = 0;
        loop {
            match open() {
                Err(error) if descriptors::are_short(&error) && attempt < ATTEMPTS => {
                    attempt += 1;
                    self.make_room();
                    thread::sleep(PAUSE);
                }
                result => return result,
            }
        }
    }

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
        if open.files.len() >= self.most
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
