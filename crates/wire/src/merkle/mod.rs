//! The Merkle trees of torrents of version 2 (BEP 52): a binary tree of SHA-256 for each file, with the file's blocks of
//! 16 KiB as its leaves. Leaves beyond the file's end are zero hashes, so that the tree is whole.
//!
//! Layers are counted from the leaves: a node of layer *n* covers 2^*n* blocks. The *piece layer* is the one whose nodes
//! cover a piece each.

mod request;
mod tree;

pub use request::{HashRequest, HashRequestError, MAX_HASHES, Node};
pub use tree::Tree;

use crate::BLOCK_LENGTH;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A SHA-256, of a block or of two nodes.
pub type Hash = [u8; 32];

/// How many layers a tree can have above its leaves: files have less than 2^63 bytes, in blocks of 2^14.
pub const MAX_HEIGHT: u32 = 50;

/// The most hashes asked for in one request (BEP 52: more should not be).
pub const HASHES_PER_REQUEST: u32 = 512;

/// The size of a whole tree, or of a piece's part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeShape {
    blocks: u64,
    height: u32,
}

impl TreeShape {
    /// The tree of a file of `length` bytes: `None` for an empty one, which has no tree.
    pub fn of_file(length: u64) -> Option<Self> {
        let blocks = length.div_ceil(BLOCK_LENGTH.into());
        let height = blocks.checked_next_power_of_two()?.ilog2();
        (blocks > 0 && height <= MAX_HEIGHT).then_some(Self { blocks, height })
    }

    /// The part of a tree that covers `blocks` blocks (at least 1) and whose top is `height` layers above them, as the
    /// last piece of a file has it: padded to the height of a piece. `None` if that height is too low or too high.
    pub fn of_part(blocks: u64, height: u32) -> Option<Self> {
        (blocks > 0 && height <= MAX_HEIGHT && blocks <= 1 << height)
            .then_some(Self { blocks, height })
    }

    /// How many blocks there are: at least 1.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// The layer of the root: 0 if it is the hash of the only block.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// How many nodes of this layer cover any block: the others are padding. 0 above the root.
    pub fn nodes(&self, layer: u32) -> u64 {
        if layer > self.height {
            0
        } else {
            self.blocks.div_ceil(1 << layer)
        }
    }

    /// How many nodes this layer has with its padding. 0 above the root.
    pub fn width(&self, layer: u32) -> u64 {
        self.height.checked_sub(layer).map_or(0, |above| 1 << above)
    }
}

/// The hash of a block: 16 KiB, or what there is at the end of a file.
pub fn block_hash(block: &[u8]) -> Hash {
    Sha256::digest(block).into()
}

/// The hashes of the blocks in `data`, which begins at the start of a block.
pub fn block_hashes(data: &[u8]) -> impl ExactSizeIterator<Item = Hash> {
    data.chunks(BLOCK_LENGTH as usize).map(block_hash)
}

/// The hash of the node over these two.
pub fn parent(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The hash of a node of this layer (up to [`MAX_HEIGHT`]) that covers nothing but padding.
pub fn padding(layer: u32) -> Hash {
    static PADDING: LazyLock<[Hash; MAX_HEIGHT as usize + 1]> = LazyLock::new(|| {
        let mut layers = [[0; 32]; MAX_HEIGHT as usize + 1];
        for layer in 1..layers.len() {
            layers[layer] = parent(&layers[layer - 1], &layers[layer - 1]);
        }
        layers
    });
    PADDING[layer.min(MAX_HEIGHT) as usize]
}

/// The node of layer `height` over `hashes`, the first nodes of layer `layer` under it; those that are not there are
/// padding. `None` if there are more than such a node covers.
pub fn root(mut hashes: Vec<Hash>, layer: u32, height: u32) -> Option<Hash> {
    if height > MAX_HEIGHT || hashes.len() as u64 > 1u64 << height.checked_sub(layer)? {
        return None;
    }
    if hashes.is_empty() {
        return Some(padding(height));
    }
    for layer in layer..height {
        hashes = parents(&hashes, layer);
    }
    hashes.first().copied()
}

/// The root over the blocks in `data`: a piece, or a whole file that is no longer than a piece. `height` is that of the
/// piece's node; see [`V2::piece_shape`](crate::metainfo::V2::piece_shape). `None` if `data` is longer.
pub fn data_root(data: &[u8], height: u32) -> Option<Hash> {
    root(block_hashes(data).collect(), 0, height)
}

/// The nodes over these of layer `layer`.
fn parents(hashes: &[Hash], layer: u32) -> Vec<Hash> {
    let (pairs, last) = hashes.as_chunks::<2>();
    let whole = pairs.iter().map(|[left, right]| parent(left, right));
    let cut = last.iter().map(|left| parent(left, &padding(layer)));
    whole.chain(cut).collect()
}
