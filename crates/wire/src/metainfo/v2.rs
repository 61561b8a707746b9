//! The part of an `info` dictionary that is of version 2 (BEP 52): which file each piece belongs to, and what its trees of
//! hashes are like.

use super::files::{FileEntry, FileKind};
use crate::merkle::{HASHES_PER_REQUEST, Hash, HashRequest, TreeShape};
use crate::{BLOCK_LENGTH, InfoHashV2, Layout, Lengths, PieceIndex};

/// What version 2 says of a torrent.
#[derive(Debug, Clone)]
pub struct V2 {
    info_hash: InfoHashV2,
    /// The pieces without the padding that may follow a file.
    data: Layout,
    files: Vec<V2File>,
    /// Numbers of `files`, by root: files that are alike have the same.
    by_root: Vec<u32>,
}

/// A file that is not empty. It begins with a piece of its own, and the last of its pieces may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2File {
    /// Its number in [`Info::files`](super::Info::files).
    pub index: usize,
    /// Its length in bytes.
    pub length: u64,
    /// Its first piece.
    pub first_piece: u32,
    /// How many pieces it has.
    pub pieces: u32,
    /// The root of its tree.
    pub root: Hash,
}

impl V2 {
    /// `files` are those of the torrent, aligned; `roots` those of the files that are not empty, in order.
    pub(super) fn new(
        info_hash: InfoHashV2,
        lengths: Lengths,
        files: &[FileEntry],
        roots: &[Hash],
    ) -> Self {
        let piece_length = u64::from(lengths.piece_length());
        let real = files
            .iter()
            .enumerate()
            .filter(|(_, file)| file.length > 0 && file.kind != FileKind::Padding);
        let files = real.zip(roots).map(|((index, file), &root)| V2File {
            index,
            length: file.length,
            // There are no more pieces than `lengths` could count.
            first_piece: (file.offset / piece_length) as u32,
            pieces: file.length.div_ceil(piece_length) as u32,
            root,
        });
        let files: Vec<V2File> = files.collect();
        let mut by_root: Vec<u32> = (0..files.len() as u32).collect();
        by_root.sort_by_key(|&number| files.get(number as usize).map(|file| file.root));
        let last_piece = |file: &V2File| {
            let last = lengths.piece(file.first_piece.checked_add(file.pieces)?.checked_sub(1)?)?;
            let rest = file.length - u64::from(file.pieces - 1) * piece_length;
            (rest < lengths.piece_size(last).into()).then_some((last, rest as u32))
        };
        let short = files.iter().filter_map(last_piece).collect();
        Self {
            info_hash,
            data: Layout::with_short_pieces(lengths, short),
            files,
            by_root,
        }
    }

    /// The SHA-256 of the `info` dictionary.
    pub fn info_hash(&self) -> InfoHashV2 {
        self.info_hash
    }

    /// The files that are not empty, in the order of their pieces.
    pub fn files(&self) -> &[V2File] {
        &self.files
    }

    /// The layer of the trees whose nodes cover a piece each.
    pub fn piece_layer(&self) -> u32 {
        (self.data.piece_length() / BLOCK_LENGTH).max(1).ilog2()
    }

    /// The file that this piece belongs to, and its number among [`files`](Self::files). `None` only for the piece of
    /// another torrent.
    pub fn file_of(&self, piece: PieceIndex) -> Option<(usize, &V2File)> {
        let after = self
            .files
            .partition_point(|file| file.first_piece <= piece.get());
        let number = after.checked_sub(1)?;
        let file = self.files.get(number)?;
        (piece.get() - file.first_piece < file.pieces).then_some((number, file))
    }

    /// The numbers of the files whose tree has this root; files that are alike share it.
    pub fn files_with_root(&self, root: &Hash) -> impl Iterator<Item = usize> + '_ + use<'_> {
        let root = *root;
        let root_of = |number: &u32| self.files.get(*number as usize).map(|file| file.root);
        let first = self
            .by_root
            .partition_point(|number| root_of(number) < Some(root));
        let alike = self.by_root.get(first..).unwrap_or_default().iter();
        alike
            .take_while(move |number| root_of(number) == Some(root))
            .map(|&number| number as usize)
    }

    /// The pieces as their files have them: without the padding that may follow a file in its last piece.
    pub fn data_layout(&self) -> &Layout {
        &self.data
    }

    /// The part of its file's tree that covers this piece: the whole tree for a file of one piece.
    pub fn piece_shape(&self, piece: PieceIndex) -> Option<TreeShape> {
        let (_, file) = self.file_of(piece)?;
        if file.pieces == 1 {
            return file.shape();
        }
        let blocks = self.data.block_count(piece);
        TreeShape::of_part(blocks.into(), self.piece_layer())
    }

    /// What to ask for to know the hashes of all pieces of file number `file`, each with a proof up to the root. Nothing
    /// for a file of one piece, whose hash is the root.
    pub fn layer_requests(&self, file: usize) -> Vec<HashRequest> {
        let base_layer = self.piece_layer();
        let file = self.files.get(file).filter(|file| file.pieces > 1);
        let requests = file.and_then(|file| {
            let shape = file.shape()?;
            let proof_layers = shape.height().checked_sub(base_layer + 1)?;
            let length = shape.width(base_layer).min(HASHES_PER_REQUEST.into()) as u32;
            let request = |index| HashRequest {
                root: file.root,
                base_layer,
                index,
                length,
                proof_layers,
            };
            let starts = (0..file.pieces).step_by(length as usize);
            Some(starts.map(request).collect())
        });
        requests.unwrap_or_default()
    }

    /// What to ask for to know the hashes of all blocks of this piece, each with a proof up to the piece's own. Nothing for
    /// a piece of one block, whose hash is the piece's.
    pub fn block_requests(&self, piece: PieceIndex) -> Vec<HashRequest> {
        let requests = self.file_of(piece).and_then(|(_, file)| {
            let shape = self.piece_shape(piece)?;
            let proof_layers = shape.height().checked_sub(1)?;
            let before = u64::from(piece.get() - file.first_piece) << self.piece_layer();
            // A file of more than 64 TiB has blocks that no message can name.
            let end = u32::try_from(before + shape.blocks()).ok()?;
            let length = shape.width(0).min(HASHES_PER_REQUEST.into()) as u32;
            let request = |index| HashRequest {
                root: file.root,
                base_layer: 0,
                index,
                length,
                proof_layers,
            };
            let starts = (before as u32..end).step_by(length as usize);
            Some(starts.map(request).collect())
        });
        requests.unwrap_or_default()
    }
}

impl V2File {
    /// Its tree.
    pub fn shape(&self) -> Option<TreeShape> {
        TreeShape::of_file(self.length)
    }
}
