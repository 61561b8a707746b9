//! Which block to ask of which peer.
//!
//! Responsibilities: (1) knows of every block whether it is free, asked for (of whom, since when)
//! or here; (2) chooses the next blocks for a peer: what readers need soon, then what the peer
//! itself suggests, pieces already begun, then the rarest piece that the peer has, with random ones at the very start; (3) in the
//! endgame, when every missing block is asked for, asks slow blocks of more peers; (4) frees
//! blocks that a peer will not send; (5) takes the pieces class by class as they are wanted, and
//! leaves alone those that are not. It does not know what is verified, only what it was told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use brackish_wire::{Bitfield, BlockRequest, Layout, PieceIndex};
use rand::{Rng, RngExt};

use crate::begun::{Begun, Block, HOLDERS, READERS_HOLDERS};
use crate::padding::Padding;
use crate::rarity::{CLASSES, Rarity, USUAL};
use crate::{ConnectionId, KeySet, Priority, Table, Timestamp};

/// Pieces chosen at random before rarity counts, so that a newcomer soon has something to trade
/// even when what is rare is slow to come.
const RANDOM_FIRST_PIECES: u32 = 2;

/// Tries at a random piece before the rarest is taken.
const RANDOM_TRIES: usize = 16;

/// A block is asked of another peer in the endgame once it has been out for this long: a peer that
/// is about to send it is not doubled.
pub(crate) const ENDGAME_AGE: Duration = Duration::from_millis(300);

/// How long a piece that was bad is asked of one peer alone.
const ALONE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Picker {
    lengths: Layout,
    padding: Arc<Padding>,
    rarity: Rarity,
    begun: Table<u32, Begun>,
    /// The begun pieces that have free blocks, but for the suspects.
    open: KeySet<u32>,
    /// Pieces that were bad and are fetched anew, and the one peer that each is asked of.
    suspects: Table<u32, Option<(ConnectionId, Timestamp)>>,
    /// Pieces not begun and not wanted; without length while there was none.
    shelved: Bitfield,
    /// Pieces that became complete, for the random start.
    completed: u32,
}

/// A piece that a reader needs soon, to be asked of a peer before all others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub piece: u32,
    /// It is needed so soon that other things give way.
    pub is_urgent: bool,
    /// Its blocks are asked of this peer too once others have had them asked for so long.
    pub double_after: Option<Duration>,
}

/// What to do with a block that came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// It is wanted.
    Wanted {
        /// The piece's last missing block.
        completes_piece: bool,
        /// The other peers that were asked for it: their requests are to be cancelled.
        cancel: Vec<ConnectionId>,
    },
    /// It is here already, or its piece is not being fetched.
    Unwanted,
}

impl Picker {
    /// All pieces of a torrent, none of them here, none of them anywhere.
    pub fn new(lengths: Layout, padding: Arc<Padding>, rng: &mut impl Rng) -> Self {
        Self {
            padding,
            rarity: Rarity::new(lengths.piece_count(), rng),
            lengths,
            begun: Table::default(),
            open: KeySet::default(),
            suspects: Table::default(),
            shelved: Bitfield::new(0),
            completed: 0,
        }
    }

    /// A peer that does not have everything has this piece.
    pub fn peer_has(&mut self, piece: PieceIndex, rng: &mut impl Rng) {
        self.rarity.increment(piece.get(), rng);
    }

    /// A peer that had this piece is gone.
    pub fn peer_lost(&mut self, piece: PieceIndex, rng: &mut impl Rng) {
        self.rarity.decrement(piece.get(), rng);
    }

    /// How many peers have the piece, those that have everything not counted.
    pub fn availability(&self, piece: u32) -> u32 {
        self.rarity.availability(piece)
    }

    /// The piece is verified: nothing of it is to be fetched.
    pub fn verified(&mut self, piece: PieceIndex) {
        self.rarity.remove(piece.get());
        self.begun.remove(&piece.get());
        self.open.remove(&piece.get());
        self.suspects.remove(&piece.get());
        self.shelved.clear(piece.get());
        self.completed += 1;
    }

