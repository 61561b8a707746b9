//! The hashes of the pieces of a version 2 torrent (BEP 52): from the `.torrent` file, or from peers, each checked against
//! the root of its file before it counts.

use super::{Info, MetainfoError, V2};
use crate::PieceIndex;
use crate::bencode;
use crate::merkle::{self, Hash, HashRequest, HashRequestError, Tree};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of the piece layers of a torrent's files. All that it holds is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PieceLayers {
    /// By number among [`V2::files`]. Only files of more than one piece have a layer: the hash of one piece is its file's
    /// root. A hash that is not known yet is [`UNKNOWN`].
    layers: BTreeMap<usize, Arc<[Hash]>>,
}

/// A hash that no piece has.
const UNKNOWN: Hash = [0; 32];

/// Why a peer's hashes were not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// No file of the torrent has such a tree.
    #[error("hashes of a file that the torrent does not have")]
    File,
    /// They do not lead up to a node that is known: not to the root for pieces, not to the piece for blocks.
    #[error("hashes of layer {base_layer} with a proof that does not reach what is known")]
    Reach {
        /// Their layer.
        base_layer: u32,
    },
    /// They do not fit what they are said to answer.
    #[error(transparent)]
    Request(#[from] HashRequestError),
    /// They are false.
    #[error("hashes that are not those of the torrent")]
    False,
}

impl PieceLayers {
    /// Reads `piece layers` of a `.torrent` file. Each entry must be the layer of a file; some files may have none.
    pub(super) fn read(info: &Info, raw: &[u8]) -> Result<Self, MetainfoError> {
        let mut layers = Self::default();
        let Some(v2) = info.v2() else {
            return Ok(layers);
        };
        let wrong = |error| MetainfoError::Field {
            field: "piece layers".into(),
            error,
        };
        for entry in bencode::dict_entries(raw).map_err(wrong)? {
            let (key, value) = entry.map_err(wrong)?;
            let known = Hash::try_from(key).ok().filter(|root| has_layer(v2, root));
            let root = known.ok_or_else(|| MetainfoError::PieceLayerRoot {
                root: hex(key.get(..32).unwrap_or(key)),
            })?;
            let hashes = match bencode::byte_string(value).map(<[u8]>::as_chunks) {
                Ok((hashes, [])) => hashes,
                // Not a number of hashes: the layer of no file.
                _ => &[],
            };
            layers.insert(v2, &root, hashes).map_err(|number| {
                let file = v2.files().get(number);
                let entry = file.and_then(|file| info.files().get(file.index));
                MetainfoError::PieceLayer {
                    path: entry.map_or_else(String::new, |entry| entry.path_text()),
                }
            })?;
        }
        Ok(layers)
    }

    /// The hashes of all pieces, one after the other, for those who made the torrent; see [`V2Builder`](super::V2Builder).
    pub(super) fn from_pieces(v2: &V2, hashes: &[Hash]) -> Self {
        let long = v2
            .files()
            .iter()
            .enumerate()
            .filter(|(_, file)| file.pieces > 1);
        let layers = long.filter_map(|(number, file)| {
            let first = file.first_piece as usize;
            let layer = hashes.get(first..first + file.pieces as usize)?;
            Some((number, layer.into()))
        });
        let mut known = Self::default();
        for (number, layer) in layers {
            known.layers.insert(number, layer);
        }
        known
    }

    /// Takes a whole layer for all files of that root. The number of a file whose layer it is not, as an error.
    fn insert(&mut self, v2: &V2, root: &Hash, hashes: &[Hash]) -> Result<(), usize> {
        let mut layer: Option<Arc<[Hash]>> = None;
        for number in v2.files_with_root(root) {
            let Some(file) = v2.files().get(number).filter(|file| file.pieces > 1) else {
                continue;
            };
            // Files of one root that are all as long as this layer share it, and it is checked once.
            if layer.is_none() {
                let top = file.shape().and_then(|shape| {
                    merkle::root(hashes.to_vec(), v2.piece_layer(), shape.height())
                });
                if top != Some(*root) {
                    return Err(number);
                }
            }
            if hashes.len() != file.pieces as usize {
                return Err(number);
            }
            let layer = layer.get_or_insert_with(|| hashes.into());
            self.layers.insert(number, layer.clone());
        }
        Ok(())
    }

    /// The root over this piece's blocks, if it is known: see [`merkle::data_root`].
    pub fn piece_hash(&self, v2: &V2, piece: PieceIndex) -> Option<Hash> {
        let (number, file) = v2.file_of(piece)?;
        if file.pieces == 1 {
            return Some(file.root);
        }
        let place = piece.get() - file.first_piece;
        let hash = *self.layers.get(&number)?.get(place as usize)?;
        (hash != UNKNOWN).then_some(hash)
    }

