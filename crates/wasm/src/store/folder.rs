//! What is kept of a torrent between visits, in a folder of the origin private file system named
//! by its info-hash: its files, its `info` dictionary, which pieces were verified and where they
//! lie, and what of it is wanted. None of its data is believed when it is found again: the
//! dictionary must have its hash, and so must a piece.
//!
//! The file of verified pieces is open for as long as the torrent is, and a browser lets it be
//! open once: so it is also the lock that keeps two tabs from writing over each other.

use brackish_wire::metainfo::Info;
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
use super::slots::Slots;
use crate::fault::thrown;
use crate::host::sleep;

/// The `info` dictionary, as it was verified.
const INFO: &str = "info";

/// The verified pieces, as in a `bitfield` message (BEP 3).
const HAVE: &str = "have";

/// Where the pieces lie in the files; see [`Slots`].
const SLOTS: &str = "slots";

/// What is wanted, once somebody has chosen; see [`wanted`](super::wanted).
const WANTED: &str = "wanted";

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
    slots: FileSystemSyncAccessHandle,
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
                    let slots = open_sync(&file_handle(&folder, SLOTS, true).await?).await?;
                    return Ok(Some(Self {
                        parent: parent.clone(),
                        name,
                        folder,
                        have,
                        slots,
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
        self.save(INFO, raw).await
    }

    /// Keeps what is wanted.
    pub async fn save_wanted(&self, wanted: &[u8]) -> Result<(), JsValue> {
        self.save(WANTED, wanted).await
    }

    async fn save(&self, name: &str, content: &[u8]) -> Result<(), JsValue> {
        let file = open_sync(&file_handle(&self.folder, name, true).await?).await?;
        let result = rewrite(&file, content);
        file.close();
        result
    }

    /// Where the pieces lay when this was last saved.
    pub fn slots(&self, info: &Info) -> Result<Slots, JsValue> {
        let mut log = vec![0; self.slots.get_size()? as usize];
        let read = self
            .slots
            .read_with_u8_array_and_options(&mut log, &position(0))?;
        let slots = Slots::read(info, log.get(..read as usize).unwrap_or_default());
        Ok(slots)
    }

    /// Keeps where the pieces lie.
    pub fn save_slots(&self, slots: &mut Slots) -> Result<(), JsValue> {
        if let Some((at, rest)) = slots.unsaved() {
            self.slots
                .write_with_u8_array_and_options(rest, &position(at))?;
            slots.was_saved();
        }
        Ok(())
    }

    /// The pieces that were verified when this was last saved.
    pub fn have(&self, pieces: u32) -> Option<Bitfield> {
        let mut bytes = vec![0; pieces.div_ceil(8) as usize];
        let read = self
            .have
            .read_with_u8_array_and_options(&mut bytes, &position(0))
            .ok()?;
        (read as usize == bytes.len()).then(|| Bitfield::from_bytes(&bytes, pieces).ok())?
    }

    /// Keeps which pieces are verified.
    pub fn save_have(&self, have: &Bitfield) -> Result<(), JsValue> {
        rewrite(&self.have, have.as_bytes())
    }

    /// Lets go of the folder, and deletes it with everything in it if so asked.
    pub async fn close(self, delete: bool) -> Result<(), JsValue> {
        self.slots.close();
        self.have.close();
        if delete {
            let options = FileSystemRemoveOptions::new();
            options.set_recursive(true);
            JsFuture::from(self.parent.remove_entry_with_options(&self.name, &options)).await?;
        }
        Ok(())
    }
}

/// What an earlier visit left of a torrent.
#[derive(Default)]
pub struct Stored {
    /// The `info` dictionary.
    pub info: Option<Bytes>,
    /// What is wanted, as it was saved; nothing where nobody has chosen.
    pub wanted: Vec<u8>,
}

/// What an earlier visit left of a torrent.
pub async fn stored(parent: &FileSystemDirectoryHandle, info_hash: InfoHash) -> Stored {
    let folder = JsFuture::from(parent.get_directory_handle(&info_hash.to_string())).await;
    let Ok(folder) = folder.map(JsValue::unchecked_into::<FileSystemDirectoryHandle>) else {
        return Stored::default();
    };
    let is_it = |bytes: &Vec<u8>| {
        InfoHash::of_info(bytes) == info_hash || InfoHashV2::of_info(bytes).truncated() == info_hash
    };
    let info = content(&folder, INFO).await.ok().filter(is_it);
    Stored {
        info: info.map(Bytes::from),
        wanted: content(&folder, WANTED).await.unwrap_or_default(),
    }
}

async fn content(folder: &FileSystemDirectoryHandle, name: &str) -> Result<Vec<u8>, JsValue> {
    let file = file_handle(folder, name, false).await?;
    let file: Blob = JsFuture::from(file.get_file()).await?.unchecked_into();
    let buffer = JsFuture::from(file.array_buffer()).await?;
    Ok(Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>()).to_vec())
}

fn rewrite(file: &FileSystemSyncAccessHandle, data: &[u8]) -> Result<(), JsValue> {
    file.write_with_u8_array_and_options(data, &position(0))?;
    file.truncate_with_f64(data.len() as f64)
}

fn position(at: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at(at as f64);
    options
}
