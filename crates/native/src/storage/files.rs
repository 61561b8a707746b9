//! The store of one torrent: reads and writes of its bytes, wherever its files are. A path that
//! leaves the torrent's folder by a symbolic link is refused.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use brackish_core::StorageError;
use brackish_wire::PieceIndex;
use bytes::Bytes;

use super::handles::HandleCache;
use super::homes::{Home, Homes};
use super::layout::{Layout, Segment, Slot};
use super::lock::FolderLock;
use super::ownership::Access;
use super::parts::Part;
use super::system::{self, Immediate};
use crate::config::Allocation;

/// The store of one torrent. Shared by the threads that work on it.
#[derive(Debug)]
pub(crate) struct Files {
    layout: Layout,
    pub(super) access: Access,
    pub(super) allocation: Allocation,
    /// Where the bytes of each file are.
    pub(super) homes: Homes,
    /// Held while homes are changed in several steps, so that only one thread does.
    pub(super) changing: Mutex<()>,
    /// Held from before the first write until everything is complete.
    pub(super) lock: Mutex<Option<FolderLock>>,
    handles: Arc<HandleCache>,
    store: u32,
    /// Whether reads that do not wait are worth trying.
    immediate: AtomicBool,
}

impl Files {
    /// A store of these files. Where they are below a folder, [`Files::begin`] must be called before
    /// anything else.
    pub(crate) fn new(
        layout: Layout,
        access: Access,
        allocation: Allocation,
        handles: Arc<HandleCache>,
    ) -> Self {
        let store = handles.new_store();
        Self {
            // A file that is mapped is somebody's own, and never written.
            access: match layout.root() {
                Some(_) => access,
                None => Access::Read,
            },
            allocation,
            homes: Homes::new(&layout),
            layout,
            changing: Mutex::new(()),
            lock: Mutex::new(None),
            handles,
            store,
            immediate: AtomicBool::new(true),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What may be done with the files.
    pub(crate) fn access(&self) -> Access {
        self.access
    }

    /// Where a stretch of a piece begins in the torrent, in bytes.
    pub(crate) fn position(&self, piece: PieceIndex, begin: u32) -> u64 {
        self.layout.lengths().piece_offset(piece) + u64::from(begin)
    }

    /// Makes a link, where there is nothing yet and the system has links.
    pub(super) fn link(&self, slot: &Slot, target: &Path) -> io::Result<()> {
        let Some(root) = self.layout.root() else {
            return Ok(());
        };
        let parent = slot.path.parent().unwrap_or(root);
        stay_inside(root, parent)?;
        if fs::symlink_metadata(&slot.path).is_ok() {
            return Ok(());
        }
        fs::create_dir_all(parent)?;
        system::link(target, &slot.path)
    }

    /// Fills `buffer` from `offset` of the torrent.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let state = self.homes.look();
        let mut rest = buffer;
        for segment in self.layout.segments(offset, rest.len() as u64) {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(segment.length as usize);
            rest = after;
            let Some(slot) = self.stored(segment) else {
                part.fill(0);
                continue;
            };
            let home = state.home(segment.file);
            if home == Home::Parts {
                let Part::At(at) = state.find(&self.layout, slot.offset + segment.offset) else {
                    return Err(StorageError::Failed {
                        place: slot.path.display().to_string(),
                        reason: "the file is not wanted and not there".into(),
                    });
                };
                system::read_exact_at(&*self.open_parts(false)?, part, at)
                    .map_err(|error| self.parts_failure(&error))?;
                continue;
            }
            let file = self.open(segment.file, home, false)?;
            system::read_exact_at(&file, part, segment.offset).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::UnexpectedEof => StorageError::Failed {
                        place: slot.at(home).display().to_string(),
                        reason: format!("the file is shorter than {} bytes", slot.length),
                    },
                    _ => failure(slot.at(home), &error),
                }
            })?;
        }
        Ok(())
    }

    /// Fills `buffer` from `offset` of the torrent if the files are open and the bytes in memory;
    /// otherwise says no, and what the buffer holds is undefined.
    pub(crate) fn read_immediately(&self, offset: u64, buffer: &mut [u8]) -> bool {
        if !self.immediate.load(Ordering::Relaxed) {
            return false;
        }
        let Some(state) = self.homes.try_look() else {
            return false;
        };
        let mut rest = buffer;
        for segment in self.layout.segments(offset, rest.len() as u64) {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(segment.length as usize);
            rest = after;
            if self.stored(segment).is_none() {
                part.fill(0);
                continue;
            }
            if state.home(segment.file) == Home::Parts {
                return false;
            }
            let Some(file) = self.handle(segment.file, false) else {
                return false;
            };
            match system::read_immediately(&file, part, segment.offset) {
                Immediate::Done => {}
                Immediate::WouldWait => return false,
                Immediate::Unsupported => {
                    self.immediate.store(false, Ordering::Relaxed);
                    return false;
                }
            }
        }
        true
    }

    /// Writes `blocks`, one after the other, from `offset` of the torrent.
    pub(crate) fn write(&self, offset: u64, blocks: &[Bytes]) -> Result<(), StorageError> {
        let length = blocks.iter().map(|block| block.len() as u64).sum();
        let mut segments = self.layout.segments(offset, length);
        if let (Some(segment), None) = (segments.next(), segments.next()) {
            let Some(slot) = self.stored(segment) else {
                return Ok(());
            };
            let state = self.homes.look();
            let home = state.home(segment.file);
            if self.takes_writes(home) {
                let file = self.open(segment.file, home, true)?;
                let mut buffers: Vec<_> = blocks.iter().map(|block| IoSlice::new(block)).collect();
                return system::write_vectored_at(&file, &mut buffers, segment.offset)
                    .map_err(|error| failure(slot.at(home), &error));
            }
        }
        let mut offset = offset;
        for block in blocks {
            self.write_across(offset, block)?;
            offset += block.len() as u64;
        }
        Ok(())
    }

    /// Writes a block that may lie in several files, or in one that is not made or not to be
    /// written where it is.
    fn write_across(&self, offset: u64, block: &[u8]) -> Result<(), StorageError> {
        let mut rest = block;
        for segment in self.layout.segments(offset, block.len() as u64) {
            let (part, after) = rest.split_at(segment.length as usize);
            rest = after;
            if let Some(slot) = self.stored(segment) {
                self.write_segment(segment, slot, part)?;
            }
        }
        Ok(())
    }

    fn write_segment(
        &self,
        segment: Segment,
        slot: &Slot,
        data: &[u8],
    ) -> Result<(), StorageError> {
        loop {
            let state = self.homes.look();
            let home = state.home(segment.file);
            if self.takes_writes(home) {
                let file = self.open(segment.file, home, true)?;
                return system::write_all_at(&file, data, segment.offset)
                    .map_err(|error| failure(slot.at(home), &error));
            }
            if home == Home::Parts
                && let Part::At(at) = state.find(&self.layout, slot.offset + segment.offset)
            {
                return system::write_all_at(&*self.open_parts(true)?, data, at)
                    .map_err(|error| self.parts_failure(&error));
            }
            drop(state);
            self.make_writable(segment.file)?;
        }
    }

    /// Whether blocks are written to a file with this home as it is.
    fn takes_writes(&self, home: Home) -> bool {
        match home {
            Home::Temporary => true,
            Home::Place => self.access.in_place(),
            Home::Parts => false,
        }
    }

    /// Closes the files.
    pub(crate) fn close(&self) {
        self.handles.close(self.store);
    }

    /// Closes one file.
    pub(super) fn close_file(&self, index: usize) {
        self.handles.close_file(self.store, index);
    }

    /// An open file, if it is open, and open for writing where that is asked.
    pub(super) fn handle(&self, index: usize, write: bool) -> Option<Arc<File>> {
        self.handles.get(self.store, index, write)
    }

    pub(super) fn keep_handle(&self, index: usize, write: bool, file: Arc<File>) {
        self.handles.put(self.store, index, write, file);
    }

    /// The file of a stretch, unless it is one that is not stored.
    fn stored(&self, segment: Segment) -> Option<&Slot> {
        self.layout
            .files()
            .get(segment.file)
            .filter(|slot| slot.stored)
    }

    /// The open file at `index`, opened now if it is not, and made if it is to be written. Its home
    /// must not change meanwhile.
    pub(super) fn open(
        &self,
        index: usize,
        home: Home,
        write: bool,
    ) -> Result<Arc<File>, StorageError> {
        if let Some(file) = self.handle(index, write) {
            return Ok(file);
        }
        let Some(slot) = self.layout.files().get(index) else {
            return Err(StorageError::Failed {
                place: format!("file {index}"),
                reason: "there is no such file".into(),
            });
        };
        let opened = self.handles.opening(|| self.open_anew(slot, home, write));
        let file = Arc::new(opened.map_err(|error| failure(slot.at(home), &error))?);
        self.keep_handle(index, write, file.clone());
        Ok(file)
    }

    fn open_anew(&self, slot: &Slot, home: Home, write: bool) -> io::Result<File> {
        let path = slot.at(home);
        // What is only read may be a user's own link to elsewhere.
        if let Some(root) = self.layout.root()
            && self.access != Access::Read
        {
            stay_inside(root, path)?;
        }
        if !write {
            return File::open(path);
        }
        if self.access == Access::Read {
            return Err(read_only());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path)?;
        if file.metadata()?.len() > slot.length {
            file.set_len(slot.length)?;
        }
        if slot.executable {
            system::make_executable(&file)?;
        }
        Ok(file)
    }
}

/// Why nothing is written to files that are shared or verified where they are.
pub(super) fn read_only() -> io::Error {
    let reason = "a file that is shared is not written";
    io::Error::new(io::ErrorKind::PermissionDenied, reason)
}

/// Refuses a path below `root` that a symbolic link leads out of it.
pub(super) fn stay_inside(root: &Path, below: &Path) -> io::Result<()> {
    let mut path = root.to_path_buf();
    for component in below.strip_prefix(root).unwrap_or(below).components() {
        path.push(component);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if metadata.is_symlink() && !leads_inside(root, &path) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!(
                    "the symbolic link {} leads out of the folder",
                    path.display()
                ),
            ));
        }
    }
    Ok(())
}

fn leads_inside(root: &Path, link: &PathBuf) -> bool {
    match (fs::canonicalize(root), fs::canonicalize(link)) {
        (Ok(root), Ok(target)) => target.starts_with(root),
        _ => false,
    }
}

/// What the session is told of an error of the system.
pub(crate) fn failure(path: &Path, error: &io::Error) -> StorageError {
    let place = path.display().to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::Full { place },
        _ => StorageError::Failed {
            place,
            reason: error.to_string(),
        },
    }
}
