//! What nodes do that sessions would not: bytes changed, left out and put in.

use brackish_wire::message::Message;
use brackish_wire::{BLOCK_LENGTH, BlockRequest, Layout};
use bytes::{Bytes, BytesMut};

use crate::scenario::{Behaviour, NodeIndex};
use crate::world::World;

/// An encoded `unchoke`, which a free-rider keeps to itself.
const UNCHOKE: [u8; 5] = [0, 0, 0, 1, 1];

/// How an encoded `suggest` begins.
const SUGGEST: [u8; 5] = [0, 0, 0, 5, 13];

impl World {
    /// What really leaves a node that misbehaves.
    pub(crate) fn as_sent(
        &mut self,
        node: NodeIndex,
        data: Bytes,
    ) -> impl Iterator<Item = Bytes> + use<> {
        let behaviour = self.nodes[node].spec.behaviour;
        let (first, second) = match behaviour {
            Behaviour::FreeRiding if data == UNCHOKE[..] => (None, None),
            Behaviour::Unadvising if data.starts_with(&SUGGEST) => (None, None),
            Behaviour::Hostile(one_in) if self.rng.u32(..one_in.max(1)) == 0 => {
                let rng = &mut self.rng;
                match rng.u8(..6) {
                    0 => (None, None),
                    1 => (Some(corrupted(&data, rng)), None),
                    2 => {
                        let noise: Vec<u8> = (0..rng.usize(1..64)).map(|_| rng.u8(..)).collect();
                        (Some(data), Some(noise.into()))
                    }
                    3 => (Some(data.clone()), Some(data)),
                    _ => (Some(data), Some(any_message(&self.content.lengths, rng))),
                }
            }
            _ => (Some(data), None),
        };
        first.into_iter().chain(second)
    }
}

/// A message that is well formed and may make no sense where it comes.
pub(crate) fn any_message(lengths: &Layout, rng: &mut fastrand::Rng) -> Bytes {
    // One piece too far, now and then.
    let piece = rng.u32(..=lengths.piece_count());
    let noise: Vec<u8> = (0..rng.usize(..64)).map(|_| rng.u8(..)).collect();
    let request = BlockRequest {
        piece,
        begin: rng.u32(..4) * BLOCK_LENGTH,
        length: if rng.u8(..8) == 0 {
            rng.u32(..)
        } else {
            BLOCK_LENGTH
        },
    };
    let message = match rng.u8(..15) {
        0 => Message::Choke,
        1 => Message::Unchoke,
        2 => Message::Interested,
        3 => Message::NotInterested,
        4 => Message::Have(piece),
        5 => Message::Bitfield(&noise),
        6..9 => Message::Request(request),
        9 => Message::Cancel(request),
        10 => Message::Reject(request),
        11 => Message::Suggest(piece),
        14 => Message::AllowedFast(piece),
        12 => Message::Piece {
            piece,
            begin: request.begin,
            data: &noise,
        },
        _ => Message::Extended {
            id: rng.u8(..6),
            payload: &noise,
        },
    };
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.freeze()
}

/// The same bytes, one of them changed.
pub(crate) fn corrupted(data: &[u8], rng: &mut fastrand::Rng) -> Bytes {
    let mut data = BytesMut::from(data);
    if !data.is_empty() {
        let at = rng.usize(..data.len());
        data[at] ^= rng.u8(1..);
    }
    data.freeze()
}
