//! Messages inside the extension protocol (BEP 10): its handshake, and `ut_metadata` (BEP 9), by which a peer that has
//! only a magnet link gets the `info` dictionary.

use crate::bencode::{self, BencodeError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The extended message id of the handshake itself.
pub const HANDSHAKE_ID: u8 = 0;

/// The name of the metadata extension in a handshake's `m` (BEP 9).
pub const UT_METADATA: &str = "ut_metadata";

/// The name of the peer exchange extension in a handshake's `m` (BEP 11).
pub const UT_PEX: &str = "ut_pex";

/// The name of the extension by which a peer takes a `have` back (BEP 54).
pub const LT_DONTHAVE: &str = "lt_donthave";

/// Bytes in a piece of metadata; the last may be shorter (BEP 9).
pub const METADATA_PIECE_LENGTH: u32 = 16 * 1024;

/// The largest metadata asked for, in bytes: 10 MB, as other clients have it.
pub const MAX_METADATA_SIZE: u32 = 10_000_000;

/// The longest extended handshake that is read, in bytes. Real ones have a few hundred.
pub const MAX_HANDSHAKE_LENGTH: usize = 16 * 1024;

/// The most extensions read from a handshake; real ones name about ten.
pub const MAX_EXTENSIONS: usize = 64;

/// The extended handshake (BEP 10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtendedHandshake {
    /// The id under which the sender wants each extension's messages: not 0, which would mean that it is off.
    pub m: BTreeMap<String, u8>,
    /// The sender's name and version, for people (`v`).
    pub client: Option<String>,
    /// Bytes in the `info` dictionary, if the sender has it (BEP 9). Unchecked.
    pub metadata_size: Option<u32>,
    /// How many requests the sender holds before it drops some.
    pub reqq: Option<u32>,
    /// The sender's TCP listening port (`p`).
    pub port: Option<u16>,
    /// Our address, as the sender sees it (`yourip`).
    pub your_ip: Option<IpAddr>,
    /// Whether the sender wants nothing more though it is no seed (BEP 21).
    pub upload_only: bool,
}

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

/// A message of an extension that breaks the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// The handshake is longer than [`MAX_HANDSHAKE_LENGTH`].
    #[error("an extended handshake of {length} bytes is too long")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// Not the bencode that it should be.
    #[error("extended message {message}: {error}")]
    Bencode {
        /// Which message.
        message: &'static str,
        /// What is wrong.
        error: BencodeError,
    },
    /// A `ut_metadata` message of a kind that BEP 9 does not have; it is to be passed over.
    #[error("ut_metadata has no message type {0}")]
    UnknownMetadataType(i64),
    /// A field out of range.
    #[error("ut_metadata: {field} cannot be {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it is.
        value: i64,
    },
}

impl ExtendedHandshake {
    /// The payload of the extended message [`HANDSHAKE_ID`].
    pub fn encode(&self) -> Vec<u8> {
        bencode::to_bytes(&HandshakeForm {
            m: &self.m,
            metadata_size: self.metadata_size,
            p: self.port,
            reqq: self.reqq,
            upload_only: self.upload_only.then_some(1),
            v: self.client.as_deref(),
            yourip: self.your_ip.map(|ip| {
                ByteBuf::from(match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                })
            }),
        })
    }

    /// Reads the payload of the extended message [`HANDSHAKE_ID`]. Fields that make no sense are taken as not there.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtensionError> {
        if payload.len() > MAX_HANDSHAKE_LENGTH {
            return Err(ExtensionError::TooLong {
                length: payload.len(),
            });
        }
        let wrong = |error| ExtensionError::Bencode {
            message: "handshake",
            error,
        };
        let mut handshake = Self::default();
        for entry in bencode::dict_entries(payload).map_err(wrong)? {
            let (key, value) = entry.map_err(wrong)?;
            match key {
                b"m" => handshake.m = extensions(value),
                b"v" => handshake.client = text(value),
                b"metadata_size" => handshake.metadata_size = number(value),
                b"reqq" => handshake.reqq = number(value),
                b"p" => handshake.port = number(value).filter(|&port| port != 0),
                b"yourip" => handshake.your_ip = bencode::byte_string(value).ok().and_then(address),
                b"upload_only" => handshake.upload_only = bencode::int(value) == Ok(1),
                _ => {}
            }
        }
        Ok(handshake)
    }
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

#[derive(Serialize)]
struct HandshakeForm<'a> {
    m: &'a BTreeMap<String, u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reqq: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_only: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yourip: Option<ByteBuf>,
}

#[derive(Serialize, Deserialize)]
struct MetadataForm {
    msg_type: i64,
    piece: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_size: Option<i64>,
}

fn extensions(raw: &[u8]) -> BTreeMap<String, u8> {
    let entries = bencode::dict_entries(raw)
        .into_iter()
        .flatten()
        .map_while(Result::ok);
    let named = entries.filter_map(|(name, id)| {
        let name = std::str::from_utf8(name).ok()?;
        Some((name.to_owned(), number(id).filter(|&id| id != 0)?))
    });
    named.take(MAX_EXTENSIONS).collect()
}

fn text(raw: &[u8]) -> Option<String> {
    bencode::byte_string(raw)
        .ok()
        .map(|text| String::from_utf8_lossy(text).into_owned())
}

fn number<T: TryFrom<i64>>(raw: &[u8]) -> Option<T> {
    bencode::int(raw)
        .ok()
        .and_then(|value| value.try_into().ok())
}

fn ranged(field: &'static str, value: i64) -> Result<u32, ExtensionError> {
    u32::try_from(value).map_err(|_| ExtensionError::Range { field, value })
}

fn address(raw: &[u8]) -> Option<IpAddr> {
    match *raw {
        [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
        _ => <[u8; 16]>::try_from(raw)
            .ok()
            .map(|octets| Ipv6Addr::from(octets).into()),
    }
}