    /// The piece was verified and is no longer there: it is to be fetched anew.
    pub fn lost(&mut self, piece: PieceIndex, rng: &mut impl Rng) {
        self.rarity.insert(piece.get(), rng);
    }

    /// How much the piece is wanted from now on; nothing to one that is verified.
    pub fn set_priority(&mut self, piece: PieceIndex, priority: Priority, rng: &mut impl Rng) {
        let index = piece.get();
        let class = match priority {
            Priority::Skip => return self.shelve(index),
            Priority::Low => USUAL + 1,
            Priority::Normal => USUAL,
            Priority::High => USUAL - 1,
        };
        self.rarity.set_class(index, class, rng);
        if self.shelved.clear(index) {
            self.rarity.insert(index, rng);
        }
        if let Some(begun) = self.begun.get_mut(&index).filter(|begun| begun.shelved) {
            begun.shelved = false;
            if begun.free > 0 && !begun.frozen {
                self.open.insert(index);
            }
        }
    }

    /// Nothing of the piece is asked for until it is wanted again.
    fn shelve(&mut self, piece: u32) {
        if self.rarity.contains(piece) {
            self.rarity.remove(piece);
            if self.shelved.is_empty() {
                self.shelved = Bitfield::new(self.lengths.piece_count());
            }
            self.shelved.set(piece);
        } else if let Some(begun) = self.begun.get_mut(&piece) {
            begun.shelved = true;
            self.open.remove(&piece);
            self.suspects.remove(&piece);
        }
    }

    /// The piece came and was bad. It is not asked for until it is [`Picker::restart`]ed.
    pub fn freeze(&mut self, piece: PieceIndex) {
        if let Some(begun) = self.begun.get_mut(&piece.get()) {
            begun.frozen = true;
            self.open.remove(&piece.get());
            self.suspects.remove(&piece.get());
        }
    }

    /// Forgets what came of a piece: all of it is to be fetched again, and before all others, from
    /// one peer alone where that can be, so that it is soon known who sent what was bad.
    pub fn restart(&mut self, piece: PieceIndex) {
        let mut begun = Begun::new(piece, self.lengths.block_count(piece), &self.padding);
        begun.shelved = self.begun.get(&piece.get()).is_some_and(|b| b.shelved);
        if !begun.shelved {
            self.suspects.insert(piece.get(), None);
        }
        self.begun.insert(piece.get(), begun);
        self.open.remove(&piece.get());
    }

    /// Whether every missing block is asked for, so that only doubling is left.
    pub fn is_endgame(&self) -> bool {
        self.open.is_empty() && self.rarity.is_empty()
    }

    /// Chooses up to `goal` blocks for a peer that has the pieces `has`, and notes that they were
    /// asked of it. `advice` is what the peer suggests; what of it is not to be had of it (any
    /// more) is taken out.
    pub fn pick(
        &mut self,
        peer: ConnectionId,
        has: &Bitfield,
        advice: &mut VecDeque<u32>,
        goal: usize,
        now: Timestamp,
        rng: &mut impl Rng,
    ) -> Vec<BlockRequest> {
        let mut chosen = Vec::with_capacity(goal);
        if !self.suspects.is_empty() {
            self.take_suspects(peer, has, goal, now, &mut chosen);
        }
        advice.retain(|piece| has.get(*piece) && self.is_to_be_had(*piece));
        let classes = if self.rarity.is_uniform() {
            usize::from(USUAL)..=usize::from(USUAL)
        } else {
            0..=CLASSES - 1
        };
        for class in classes {
            // What is advised comes first among what is wanted as much.
            for piece in advice.iter().copied() {
                if chosen.len() < goal && self.rarity.class_of(piece) == class {
                    self.take(peer, piece, goal, now, &mut chosen);
                }
            }
            self.take_class(class, peer, has, goal, now, rng, &mut chosen);
        }
        chosen
    }

