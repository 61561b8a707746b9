//! A torrent's files in the origin private file system: one file there for each, named by its
//! number, read and written by sync access handles. A file of its own matters: a browser may
//! refuse to read a `File` after a later write, so one that is complete must not be written again.
//! In it the pieces lie in the order in which they came: see [`Slots`].

use brackish_core::{StorageError, Table};
use brackish_wire::metainfo::Info;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetFileOptions,
    FileSystemReadWriteOptions, FileSystemSyncAccessHandle,
};

use super::slots::{Slots, part, parts};
use super::spans::spans;
use crate::fault::{storage_error, thrown};

/// Most files of one torrent open at once. Each is a descriptor of the browser's process, of which
/// it may have as few as 1,024 for everything.
const OPEN_FILES: usize = 32;

/// The files of one torrent.
pub struct Opfs {
    folder: FileSystemDirectoryHandle,
    /// Where their pieces are.
    pub slots: Slots,
    open: Table<usize, OpenFile>,
    uses: u64,
}

struct OpenFile {
    handle: FileSystemSyncAccessHandle,
    last_use: u64,
}

impl Opfs {
    /// The files in this folder.
    pub fn new(folder: FileSystemDirectoryHandle, slots: Slots) -> Self {
        Self {
            folder,
            slots,
            open: Table::default(),
            uses: 0,
        }
    }

    /// Writes at an offset of the torrent.
    pub async fn write(
        &mut self,
        info: &Info,
        offset: u64,
        data: &[u8],
    ) -> Result<(), StorageError> {
        for span in spans(info.files(), offset, data.len()) {
            let Some(part) = data.get(span.range).filter(|_| !span.padding) else {
                continue;
            };
            let place = place(info, span.file);
            let handle = self
                .file(span.file, true)
                .await
                .map_err(|error| storage_error(&place, &error))?;
            let mut rest = part;
            let stretch = span.offset..span.offset + part.len() as u64;
            for (piece, bytes) in parts(info, span.file, stretch) {
                let slot = self.slots.place(info, span.file, piece);
                let within = bytes.start - slot_start(info, span.file, piece);
                let length = (bytes.end - bytes.start) as usize;
                let (data, after) = rest.split_at(length.min(rest.len()));
                rest = after;
                let at = FileSystemReadWriteOptions::new();
                at.set_at((slot + within) as f64);
                let written = handle
                    .write_with_u8_array_and_options(data, &at)
                    .map_err(|error| storage_error(&place, &error))?;
                if (written as usize) < data.len() {
                    return Err(StorageError::Full { place });
                }
            }
        }
        Ok(())
    }

