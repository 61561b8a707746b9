//! The `info` dictionary: what the info-hash covers (BEP 3, BEP 52).

use super::MetainfoError;
use super::fields::{Fields, Place};
use super::files::{self, FileEntry, FileKind};
use super::path::Name;
use super::tree::{self, FileTree};
use super::v2::V2;
use crate::merkle::Hash;
use crate::{BLOCK_LENGTH, bencode};
use crate::{InfoHash, InfoHashV2, Layout, Lengths, LengthsError, PieceHashers, PieceIndex};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;

/// An `info` dictionary that has been checked: its files, its pieces and their hashes, and the bytes that it came in.
///
/// One of a hybrid torrent is that of version 1, with what is of version 2 [beside it](Self::v2): both describe the same
/// files, or it would have been refused. One of version 2 alone looks the same, with padding files for the gaps between
/// files; but it has no SHA-1 hashes, and its [`layout`](Self::layout) has the pieces as they travel.
pub struct Info {
    raw: Bytes,
    info_hash: InfoHash,
    name: Name,
    name_text: String,
    layout: Layout,
    /// Twenty bytes a piece, a part of `raw`. `None` in version 2 alone.
    hashes: Option<Bytes>,
    files: Vec<FileEntry>,
    multi_file: bool,
    private: bool,
    v2: Option<V2>,
}

impl Info {
    /// Reads an `info` dictionary of version 1, 2, or both, and takes its hash. The bytes are kept as they are.
    pub fn from_bytes(raw: Bytes) -> Result<Self, MetainfoError> {
        bencode::scan(&raw)?;
        let fields = Fields::read(&raw, &INFO_FIELDS, Place::Info)?;
        let v2 = match fields.get("meta version").map(bencode::int) {
            Some(Ok(version)) if version > VERSION_2 => {
                return Err(MetainfoError::Version { version });
            }
            version => version == Some(Ok(VERSION_2)),
        };
        if let Some(position) = bencode::leading_zero(&raw).filter(|_| v2) {
            return Err(MetainfoError::Number { position });
        }
        // What has no files of version 1, or no hashes of them, is of version 2 alone.
        let has_v1_files = match fields.list("files") {
            Some(list) => list != b"le",
            None => fields.get("length").is_some(),
        };
        let v1 = !v2 || (has_v1_files && fields.string("pieces").is_some());
        let info_hash_v2 = v2.then(|| InfoHashV2::of_info(&raw));
        let info_hash = match info_hash_v2 {
            Some(hash) if !v1 => hash.truncated(),
            _ => InfoHash::of_info(&raw),
        };
        let name = read_name(&fields, info_hash)?;
        let content = match info_hash_v2 {
            None => Content::v1(&raw, &fields, &name)?,
            Some(hash) if !v1 => Content::v2(&fields, hash)?,
            Some(hash) => Content::hybrid(&raw, &fields, &name, hash)?,
        };
        let private = fields
            .get("private")
            .is_some_and(|raw| bencode::int(raw).is_ok_and(|private| private != 0));
        Ok(Self {
            info_hash,
            name_text: name.text(),
            name,
            layout: content.layout,
            hashes: content.hashes,
            files: content.files,
            multi_file: content.multi_file,
            private,
            v2: content.v2,
            raw,
        })
    }

    /// The dictionary's own bytes, over which the info-hash was taken and which `ut_metadata` gives to peers (BEP 9).
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// What the torrent is called in handshakes and at trackers: the SHA-1 of [`raw`](Self::raw), or the SHA-256 cut short
    /// if it is of version 2 alone.
    pub fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The torrent's name as text: what its folder is called, or its file if there is one alone. Bytes that are no UTF-8
    /// are shown as Latin-1; [`file_name`](Self::file_name) has them as they are.
    pub fn name(&self) -> &str {
        &self.name_text
    }

    /// The name of the torrent's folder, or of its file if there is one alone.
    pub fn file_name(&self) -> &Name {
        &self.name
    }

