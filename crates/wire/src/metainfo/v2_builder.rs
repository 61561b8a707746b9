//! Makes the `info` dictionary and piece layers of a torrent of version 2, or of both versions (BEP 52).

use super::files::{self, FileEntry, FileKind};
use super::path::Name;
use super::{Info, MetainfoError, NewFile, PieceLayers, V2, V2File};
use crate::merkle::Hash;
use crate::{BLOCK_LENGTH, InfoHashV2, Lengths, LengthsError, PieceHash, PieceHashers, PieceIndex};
use crate::{bencode, merkle};
use bytes::Bytes;

/// What a torrent of version 2 is made of. It tells which bytes make which piece; made by
/// [`InfoBuilder::hybrid`](super::InfoBuilder::hybrid) and [`InfoBuilder::v2_only`](super::InfoBuilder::v2_only).
#[derive(Debug, Clone)]
pub struct V2Builder {
    name: Vec<u8>,
    /// Aligned, with the padding between them.
    files: Vec<FileEntry>,
    multi_file: bool,
    hybrid: bool,
    private: bool,
    source: Option<String>,
    lengths: Lengths,
    /// Without roots, for the sake of its shapes.
    outline: V2,
}

/// What both builders are set up with.
pub(super) struct Plan {
    pub(super) name: Vec<u8>,
    pub(super) files: Vec<NewFile>,
    pub(super) multi_file: bool,
    pub(super) piece_length: u32,
    pub(super) private: bool,
    pub(super) source: Option<String>,
}

impl V2Builder {
    pub(super) fn new(mut plan: Plan, hybrid: bool) -> Result<Self, MetainfoError> {
        let piece_length = plan.piece_length;
        if piece_length < BLOCK_LENGTH || !piece_length.is_power_of_two() {
            return Err(MetainfoError::Range {
                field: "info.piece length".into(),
                value: piece_length.into(),
            });
        }
        // The order of the keys in the file tree.
        plan.files.sort_by(|a, b| a.path.cmp(&b.path));
        // Others end a hybrid of several files with padding as well, and info-hashes should be the same.
        let tail = hybrid && plan.files.len() > 1;
        let names = |path: &[Vec<u8>]| path.iter().filter_map(|name| Name::new(name)).collect();
        let files = plan.files.iter().map(|file| FileEntry {
            path: names(&file.path),
            length: file.length,
            offset: 0,
            kind: match &file.link {
                Some(target) => FileKind::Symlink {
                    target: Some(names(target)),
                },
                None => FileKind::File,
            },
            executable: file.executable,
            hidden: false,
        });
        let files = files::align(files.collect(), piece_length, tail).ok_or(
            LengthsError::TooManyPieces {
                total: u64::MAX,
                piece_length,
            },
        )?;
        let total = files.last().map_or(0, |file| file.offset + file.length);
        let lengths = Lengths::new(total, piece_length)?;
        let no_roots = vec![[0; 32]; files.len()];
        Ok(Self {
            name: plan.name,
            multi_file: plan.multi_file,
            hybrid,
            private: plan.private,
            source: plan.source,
            lengths,
            outline: V2::new(InfoHashV2([0; 32]), lengths, &files, &no_roots),
            files,
        })
    }

    /// The files in the order of the torrent's bytes, which is that of their paths, with the padding between them: each
    /// file begins with a piece. Padding is zeros.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// Total length with the padding, and pieces.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// How the pieces are hashed for [`build`](Self::build).
    pub fn piece_hashers(&self) -> PieceHashers {
        let data = self.outline.data_layout().clone();
        let layout = if self.hybrid {
            self.lengths.into()
        } else {
            data.clone()
        };
        PieceHashers::new(layout, self.hybrid, Some(data))
    }

    /// The dictionary and the layers, with the hash of each piece in order. Checked as a torrent from outside would be: the
    /// error names what does not fit.
    pub fn build(&self, hashes: &[PieceHash]) -> Result<(Info, PieceLayers), MetainfoError> {
        let pieces = self.lengths.piece_count();
        let root = |(piece, hash): (PieceIndex, &PieceHash)| {
            let height = self.outline.piece_shape(piece)?.height();
            merkle::root(hash.blocks.clone(), 0, height)
        };
        let roots: Option<Vec<Hash>> = self.lengths.pieces().zip(hashes).map(root).collect();
        let roots = roots.filter(|roots| roots.len() == pieces as usize);
        let roots = roots.ok_or(MetainfoError::Pieces {
            actual: hashes.len() * 32,
            expected: pieces as usize * 32,
            pieces,
        })?;
        let sha1: Vec<[u8; 20]> = hashes.iter().filter_map(|hash| hash.sha1).collect();
        let info = Info::from_bytes(self.encode(&sha1, &roots))?;
        let layers = info.v2().map(|v2| PieceLayers::from_pieces(v2, &roots));
        Ok((info, layers.unwrap_or_default()))
    }