    /// Whether the hashes of all pieces of file number `file` are known.
    pub fn is_complete(&self, v2: &V2, file: usize) -> bool {
        v2.files().get(file).is_some_and(|known| known.pieces == 1)
            || self
                .layers
                .get(&file)
                .is_some_and(|layer| !layer.contains(&UNKNOWN))
    }

    /// The tree of file number `file` from its pieces up, to answer peers from. `None` if hashes are missing.
    pub fn tree(&self, v2: &V2, file: usize) -> Option<Tree> {
        if !self.is_complete(v2, file) {
            return None;
        }
        let known = v2.files().get(file)?;
        let shape = known.shape()?;
        match self.layers.get(&file) {
            Some(layer) => Tree::new(shape, v2.piece_layer(), layer.to_vec()),
            None => Tree::new(shape, shape.height(), vec![known.root]),
        }
    }

    /// Takes what a peer gave for one of [`V2::layer_requests`], if it is true.
    pub fn accept(
        &mut self,
        v2: &V2,
        request: &HashRequest,
        hashes: &[Hash],
    ) -> Result<(), AnswerError> {
        let base_layer = request.base_layer;
        let mut known = false;
        for number in v2.files_with_root(&request.root) {
            let Some(file) = v2.files().get(number) else {
                continue;
            };
            let shape = file.shape().ok_or(AnswerError::File)?;
            let top = request.top(shape, hashes)?;
            if base_layer != v2.piece_layer() || top.layer != shape.height() {
                return Err(AnswerError::Reach { base_layer });
            }
            if top.hash != file.root {
                return Err(AnswerError::False);
            }
            known = true;
            let layer = self
                .layers
                .entry(number)
                .or_insert_with(|| vec![UNKNOWN; file.pieces as usize].into());
            // Past the end there are only hashes of padding.
            let places = Arc::make_mut(layer).iter_mut().skip(request.index as usize);
            let run = hashes.iter().take(request.length as usize);
            places.zip(run).for_each(|(place, hash)| *place = *hash);
        }
        if known {
            Ok(())
        } else {
            Err(AnswerError::File)
        }
    }

    /// Whether what a peer gave for one of [`V2::block_requests`] of this piece is true. If so, the first
    /// `request.length` of the hashes are those of the blocks from `request.index` on, counted in the file.
    pub fn check_blocks(
        &self,
        v2: &V2,
        piece: PieceIndex,
        request: &HashRequest,
        hashes: &[Hash],
    ) -> Result<(), AnswerError> {
        let base_layer = request.base_layer;
        let (_, file) = v2
            .file_of(piece)
            .filter(|(_, file)| file.root == request.root)
            .ok_or(AnswerError::File)?;
        let shape = file.shape().ok_or(AnswerError::File)?;
        let known = self
            .piece_hash(v2, piece)
            .ok_or(AnswerError::Reach { base_layer })?;
        let node_layer = shape.height().min(v2.piece_layer());
        let top = request.top(shape, hashes)?;
        let place = u64::from(piece.get() - file.first_piece);
        if base_layer != 0 || (top.layer, top.index) != (node_layer, place) {
            return Err(AnswerError::Reach { base_layer });
        }
        if top.hash == known {
            Ok(())
        } else {
            Err(AnswerError::False)
        }
    }

    /// `piece layers` as a `.torrent` file has it: the layers that are complete.
    pub(super) fn encode(&self, v2: &V2) -> Vec<u8> {
        let complete = self.layers.iter().filter_map(|(number, layer)| {
            let file = v2.files().get(*number)?;
            (!layer.contains(&UNKNOWN)).then_some((file.root, layer))
        });
        let mut by_root: Vec<(Hash, &Arc<[Hash]>)> = complete.collect();
        by_root.sort_unstable_by_key(|(root, _)| *root);
        // Files of the same bytes have the same layer.
        by_root.dedup_by_key(|(root, _)| *root);
        let mut out = vec![b'd'];
        for (root, layer) in by_root {
            out.extend_from_slice(b"32:");
            out.extend_from_slice(&root);
            let bytes = layer.as_flattened();
            out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
        }
        out.push(b'e');
        out
    }
}

/// Whether a file of more than one piece has this root.
fn has_layer(v2: &V2, root: &Hash) -> bool {
    v2.files_with_root(root)
        .any(|number| v2.files().get(number).is_some_and(|file| file.pieces > 1))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