    /// The path of each file as text, its components joined by `/`. No two files that are stored have the same: where
    /// bytes that are no UTF-8 make them alike, the later one has a number at its end.
    pub fn text_paths(&self) -> Vec<String> {
        // For each text that is taken, the number that the next file of this text tries.
        let mut taken: BTreeMap<String, u64> = BTreeMap::new();
        let mut distinct = |file: &FileEntry| {
            let text = file.path_text();
            let Some(&next) = taken.get(&text).filter(|_| file.is_stored()) else {
                taken.insert(text.clone(), 2);
                return text;
            };
            let mut number = next;
            let mut numbered = format!("{text} ({number})");
            while taken.contains_key(&numbered) {
                number += 1;
                numbered = format!("{text} ({number})");
            }
            taken.insert(numbered.clone(), 2);
            taken.insert(text, number + 1);
            numbered
        };
        self.files.iter().map(&mut distinct).collect()
    }

    /// Total length, piece length, and all that follows from them. In version 2 alone, the padding between files counts as
    /// if it were there: offsets are true, sizes are those of [`layout`](Self::layout).
    pub fn lengths(&self) -> Lengths {
        self.layout.lengths()
    }

    /// The pieces as they travel.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The SHA-1 that this piece must have. `None` in version 2 alone, and for the piece of another torrent.
    pub fn piece_hash(&self, piece: PieceIndex) -> Option<&[u8; 20]> {
        let hashes = self.hashes.as_deref()?;
        hashes.as_chunks().0.get(piece.get() as usize)
    }

    /// How the pieces are hashed.
    pub fn piece_hashers(&self) -> PieceHashers {
        PieceHashers::new(
            self.layout.clone(),
            self.has_v1(),
            self.v2.as_ref().map(|v2| v2.data_layout().clone()),
        )
    }

    /// Whether the torrent has the hashes of version 1.
    pub fn has_v1(&self) -> bool {
        self.hashes.is_some()
    }

    /// What is of version 2, in a hybrid or a torrent of version 2 alone.
    pub fn v2(&self) -> Option<&V2> {
        self.v2.as_ref()
    }

    /// The files in the order of the torrent's bytes, without gaps.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// The files that are to be stored: all but padding.
    pub fn stored_files(&self) -> impl Iterator<Item = &FileEntry> {
        let files = self.files.iter();
        files.filter(|file| file.is_stored())
    }

    /// Bytes in all files to be stored.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_files().map(|file| file.length).sum()
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
            .field("lengths", &self.lengths())
            .field("files", &self.files.len())
            .finish_non_exhaustive()
    }
}

const VERSION_2: i64 = 2;

const INFO_FIELDS: [&str; 10] = [
    "attr",
    "file tree",
    "files",
    "length",
    "meta version",
    "name",
    "name.utf-8",
    "piece length",
    "pieces",
    "private",
];

/// What differs between the versions.
struct Content {
    layout: Layout,
    hashes: Option<Bytes>,
    files: Vec<FileEntry>,
    multi_file: bool,
    v2: Option<V2>,
}

impl Content {
    fn v1(raw: &Bytes, fields: &Fields<'_, 10>, name: &Name) -> Result<Self, MetainfoError> {
        let multi_file = fields.list("files").is_some();
        let files = match fields.list("files") {
            Some(list) => files::read_files(list)?,
            None => vec![single_file(fields, name)?],
        };
        let lengths = Lengths::new(end(&files), piece_length(fields)?)?;
        let hashes = raw.slice_ref(fields.required_string("pieces")?);
        let expected = lengths.piece_count() as usize * 20;
        if hashes.len() != expected {
            return Err(MetainfoError::Pieces {
                actual: hashes.len(),
                expected,
                pieces: lengths.piece_count(),
            });
        }
        Ok(Self {
            layout: lengths.into(),
            hashes: Some(hashes),
            files,
            multi_file,
            v2: None,
        })
    }

    fn v2(fields: &Fields<'_, 10>, info_hash: InfoHashV2) -> Result<Self, MetainfoError> {
        let (files, roots, single_file) = aligned_tree(fields)?;
        let lengths = Lengths::new(end(&files), piece_length(fields)?)?;
        let v2 = V2::new(info_hash, lengths, &files, &roots);
        Ok(Self {
            layout: v2.data_layout().clone(),
            hashes: None,
            files,
            multi_file: !single_file,
            v2: Some(v2),
        })
    }

