//! The peer wire protocol: the handshake and the length-prefixed messages after it (BEP 3, 6, 10, 52), and a decoder that
//! takes them from a byte stream cut at any place.

mod decoder;
mod handshake;
mod hashes;

pub use decoder::Decoder;
pub use handshake::{HANDSHAKE_LENGTH, Handshake, HandshakeError, Reserved};

use crate::BlockRequest;
use crate::merkle::{Hash, HashRequest};
use bytes::BufMut;

/// Bytes of a `piece` message in front of its data: length, id, piece, begin.
pub const PIECE_HEADER_LENGTH: usize = 13;

/// The longest frame that a peer of a torrent without metadata needs: 256 KiB holds the largest `ut_metadata` and
/// `piece` messages in use (128 KiB) and bitfields of 2 million pieces. Give a [`Decoder`] more only for more pieces.
pub const DEFAULT_MAX_FRAME: u32 = 256 * 1024;

/// A message of the peer wire protocol. Payloads are borrowed, indices and lengths are not yet checked against a
/// torrent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// Nothing but a sign of life: a frame of length 0.
    KeepAlive,
    /// Requests will not be answered from now on (0).
    Choke,
    /// Requests will be answered (1).
    Unchoke,
    /// The sender wants a piece of ours (2).
    Interested,
    /// The sender wants no piece of ours (3).
    NotInterested,
    /// The sender has this piece (4).
    Have(u32),
    /// The pieces that the sender has (5); see [`Bitfield::from_bytes`](crate::Bitfield::from_bytes).
    Bitfield(&'a [u8]),
    /// The sender wants this block (6).
    Request(BlockRequest),
    /// A block (7).
    Piece {
        /// Index of the piece.
        piece: u32,
        /// Where the block begins in the piece, in bytes.
        begin: u32,
        /// The block.
        data: &'a [u8],
    },
    /// The sender no longer wants this block (8).
    Cancel(BlockRequest),
    /// The UDP port of the sender's DHT node (9, BEP 5).
    Port(u16),
    /// The sender would like us to fetch this piece (13, BEP 6).
    Suggest(u32),
    /// The sender has every piece (14, BEP 6).
    HaveAll,
    /// The sender has no piece (15, BEP 6).
    HaveNone,
    /// The sender will not answer this request (16, BEP 6).
    Reject(BlockRequest),
    /// We may request this piece while choked (17, BEP 6).
    AllowedFast(u32),
    /// A message of an extension (20, BEP 10): 0 is its handshake, other ids are what that handshake agreed.
    Extended {
        /// The extended message id.
        id: u8,
        /// What follows it.
        payload: &'a [u8],
    },
    /// The sender wants these hashes of a file's tree (21, BEP 52).
    HashRequest(HashRequest),
    /// Hashes of a file's tree (22, BEP 52): unchecked, as many as came.
    Hashes {
        /// What was asked for.
        request: HashRequest,
        /// The run, then the uncles.
        hashes: &'a [Hash],
    },
    /// The sender will not give these hashes (23, BEP 52).
    HashReject(HashRequest),
    /// A message of none of these kinds, to be passed over.
    Unknown {
        /// The message id.
        id: u8,
        /// What follows it.
        payload: &'a [u8],
    },
}

/// A frame that breaks the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The frame is longer than the decoder allows.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// What its prefix says.
        length: u32,
        /// What is allowed.
        limit: u32,
    },
    /// The frame's length does not fit its message id.
    #[error("a message with id {id} cannot have a frame of {length} bytes")]
    Length {
        /// The message id.
        id: u8,
        /// The frame's length: id and payload.
        length: u32,
    },
}

impl<'a> Message<'a> {
    /// Reads one frame without its length prefix. The empty frame is [`Message::KeepAlive`].
    #[inline]
    pub fn decode(frame: &'a [u8]) -> Result<Self, MessageError> {
        let Some((&id, payload)) = frame.split_first() else {
            return Ok(Self::KeepAlive);
        };
        let message = match id {
            7 => piece(payload),
            0 => empty(payload, Self::Choke),
            1 => empty(payload, Self::Unchoke),
            2 => empty(payload, Self::Interested),
            3 => empty(payload, Self::NotInterested),
            4 => index(payload).map(Self::Have),
            5 => Some(Self::Bitfield(payload)),
            6 => block(payload).map(Self::Request),
            8 => block(payload).map(Self::Cancel),
            9 => payload
                .try_into()
                .ok()
                .map(|port| Self::Port(u16::from_be_bytes(port))),
            13 => index(payload).map(Self::Suggest),
            14 => empty(payload, Self::HaveAll),
            15 => empty(payload, Self::HaveNone),
            16 => block(payload).map(Self::Reject),
            17 => index(payload).map(Self::AllowedFast),
            20 => payload
                .split_first()
                .map(|(&id, payload)| Self::Extended { id, payload }),
            hashes::REQUEST => hashes::request(payload).map(Self::HashRequest),
            hashes::HASHES => {
                hashes::hashes(payload).map(|(request, hashes)| Self::Hashes { request, hashes })
            }
            hashes::REJECT => hashes::request(payload).map(Self::HashReject),
            _ => Some(Self::Unknown { id, payload }),
        };
        message.ok_or(MessageError::Length {
            id,
            length: u32::try_from(frame.len()).unwrap_or(u32::MAX),
        })
    }

