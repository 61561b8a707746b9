//! What the messages carry by which peers get the hashes of a version 2 torrent's trees (BEP 52).

use super::put_head;
use crate::merkle::{Hash, HashRequest};
use bytes::BufMut;

pub(super) const REQUEST: u8 = 21;
pub(super) const HASHES: u8 = 22;
pub(super) const REJECT: u8 = 23;

/// Root, and four numbers.
const HEAD_LENGTH: usize = 48;

/// Reads a payload that names hashes and has none.
pub(super) fn request(payload: &[u8]) -> Option<HashRequest> {
    match hashes(payload)? {
        (request, []) => Some(request),
        _ => None,
    }
}

/// Reads a payload that names hashes and has them: as many as came, unchecked.
pub(super) fn hashes(payload: &[u8]) -> Option<(HashRequest, &[Hash])> {
    let (&root, rest) = payload.split_first_chunk()?;
    let (numbers, rest) = rest.split_first_chunk::<16>()?;
    let ([base_layer, index, length, proof_layers], (hashes, [])) =
        (numbers.as_chunks().0, rest.as_chunks())
    else {
        return None;
    };
    let request = HashRequest {
        root,
        base_layer: u32::from_be_bytes(*base_layer),
        index: u32::from_be_bytes(*index),
        length: u32::from_be_bytes(*length),
        proof_layers: u32::from_be_bytes(*proof_layers),
    };
    Some((request, hashes))
}

pub(super) fn put(out: &mut impl BufMut, id: u8, request: &HashRequest, hashes: &[Hash]) {
    put_head(out, id, HEAD_LENGTH + hashes.as_flattened().len());
    out.put_slice(&request.root);
    for number in [
        request.base_layer,
        request.index,
        request.length,
        request.proof_layers,
    ] {
        out.put_u32(number);
    }
    out.put_slice(hashes.as_flattened());
}
