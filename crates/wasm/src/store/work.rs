//! The one who does a store's jobs.

use std::rc::Rc;
use std::sync::Arc;

use brackish_core::{Input, Presence, StorageError, TorrentId};
use brackish_wire::metainfo::{Info, Verdict, Verifier};
use brackish_wire::{Bitfield, PieceHash, PieceHasher, PieceHashers, PieceIndex};
use bytes::Bytes;
use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::blobs::Blobs;
use super::buffers::{Buffers, Run};
use super::folder::Folder;
use super::opfs::Opfs;
use super::own_files::OwnFiles;
use super::read_ahead::{CHUNK, ReadAhead};
use super::{Job, Place, Told};
use crate::fault::{Fault, storage_error, thrown};
use crate::host::milliseconds;

/// Milliseconds of work after which everything else that waits for this thread has its turn.
const SLICE: f64 = 8.0;

/// Bytes written or hashed in one go. Below a slice's worth on slow machines, and large enough
/// that the browser's cost of a call does not show.
const STRETCH: usize = 1 << 20;

/// Milliseconds between savings of which pieces are verified: what a page that is closed at the
/// wrong moment fetches again.
const SAVE_EVERY: f64 = 1000.0;

/// An open store.
pub struct Work {
    info: Arc<Info>,
    verifier: Verifier,
    hashers: PieceHashers,
    medium: Medium,
    buffers: Buffers,
    read_ahead: ReadAhead,
    /// Verified pieces: as found, until they are hashed, so that a check cut short loses none.
    have: Bitfield,
    saved: Saved,
    pause: Rc<dyn Fn() -> Promise>,
    busy_since: f64,
    tell: Rc<dyn Fn(Told)>,
}

enum Medium {
    Opfs(Opfs, Folder),
    Blobs(Blobs),
    Files(OwnFiles),
}

/// How `have` stands to what was saved of it.
struct Saved {
    at: f64,
    outdated: bool,
}

impl Work {
    /// Opens or makes a store, and tells the session. `None` if that failed.
    pub async fn open(
        torrent: TorrentId,
        verifier: Verifier,
        place: Place,
        pause: Rc<dyn Fn() -> Promise>,
        tell: Rc<dyn Fn(Told)>,
    ) -> Option<Self> {
        let info = verifier.info().clone();
        let opened = open_medium(&info, place, &tell).await;
        let (result, work) = match opened {
            Ok((medium, presence)) => {
                let have = match &presence {
                    Presence::Maybe(have) => have.clone(),
                    Presence::Nothing => Bitfield::new(info.lengths().piece_count()),
                };
                let work = Self {
                    medium,
                    buffers: Buffers::default(),
                    read_ahead: ReadAhead::default(),
                    have,
                    saved: Saved {
                        at: f64::NEG_INFINITY,
                        outdated: false,
                    },
                    pause,
                    busy_since: 0.0,
                    tell: tell.clone(),
                    hashers: info.piece_hashers(),
                    verifier,
                    info,
                };
                (Ok(presence), Some(work))
            }
            Err(error) => (Err(error), None),
        };
        tell(Told::Input(Input::StorageOpened { torrent, result }));
        work
    }

    /// Does a job.
    pub async fn act(&mut self, job: Job) {
        self.breathe().await;
        match job {
            Job::Read {
                job,
                piece,
                begin,
                length,
            } => {
                let result = self.read(piece, begin, length).await;
                self.answer(Input::BlockRead { job, result });
            }
            Job::Write {
                job,
                piece,
                begin,
                data,
            } => {
                let begin_hash = || self.hashers.hasher(piece);
                let hash = self.buffers.insert(piece.get(), begin, data, begin_hash);
                let result = self.write_overflow().await.map(|()| hash);
                self.answer(Input::BlockWritten { job, result });
            }
            Job::Hash { job, piece } => {
                let result = self.hash(piece).await;
                self.answer(Input::PieceHashed { job, result });
            }
            Job::Show {
                offset,
                length,
                reply,
            } => {
                let shown = self.show(offset, length).await;
                reply.send(shown.map_err(|error| self.fault(error)));
            }
            Job::Blob { file, reply } => {
                let blob = self.blob(file).await.map(JsValue::from);
                reply.send(blob.map_err(|error| self.fault(error)));
            }
            Job::Save => self.save(),
            Job::SaveWanted(wanted) => {
                if let Medium::Opfs(_, folder) = &self.medium {
                    // A choice that cannot be saved is forgotten with the page, as in memory.
                    let _ = folder.save_wanted(&wanted).await;
                }
            }
            Job::Close { .. } => {}
        }
    }

    fn fault(&self, error: StorageError) -> Fault {
        match self.medium {
            Medium::Files(_) => Fault::of_own_files(&error),
            Medium::Opfs(..) | Medium::Blobs(_) => error.into(),
        }
    }

