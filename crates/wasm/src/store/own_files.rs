//! A torrent's bytes in the page's own files: what a person chose or dropped to seed. Nothing is
//! copied; each read goes to the file as it is on the disk.

use brackish_core::StorageError;
use brackish_wire::metainfo::Info;
use wasm_bindgen::JsValue;
use web_sys::Blob;

use super::blobs::read_blob;
use super::opfs::place;
use super::spans::spans;
use crate::fault::thrown;

/// The files, in the torrent's order.
pub struct OwnFiles(pub Vec<Blob>);

impl OwnFiles {
    /// Reads at an offset of the torrent.
    pub async fn read(
        &self,
        info: &Info,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), StorageError> {
        for span in spans(info.files(), offset, buffer.len()) {
            if let (Some(file), Some(part)) = (self.0.get(span.file), buffer.get_mut(span.range)) {
                read_blob(file, span.offset, part)
                    .await
                    .map_err(|error| unreadable(&place(info, span.file), &error))?;
            }
        }
        Ok(())
    }
}

/// A file that was there and now cannot be read has been changed, moved or deleted.
pub fn unreadable(place: &str, error: &JsValue) -> StorageError {
    let (_, message) = thrown(error);
    StorageError::Failed {
        place: place.to_owned(),
        reason: format!("cannot be read; it may have been changed, moved or deleted ({message})"),
    }
}
