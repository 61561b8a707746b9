//! The store of one torrent: reads and writes of its bytes, wherever its files are. A path that
//! leaves the torrent's folder by a symbolic link is refused.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brackish_core::StorageError;
use brackish_wire::PieceIndex;
use bytes::Bytes;

use super::handles::HandleCache;
use super::layout::{Layout, Segment, Slot};
use super::parts::{PARTS, Part, Parts};
use super::system::{self, Immediate};
use crate::config::Allocation;

/// The store of one torrent. Shared by the threads that work on it.
#[derive(Debug)]
pub(crate) struct Files {
    layout: Layout,
    /// The files that are not made, and what is kept of them.
    pub(super) parts: Parts,
    allocation: Allocation,
    handles: Arc<HandleCache>,
    store: u32,
    /// Whether reads that do not wait are worth trying.
    immediate: AtomicBool,
}

impl Files {
    pub(crate) fn new(layout: Layout, allocation: Allocation, handles: Arc<HandleCache>) -> Self {
        let store = handles.new_store();
        Self {
            parts: Parts::new(&layout),
            layout,
            allocation,
            handles,
            store,
            immediate: AtomicBool::new(true),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Where a stretch of a piece begins in the torrent, in bytes.
    pub(crate) fn position(&self, piece: PieceIndex, begin: u32) -> u64 {
        self.layout.lengths().piece_offset(piece) + u64::from(begin)
    }

    /// Makes a wanted file if it has no bytes, since no write will, and sets space aside if that was
    /// asked for.
    pub(super) fn make(&self, index: usize, slot: &Slot) -> Result<(), StorageError> {
        if slot.length > 0 && self.allocation != Allocation::Full {
            return Ok(());
        }
        let there = fs::metadata(&slot.path).is_ok_and(|there| there.len() >= slot.length);
        if !there {
            let file = self.open(index, true)?;
            system::allocate(&file, slot.length).map_err(|error| failure(&slot.path, &error))?;
        }
        Ok(())
    }

    /// Makes a link, where there is nothing yet and the system has links.
    pub(super) fn link(&self, slot: &Slot, target: &Path) -> io::Result<()> {
        let Some(root) = self.layout.root() else {
            return Ok(());
        };
        let parents = slot.below_root.split_last().map_or(&[][..], |(_, p)| p);
        stay_inside(root, parents)?;
        if fs::symlink_metadata(&slot.path).is_ok() {
            return Ok(());
        }
        if let Some(parent) = slot.path.parent() {
            fs::create_dir_all(parent)?;
        }
        system::link(target, &slot.path)
    }

    /// Fills `buffer` from `offset` of the torrent.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StorageError> {
        let parts = self.parts.look();
        let mut rest = buffer;
        for segment in self.layout.segments(offset, rest.len() as u64) {
            let (part, after) = std::mem::take(&mut rest).split_at_mut(segment.length as usize);
            rest = after;
            let Some(slot) = self.stored(segment) else {
                part.fill(0);
                continue;
            };
            if parts.is_unmade(segment.file) {
                let at = match parts.find(&self.layout, slot.offset + segment.offset) {
                    Part::At(at) => self.open(PARTS, false).map(|file| (file, at)),
                    Part::Nowhere => Err(StorageError::Failed {
                        place: slot.path.display().to_string(),
                        reason: "the file is not wanted and not there".into(),
                    }),
                };
                let (file, at) = at?;
                system::read_exact_at(&file, part, at)
                    .map_err(|error| self.parts_failure(&error))?;
                continue;
            }
            let file = self.open(segment.file, false)?;
            system::read_exact_at(&file, part, segment.offset).map_err(|error| {
                match error.kind() {
                    io::ErrorKind::UnexpectedEof => StorageError::Failed {
                        place: slot.path.display().to_string(),
                        reason: format!("the file is shorter than {} bytes", slot.length),
                    },
                    _ => failure(&slot.path, &error),
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
        let Some(parts) = self.parts.try_look() else {
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
            if parts.is_unmade(segment.file) {
                return false;
            }
            let Some(file) = self.handles.get(self.store, segment.file, false) else {
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
        let parts = self.parts.look();
        if let (Some(segment), None) = (segments.next(), segments.next())
            && !parts.is_unmade(segment.file)
        {
            let Some(slot) = self.stored(segment) else {
                return Ok(());
            };
            let file = self.open(segment.file, true)?;
            let mut buffers: Vec<_> = blocks.iter().map(|block| IoSlice::new(block)).collect();
            return system::write_vectored_at(&file, &mut buffers, segment.offset)
                .map_err(|error| failure(&slot.path, &error));
        }
        drop(parts);
        let mut offset = offset;
        for block in blocks {
            self.write_across(offset, block)?;
            offset += block.len() as u64;
        }
        Ok(())
    }

    /// Writes a block that may lie in several files.
    fn write_across(&self, offset: u64, block: &[u8]) -> Result<(), StorageError> {
        let mut rest = block;
        for segment in self.layout.segments(offset, block.len() as u64) {
            let (part, after) = rest.split_at(segment.length as usize);
            rest = after;
            let Some(slot) = self.stored(segment) else {
                continue;
            };
            let mut parts = self.parts.look();
            if parts.is_unmade(segment.file) {
                if let Part::At(at) = parts.find(&self.layout, slot.offset + segment.offset) {
                    let kept = self.open(PARTS, true)?;
                    system::write_all_at(&kept, part, at)
                        .map_err(|error| self.parts_failure(&error))?;
                    continue;
                }
                drop(parts);
                self.make_after_all(segment.file)?;
                parts = self.parts.look();
            }
            let file = self.open(segment.file, true)?;
            let written = system::write_all_at(&file, part, segment.offset);
            drop(parts);
            written.map_err(|error| failure(&slot.path, &error))?;
        }
        Ok(())
    }

    /// Closes the files.
    pub(crate) fn close(&self) {
        self.handles.close(self.store);
    }

    /// Closes one file.
    pub(super) fn close_file(&self, index: usize) {
        self.handles.close_file(self.store, index);
    }

    /// The file of a stretch, unless it is one that is not stored.
    fn stored(&self, segment: Segment) -> Option<&Slot> {
        self.layout
            .files()
            .get(segment.file)
            .filter(|slot| slot.stored)
    }

    /// The open file at `index`, opened now if it is not, and made if it is to be written.
    pub(crate) fn open(&self, index: usize, write: bool) -> Result<Arc<File>, StorageError> {
        if let Some(file) = self.handles.get(self.store, index, write) {
            return Ok(file);
        }
        if let (PARTS, Some(path)) = (index, self.layout.parts()) {
            let file = open_parts(path, write).map_err(|error| failure(path, &error))?;
            let file = Arc::new(file);
            self.handles.put(self.store, index, true, file.clone());
            return Ok(file);
        }
        let Some(slot) = self.layout.files().get(index) else {
            return Err(StorageError::Failed {
                place: format!("file {index}"),
                reason: "there is no such file".into(),
            });
        };
        let file = Arc::new(
            self.open_anew(slot, write)
                .map_err(|error| failure(&slot.path, &error))?,
        );
        self.handles.put(self.store, index, write, file.clone());
        Ok(file)
    }

    fn open_anew(&self, slot: &Slot, write: bool) -> io::Result<File> {
        let Some(root) = self.layout.root() else {
            return match write {
                true => Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "a file that is shared is not written",
                )),
                false => File::open(&slot.path),
            };
        };
        stay_inside(root, &slot.below_root)?;
        if !write {
            return File::open(&slot.path);
        }
        if let Some(parent) = slot.path.parent() {
            fs::create_dir_all(parent)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&slot.path)?;
        if file.metadata()?.len() > slot.length {
            // It is another file's remains: what is longer than the torrent says is never its file.
            file.set_len(slot.length)?;
        }
        if slot.executable {
            system::make_executable(&file)?;
        }
        Ok(file)
    }
}

/// Opens the file of parts, made if it is to be written: it may be the first of all.
fn open_parts(path: &Path, write: bool) -> io::Result<File> {
    if let (true, Some(parent)) = (write, path.parent()) {
        fs::create_dir_all(parent)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(write).open(path)
}

/// Refuses a path below `root` that a symbolic link leads out of it.
pub(super) fn stay_inside(root: &Path, below: &[OsString]) -> io::Result<()> {
    let mut path = root.to_path_buf();
    for component in below {
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
