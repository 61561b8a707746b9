//! Asking a peer for hashes of a tree and checking what it gives (BEP 52): a run of nodes of one layer, and the uncles
//! that lead from there to a node that is known.

use super::{Hash, MAX_HEIGHT, TreeShape, padding, parent, parents};

/// The most hashes that may be asked for in one request. BEP 52 has 512, but libtorrent asks for all blocks of a piece
/// at once: this is a piece of 128 MiB.
pub const MAX_HASHES: u32 = 8192;

/// Which hashes of a file's tree are wanted: the payload of `hash request`, and the head of `hashes` and `hash reject`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashRequest {
    /// The file: the root of its tree.
    pub root: Hash,
    /// The layer of the run; 0 are the leaves.
    pub base_layer: u32,
    /// The first node of the run, a multiple of its length.
    pub index: u32,
    /// How many nodes: a power of two from 2 on, unless the layer ends before.
    pub length: u32,
    /// How many layers above the run the proof covers. Those that follow from the run itself are counted, but not given.
    pub proof_layers: u32,
}

/// A node of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Its layer, from the leaves.
    pub layer: u32,
    /// Its number in the layer, from 0.
    pub index: u64,
    /// What it says.
    pub hash: Hash,
}

/// A request that no tree of its shape can answer, or an answer that does not fit its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashRequestError {
    /// The layer is the root's or above it.
    #[error("a hash request for layer {layer} of a tree whose root is in layer {height}")]
    Layer {
        /// The layer.
        layer: u32,
        /// That of the root.
        height: u32,
    },
    /// The run is longer than [`MAX_HASHES`], does not begin at a multiple of its length, or leaves the layer.
    #[error("a hash request for {length} hashes from {index}, of a layer of {width}")]
    Run {
        /// The first node.
        index: u32,
        /// How many are wanted.
        length: u32,
        /// How many the layer has.
        width: u64,
    },
    /// The proof would go past the root.
    #[error("a hash request with {proof_layers} proof layers, where {possible} lie below the root")]
    Proof {
        /// How many are wanted.
        proof_layers: u32,
        /// How many there can be.
        possible: u32,
    },
    /// An answer has too few hashes, or too many.
    #[error("an answer with {actual} hashes to a request for {expected}")]
    Count {
        /// How many it has.
        actual: usize,
        /// How many it should have, with the uncles.
        expected: usize,
    },
}

impl HashRequest {
    /// How many hashes the answer has: the run and the uncles.
    pub fn answer_length(&self) -> usize {
        (self.length as usize).saturating_add(self.uncles() as usize)
    }

    /// Whether a tree of this shape can answer.
    pub fn check(&self, shape: TreeShape) -> Result<(), HashRequestError> {
        let height = shape.height();
        if self.base_layer >= height {
            return Err(HashRequestError::Layer {
                layer: self.base_layer,
                height,
            });
        }
        let end = u64::from(self.index) + u64::from(self.length);
        let whole =
            self.length.is_power_of_two() && self.length > 1 || end == shape.nodes(self.base_layer);
        let inside = end <= shape.width(self.base_layer);
        let (1..=MAX_HASHES, true, true) = (self.length, whole, inside) else {
            return Err(self.wrong_run(shape));
        };
        if !self.index.is_multiple_of(self.run()) {
            return Err(self.wrong_run(shape));
        }
        let possible = height - self.base_layer - 1;
        if self.proof_layers > possible {
            return Err(HashRequestError::Proof {
                proof_layers: self.proof_layers,
                possible,
            });
        }
        Ok(())
    }

    /// The answer of a tree of this shape, with each node from `node` (layer, number in it; padding included), such as
    /// [`Tree::node`]. `None` if the request does not [`check`](Self::check), or a node is not to be had.
    ///
    /// [`Tree::node`]: super::Tree::node
    pub fn answer(
        &self,
        shape: TreeShape,
        mut node: impl FnMut(u32, u64) -> Option<Hash>,
    ) -> Option<Vec<Hash>> {
        self.check(shape).ok()?;
        let first = u64::from(self.index);
        let run = (first..first + u64::from(self.length)).map(|index| (self.base_layer, index));
        let top = self.base_layer + self.run().ilog2();
        let above = first / u64::from(self.run());
        let uncles = (0..self.uncles()).map(|step| (top + step, above >> step ^ 1));
        run.chain(uncles)
            .map(|(layer, index)| node(layer, index))
            .collect()
    }

    /// The node that the answer's hashes lead up to. If it is known by that hash (the tree's root, or a piece of the
    /// piece layer), each of the hashes is true; if not, the answer is a lie.
    pub fn top(&self, shape: TreeShape, hashes: &[Hash]) -> Result<Node, HashRequestError> {
        self.check(shape)?;
        let wrong_count = HashRequestError::Count {
            actual: hashes.len(),
            expected: self.answer_length(),
        };
        if hashes.len() != self.answer_length() {
            return Err(wrong_count);
        }
        let (run, uncles) = hashes
            .split_at_checked(self.length as usize)
            .ok_or(wrong_count)?;
        let mut layer = self.base_layer;
        let mut nodes = run.to_vec();
        for _ in 0..self.run().ilog2() {
            nodes = parents(&nodes, layer);
            layer += 1;
        }
        let mut hash = nodes.first().copied().unwrap_or(padding(layer));
        let mut index = u64::from(self.index / self.run());
        for uncle in uncles {
            hash = if index.is_multiple_of(2) {
                parent(&hash, uncle)
            } else {
                parent(uncle, &hash)
            };
            index /= 2;
            layer += 1;
        }
        Ok(Node { layer, index, hash })
    }

    /// The length of the run as it would be if the layer did not end.
    fn run(&self) -> u32 {
        self.length.clamp(2, MAX_HASHES).next_power_of_two()
    }

    /// How many uncles come after the run.
    fn uncles(&self) -> u32 {
        let from_the_run = self.run().ilog2() - 1;
        self.proof_layers
            .min(MAX_HEIGHT)
            .saturating_sub(from_the_run)
    }

    fn wrong_run(&self, shape: TreeShape) -> HashRequestError {
        HashRequestError::Run {
            index: self.index,
            length: self.length,
            width: shape.width(self.base_layer),
        }
    }
}