    /// Up to `most` pieces next to each other, none of them begun, of what `has` has: to be asked
    /// for as one. They go on from `next` unless a rarer piece is elsewhere; what a reader needs
    /// soon, `urgent`, comes before both.
    pub fn run(
        &self,
        has: &Bitfield,
        urgent: Option<u32>,
        next: Option<u32>,
        most: u32,
        rng: &mut impl Rng,
    ) -> VecDeque<u32> {
        let is_free = |piece: u32| {
            piece < self.lengths.piece_count() && has.get(piece) && self.rarity.contains(piece)
        };
        let class = |class: &usize| {
            let mut order = self.rarity.of_class(*class).iter();
            order.any(|piece| has.get(*piece))
        };
        let Some(class) = (0..CLASSES).find(class) else {
            return VecDeque::new();
        };
        let order = self.rarity.of_class(class);
        let Some(rarest) = order.iter().copied().find(|piece| has.get(*piece)) else {
            return VecDeque::new();
        };
        let as_rare =
            |piece: u32| self.rarity.availability(piece) <= self.rarity.availability(rarest);
        let next = next.filter(|next| is_free(*next) && as_rare(*next));
        let mut first = match urgent.filter(|piece| is_free(*piece)).or(next) {
            Some(next) => next,
            None => {
                let mut first = self.next_piece(class, has, rng).unwrap_or(rarest);
                // From the beginning of the gap that it lies in, so that no small ones are left.
                for _ in 1..most {
                    let Some(before) = first.checked_sub(1).filter(|piece| is_free(*piece)) else {
                        break;
                    };
                    first = before;
                }
                first
            }
        };
        let mut run = VecDeque::new();
        while run.len() < most as usize && is_free(first) {
            run.push_back(first);
            first += 1;
        }
        run
    }

    /// Chooses up to `goal` blocks of these pieces alone, for a peer that gives us no others.
    pub fn pick_among(
        &mut self,
        peer: ConnectionId,
        pieces: impl Iterator<Item = u32>,
        goal: usize,
        now: Timestamp,
    ) -> Vec<BlockRequest> {
        let mut chosen = Vec::new();
        for piece in pieces {
            if chosen.len() < goal && piece < self.lengths.piece_count() && self.is_to_be_had(piece)
            {
                self.take(peer, piece, goal, now, &mut chosen);
            }
        }
        chosen
    }

    /// Chooses up to `goal` blocks of pieces that readers need soon, and notes that they were asked
    /// of the peer.
    pub fn pick_claims(
        &mut self,
        peer: ConnectionId,
        claims: &[Claim],
        goal: usize,
        now: Timestamp,
    ) -> Vec<BlockRequest> {
        let mut chosen = Vec::new();
        for claim in claims {
            if chosen.len() >= goal {
                break;
            }
            if self.is_to_be_had(claim.piece) {
                self.take(peer, claim.piece, goal, now, &mut chosen);
            } else if let (Some(after), Some(begun)) =
                (claim.double_after, self.begun.get_mut(&claim.piece))
            {
                let age = after.max(ENDGAME_AGE);
                let most = (goal, READERS_HOLDERS);
                begun.double(&self.lengths, peer, most, (age, now), &mut chosen);
            }
        }
        chosen
    }

    /// As [`Picker::pick`] for a peer that is suspected of bad data: as far as there are pieces to
    /// begin it is given those, and nobody else is asked for them, so that the next bad one is
    /// known to be its own.
    pub fn pick_alone(
        &mut self,
        peer: ConnectionId,
        has: &Bitfield,
        advice: &mut VecDeque<u32>,
        goal: usize,
        now: Timestamp,
        rng: &mut impl Rng,
    ) -> Vec<BlockRequest> {
        let mut chosen = Vec::with_capacity(goal);
        self.take_suspects(peer, has, goal, now, &mut chosen);
        while chosen.len() < goal {
            let advised = advice.iter().copied();
            let mut fresh = advised.filter(|piece| has.get(*piece) && self.rarity.contains(*piece));
            let Some(piece) = fresh.next().or_else(|| self.next_fresh(has, rng)) else {
                break;
            };
            self.take(peer, piece, goal, now, &mut chosen);
            self.open.remove(&piece);
            self.suspects.insert(piece, Some((peer, now)));
        }
        if chosen.is_empty() {
            chosen = self.pick(peer, has, advice, goal, now, rng);
        }
        chosen
    }