    /// Reads at an offset of the torrent. What is not there reads as zeros; whether all was there
    /// is the answer.
    pub async fn read(
        &mut self,
        info: &Info,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<bool, StorageError> {
        let mut whole = true;
        for span in spans(info.files(), offset, buffer.len()) {
            let Some(part) = buffer.get_mut(span.range) else {
                continue;
            };
            if span.padding {
                part.fill(0);
                continue;
            }
            let mut rest = part;
            let stretch = span.offset..span.offset + rest.len() as u64;
            for (piece, bytes) in parts(info, span.file, stretch) {
                let length = (bytes.end - bytes.start) as usize;
                let (data, after) = rest.split_at_mut(length.min(rest.len()));
                rest = after;
                let slot = self.slots.find(span.file, piece);
                let within = bytes.start - slot_start(info, span.file, piece);
                let read = match slot {
                    Some(slot) => self.read_at(info, span.file, slot + within, data).await?,
                    None => 0,
                };
                if let Some(missing) = data.get_mut(read..).filter(|rest| !rest.is_empty()) {
                    missing.fill(0);
                    whole = false;
                }
            }
        }
        Ok(whole)
    }

    /// A whole file that is not written any more: the pieces of the stored file in their order, by reference.
    pub async fn blob(&mut self, info: &Info, file: usize) -> Result<Blob, StorageError> {
        let Some(stretches) = self.slots.stretches(info, file) else {
            return Err(StorageError::Failed {
                place: place(info, file),
                reason: "stored data is gone; the browser may have cleared it".to_owned(),
            });
        };
        self.release(file);
        let found = async {
            let handle = self.handle(file, false).await?;
            let stored: Blob = JsFuture::from(handle.get_file()).await?.unchecked_into();
            let joined = Array::new();
            for stretch in stretches {
                let (from, to) = (stretch.start as f64, stretch.end as f64);
                let part = stored.slice_with_f64_and_f64(from, to)?;
                joined.push(part.as_ref());
            }
            Blob::new_with_blob_sequence(&joined)
        };
        let blob = found.await;
        blob.map_err(|error| storage_error(&place(info, file), &error))
    }

    /// Puts what was written on the disk and lets go of every file.
    pub fn close(&mut self) {
        while let Some((&file, _)) = self.open.first() {
            self.release(file);
        }
    }

    /// Reads a stored file from `at` on; how many bytes there were.
    async fn read_at(
        &mut self,
        info: &Info,
        file: usize,
        at: u64,
        buffer: &mut [u8],
    ) -> Result<usize, StorageError> {
        let failed = |error: JsValue| storage_error(&place(info, file), &error);
        match self.file(file, false).await {
            Ok(handle) => {
                let options = FileSystemReadWriteOptions::new();
                options.set_at(at as f64);
                let read = handle.read_with_u8_array_and_options(buffer, &options);
                Ok(read.map_err(failed)? as usize)
            }
            Err(error) if thrown(&error).0 == "NotFoundError" => Ok(0),
            Err(error) => Err(failed(error)),
        }
    }

    async fn file(
        &mut self,
        file: usize,
        create: bool,
    ) -> Result<FileSystemSyncAccessHandle, JsValue> {
        self.uses += 1;
        if let Some(open) = self.open.get_mut(&file) {
            open.last_use = self.uses;
            return Ok(open.handle.clone());
        }
        if self.open.len() >= OPEN_FILES {
            let oldest = self.open.iter().min_by_key(|(_, open)| open.last_use);
            if let Some((&oldest, _)) = oldest {
                self.release(oldest);
            }
        }
        let handle = open_sync(&self.handle(file, create).await?).await?;
        let last_use = self.uses;
        let kept = handle.clone();
        self.open.insert(
            file,
            OpenFile {
                handle: kept,
                last_use,
            },
        );
        Ok(handle)
    }

    async fn handle(&self, file: usize, create: bool) -> Result<FileSystemFileHandle, JsValue> {
        file_handle(&self.folder, &file.to_string(), create).await
    }

    fn release(&mut self, file: usize) {
        if let Some(open) = self.open.remove(&file) {
            // What could not be flushed is found missing when it is hashed after the next opening.
            let _ = open.handle.flush();
            open.handle.close();
        }
    }
}

/// Where in a file its part of a piece begins.
fn slot_start(info: &Info, file: usize, piece: u32) -> u64 {
    part(info, file, piece).start
}

/// The file called `name` in a folder.
pub async fn file_handle(
    folder: &FileSystemDirectoryHandle,
    name: &str,
    create: bool,
) -> Result<FileSystemFileHandle, JsValue> {
    let options = FileSystemGetFileOptions::new();
    options.set_create(create);
    let handle = JsFuture::from(folder.get_file_handle_with_options(name, &options)).await?;
    Ok(handle.unchecked_into())
}

/// Opens a file for this Worker alone; `NoModificationAllowedError` while another has it.
pub async fn open_sync(file: &FileSystemFileHandle) -> Result<FileSystemSyncAccessHandle, JsValue> {
    let handle = JsFuture::from(file.create_sync_access_handle()).await?;
    Ok(handle.unchecked_into())
}

/// A file's path, for messages.
pub fn place(info: &Info, file: usize) -> String {
    info.files()
        .get(file)
        .map(|file| file.path_text())
        .unwrap_or_default()
}
