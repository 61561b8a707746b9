//! What is kept of a torrent between visits, in a folder of the origin private file system named
//! by its info-hash: its files, its `info` dictionary, and which pieces were verified. Nothing of
//! it is believed when it is found again: the dictionary must have its hash, and so must a piece.
//!
//! The file of verified pieces is open for as long as the torrent is, and a browser lets it be
//! open once: so it is also the lock that keeps two tabs from writing over each other.

use brackish_wire::{Bitfield, InfoHash, InfoHashV2};
use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, FileSystemDirectoryHandle, FileSystemGetDirectoryOptions, FileSystemReadWriteOptions,
    FileSystemRemoveOptions, FileSystemSyncAccessHandle,
};

use super::opfs::{file_handle, open_sync};
use crate::fault::thrown;
use crate::host::sleep;

/// The `info` dictionary, as it was verified.
const INFO: &str = "info";

/// The verified pieces, as in a `bitfield` message (BEP 3).
const HAVE: &str = "have";

/// How often the lock is tried for, and the milliseconds between: a page that is loaded again
/// finds its former self's Worker on its way out.
const LOCK_TRIES: u32 = 15;
const LOCK_PAUSE: f64 = 100.0;

/// The folder of one torrent, held by this Worker alone.
pub struct Folder {
    parent: FileSystemDirectoryHandle,
    name: String,
    folder: FileSystemDirectoryHandle,
    have: FileSystemSyncAccessHandle,
}

impl Folder {
    /// Opens or makes the folder of a torrent; `None` while another tab has it.
    pub async fn open(
        parent: &FileSystemDirectoryHandle,
        info_hash: InfoHash,
    ) -> Result<Option<Self>, JsValue> {
        let name = info_hash.to_string();
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let folder = JsFuture::from(parent.get_directory_handle_with_options(&name, &options));
        let folder: FileSystemDirectoryHandle = folder.await?.unchecked_into();
        let have = file_handle(&folder, HAVE, true).await?;
        for _ in 0..LOCK_TRIES {
            match open_sync(&have).await {
                Ok(have) => {
                    return Ok(Some(Self {
                        parent: parent.clone(),
                        name,
                        folder,
                        have,
                    }));
                }
                Err(error) if thrown(&error).0 == "NoModificationAllowedError" => {
                    sleep(LOCK_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Where the files are.
    pub fn handle(&self) -> FileSystemDirectoryHandle {
        self.folder.clone()
    }

    /// Keeps the `info` dictionary for a visit that begins with the info-hash alone.
    pub async fn save_info(&self, raw: &[u8]) -> Result<(), JsValue> {
        let file = open_sync(&file_handle(&self.folder, INFO, true).await?).await?;
        let result = rewrite(&file, raw);
        file.close();
        result
    }

    /// The pieces that were verified when this was last saved.
    pub fn have(&self, pieces: u32) -> Option<Bitfield> {
        let mut bytes = vec![0; pieces.div_ceil(8) as usize];
        let at = FileSystemReadWriteOptions::new();
        at.set_at(0.0);
        let read = self
            .have
            .read_with_u8_array_and_options(&mut bytes, &at)
            .ok()?;
        (read as usize == bytes.len()).then(|| Bitfield::from_bytes(&bytes, pieces).ok())?
    }

    /// Keeps which pieces are verified.
    pub fn save_have(&self, have: &Bitfield) -> Result<(), JsValue> {
        rewrite(&self.have, have.as_bytes())
    }

    /// Lets go of the folder, and deletes it with everything in it if so asked.
    pub async fn close(self, delete: bool) -> Result<(), JsValue> {
        self.have.close();
        if delete {
            let options = FileSystemRemoveOptions::new();
            options.set_recursive(true);
            JsFuture::from(self.parent.remove_entry_with_options(&self.name, &options)).await?;
        }
        Ok(())
    }
}

/// The `info` dictionary of a torrent, if an earlier visit left it.
pub async fn stored_info(parent: &FileSystemDirectoryHandle, info_hash: InfoHash) -> Option<Bytes> {
    let read = async {
        let folder = JsFuture::from(parent.get_directory_handle(&info_hash.to_string())).await?;
        let file = file_handle(&folder.unchecked_into(), INFO, false).await?;
        let file: Blob = JsFuture::from(file.get_file()).await?.unchecked_into();
        let buffer = JsFuture::from(file.array_buffer()).await?;
        Ok::<_, JsValue>(Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>()).to_vec())
    };
    let bytes = read.await.ok()?;
    let is_it = InfoHash::of_info(&bytes) == info_hash
        || InfoHashV2::of_info(&bytes).truncated() == info_hash;
    is_it.then(|| bytes.into())
}

fn rewrite(file: &FileSystemSyncAccessHandle, data: &[u8]) -> Result<(), JsValue> {
    let at = FileSystemReadWriteOptions::new();
    at.set_at(0.0);
    file.write_with_u8_array_and_options(data, &at)?;
    file.truncate_with_f64(data.len() as f64)
}