    /// In the endgame, chooses up to `goal` blocks that others were asked for so long ago that this
    /// peer, which answers after `delay`, would have sent them by now: a slow one is no help, and takes
    /// the place of one that is.
    pub fn pick_again(
        &mut self,
        peer: ConnectionId,
        has: &Bitfield,
        goal: usize,
        delay: Duration,
        now: Timestamp,
    ) -> Vec<BlockRequest> {
        let mut chosen = Vec::new();
        if goal > 0 && self.is_endgame() {
            let age = (ENDGAME_AGE.max(delay), now);
            for begun in self.begun.values_mut() {
                if has.get(begun.piece.get()) {
                    begun.double(&self.lengths, peer, (goal, HOLDERS), age, &mut chosen);
                }
            }
        }
        chosen
    }

    /// Whether the piece has blocks that are free.
    pub fn is_to_be_had(&self, piece: u32) -> bool {
        self.open.contains(&piece) || self.rarity.contains(piece)
    }

    /// Asks `peer` for suspect pieces that no other peer is asked for.
    fn take_suspects(
        &mut self,
        peer: ConnectionId,
        has: &Bitfield,
        goal: usize,
        now: Timestamp,
        chosen: &mut Vec<BlockRequest>,
    ) {
        let mut own = Vec::new();
        self.suspects.retain(|piece, asked| {
            if asked.is_some_and(|(_, since)| now.since(since) > ALONE) {
                // Too slow: whoever has it may help.
                if self.begun.get(piece).is_some_and(|begun| begun.free > 0) {
                    self.open.insert(*piece);
                }
                return false;
            }
            if has.get(*piece) && asked.is_none_or(|(owner, _)| owner == peer) {
                own.push(*piece);
            }
            true
        });
        for piece in own {
            if chosen.len() >= goal {
                return;
            }
            if let Some(asked) = self.suspects.get_mut(&piece) {
                *asked = asked.or(Some((peer, now)));
            }
            self.take(peer, piece, goal, now, chosen);
        }
    }

    /// Asks `peer` for pieces of one class.
    #[allow(clippy::too_many_arguments)] // As `pick`, of which it is a part.
    fn take_class(
        &mut self,
        class: usize,
        peer: ConnectionId,
        has: &Bitfield,
        goal: usize,
        now: Timestamp,
        rng: &mut impl Rng,
        chosen: &mut Vec<BlockRequest>,
    ) {
        while chosen.len() < goal {
            let Some(piece) = self.next_of_class(class, has, rng) else {
                return;
            };
            self.take(peer, piece, goal, now, chosen);
        }
    }

    /// The piece of a class to go on with, or to begin, for a peer that has `has`.
    fn next_of_class(&self, class: usize, has: &Bitfield, rng: &mut impl Rng) -> Option<u32> {
        let mut open = self.open.iter().copied();
        let begun = open.find(|piece| self.rarity.class_of(*piece) == class && has.get(*piece));
        begun.or_else(|| self.next_piece(class, has, rng))
    }

    /// The piece to begin for a peer that has `has`.
    fn next_fresh(&self, has: &Bitfield, rng: &mut impl Rng) -> Option<u32> {
        (0..CLASSES).find_map(|class| self.next_piece(class, has, rng))
    }

    /// The piece of a class to begin for a peer that has `has`.
    fn next_piece(&self, class: usize, has: &Bitfield, rng: &mut impl Rng) -> Option<u32> {
        let order = self.rarity.of_class(class);
        if self.completed < RANDOM_FIRST_PIECES && !order.is_empty() {
            for _ in 0..RANDOM_TRIES {
                let piece = order[rng.random_range(0..order.len())];
                if has.get(piece) {
                    return Some(piece);
                }
            }
        }
        order.iter().copied().find(|piece| has.get(*piece))
    }

