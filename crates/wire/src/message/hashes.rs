//! The messages by which peers get the hashes of a version 2 torrent's trees (BEP 52).

use super::{MessageError, put_head};
use crate::merkle::{Hash, HashRequest};
use bytes::BufMut;

/// A message about hashes. It comes as [`Message::Unknown`](super::Message::Unknown), so that who does not know trees
/// passes it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashMessage<'a> {
    /// The sender wants these hashes (21).
    Request(HashRequest),
    /// The hashes that were asked for (22): unchecked, as many as came.
    Hashes {
        /// What was asked for.
        request: HashRequest,
        /// The run, then the uncles.
        hashes: &'a [Hash],
    },
    /// The sender will not give these hashes (23).
    Reject(HashRequest),
}

const REQUEST: u8 = 21;
const HASHES: u8 = 22;
const REJECT: u8 = 23;

/// Root, and four numbers.
const HEAD_LENGTH: usize = 48;

impl<'a> HashMessage<'a> {
    /// Reads a message by its id and payload; `None` if it is no message about hashes.
    pub fn decode(id: u8, payload: &'a [u8]) -> Result<Option<Self>, MessageError> {
        if !matches!(id, REQUEST | HASHES | REJECT) {
            return Ok(None);
        }
        let message = head(payload).and_then(|(request, rest)| match (id, rest.as_chunks()) {
            (HASHES, (hashes, [])) => Some(Self::Hashes { request, hashes }),
            (REQUEST, ([], [])) => Some(Self::Request(request)),
            (REJECT, ([], [])) => Some(Self::Reject(request)),
            _ => None,
        });
        let wrong = MessageError::Length {
            id,
            length: u32::try_from(payload.len() + 1).unwrap_or(u32::MAX),
        };
        message.ok_or(wrong).map(Some)
    }

    /// Writes the message with its length prefix at the end of `out`.
    pub fn encode(&self, out: &mut impl BufMut) {
        let (id, request, hashes): (_, _, &[Hash]) = match self {
            Self::Request(request) => (REQUEST, request, &[]),
            Self::Hashes { request, hashes } => (HASHES, request, hashes),
            Self::Reject(request) => (REJECT, request, &[]),
        };
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
}

fn head(payload: &[u8]) -> Option<(HashRequest, &[u8])> {
    let (&root, rest) = payload.split_first_chunk()?;
    let (numbers, rest) = rest.split_first_chunk::<16>()?;
    let [base_layer, index, length, proof_layers] = numbers.as_chunks().0 else {
        return None;
    };
    let request = HashRequest {
        root,
        base_layer: u32::from_be_bytes(*base_layer),
        index: u32::from_be_bytes(*index),
        length: u32::from_be_bytes(*length),
        proof_layers: u32::from_be_bytes(*proof_layers),
    };
    Some((request, rest))
}
