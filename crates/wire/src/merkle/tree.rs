//! A tree from a layer of its hashes upwards, as whoever gives hashes to others needs it.

use super::{Hash, TreeShape, padding, parents};

/// The nodes of a tree, or of a piece's part of one, from one layer up to its root.
///
/// It holds two hashes for each node of that layer: 64 bytes a piece if that is the piece layer.
#[derive(Debug, Clone)]
pub struct Tree {
    shape: TreeShape,
    base_layer: u32,
    /// The nodes that cover any block, from `base_layer` up: the last is the root.
    layers: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree over all nodes of layer `base_layer` that cover any block. `None` if their number is not that of the
    /// shape, or the layer is above its root.
    pub fn new(shape: TreeShape, base_layer: u32, hashes: Vec<Hash>) -> Option<Self> {
        if hashes.is_empty() || hashes.len() as u64 != shape.nodes(base_layer) {
            return None;
        }
        let mut layers = vec![hashes];
        for layer in base_layer..shape.height() {
            let above = layers.last().map(|below| parents(below, layer));
            layers.extend(above);
        }
        Some(Self {
            shape,
            base_layer,
            layers,
        })
    }

    /// The tree's size.
    pub fn shape(&self) -> TreeShape {
        self.shape
    }

    /// The lowest layer that the tree holds.
    pub fn base_layer(&self) -> u32 {
        self.base_layer
    }

    /// The node at the top.
    pub fn root(&self) -> Hash {
        self.node(self.shape.height(), 0).unwrap_or_default()
    }

    /// Node number `index` of this layer, which may be padding. `None` if the tree does not have it.
    pub fn node(&self, layer: u32, index: u64) -> Option<Hash> {
        if index >= self.shape.width(layer) {
            return None;
        }
        let nodes = self
            .layers
            .get(layer.checked_sub(self.base_layer)? as usize)?;
        let covering = usize::try_from(index)
            .ok()
            .and_then(|index| nodes.get(index));
        Some(covering.copied().unwrap_or_else(|| padding(layer)))
    }
}
