//! `ut_metadata` (BEP 9), by which a peer that has only a magnet link gets the `info` dictionary.

use super::ExtensionError;
use crate::bencode;
use serde::{Deserialize, Serialize};

/// Bytes in a piece of metadata; the last may be shorter (BEP 9).
pub const METADATA_PIECE_LENGTH: u32 = 16 * 1024;

/// The largest metadata asked for, in bytes: 10 MB, as other clients have it.
pub const MAX_METADATA_SIZE: u32 = 10_000_000;

/// A message of the metadata extension (BEP 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UtMetadata<'a> {
    /// The sender wants this piece of the metadata.
    Request {
        /// Its index, from 0.
        piece: u32,
    },
    /// A piece of the metadata.
    Data {
        /// Its index, from 0.
        piece: u32,
        /// Bytes in the whole metadata, as the sender says; 0 if it does not say.
        total_size: u32,
        /// The piece.
        data: &'a [u8],
    },
    /// The sender will not give this piece.
    Reject {
        /// Its index, from 0.
        piece: u32,
    },
}

impl<'a> UtMetadata<'a> {
    /// The payload of a `ut_metadata` message.
    pub fn encode(&self) -> Vec<u8> {
        let (msg_type, piece, total_size, data) = match *self {
            Self::Request { piece } => (REQUEST, piece, None, &[][..]),
            Self::Data {
                piece,
                total_size,
                data,
            } => (DATA, piece, Some(total_size), data),
            Self::Reject { piece } => (REJECT, piece, None, &[][..]),
        };
        let mut payload = bencode::to_bytes(&MetadataForm {
            msg_type,
            piece: piece.into(),
            total_size: total_size.map(i64::from),
        });
        payload.extend_from_slice(data);
        payload
    }

    /// Reads the payload of a `ut_metadata` message.
    pub fn decode(payload: &'a [u8]) -> Result<Self, ExtensionError> {
        let wrong = |error| ExtensionError::Bencode {
            message: "ut_metadata",
            error,
        };
        let length = bencode::prefix_len(payload).map_err(wrong)?;
        let (dictionary, data) = payload.split_at_checked(length).unwrap_or_default();
        let form: MetadataForm = bencode::from_bytes(dictionary).map_err(wrong)?;
        let piece = ranged("piece", form.piece)?;
        match form.msg_type {
            REQUEST => Ok(Self::Request { piece }),
            DATA => Ok(Self::Data {
                piece,
                total_size: ranged("total_size", form.total_size.unwrap_or(0))?,
                data,
            }),
            REJECT => Ok(Self::Reject { piece }),
            other => Err(ExtensionError::UnknownMetadataType(other)),
        }
    }
}

const REQUEST: i64 = 0;
const DATA: i64 = 1;
const REJECT: i64 = 2;

#[derive(Serialize, Deserialize)]
struct MetadataForm {
    msg_type: i64,
    piece: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_size: Option<i64>,
}

fn ranged(field: &'static str, value: i64) -> Result<u32, ExtensionError> {
    u32::try_from(value).map_err(|_| ExtensionError::Range { field, value })
}
