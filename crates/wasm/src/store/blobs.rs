//! A torrent's bytes as Blobs, where there is no file system: the browser holds them, and moves
//! them to its own disk when they are many. Reading and joining them copies nothing on this side.

use brackish_core::{StorageError, Table};
use brackish_wire::metainfo::Info;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use super::opfs::place;
use crate::fault::storage_error;

/// The bytes of one torrent, in runs that do not overlap, by their offset.
#[derive(Default)]
pub struct Blobs {
    runs: Table<u64, (u64, Blob)>,
}

impl Blobs {
    /// Writes at an offset of the torrent, over what is there.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), StorageError> {
        let failed = |error: JsValue| storage_error("memory", &error);
        let end = offset + data.len() as u64;
        for (start, length, blob) in self.overlapping(offset, end) {
            self.runs.remove(&start);
            if start < offset {
                let kept = offset - start;
                self.runs
                    .insert(start, (kept, slice(&blob, 0, kept).map_err(failed)?));
            }
            if end < start + length {
                let rest = slice(&blob, end - start, length).map_err(failed)?;
                self.runs.insert(end, (start + length - end, rest));
            }
        }
        let parts = Array::of1(&Uint8Array::from(data));
        let blob = Blob::new_with_u8_array_sequence(&parts).map_err(failed)?;
        self.runs.insert(offset, (data.len() as u64, blob));
        Ok(())
    }

    /// Reads at an offset of the torrent. What is not there reads as zeros; whether all was there
    /// is the answer.
    pub async fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<bool, StorageError> {
        let end = offset + buffer.len() as u64;
        let mut read = 0;
        buffer.fill(0);
        for (start, length, blob) in self.overlapping(offset, end) {
            let from = start.max(offset);
            let to = (start + length).min(end);
            let part = buffer
                .get_mut((from - offset) as usize..(to - offset) as usize)
                .unwrap_or_default();
            read_blob(&blob, from - start, part)
                .await
                .map_err(|error| storage_error("memory", &error))?;
            read += to - from;
        }
        Ok(read == buffer.len() as u64)
    }

    /// A whole file, by reference to what it is made of.
    pub fn blob(&self, info: &Info, file: usize) -> Result<Blob, StorageError> {
        let failed = |error: JsValue| storage_error(&place(info, file), &error);
        let parts = Array::new();
        if let Some(file) = info.files().get(file) {
            let end = file.offset + file.length;
            for (start, length, blob) in self.overlapping(file.offset, end) {
                let from = start.max(file.offset) - start;
                let to = (start + length).min(end) - start;
                let part = slice(&blob, from, to).map_err(failed)?;
                parts.push(part.as_ref());
            }
        }
        Blob::new_with_blob_sequence(&parts).map_err(failed)
    }

    fn overlapping(&self, offset: u64, end: u64) -> Vec<(u64, u64, Blob)> {
        let (before, after) = self.runs.split(&offset);
        let before = before
            .last()
            .filter(|(start, (length, _))| start + length > offset);
        before
            .into_iter()
            .chain(after.iter().take_while(|(start, _)| *start < end))
            .map(|(start, (length, blob))| (*start, *length, blob.clone()))
            .collect()
    }
}

/// Reads `buffer.len()` bytes of a Blob from `offset` on.
pub async fn read_blob(blob: &Blob, offset: u64, buffer: &mut [u8]) -> Result<(), JsValue> {
    let part = slice(blob, offset, offset + buffer.len() as u64)?;
    let read = Uint8Array::new(&JsFuture::from(part.array_buffer()).await?);
    if read.length() as usize != buffer.len() {
        return Err(js_sys::Error::new("the file has become shorter").into());
    }
    read.copy_to(buffer);
    Ok(())
}

fn slice(blob: &Blob, from: u64, to: u64) -> Result<Blob, JsValue> {
    blob.slice_with_f64_and_f64(from as f64, to as f64)
}