    /// Lets go of everything.
    pub async fn close(mut self, delete: bool) -> Result<(), Fault> {
        self.saved.at = f64::NEG_INFINITY;
        self.save();
        if let Medium::Opfs(mut files, folder) = self.medium {
            files.close();
            folder.close(delete).await.map_err(|error| {
                Fault::new(
                    "storage",
                    format!("stored data cannot be deleted: {}", thrown(&error).1),
                )
            })?;
        }
        Ok(())
    }

    async fn read(
        &mut self,
        piece: PieceIndex,
        begin: u32,
        length: u32,
    ) -> Result<Bytes, StorageError> {
        if matches!(self.medium, Medium::Opfs(..)) {
            let offset = self.info.lengths().piece_offset(piece) + u64::from(begin);
            return self.read_exactly(offset, length as usize).await;
        }
        if let Medium::Files(files) = &self.medium
            && !files.is_checked(piece)
        {
            self.check_own(piece).await?;
        }
        // Blobs are read in chunks that begin anew with each piece.
        let mut data = Vec::with_capacity(length as usize);
        let end = begin + length;
        let mut next = begin;
        while next < end {
            let start = next / CHUNK * CHUNK;
            let chunk = self.chunk(piece, start).await?;
            let from = (next - start) as usize;
            let to = chunk.len().min((end - start) as usize);
            match chunk.get(from..to) {
                Some(part) if part.len() == length as usize => return Ok(chunk.slice(from..to)),
                Some(part) if !part.is_empty() => data.extend_from_slice(part),
                _ => break,
            }
            next = start + to as u32;
        }
        Ok(data.into())
    }

    /// Hashes a piece of the page's own files before it is served for the first time.
    async fn check_own(&mut self, piece: PieceIndex) -> Result<(), StorageError> {
        let mut hasher = self.hashers.hasher(piece);
        while !hasher.is_done() {
            let start = hasher.taken() / CHUNK * CHUNK;
            let chunk = self.chunk(piece, start).await?;
            hasher.update(&chunk);
            self.breathe().await;
        }
        self.checked_own(piece, &hasher.finish())
    }

    /// A piece of the page's own files was hashed.
    fn checked_own(&mut self, piece: PieceIndex, hash: &PieceHash) -> Result<(), StorageError> {
        let right = self.verifier.judge(piece, hash) == Verdict::Good;
        let size = self.info.layout().piece_size(piece);
        let Medium::Files(files) = &mut self.medium else {
            return Ok(());
        };
        if right {
            files.was_checked(piece);
            return Ok(());
        }
        self.read_ahead = ReadAhead::default();
        let offset = self.info.lengths().piece_offset(piece);
        Err(files.was_changed(&self.info, offset, size as usize))
    }

    async fn chunk(&mut self, piece: PieceIndex, start: u32) -> Result<Bytes, StorageError> {
        let lengths = self.info.lengths();
        let offset = lengths.piece_offset(piece) + u64::from(start);
        if let Some(chunk) = self.read_ahead.get(offset) {
            return Ok(chunk);
        }
        let size = self.info.layout().piece_size(piece);
        let length = CHUNK.min(size.saturating_sub(start));
        let chunk = self.read_exactly(offset, length as usize).await?;
        self.read_ahead.put(offset, chunk.clone());
        Ok(chunk)
    }

    async fn read_exactly(&mut self, offset: u64, length: usize) -> Result<Bytes, StorageError> {
        let mut data = vec![0; length];
        match self.read_or_zeros(offset, &mut data).await? {
            true => Ok(data.into()),
            false => Err(StorageError::Failed {
                place: self.info.name().to_owned(),
                reason: "stored data is gone; the browser may have cleared it".to_owned(),
            }),
        }
    }

    /// Whether everything was there.
    async fn read_or_zeros(&mut self, offset: u64, data: &mut [u8]) -> Result<bool, StorageError> {
        if !matches!(self.medium, Medium::Opfs(..)) {
            // Reading a Blob takes a while.
            (self.tell)(Told::Rest);
        }
        match &mut self.medium {
            Medium::Opfs(files, _) => files.read(&self.info, offset, data).await,
            Medium::Blobs(blobs) => blobs.read(offset, data).await,
            Medium::Files(files) => files.read(&self.info, offset, data).await.map(|()| true),
        }
    }

    async fn write_overflow(&mut self) -> Result<(), StorageError> {
        while let Some((piece, runs)) = self.buffers.overflow() {
            let Some(piece) = self.info.lengths().piece(piece) else {
                continue;
            };
            self.write_runs(piece, runs).await?;
        }
        Ok(())
    }

    async fn write_runs(&mut self, piece: PieceIndex, runs: Vec<Run>) -> Result<(), StorageError> {
        for run in runs {
            let mut offset = self.info.lengths().piece_offset(piece) + u64::from(run.begin);
            let mut stretch = Vec::new();
            let mut blocks = run.blocks.into_iter().peekable();
            while let Some(block) = blocks.next() {
                stretch.extend_from_slice(&block);
                let full = match blocks.peek() {
                    Some(next) => stretch.len() + next.len() > STRETCH,
                    None => true,
                };
                if full {
                    match &mut self.medium {
                        Medium::Opfs(files, _) => files.write(&self.info, offset, &stretch).await?,
                        Medium::Blobs(blobs) => blobs.write(offset, &stretch)?,
                        Medium::Files(_) => {}
                    }
                    offset += stretch.len() as u64;
                    stretch.clear();
                    self.breathe().await;
                }
            }
        }
        Ok(())
    }

