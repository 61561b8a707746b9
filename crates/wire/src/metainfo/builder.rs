//! Makes an `info` dictionary for files that are to be shared.

use super::v2_builder::{Plan, V2Builder};
use super::{Info, MetainfoError};
use crate::{Lengths, LengthsError, PieceHashers, bencode};
use serde::Serialize;
use serde_bytes::Bytes as ByteStr;
use std::collections::BTreeMap;

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
    name: Vec<u8>,
    files: Content,
    piece_length: u32,
    private: bool,
    source: Option<String>,
}

/// A file of a torrent to be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewFile {
    /// Its path in the torrent's folder: names of any bytes but `/` and zero, not empty, `.` or `..`.
    pub path: Vec<Vec<u8>>,
    /// Its length in bytes; 0 for a link.
    pub length: u64,
    /// Whether it may be run as a program (BEP 47, `x`).
    pub executable: bool,
    /// Where it points from the torrent's folder, if it is a link (BEP 47, `l`).
    pub link: Option<Vec<Vec<u8>>>,
}

impl From<(Vec<String>, u64)> for NewFile {
    fn from((path, length): (Vec<String>, u64)) -> Self {
        Self {
            path: path.into_iter().map(String::into_bytes).collect(),
            length,
            executable: false,
            link: None,
        }
    }
}

impl NewFile {
    /// Its attributes as `attr` has them.
    pub(super) fn attr(&self) -> Option<&'static str> {
        match (&self.link, self.executable) {
            (Some(_), _) => Some("l"),
            (None, true) => Some("x"),
            (None, false) => None,
        }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path.join(&b'/')).into_owned()
    }
}

#[derive(Debug, Clone)]
enum Content {
    /// Without a path, which is the torrent's name.
    File(NewFile),
    Folder(Vec<NewFile>),
}

impl InfoBuilder {
    /// A torrent of one file of `length` bytes, in pieces of `piece_length` bytes.
    pub fn single_file(name: impl AsRef<[u8]>, length: u64, piece_length: u32) -> Self {
        let file = NewFile {
            path: vec![name.as_ref().to_vec()],
            length,
            executable: false,
            link: None,
        };
        Self::new(name.as_ref(), Content::File(file), piece_length)
    }

    /// A torrent of a folder called `name` with these files. Their bytes follow each other in this order.
    pub fn multi_file<F: Into<NewFile>>(
        name: impl AsRef<[u8]>,
        files: Vec<F>,
        piece_length: u32,
    ) -> Self {
        let files = files.into_iter().map(F::into).collect();
        Self::new(name.as_ref(), Content::Folder(files), piece_length)
    }

    fn new(name: &[u8], files: Content, piece_length: u32) -> Self {
        Self {
            name: name.to_vec(),
            files,
            piece_length,
            private: false,
            source: None,
        }
    }

    /// Whether the one file of a torrent may be run as a program (BEP 47). In a folder, each file says so itself.
    pub fn executable(mut self, executable: bool) -> Self {
        if let Content::File(file) = &mut self.files {
            file.executable = executable;
        }
        self
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
        V2Builder::new(self.into_plan()?, true)
    }

    /// The same torrent in version 2 alone (BEP 52). Its files are put in the order of their paths, each at the beginning of
    /// a piece. The piece length must be a power of two from 16 KiB on. A folder of one file becomes that file.
    pub fn v2_only(self) -> Result<V2Builder, MetainfoError> {
        V2Builder::new(self.into_plan()?, false)
    }

    fn into_plan(self) -> Result<Plan, MetainfoError> {
        self.check()?;
        let (files, multi_file) = match self.files {
            Content::File(file) => (vec![file], false),
            Content::Folder(files) => (files, true),
        };
        Ok(Plan {
            name: self.name,
            files,
            multi_file,
            piece_length: self.piece_length,
            private: self.private,
            source: self.source,
        })
    }

    fn files(&self) -> &[NewFile] {
        match &self.files {
            Content::File(file) => std::slice::from_ref(file),
            Content::Folder(files) => files,
        }
    }

    /// Refuses paths that no folder can have, or not all at once. [`build`](Self::build) does so too; this is for
    /// before the files are hashed.
    pub fn check(&self) -> Result<(), MetainfoError> {
        let unusable = |name: &Vec<u8>| {
            matches!(name.as_slice(), b"" | b"." | b"..")
                || name.iter().any(|byte| matches!(byte, b'/' | 0))
        };
        let refused = |field: &str, path| {
            Err(MetainfoError::Path {
                field: field.into(),
                path,
                reason: "a name must not be empty, \".\" or \"..\", or have a slash or zero in it",
            })
        };
        if unusable(&self.name) {
            let name = String::from_utf8_lossy(&self.name);
            return refused("info.name", name.into_owned());
        }
        let mut paths: BTreeMap<Vec<u8>, &NewFile> = BTreeMap::new();
        for file in self.files() {
            let link = file.link.iter().flatten();
            if file.path.is_empty() || file.path.iter().chain(link).any(unusable) {
                return refused("info.files", file.shown());
            }
            // Sorted so, a folder's files come right after what has the folder's name.
            let mut key = file.path.join(&0);
            key.push(0);
            if paths.insert(key, file).is_some() {
                return Err(MetainfoError::SamePath { path: file.shown() });
            }
        }
        let next = paths.keys().skip(1);
        match paths
            .iter()
            .zip(next)
            .find(|((key, _), next)| next.starts_with(key))
        {
            Some(((_, file), _)) => Err(MetainfoError::FileAsFolder { path: file.shown() }),
            None => Ok(()),
        }
    }

    /// Total length and pieces.
    pub fn lengths(&self) -> Result<Lengths, LengthsError> {
        let lengths = self.files().iter().map(|file| file.length);
        Lengths::new(lengths.fold(0, u64::saturating_add), self.piece_length)
    }

    /// How the pieces are hashed for [`build`](Self::build).
    pub fn piece_hashers(&self) -> Result<PieceHashers, LengthsError> {
        Ok(PieceHashers::new(self.lengths()?.into(), true, None))
    }

    /// The dictionary, with one SHA-1 a piece, in order. Checked as one from outside would be: the error names what
    /// does not fit.
    pub fn build(&self, piece_hashes: &[[u8; 20]]) -> Result<Info, MetainfoError> {
        self.check()?;
        let (files, length, attr) = match &self.files {
            Content::File(file) => (None, Some(file.length), file.attr()),
            Content::Folder(files) => (Some(files.iter().map(FileForm::of).collect()), None, None),
        };
        let form = InfoForm {
            attr,
            files,
            length,
            name: ByteStr::new(&self.name),
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
    attr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileForm<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    name: &'a ByteStr,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    attr: Option<&'a str>,
    length: u64,
    path: Vec<&'a ByteStr>,
    #[serde(rename = "symlink path", skip_serializing_if = "Option::is_none")]
    link: Option<Vec<&'a ByteStr>>,
}

impl<'a> FileForm<'a> {
    fn of(file: &'a NewFile) -> Self {
        let names = |path: &'a [Vec<u8>]| path.iter().map(|name| ByteStr::new(name)).collect();
        Self {
            attr: file.attr(),
            length: file.length,
            path: names(&file.path),
            link: file.link.as_deref().map(names),
        }
    }
}
