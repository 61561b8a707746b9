//! Hashes the pieces of files on all cores, for those who make or verify a torrent outside a
//! session.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use brackish_core::StorageError;
use brackish_wire::{Bitfield, PieceHash, PieceIndex};
use tokio::sync::mpsc;

use crate::storage::Files;

/// Bytes read at a time: large enough that the system reads ahead, small enough to stay in the
/// processor's cache until they are hashed.
const CHUNK: usize = 512 << 10;

/// How often the progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How far a hashing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes hashed so far.
    pub hashed: u64,
    /// Bytes in all.
    pub total: u64,
}

/// The hash of each piece in `wanted`, by index; an empty one for the others. Ends at the first error.
/// Dropping the future ends the threads.
pub(crate) async fn hash_pieces(
    files: Files,
    wanted: Bitfield,
    mut progress: impl FnMut(Progress),
) -> Result<Vec<PieceHash>, StorageError> {
    let lengths = files.layout().hashers().layout().clone();
    let total = wanted
        .ones()
        .filter_map(|index| lengths.piece(index))
        .map(|piece| u64::from(lengths.piece_size(piece)));
    let total = total.sum();
    let count = thread::available_parallelism().map_or(1, usize::from);
    let (sender, mut receiver) = mpsc::channel::<Result<(), StorageError>>(count);
    let shared = Arc::new(Shared {
        hashes: Mutex::new(vec![PieceHash::default(); lengths.piece_count() as usize]),
        next: AtomicU32::new(0),
        hashed: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        files,
        wanted,
    });
    let stop_at_end = StopOnDrop(shared.clone());
    for _ in 0..count {
        let shared = shared.clone();
        let sender = sender.clone();
        thread::spawn(move || {
            let result = shared.work();
            // A receiver that is gone wants no result.
            let _ = sender.blocking_send(result);
        });
    }
    drop(sender);
    loop {
        let told = |shared: &Shared| Progress {
            hashed: shared.hashed.load(Ordering::Relaxed),
            total,
        };
        match tokio::time::timeout(PROGRESS_INTERVAL, receiver.recv()).await {
            Ok(Some(result)) => result?,
            Ok(None) => {
                progress(told(&shared));
                break;
            }
            Err(_) => progress(told(&shared)),
        }
    }
    drop(stop_at_end);
    let mut hashes = shared.hashes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *hashes))
}

struct Shared {
    files: Files,
    wanted: Bitfield,
    hashes: Mutex<Vec<PieceHash>>,
    next: AtomicU32,
    hashed: AtomicU64,
    stop: AtomicBool,
}

struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    /// Hashes pieces until there is none left.
    fn work(&self) -> Result<(), StorageError> {
        let lengths = self.files.layout().lengths();
        let mut chunk = vec![0; CHUNK];
        while !self.stop.load(Ordering::Relaxed) {
            let Some(piece) = lengths.piece(self.next.fetch_add(1, Ordering::Relaxed)) else {
                break;
            };
            if !self.wanted.get(piece.get()) {
                continue;
            }
            let hash = match self.hash(piece, &mut chunk) {
                Ok(hash) => hash,
                Err(error) => {
                    self.stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            };
            let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = hashes.get_mut(piece.get() as usize) {
                *place = hash;
            }
        }
        Ok(())
    }

    fn hash(&self, piece: PieceIndex, chunk: &mut [u8]) -> Result<PieceHash, StorageError> {
        let hashers = self.files.layout().hashers();
        let size = hashers.layout().piece_size(piece);
        let mut hasher = hashers.hasher(piece);
        while !hasher.is_done() && !self.stop.load(Ordering::Relaxed) {
            let begin = hasher.taken();
            let length = ((size - begin) as usize).min(chunk.len());
            let (part, _) = chunk.split_at_mut(length);
            self.files.read(self.files.position(piece, begin), part)?;
            hasher.update(part);
            self.hashed.fetch_add(length as u64, Ordering::Relaxed);
        }
        Ok(hasher.finish())
    }
}
