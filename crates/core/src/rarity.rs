//! The pieces still to be started, in classes of priority, each ordered from the rarest to the
//! commonest and kept so in constant time for each `have`.
//!
//! `order` is one array cut into buckets of equal availability; a piece whose availability changes
//! by one is swapped to the edge of its bucket and the edge moved over it. Where a piece lands
//! within a bucket is random, so that peers which see the same swarm do not all choose the same
//! piece. Peers that have everything count for all pieces alike and are left out by the caller.

use rand::{Rng, RngExt};

/// Position of a piece that is not in the order.
const ABSENT: u32 = u32::MAX;

/// Classes of priority: 0 comes first.
pub(crate) const CLASSES: usize = 3;

/// The class of pieces that nothing was said of.
pub(crate) const USUAL: u8 = 1;

#[derive(Debug)]
pub(crate) struct Rarity {
    /// How many peers have each piece.
    availability: Vec<u32>,
    /// Where each piece stands in the order of its class.
    position: Vec<u32>,
    /// The class of each piece; empty while all are of the usual one.
    class: Vec<u8>,
    orders: [Order; CLASSES],
}

/// The pieces of one class.
#[derive(Debug)]
struct Order {
    /// The pieces to be started, rarest first.
    pieces: Vec<u32>,
    /// `starts[a]` is where the pieces of availability `a` begin in `pieces`; the last entry is
    /// its length.
    starts: Vec<u32>,
}

impl Rarity {
    /// `pieces` pieces, all to be started, none of them anywhere.
    pub fn new(pieces: u32, rng: &mut impl Rng) -> Self {
        let mut order: Vec<u32> = (0..pieces).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let mut position = vec![ABSENT; pieces as usize];
        for (at, piece) in order.iter().enumerate() {
            position[*piece as usize] = at as u32;
        }
        let mut orders = std::array::from_fn(|_| Order {
            pieces: Vec::new(),
            starts: vec![0, 0],
        });
        orders[USUAL as usize] = Order {
            pieces: order,
            starts: vec![0, pieces],
        };
        Self {
            availability: vec![0; pieces as usize],
            position,
            class: Vec::new(),
            orders,
        }
    }

    /// The pieces of a class that are to be started, rarest first.
    pub fn of_class(&self, class: usize) -> &[u32] {
        self.orders.get(class).map_or(&[], |order| &order.pieces)
    }

