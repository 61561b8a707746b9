//! Files that are shared where they are: whether one has changed since it was last looked at, by its
//! time and length. The session then hashes its pieces again before it serves them.

use std::collections::HashMap;
use std::fs;
use std::time::SystemTime;

use brackish_core::{Input, TorrentId};

use super::driver::Driver;

/// Files looked at in one go: a few microseconds each, of the engine's time.
const FILES_AT_ONCE: usize = 256;

/// What tells that a file is not as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

/// The files as they were when they were last looked at.
#[derive(Debug, Default)]
pub(super) struct Watch {
    stamps: HashMap<(TorrentId, usize), Option<Stamp>>,
    /// Where the next look begins.
    next: usize,
}

impl Driver {
    /// Looks at the next of the files that are shared where they are.
    pub(super) fn watch_files(&mut self) {
        let shared: Vec<(TorrentId, usize)> = self.torrents.shared_files();
        if self.watch.stamps.len() > shared.len() {
            let stamps = &mut self.watch.stamps;
            stamps.retain(|key, _| shared.binary_search(key).is_ok());
        }
        let count = shared.len().min(FILES_AT_ONCE);
        let begin = self.watch.next;
        self.watch.next = begin.wrapping_add(count);
        let mut changed = Vec::new();
        for at in begin..begin + count {
            let Some(key @ (torrent, file)) = shared.get(at % shared.len()).copied() else {
                continue;
            };
            let Some(files) = self.torrents.files(torrent) else {
                continue;
            };
            let Some(slot) = files.layout().files().get(file) else {
                continue;
            };
            let stamp = fs::metadata(&slot.path).ok().map(|there| Stamp {
                length: there.len(),
                modified: there.modified().ok(),
            });
            let before = self.watch.stamps.insert(key, stamp);
            if before.is_some_and(|before| before != stamp) {
                let longer = stamp.is_some_and(|stamp| stamp.length > slot.length);
                changed.push(Input::FileChanged {
                    torrent,
                    file,
                    longer,
                });
            }
        }
        for input in changed {
            self.input(input);
        }
    }
}