    /// Writes the message with its length prefix at the end of `out`.
    pub fn encode(&self, out: &mut impl BufMut) {
        match *self {
            Self::KeepAlive => out.put_u32(0),
            Self::Choke => put_empty(out, 0),
            Self::Unchoke => put_empty(out, 1),
            Self::Interested => put_empty(out, 2),
            Self::NotInterested => put_empty(out, 3),
            Self::Have(piece) => put_index(out, 4, piece),
            Self::Bitfield(bits) => {
                put_head(out, 5, bits.len());
                out.put_slice(bits);
            }
            Self::Request(request) => put_block(out, 6, request),
            Self::Piece { piece, begin, data } => {
                out.put_slice(&piece_header(piece, begin, data.len() as u32));
                out.put_slice(data);
            }
            Self::Cancel(request) => put_block(out, 8, request),
            Self::Port(port) => {
                put_head(out, 9, 2);
                out.put_u16(port);
            }
            Self::Suggest(piece) => put_index(out, 13, piece),
            Self::HaveAll => put_empty(out, 14),
            Self::HaveNone => put_empty(out, 15),
            Self::Reject(request) => put_block(out, 16, request),
            Self::AllowedFast(piece) => put_index(out, 17, piece),
            Self::Extended { id, payload } => {
                put_head(out, 20, payload.len() + 1);
                out.put_u8(id);
                out.put_slice(payload);
            }
            Self::HashRequest(request) => hashes::put(out, hashes::REQUEST, &request, &[]),
            Self::Hashes { request, hashes } => hashes::put(out, hashes::HASHES, &request, hashes),
            Self::HashReject(request) => hashes::put(out, hashes::REJECT, &request, &[]),
            Self::Unknown { id, payload } => {
                put_head(out, id, payload.len());
                out.put_slice(payload);
            }
        }
    }
}

/// What stands in front of a block of `length` bytes in a `piece` message, so that the block itself need not be
/// copied.
pub fn piece_header(piece: u32, begin: u32, length: u32) -> [u8; PIECE_HEADER_LENGTH] {
    let mut header = [0; PIECE_HEADER_LENGTH];
    header[0..4].copy_from_slice(&(length + 9).to_be_bytes());
    header[4] = 7;
    header[5..9].copy_from_slice(&piece.to_be_bytes());
    header[9..13].copy_from_slice(&begin.to_be_bytes());
    header
}

#[inline]
fn piece(payload: &[u8]) -> Option<Message<'_>> {
    let (piece, rest) = payload.split_first_chunk()?;
    let (begin, data) = rest.split_first_chunk()?;
    Some(Message::Piece {
        piece: u32::from_be_bytes(*piece),
        begin: u32::from_be_bytes(*begin),
        data,
    })
}

fn empty<'a>(payload: &[u8], message: Message<'a>) -> Option<Message<'a>> {
    payload.is_empty().then_some(message)
}

fn index(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

fn block(payload: &[u8]) -> Option<BlockRequest> {
    let (piece, rest) = payload.split_first_chunk()?;
    let (begin, length) = rest.split_first_chunk()?;
    Some(BlockRequest {
        piece: u32::from_be_bytes(*piece),
        begin: u32::from_be_bytes(*begin),
        length: index(length)?,
    })
}

fn put_head(out: &mut impl BufMut, id: u8, payload: usize) {
    out.put_u32(payload as u32 + 1);
    out.put_u8(id);
}

fn put_empty(out: &mut impl BufMut, id: u8) {
    put_head(out, id, 0);
}

fn put_index(out: &mut impl BufMut, id: u8, piece: u32) {
    put_head(out, id, 4);
    out.put_u32(piece);
}

fn put_block(out: &mut impl BufMut, id: u8, request: BlockRequest) {
    put_head(out, id, 12);
    out.put_u32(request.piece);
    out.put_u32(request.begin);
    out.put_u32(request.length);
}