    /// The pieces to be started, class by class, rarest first.
    pub fn order(&self) -> impl Iterator<Item = u32> + '_ {
        self.orders
            .iter()
            .flat_map(|order| order.pieces.iter().copied())
    }

    /// How many pieces there are, to be started or not.
    pub fn len(&self) -> u32 {
        self.availability.len() as u32
    }

    /// Whether no piece is to be started.
    pub fn is_empty(&self) -> bool {
        self.orders.iter().all(|order| order.pieces.is_empty())
    }

    /// Whether every piece is of the usual class.
    pub fn is_uniform(&self) -> bool {
        self.class.is_empty()
    }

    /// How many peers have the piece.
    pub fn availability(&self, piece: u32) -> u32 {
        self.availability
            .get(piece as usize)
            .copied()
            .unwrap_or_default()
    }

    pub fn contains(&self, piece: u32) -> bool {
        self.position[piece as usize] != ABSENT
    }

    /// One more peer has the piece.
    pub fn increment(&mut self, piece: u32, rng: &mut impl Rng) {
        let from = self.availability[piece as usize];
        self.availability[piece as usize] = from + 1;
        if self.contains(piece) {
            let class = self.class_of(piece);
            self.orders[class].ensure(from + 1);
            let edge = self.orders[class].starts[from as usize + 1] - 1;
            self.swap(class, self.position[piece as usize], edge);
            self.orders[class].starts[from as usize + 1] = edge;
            self.shuffle_into(class, piece, from + 1, rng);
        }
    }

    /// One peer fewer has the piece.
    pub fn decrement(&mut self, piece: u32, rng: &mut impl Rng) {
        let from = self.availability[piece as usize];
        let Some(to) = from.checked_sub(1) else {
            return;
        };
        self.availability[piece as usize] = to;
        if self.contains(piece) {
            let class = self.class_of(piece);
            let edge = self.orders[class].starts[from as usize];
            self.swap(class, self.position[piece as usize], edge);
            self.orders[class].starts[from as usize] = edge + 1;
            self.shuffle_into(class, piece, to, rng);
        }
    }

    /// Takes a piece out of the order: it was started, is there, or is not wanted.
    pub fn remove(&mut self, piece: u32) {
        if !self.contains(piece) {
            return;
        }
        let class = self.class_of(piece);
        let mut bucket = self.availability[piece as usize] as usize;
        self.orders[class].ensure(bucket as u32);
        while bucket + 1 < self.orders[class].starts.len() {
            let last = self.orders[class].starts[bucket + 1] - 1;
            self.swap(class, self.position[piece as usize], last);
            self.orders[class].starts[bucket + 1] = last;
            bucket += 1;
        }
        self.orders[class].pieces.pop();
        self.position[piece as usize] = ABSENT;
    }

    /// Puts a piece into the order: it is to be started after all.
    pub fn insert(&mut self, piece: u32, rng: &mut impl Rng) {
        if self.contains(piece) {
            return;
        }
        let class = self.class_of(piece);
        let bucket = self.availability[piece as usize];
        let order = &mut self.orders[class];
        order.ensure(bucket);
        self.position[piece as usize] = order.pieces.len() as u32;
        order.pieces.push(piece);
        // Each commoner bucket hands its first place to its end, from the last one down.
        let buckets = order.starts.len() - 1;
        self.orders[class].starts[buckets] += 1;
        for commoner in (bucket as usize + 1..buckets).rev() {
            let first = self.orders[class].starts[commoner];
            self.swap(class, self.position[piece as usize], first);
            self.orders[class].starts[commoner] = first + 1;
        }
        self.shuffle_into(class, piece, bucket, rng);
    }

    /// Moves a piece to a class.
    pub fn set_class(&mut self, piece: u32, class: u8, rng: &mut impl Rng) {
        if self.class_of(piece) == usize::from(class) {
            return;
        }
        let there = self.contains(piece);
        self.remove(piece);
        if self.class.is_empty() {
            self.class = vec![USUAL; self.position.len()];
        }
        self.class[piece as usize] = class.min(CLASSES as u8 - 1);
        if there {
            self.insert(piece, rng);
        }
    }

    /// The class of a piece.
    pub fn class_of(&self, piece: u32) -> usize {
        let class = self.class.get(piece as usize).copied();
        usize::from(class.unwrap_or(USUAL))
    }

    fn shuffle_into(&mut self, class: usize, piece: u32, bucket: u32, rng: &mut impl Rng) {
        let start = self.orders[class].starts[bucket as usize];
        let end = self.orders[class].starts[bucket as usize + 1];
        if end - start > 1 {
            self.swap(
                class,
                self.position[piece as usize],
                rng.random_range(start..end),
            );
        }
    }

    fn swap(&mut self, class: usize, a: u32, b: u32) {
        let order = &mut self.orders[class].pieces;
        order.swap(a as usize, b as usize);
        self.position[order[a as usize] as usize] = a;
        self.position[order[b as usize] as usize] = b;
    }
}

impl Order {
    /// Makes sure that the bucket of `availability` exists.
    fn ensure(&mut self, availability: u32) {
        while self.starts.len() < availability as usize + 2 {
            self.starts.push(self.pieces.len() as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    fn check(rarity: &Rarity) {
        for (class, order) in rarity.orders.iter().enumerate() {
            for (at, piece) in order.pieces.iter().enumerate() {
                assert_eq!(rarity.class_of(*piece), class);
                assert_eq!(rarity.position[*piece as usize], at as u32);
                let a = rarity.availability[*piece as usize] as usize;
                assert!((order.starts[a]..order.starts[a + 1]).contains(&(at as u32)));
            }
            assert_eq!(
                order.starts.last().copied(),
                Some(order.pieces.len() as u32)
            );
        }
    }

    #[test]
    fn the_order_stays_rarest_first_under_any_sequence_of_changes() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut rarity = Rarity::new(50, &mut rng);
        for _ in 0..20_000 {
            let piece = rng.random_range(0..50);
            match rng.random_range(0..300) {
                0 => rarity.remove(piece),
                1..4 => rarity.set_class(piece, rng.random_range(0..3), &mut rng),
                4 => rarity.insert(piece, &mut rng),
                5..200 => rarity.increment(piece, &mut rng),
                _ => rarity.decrement(piece, &mut rng),
            }
            check(&rarity);
        }
    }

    #[test]
    fn equally_rare_pieces_come_in_an_order_that_depends_on_the_seed() {
        let orders: Vec<Vec<u32>> = (0..2)
            .map(|seed| {
                Rarity::new(64, &mut ChaCha8Rng::seed_from_u64(seed))
                    .order()
                    .collect()
            })
            .collect();
        assert_ne!(orders[0], orders[1]);
    }
}