    async fn hash(&mut self, piece: PieceIndex) -> Result<PieceHash, StorageError> {
        let (runs, hasher) = self.buffers.finish(piece.get());
        let mut hasher = hasher.unwrap_or_else(|| self.hashers.hasher(piece));
        self.write_runs(piece, runs).await?;
        self.hash_rest(piece, &mut hasher).await?;
        let hash = hasher.finish();
        self.checked_own(piece, &hash)?;
        let changed = match self.verifier.judge(piece, &hash) {
            Verdict::Good => self.have.set(piece.get()),
            Verdict::Bad | Verdict::Inconsistent => self.have.clear(piece.get()),
        };
        self.saved.outdated |= changed;
        self.save();
        Ok(hash)
    }

    /// Hashes what was not hashed as it came, from the store. Data that is not there hashes as
    /// zeros, that is: wrong.
    async fn hash_rest(
        &mut self,
        piece: PieceIndex,
        hasher: &mut PieceHasher,
    ) -> Result<(), StorageError> {
        let offset = self.info.lengths().piece_offset(piece);
        let size = self.info.layout().piece_size(piece);
        let mut data = Vec::new();
        while !hasher.is_done() {
            let taken = hasher.taken();
            data.resize(STRETCH.min((size - taken) as usize), 0);
            self.read_or_zeros(offset + u64::from(taken), &mut data)
                .await?;
            hasher.update(&data);
            self.breathe().await;
        }
        Ok(())
    }

    async fn show(&mut self, offset: u64, length: u32) -> Result<JsValue, StorageError> {
        let data = self.read_exactly(offset, length as usize).await?;
        Ok(Uint8Array::from(data.as_ref()).into())
    }

    async fn blob(&mut self, file: usize) -> Result<Blob, StorageError> {
        let empty = self.info.files().get(file).is_none_or(|f| f.length == 0);
        if empty {
            return Blob::new_with_buffer_source_sequence(&Array::new())
                .map_err(|error| storage_error("an empty file", &error));
        }
        match &mut self.medium {
            Medium::Opfs(files, _) => files.blob(&self.info, file).await,
            Medium::Blobs(blobs) => blobs.blob(&self.info, file),
            Medium::Files(files) => files.blob(&self.info, file),
        }
    }

    fn save(&mut self) {
        let Medium::Opfs(files, folder) = &mut self.medium else {
            return;
        };
        // The last piece is saved at once: a page is closed when it is done.
        let due = self.have.is_full() || milliseconds() - self.saved.at >= SAVE_EVERY;
        if self.saved.outdated && due {
            self.saved.at = milliseconds();
            // A list that cannot be saved costs the next visit some checking or fetching, no more.
            let slots = folder.save_slots(&mut files.slots);
            self.saved.outdated = slots.and_then(|()| folder.save_have(&self.have)).is_err();
        }
    }

    fn answer(&self, input: Input<'static>) {
        (self.tell)(Told::Input(input));
    }

    async fn breathe(&mut self) {
        if milliseconds() - self.busy_since > SLICE {
            (self.tell)(Told::Rest);
            // The pause cannot fail: it is a message of this Worker to itself.
            let _ = JsFuture::from((self.pause)()).await;
            self.busy_since = milliseconds();
        }
    }
}

async fn open_medium(
    info: &Info,
    place: Place,
    tell: &Rc<dyn Fn(Told)>,
) -> Result<(Medium, Presence), StorageError> {
    let pieces = info.lengths().piece_count();
    let parent = match place {
        Place::Files(files) => {
            tell(Told::Medium("files"));
            let all = Presence::Maybe(Bitfield::full(pieces));
            let files = OwnFiles::new(files, pieces);
            return Ok((Medium::Files(files), all));
        }
        Place::Memory => None,
        Place::Opfs(parent) => Some(parent),
    };
    if let Some(parent) = parent {
        let failed = |error: JsValue| storage_error(info.name(), &error);
        match Folder::open(&parent, info.info_hash())
            .await
            .map_err(failed)?
        {
            Some(folder) => {
                folder.save_info(info.raw()).await.map_err(failed)?;
                let presence = match folder.have(pieces) {
                    Some(have) if have.count_ones() > 0 => Presence::Maybe(have),
                    _ => Presence::Nothing,
                };
                let slots = folder.slots(info).map_err(failed)?;
                tell(Told::Medium("opfs"));
                let files = Opfs::new(folder.handle(), slots);
                return Ok((Medium::Opfs(files, folder), presence));
            }
            None => tell(Told::InUse),
        }
    }
    tell(Told::Medium("memory"));
    Ok((Medium::Blobs(Blobs::default()), Presence::Nothing))
}
