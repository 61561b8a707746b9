//! The metainfo of a torrent, which a `.torrent` file holds: its `info` dictionary, trackers and web seeds
//! (BEP 3, 12, 19, 27, 47, 52).
//!
//! The `info` dictionary is kept as the raw bytes that it came in, and the info-hash is taken over those; it is never
//! re-encoded.

mod builder;
mod fields;
mod files;
mod info;
mod layers;
mod path;
mod portable;
mod tree;
mod v2;
mod v2_builder;
mod verifier;

pub use builder::{InfoBuilder, NewFile, default_piece_length};
pub use files::{FileEntry, FileKind};
pub use info::Info;
pub use layers::{AnswerError, PieceLayers};
pub use path::Name;
pub use v2::{V2, V2File};
pub use v2_builder::V2Builder;
pub use verifier::{Verdict, Verifier};

use crate::bencode::{self, BencodeError};
use crate::{InfoHash, LengthsError};
use bytes::Bytes;
use fields::{Fields, Place};
use std::sync::Arc;

/// The most trackers or web seeds kept of one torrent; real ones have up to about a hundred.
pub const MAX_URLS: usize = 256;

/// A `.torrent` file.
#[derive(Debug, Clone)]
pub struct Metainfo {
    /// What is shared: all that the info-hash covers.
    pub info: Arc<Info>,
    /// Announce URLs in tiers, the first tier to be tried first (BEP 12). Empty without trackers.
    pub trackers: Vec<Vec<String>>,
    /// URLs of HTTP servers that have the files (BEP 19).
    pub web_seeds: Vec<String>,
    /// Words for the user.
    pub comment: Option<String>,
    /// The program that made the file.
    pub created_by: Option<String>,
    /// When the file was made, in seconds since 1970 (UTC).
    pub creation_date: Option<i64>,
    /// The hashes of version 2 pieces, which the info-hash does not cover but by their roots (BEP 52). What is not here has
    /// to be asked of peers.
    pub piece_layers: PieceLayers,
}

/// Bytes that are no metainfo, or one that cannot be used. Fields are named as they lie: `info.files[3].path`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetainfoError {
    /// Not well-formed bencode.
    #[error("not a torrent file: {0}")]
    Bencode(#[from] BencodeError),
    /// A field has a value of the wrong kind.
    #[error("torrent field {field}: {error}")]
    Field {
        /// The field.
        field: String,
        /// What is wrong with it.
        error: BencodeError,
    },
    /// A field that every torrent has is not there.
    #[error("torrent field {field} is missing")]
    Missing {
        /// The field.
        field: String,
    },
    /// A number out of its range.
    #[error("torrent field {field} cannot be {value}")]
    Range {
        /// The field.
        field: String,
        /// What it is.
        value: i64,
    },
    /// `info.pieces` is not a whole number of hashes, or not one for each piece.
    #[error(
        "torrent field info.pieces has {actual} bytes; {expected} are needed for {pieces} pieces"
    )]
    Pieces {
        /// Bytes that it has.
        actual: usize,
        /// Bytes that it should have.
        expected: usize,
        /// How many pieces the files have.
        pieces: u32,
    },
    /// The total length or piece length that no torrent can have.
    #[error("torrent field info: {0}")]
    Lengths(#[from] LengthsError),
    /// A path that cannot be used.
    #[error("torrent field {field}: the path {path:?} cannot be used: {reason}")]
    Path {
        /// The field.
        field: String,
        /// The path, its components joined by `/`.
        path: String,
        /// Why it cannot be used.
        reason: &'static str,
    },
    /// Two files of a torrent to be made have the same path.
    #[error("{path:?}: two files have this path")]
    SamePath {
        /// The path.
        path: String,
    },
    /// A file's path in a torrent to be made is also a folder in another file's path.
    #[error("{path:?} is both a file and a folder")]
    FileAsFolder {
        /// The path.
        path: String,
    },
    /// The torrent is of a version that came after 2.
    #[error("the torrent is of version {version}, which is newer than this program")]
    Version {
        /// The version.
        version: i64,
    },
    /// A hybrid torrent whose two versions do not describe the same files (BEP 52).
    #[error("the torrent's versions 1 and 2 do not agree on {path:?}: {reason}")]
    Hybrid {
        /// The file, as version 1 names it.
        path: String,
        /// What version 2 has.
        reason: &'static str,
    },
    /// A number of a version 2 torrent has zeros in front, which BEP 52 does not allow.
    #[error(
        "torrent field info: the number at byte {position} has zeros in front, which version 2 does not allow"
    )]
    Number {
        /// Where the number begins, in bytes from the start of the `info` dictionary.
        position: usize,
    },
    /// The hashes of pieces are there for a root that no file of more than one piece has (BEP 52).
    #[error("torrent field piece layers: no file of more than one piece has the root {root}")]
    PieceLayerRoot {
        /// The root, in hexadecimal digits.
        root: String,
    },
    /// The hashes of a file's pieces are too few, too many, or not those of its root (BEP 52).
    #[error(
        "torrent field piece layers: the hashes of {path:?} are not those that the torrent is made of"
    )]
    PieceLayer {
        /// The file.
        path: String,
    },
}