    /// Asks `peer` for free blocks of `piece`, beginning it where needed.
    fn take(
        &mut self,
        peer: ConnectionId,
        index: u32,
        goal: usize,
        now: Timestamp,
        chosen: &mut Vec<BlockRequest>,
    ) {
        let Some(piece) = self.lengths.piece(index) else {
            return;
        };
        if self.rarity.contains(index) {
            self.rarity.remove(index);
            let count = self.lengths.block_count(piece);
            let begun = Begun::new(piece, count, &self.padding);
            self.begun.insert(index, begun);
            self.open.insert(index);
        }
        let Some(begun) = self.begun.get_mut(&index) else {
            return;
        };
        for (number, block) in begun.blocks.iter_mut().enumerate() {
            if chosen.len() >= goal || begun.free == 0 {
                break;
            }
            if block.is_free()
                && let Some(request) = self.lengths.block(piece, number as u32)
            {
                block.holders[0] = Some(peer);
                block.asked = now;
                begun.free -= 1;
                chosen.push(request);
            }
        }
        if begun.free == 0 {
            self.open.remove(&index);
        }
    }

    /// A block came from `peer`.
    pub fn received(&mut self, peer: ConnectionId, piece: PieceIndex, number: u32) -> Receipt {
        let Some(begun) = self.begun.get_mut(&piece.get()) else {
            return Receipt::Unwanted;
        };
        let frozen = begun.frozen;
        let Some(block) = begun.blocks.get_mut(number as usize) else {
            return Receipt::Unwanted;
        };
        if block.here || frozen {
            return Receipt::Unwanted;
        }
        if block.is_free() {
            begun.free -= 1;
        }
        block.here = true;
        let holders = block.holders.iter().flatten().copied();
        let cancel = holders.filter(|holder| *holder != peer).collect();
        block.holders = [None; HOLDERS];
        begun.missing -= 1;
        let completes_piece = begun.missing == 0;
        if begun.free == 0 {
            self.open.remove(&piece.get());
        }
        Receipt::Wanted {
            completes_piece,
            cancel,
        }
    }

    /// Whether every block of the piece is here.
    pub fn is_whole(&self, piece: PieceIndex) -> bool {
        let begun = self.begun.get(&piece.get());
        begun.is_some_and(|begun| begun.missing == 0)
    }

    /// A block that is here is no good: it is to be fetched again.
    pub fn discard(&mut self, piece: PieceIndex, number: u32) {
        let Some(begun) = self.begun.get_mut(&piece.get()) else {
            return;
        };
        let Some(block) = begun.blocks.get_mut(number as usize) else {
            return;
        };
        if block.here && !begun.frozen {
            *block = Block::FREE;
            begun.free += 1;
            begun.missing += 1;
            if !self.suspects.contains_key(&piece.get()) {
                self.open.insert(piece.get());
            }
        }
    }

    /// `peer` sends nothing more for now: what was bad and is asked of it alone may be asked of
    /// another.
    pub fn let_go(&mut self, peer: ConnectionId) {
        for (_, asked) in self.suspects.iter_mut() {
            if asked.is_some_and(|(owner, _)| owner == peer) {
                *asked = None;
            }
        }
    }

    /// `peer` will not send this block: it is free again unless another peer was asked too.
    pub fn release(&mut self, peer: ConnectionId, piece: PieceIndex, number: u32) {
        let Some(begun) = self.begun.get_mut(&piece.get()) else {
            return;
        };
        let Some(block) = begun.blocks.get_mut(number as usize) else {
            return;
        };
        if block.release(peer) && block.is_free() {
            begun.free += 1;
            if let Some(asked) = self.suspects.get_mut(&piece.get()) {
                *asked = None;
            } else if !begun.frozen && !begun.shelved {
                self.open.insert(piece.get());
            }
        }
    }
}
