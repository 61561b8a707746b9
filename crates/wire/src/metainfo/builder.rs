//! Makes an `info` dictionary for files that are to be shared.

use super::v2_builder::{Plan, V2Builder};
use super::{Info, MetainfoError};
use crate::{Lengths, LengthsError, PieceHashers, bencode};
use serde::Serialize;
use serde_bytes::Bytes as ByteStr;

/// The shortest piece chosen: one block.
const MIN_DEFAULT_PIECE_LENGTH: u64 = 16 * 1024;

/// The longest piece chosen. A page holds whole pieces in memory, and a bad piece costs its length again.
const MAX_DEFAULT_PIECE_LENGTH: u64 = 16 * 1024 * 1024;

/// How many pieces a torrent has at most, up to 16 GiB: 20 KB of hashes, and pieces small enough to be shared on soon.
const DEFAULT_PIECES: u64 = 1024;

/// The piece length for a torrent of `total` bytes: a power of two from 16 KiB to 16 MiB.
pub fn default_piece_length(total: u64) -> u32 {
    let wanted = total
        .div_ceil(DEFAULT_PIECES)
        .clamp(MIN_DEFAULT_PIECE_LENGTH, MAX_DEFAULT_PIECE_LENGTH);
    wanted.next_power_of_two() as u32
}

/// What an `info` dictionary is made of. Set up first, so that [`lengths`](Self::lengths) tells which pieces to hash.
#[derive(Debug, Clone)]
pub struct InfoBuilder {
    name: String,
    files: Content,
    piece_length: u32,
    private: bool,
    source: Option<String>,
}

#[derive(Debug, Clone)]
enum Content {
    File(u64),
    Folder(Vec<(Vec<String>, u64)>),
}

impl InfoBuilder {
    /// A torrent of one file of `length` bytes, in pieces of `piece_length` bytes.
    pub fn single_file(name: impl Into<String>, length: u64, piece_length: u32) -> Self {
        Self::new(name.into(), Content::File(length), piece_length)
    }

    /// A torrent of a folder called `name` with these files: path in components, length in bytes. Their bytes follow
    /// each other in this order.
    pub fn multi_file(
        name: impl Into<String>,
        files: Vec<(Vec<String>, u64)>,
        piece_length: u32,
    ) -> Self {
        Self::new(name.into(), Content::Folder(files), piece_length)
    }

    fn new(name: String, files: Content, piece_length: u32) -> Self {
        Self {
            name,
            files,
            piece_length,
            private: false,
            source: None,
        }
    }

    /// Whether peers may come from the torrent's trackers alone (BEP 27).
    pub fn private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    /// A word that sets the info-hash apart from that of the same files shared elsewhere.
    pub fn source(mut self, source: Option<String>) -> Self {
        self.source = source;
        self
    }

    /// The same torrent in versions 1 and 2 at once (BEP 52). Its files are put in the order of their paths, each at the
    /// beginning of a piece. The piece length must be a power of two from 16 KiB on.
    pub fn hybrid(self) -> Result<V2Builder, MetainfoError> {
        V2Builder::new(self.into_plan(), true)
    }

    /// The same torrent in version 2 alone (BEP 52). Its files are put in the order of their paths, each at the beginning of
    /// a piece. The piece length must be a power of two from 16 KiB on. A folder of one file becomes that file.
    pub fn v2_only(self) -> Result<V2Builder, MetainfoError> {
        V2Builder::new(self.into_plan(), false)
    }

    fn into_plan(self) -> Plan {
        let (files, multi_file) = match self.files {
            Content::File(length) => (vec![(vec![self.name.clone()], length)], false),
            Content::Folder(files) => (files, true),
        };
        Plan {
            name: self.name,
            files,
            multi_file,
            piece_length: self.piece_length,
            private: self.private,
            source: self.source,
        }
    }

    /// Total length and pieces.
    pub fn lengths(&self) -> Result<Lengths, LengthsError> {
        let total = match &self.files {
            Content::File(length) => *length,
            Content::Folder(files) => files
                .iter()
                .fold(0u64, |sum, (_, length)| sum.saturating_add(*length)),
        };
        Lengths::new(total, self.piece_length)
    }

    /// How the pieces are hashed for [`build`](Self::build).
    pub fn piece_hashers(&self) -> Result<PieceHashers, LengthsError> {
        Ok(PieceHashers::new(self.lengths()?.into(), true, None))
    }

    /// The dictionary, with one SHA-1 a piece, in order. Checked as one from outside would be: the error names what
    /// does not fit.
    pub fn build(&self, piece_hashes: &[[u8; 20]]) -> Result<Info, MetainfoError> {
        let (files, length) = match &self.files {
            Content::File(length) => (None, Some(*length)),
            Content::Folder(files) => {
                let forms = files.iter().map(|(path, length)| FileForm {
                    length: *length,
                    path,
                });
                (Some(forms.collect()), None)
            }
        };
        let form = InfoForm {
            files,
            length,
            name: &self.name,
            piece_length: self.piece_length,
            pieces: ByteStr::new(piece_hashes.as_flattened()),
            private: self.private.then_some(1),
            source: self.source.as_deref(),
        };
        Info::from_bytes(bencode::to_bytes(&form).into())
    }
}

#[derive(Serialize)]
struct InfoForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileForm<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    name: &'a str,
    #[serde(rename = "piece length")]
    piece_length: u32,
    pieces: &'a ByteStr,
    #[serde(skip_serializing_if = "Option::is_none")]
    private: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
}

#[derive(Serialize)]
struct FileForm<'a> {
    length: u64,
    path: &'a [String],
}
