//! The pieces still to be started, ordered from the rarest to the commonest, kept so in constant
//! time for each `have`.
//!
//! `order` is one array cut into buckets of equal availability; a piece whose availability changes
//! by one is swapped to the edge of its bucket and the edge moved over it. Where a piece lands
//! within a bucket is random, so that peers which see the same swarm do not all choose the same
//! piece. Peers that have everything count for all pieces alike and are left out by the caller.

use rand::{Rng, RngExt};

/// Position of a piece that is not in the order.
const ABSENT: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Rarity {
    /// How many peers have each piece.
    availability: Vec<u32>,
    /// Where each piece stands in `order`.
    position: Vec<u32>,
    /// The pieces to be started, rarest first.
    order: Vec<u32>,
    /// `starts[a]` is where the pieces of availability `a` begin in `order`; the last entry is
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
        Self {
            availability: vec![0; pieces as usize],
            position,
            order,
            starts: vec![0, pieces],
        }
    }

    /// The pieces to be started, rarest first.
    pub fn order(&self) -> &[u32] {
        &self.order
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
            self.ensure(from + 1);
            let edge = self.starts[from as usize + 1] - 1;
            self.swap(self.position[piece as usize], edge);
            self.starts[from as usize + 1] = edge;
            self.shuffle_into(piece, from + 1, rng);
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
            let edge = self.starts[from as usize];
            self.swap(self.position[piece as usize], edge);
            self.starts[from as usize] = edge + 1;
            self.shuffle_into(piece, to, rng);
        }
    }

    /// Takes a piece out of the order: it was started, or is there.
    pub fn remove(&mut self, piece: u32) {
        if !self.contains(piece) {
            return;
        }
        let mut bucket = self.availability[piece as usize] as usize;
        self.ensure(bucket as u32);
        while bucket + 1 < self.starts.len() {
            let last = self.starts[bucket + 1] - 1;
            self.swap(self.position[piece as usize], last);
            self.starts[bucket + 1] = last;
            bucket += 1;
        }
        self.order.pop();
        self.position[piece as usize] = ABSENT;
    }

    /// Puts a piece back into the order: it is to be started again.
    pub fn insert(&mut self, piece: u32) {
        if self.contains(piece) {
            return;
        }
        let availability = self.availability[piece as usize];
        self.ensure(availability);
        let at = self.order.len() as u32;
        self.order.push(piece);
        self.position[piece as usize] = at;
        let mut bucket = self.starts.len() - 1;
        self.starts[bucket] = at + 1;
        // From the last bucket down to its own, over the first piece of each.
        while bucket > availability as usize + 1 {
            bucket -= 1;
            let first = self.starts[bucket];
            self.swap(self.position[piece as usize], first);
            self.starts[bucket] = first + 1;
        }
    }

    /// Makes sure that the bucket of `availability` exists.
    fn ensure(&mut self, availability: u32) {
        while self.starts.len() < availability as usize + 2 {
            self.starts.push(self.order.len() as u32);
        }
    }

    fn shuffle_into(&mut self, piece: u32, bucket: u32, rng: &mut impl Rng) {
        let start = self.starts[bucket as usize];
        let end = self.starts[bucket as usize + 1];
        if end - start > 1 {
            self.swap(self.position[piece as usize], rng.random_range(start..end));
        }
    }

    fn swap(&mut self, a: u32, b: u32) {
        self.order.swap(a as usize, b as usize);
        self.position[self.order[a as usize] as usize] = a;
        self.position[self.order[b as usize] as usize] = b;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    fn check(rarity: &Rarity) {
        for (at, piece) in rarity.order.iter().enumerate() {
            assert_eq!(rarity.position[*piece as usize], at as u32);
            let a = rarity.availability[*piece as usize] as usize;
            assert!((rarity.starts[a]..rarity.starts[a + 1]).contains(&(at as u32)));
        }
        assert_eq!(
            rarity.starts.last().copied(),
            Some(rarity.order.len() as u32)
        );
    }

    #[test]
    fn the_order_stays_rarest_first_under_any_sequence_of_changes() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut rarity = Rarity::new(50, &mut rng);
        for _ in 0..20_000 {
            let piece = rng.random_range(0..50);
            match rng.random_range(0..300) {
                0 => rarity.remove(piece),
                1..200 => rarity.increment(piece, &mut rng),
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
                    .to_vec()
            })
            .collect();
        assert_ne!(orders[0], orders[1]);
    }
}