impl Metainfo {
    /// A metainfo without trackers, as a magnet link's metadata gives it.
    pub fn from_info(info: Arc<Info>) -> Self {
        Self {
            info,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            comment: None,
            created_by: None,
            creation_date: None,
            piece_layers: PieceLayers::default(),
        }
    }

    /// Reads a `.torrent` file, and passes over what follows it. Of a field that is there twice the first counts. Fields
    /// that are not needed to share the torrent are passed over when they make no sense.
    pub fn from_bytes(input: &[u8]) -> Result<Self, MetainfoError> {
        bencode::prefix_len(input)?;
        let top = Fields::read(input, &TOP_FIELDS, Place::Top)?;
        let info = Info::from_bytes(Bytes::copy_from_slice(top.required("info")?))?;
        let piece_layers = match top.dictionary("piece layers") {
            Some(layers) => PieceLayers::read(&info, layers)?,
            None => PieceLayers::default(),
        };
        Ok(Self {
            piece_layers,
            info: Arc::new(info),
            trackers: trackers(&top),
            web_seeds: web_seeds(&top),
            comment: top.text("comment.utf-8").or_else(|| top.text("comment")),
            created_by: top.text("created by"),
            creation_date: top
                .get("creation date")
                .and_then(|raw| bencode::int(raw).ok()),
        })
    }

    /// Writes a `.torrent` file, with the raw `info` dictionary in it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let urls: Vec<_> = self.trackers.iter().flatten().collect();
        let mut entries: Vec<(&str, Vec<u8>)> = Vec::new();
        if let Some(first) = urls.first() {
            entries.push(("announce", bencode::to_bytes(first)));
        }
        if urls.len() > 1 {
            entries.push(("announce-list", bencode::to_bytes(&self.trackers)));
        }
        entries.extend(
            self.comment
                .as_ref()
                .map(|text| ("comment", bencode::to_bytes(text))),
        );
        entries.extend(
            self.created_by
                .as_ref()
                .map(|text| ("created by", bencode::to_bytes(text))),
        );
        entries.extend(
            self.creation_date
                .map(|date| ("creation date", bencode::to_bytes(&date))),
        );
        entries.push(("info", self.info.raw().to_vec()));
        if let Some(v2) = self.info.v2() {
            entries.push(("piece layers", self.piece_layers.encode(v2)));
        }
        if !self.web_seeds.is_empty() {
            entries.push(("url-list", bencode::to_bytes(&self.web_seeds)));
        }
        bencode::dictionary(entries)
    }

    /// The torrent's info-hash.
    pub fn info_hash(&self) -> InfoHash {
        self.info.info_hash()
    }

    /// What tells right pieces from wrong ones.
    pub fn verifier(&self) -> Verifier {
        Verifier::new(self.info.clone(), self.piece_layers.clone())
    }
}

const TOP_FIELDS: [&str; 9] = [
    "announce",
    "announce-list",
    "comment",
    "comment.utf-8",
    "created by",
    "creation date",
    "info",
    "piece layers",
    "url-list",
];

/// The tiers of `announce-list`; where it names none, the one tracker of `announce` (BEP 12).
fn trackers(top: &Fields<'_, 9>) -> Vec<Vec<String>> {
    let mut room = MAX_URLS;
    let mut tiers = Vec::new();
    for tier in top.get("announce-list").map(items).into_iter().flatten() {
        // Some writers put the URLs straight into the list: each is a tier.
        let urls = if tier.first() == Some(&b'l') {
            urls(items(tier), &mut room)
        } else {
            urls([tier], &mut room)
        };
        if !urls.is_empty() {
            tiers.push(urls);
        }
    }
    if tiers.is_empty() {
        tiers.extend(Some(urls(top.get("announce"), &mut room)).filter(|urls| !urls.is_empty()));
    }
    tiers
}

/// `url-list` is a URL or a list of them (BEP 19).
fn web_seeds(top: &Fields<'_, 9>) -> Vec<String> {
    let mut room = MAX_URLS;
    match top.get("url-list") {
        Some(list) if list.first() == Some(&b'l') => urls(items(list), &mut room),
        one => urls(one, &mut room),
    }
}

fn items(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    bencode::list_items(list)
        .into_iter()
        .flatten()
        .map_while(Result::ok)
}

/// The values that are strings in UTF-8 and not blank, each once, as far as there is room.
fn urls<'a>(values: impl IntoIterator<Item = &'a [u8]>, room: &mut usize) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for value in values {
        let text = bencode::byte_string(value)
            .ok()
            .and_then(|raw| std::str::from_utf8(raw).ok());
        let Some(url) = text.map(str::trim).filter(|url| !url.is_empty()) else {
            continue;
        };
        if *room > 0 && !urls.iter().any(|known| known == url) {
            *room -= 1;
            urls.push(url.to_owned());
        }
    }
    urls
}