    fn encode(&self, sha1: &[[u8; 20]], roots: &[Hash]) -> Bytes {
        let mut entries: Vec<(&str, Vec<u8>)> = vec![("file tree", self.file_tree(roots))];
        if self.hybrid {
            match &self.files[..] {
                [file] if !self.multi_file => {
                    entries.extend(attr(file).map(|attr| ("attr", bencode::to_bytes(&attr))));
                    entries.push(("length", bencode::to_bytes(&file.length)));
                }
                files => entries.push(("files", file_list(files))),
            }
        }
        entries.push(("meta version", bencode::to_bytes(&2)));
        let name = serde_bytes::Bytes::new(&self.name);
        entries.push(("name", bencode::to_bytes(&name)));
        let piece_length = self.lengths.piece_length();
        entries.push(("piece length", bencode::to_bytes(&piece_length)));
        if self.hybrid {
            let pieces = serde_bytes::Bytes::new(sha1.as_flattened());
            entries.push(("pieces", bencode::to_bytes(&pieces)));
        }
        if self.private {
            entries.push(("private", bencode::to_bytes(&1)));
        }
        let source = self.source.as_ref();
        entries.extend(source.map(|source| ("source", bencode::to_bytes(source))));
        bencode::dictionary(entries).into()
    }

    /// Folders are opened and closed as the paths, which are in order, go in and out of them.
    fn file_tree(&self, roots: &[Hash]) -> Vec<u8> {
        let mut out = vec![b'd'];
        let mut open: &[Name] = &[];
        let mut trees = self.outline.files().iter();
        for file in self.files.iter().filter(|file| file.is_stored()) {
            let same = open
                .iter()
                .zip(&file.path)
                .take_while(|(a, b)| a == b)
                .count();
            out.extend(open.iter().skip(same).map(|_| b'e'));
            for component in file.path.iter().skip(same) {
                put_string(&mut out, component.raw());
                out.push(b'd');
            }
            out.extend_from_slice(b"0:");
            let root =
                (file.length > 0).then(|| trees.next().and_then(|tree| self.root(tree, roots)));
            out.extend(properties(file, root.map(Option::unwrap_or_default)));
            open = &file.path;
        }
        out.extend(open.iter().map(|_| b'e'));
        out.push(b'e');
        out
    }

    /// The root of a file's tree, out of those of all pieces.
    fn root(&self, tree: &V2File, roots: &[Hash]) -> Option<Hash> {
        let first = tree.first_piece as usize;
        let layer = roots.get(first..first + tree.pieces as usize)?;
        let height = tree.shape()?.height();
        match layer {
            [root] => Some(*root),
            _ => merkle::root(layer.to_vec(), self.outline.piece_layer(), height),
        }
    }
}

/// What a file tree says of a file.
fn properties(file: &FileEntry, root: Option<Hash>) -> Vec<u8> {
    let mut entries: Vec<(&str, Vec<u8>)> = Vec::new();
    entries.extend(attr(file).map(|attr| ("attr", bencode::to_bytes(&attr))));
    entries.push(("length", bencode::to_bytes(&file.length)));
    entries.extend(root.map(|root| {
        (
            "pieces root",
            bencode::to_bytes(&serde_bytes::Bytes::new(&root)),
        )
    }));
    entries.extend(link(file).map(|link| ("symlink path", link)));
    bencode::dictionary(entries)
}

/// `files` of version 1, with the padding.
fn file_list(files: &[FileEntry]) -> Vec<u8> {
    let mut out = vec![b'l'];
    for file in files {
        let mut entries: Vec<(&str, Vec<u8>)> = Vec::new();
        entries.extend(attr(file).map(|attr| ("attr", bencode::to_bytes(&attr))));
        entries.push(("length", bencode::to_bytes(&file.length)));
        entries.push(("path", raw_path(&file.path)));
        entries.extend(link(file).map(|link| ("symlink path", link)));
        out.extend(bencode::dictionary(entries));
    }
    out.push(b'e');
    out
}

/// The attributes of a file (BEP 47).
fn attr(file: &FileEntry) -> Option<&'static str> {
    match file.kind {
        FileKind::Padding => Some("p"),
        FileKind::Symlink { .. } => Some("l"),
        FileKind::File => file.executable.then_some("x"),
    }
}

/// Where a link points.
fn link(file: &FileEntry) -> Option<Vec<u8>> {
    match &file.kind {
        FileKind::Symlink { target } => target.as_deref().map(raw_path),
        FileKind::File | FileKind::Padding => None,
    }
}

fn raw_path(path: &[Name]) -> Vec<u8> {
    let names: Vec<_> = path
        .iter()
        .map(|name| serde_bytes::Bytes::new(name.raw()))
        .collect();
    bencode::to_bytes(&names)
}

fn put_string(out: &mut Vec<u8>, string: &[u8]) {
    out.extend_from_slice(format!("{}:", string.len()).as_bytes());
    out.extend_from_slice(string);
}