    /// Version 1, if version 2 says the same.
    fn hybrid(
        raw: &Bytes,
        fields: &Fields<'_, 10>,
        name: &Name,
        info_hash: InfoHashV2,
    ) -> Result<Self, MetainfoError> {
        let v1 = Self::v1(raw, fields, name)?;
        let (files, roots, _) = aligned_tree(fields)?;
        let lengths = v1.layout.lengths();
        let of_tree = Lengths::new(end(&files), lengths.piece_length())?;
        if of_tree.piece_count() != lengths.piece_count() {
            return Err(MetainfoError::Hybrid {
                path: name.text(),
                reason: "the number of pieces is not the same",
            });
        }
        // As in libtorrent, what has no bytes may differ.
        let has_bytes = |file: &&FileEntry| file.kind != FileKind::Padding && file.length > 0;
        let mut of_tree = files.iter().filter(has_bytes);
        for file in v1.files.iter().filter(has_bytes) {
            let differs = match of_tree.next() {
                Some(other) if other.path != file.path => "another path",
                Some(other) if other.length != file.length => "another length",
                Some(other) if other.offset != file.offset => "another place",
                Some(_) => continue,
                None => "no such file",
            };
            return Err(MetainfoError::Hybrid {
                path: file.path_text(),
                reason: differs,
            });
        }
        if let Some(file) = of_tree.next() {
            return Err(MetainfoError::Hybrid {
                path: file.path_text(),
                reason: "a file that version 1 does not have",
            });
        }
        let v2 = V2::new(info_hash, lengths, &v1.files, &roots);
        Ok(Self { v2: Some(v2), ..v1 })
    }
}

/// The files of the tree with padding between them, the roots of those that are not empty, and whether it is one file.
fn aligned_tree(
    fields: &Fields<'_, 10>,
) -> Result<(Vec<FileEntry>, Vec<Hash>, bool), MetainfoError> {
    let piece_length = piece_length(fields)?;
    if piece_length < BLOCK_LENGTH || !piece_length.is_power_of_two() {
        return Err(MetainfoError::Range {
            field: Place::Info.field("piece length"),
            value: piece_length.into(),
        });
    }
    let FileTree { files, single_file } = tree::read_tree(fields.required("file tree")?)?;
    let (mut files, roots): (Vec<_>, Vec<_>) = files.into_iter().unzip();
    files::settle(&mut files)?;
    let files = files::align(files, piece_length, false).ok_or(LengthsError::TooManyPieces {
        total: u64::MAX,
        piece_length,
    })?;
    Ok((files, roots.into_iter().flatten().collect(), single_file))
}

fn piece_length(fields: &Fields<'_, 10>) -> Result<u32, MetainfoError> {
    let piece_length = fields.unsigned("piece length")?;
    Ok(u32::try_from(piece_length).map_err(|_| LengthsError::PieceLength(piece_length))?)
}

/// Where the last file ends.
fn end(files: &[FileEntry]) -> u64 {
    files.last().map_or(0, |file| file.offset + file.length)
}

/// The name; the info-hash where it names nothing.
fn read_name(fields: &Fields<'_, 10>, info_hash: InfoHash) -> Result<Name, MetainfoError> {
    let raw = match fields.string("name.utf-8") {
        Some(raw) => raw,
        None => fields.required_string("name")?,
    };
    Ok(Name::new(raw).unwrap_or_else(|| Name::of_text(&info_hash.to_string())))
}

fn single_file(fields: &Fields<'_, 10>, name: &Name) -> Result<FileEntry, MetainfoError> {
    let length = fields.unsigned("length")?;
    let (_, executable, hidden) = files::attributes(fields)?;
    let path = vec![name.clone()];
    Ok(FileEntry {
        path,
        length,
        offset: 0,
        kind: FileKind::File,
        executable,
        hidden,
    })
}
