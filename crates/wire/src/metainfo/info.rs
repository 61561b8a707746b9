//! The `info` dictionary: what the info-hash covers (BEP 3).

use super::fields::{Fields, Place};
use super::files::{self, FileEntry, FileKind};
use super::{MetainfoError, path};
use crate::bencode;
use crate::{InfoHash, Lengths, LengthsError, PieceIndex};
use bytes::Bytes;
use std::fmt;

/// An `info` dictionary that has been checked: its files, its pieces and their hashes, and the bytes that it came in.
pub struct Info {
    raw: Bytes,
    info_hash: InfoHash,
    name: String,
    lengths: Lengths,
    /// Twenty bytes a piece, a part of `raw`.
    hashes: Bytes,
    files: Vec<FileEntry>,
    multi_file: bool,
    private: bool,
}

impl Info {
    /// Reads an `info` dictionary and takes its hash. The bytes are kept as they are.
    pub fn from_bytes(raw: Bytes) -> Result<Self, MetainfoError> {
        bencode::scan(&raw)?;
        let fields = Fields::read(&raw, &INFO_FIELDS, Place::Info)?;
        if fields.get("pieces").is_none() && fields.get("meta version").is_some() {
            return Err(MetainfoError::Version2Only);
        }
        let info_hash = InfoHash::of_info(&raw);
        let name = read_name(&fields, info_hash)?;
        let multi_file = fields.get("files").is_some();
        let files = match fields.get("files") {
            Some(list) => files::read_files(list)?,
            None => vec![single_file(&fields, &name)?],
        };
        let total = files.last().map_or(0, |file| file.offset + file.length);
        let piece_length = fields.unsigned("piece length")?;
        let piece_length =
            u32::try_from(piece_length).map_err(|_| LengthsError::PieceLength(piece_length))?;
        let lengths = Lengths::new(total, piece_length)?;
        let hashes = match bencode::byte_string(fields.required("pieces")?) {
            Ok(hashes) => raw.slice_ref(hashes),
            Err(error) => return Err(fields.wrong("pieces", error)),
        };
        let expected = lengths.piece_count() as usize * 20;
        if hashes.len() != expected {
            return Err(MetainfoError::Pieces {
                actual: hashes.len(),
                expected,
                pieces: lengths.piece_count(),
            });
        }
        let private = fields
            .get("private")
            .is_some_and(|raw| bencode::int(raw) == Ok(1));
        Ok(Self {
            info_hash,
            name,
            lengths,
            hashes,
            files,
            multi_file,
            private,
            raw,
        })
    }

    /// The dictionary's own bytes, over which the info-hash was taken and which `ut_metadata` gives to peers (BEP 9).
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The SHA-1 of [`raw`](Self::raw).
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The torrent's name, safe as a file name: the folder's, or the file's if there is one alone.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Total length, piece length, and all that follows from them.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// The SHA-1 that this piece must have.
    ///
    /// # Panics
    /// If the index was made by the [`Lengths`] of another torrent, which has more pieces.
    pub fn piece_hash(&self, piece: PieceIndex) -> &[u8; 20] {
        &self.hashes.as_chunks().0[piece.get() as usize]
    }

    /// The files in the order of the torrent's bytes, without gaps.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Whether the torrent is a folder of files, and not one file.
    pub fn is_multi_file(&self) -> bool {
        self.multi_file
    }

    /// Whether peers may come from the torrent's trackers alone (BEP 27).
    pub fn is_private(&self) -> bool {
        self.private
    }
}

impl PartialEq for Info {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Info {}

impl fmt::Debug for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Info")
            .field("info_hash", &self.info_hash)
            .field("name", &self.name)
            .field("lengths", &self.lengths)
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

const INFO_FIELDS: [&str; 9] = [
    "attr",
    "files",
    "length",
    "meta version",
    "name",
    "name.utf-8",
    "piece length",
    "pieces",
    "private",
];

/// The name made safe; the info-hash where nothing is left of it.
fn read_name(fields: &Fields<'_, 9>, info_hash: InfoHash) -> Result<String, MetainfoError> {
    let key = if fields.get("name.utf-8").is_some() {
        "name.utf-8"
    } else {
        "name"
    };
    let raw = match fields.string(key)? {
        Some(raw) => raw,
        None => {
            return Err(MetainfoError::Missing {
                field: "info.name".into(),
            });
        }
    };
    match path::safe_component(raw) {
        Ok(name) => Ok(name.unwrap_or_else(|| info_hash.to_string())),
        Err(reason) => Err(MetainfoError::Path {
            field: Place::Info.field(key),
            path: String::from_utf8_lossy(raw).into_owned(),
            reason,
        }),
    }
}

fn single_file(fields: &Fields<'_, 9>, name: &str) -> Result<FileEntry, MetainfoError> {
    let length = fields.unsigned("length")?;
    let (_, executable, hidden) =
        files::attributes(fields.string("attr")?.unwrap_or_default(), None);
    let path = vec![name.to_owned()];
    Ok(FileEntry {
        path,
        length,
        offset: 0,
        kind: FileKind::File,
        executable,
        hidden,
    })
}
