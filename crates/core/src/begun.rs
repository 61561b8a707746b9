//! A piece that is being fetched: which of its blocks are free, asked for, of whom, or here.

use std::time::Duration;

use brackish_wire::{BlockRequest, Layout, PieceIndex};

use crate::padding::Padding;
use crate::{ConnectionId, Timestamp};

/// Peers that may be asked for one block at once, one after the other: where the first ones are slow,
/// the last block of a download would wait for the less slow of two.
pub(crate) const HOLDERS: usize = 4;

/// The same for a block that a reader needs soon: many may need it, and what comes twice comes out of
/// what others need.
pub(crate) const READERS_HOLDERS: usize = 2;

/// A piece of which something was asked for.
#[derive(Debug)]
pub(crate) struct Begun {
    pub piece: PieceIndex,
    pub blocks: Vec<Block>,
    /// Blocks that are free.
    pub free: u32,
    /// Blocks that are not here.
    pub missing: u32,
    /// Held back while it is examined: nothing of it is asked for.
    pub frozen: bool,
    /// Not wanted any more: nothing of it is asked for; what comes all the same is kept.
    pub shelved: bool,
}

impl Begun {
    /// Blocks of padding are here from the start.
    pub fn new(piece: PieceIndex, blocks: u32, padding: &Padding) -> Self {
        let mut begun = Self {
            piece,
            blocks: vec![Block::FREE; blocks as usize],
            free: blocks,
            missing: blocks,
            frozen: false,
            shelved: false,
        };
        for number in padding.blocks(piece.get()) {
            if let Some(block) = begun.blocks.get_mut(number as usize) {
                block.here = true;
                begun.free -= 1;
                begun.missing -= 1;
            }
        }
        begun
    }

    /// Asks `peer` for blocks that others, fewer than `most`, were asked for so long ago.
    pub fn double(
        &mut self,
        lengths: &Layout,
        peer: ConnectionId,
        (goal, most): (usize, usize),
        (age, now): (Duration, Timestamp),
        chosen: &mut Vec<BlockRequest>,
    ) {
        if self.missing == 0 || self.frozen || self.shelved {
            return;
        }
        for (number, block) in self.blocks.iter_mut().enumerate() {
            if chosen.len() >= goal {
                return;
            }
            if block.here
                || block.is_free()
                || block.is_held_by(peer)
                || block.holders.iter().flatten().count() >= most
                || now.since(block.asked) < age
            {
                continue;
            }
            let Some(place) = block.holders.iter_mut().find(|holder| holder.is_none()) else {
                continue;
            };
            if let Some(request) = lengths.block(self.piece, number as u32) {
                *place = Some(peer);
                block.asked = now;
                chosen.push(request);
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub here: bool,
    /// When it was last asked for.
    pub asked: Timestamp,
    pub holders: [Option<ConnectionId>; HOLDERS],
}

impl Block {
    pub const FREE: Self = Self {
        here: false,
        asked: Timestamp::ZERO,
        holders: [None; HOLDERS],
    };

    pub fn is_free(&self) -> bool {
        !self.here && self.holders[0].is_none()
    }

    pub fn is_held_by(&self, peer: ConnectionId) -> bool {
        self.holders.contains(&Some(peer))
    }

    /// Removes a holder; the first place is filled before the others.
    pub fn release(&mut self, peer: ConnectionId) -> bool {
        let Some(at) = self.holders.iter().position(|holder| *holder == Some(peer)) else {
            return false;
        };
        self.holders[at..].rotate_left(1);
        self.holders[HOLDERS - 1] = None;
        true
    }
}
