//! The peers of one kind in one swarm: found by key in constant time, chosen at random in time
//! proportional to how many are wanted, leechers and seeders apart so that a seeder can be given
//! them alone, or first.

use std::hash::Hash;

use ahash::RandomState;
use hashbrown::HashTable;

/// What a [`Pool`] finds its items by.
pub(crate) trait Keyed {
    /// Unique in the pool.
    type Key: Eq + Hash;
    /// The item's own; must never change while the item is in a pool.
    fn key(&self) -> Self::Key;
}

/// Where an item stands: valid until the pool is next changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

/// Peers of one kind whose memory is kept when others leave.
const SMALL: usize = 1024;

/// Marks a slot among the seeders. A pool therefore holds at most 2^31 items of each sort.
const SEEDER: u32 = 1 << 31;

impl Slot {
    fn new(index: usize, seeding: bool) -> Self {
        Self(index as u32 | if seeding { SEEDER } else { 0 })
    }

    fn index(self) -> usize {
        (self.0 & !SEEDER) as usize
    }

    pub(crate) fn is_seeding(self) -> bool {
        self.0 & SEEDER != 0
    }
}

/// Whom a choice is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Among {
    Leechers,
    Seeders,
    Everyone,
}

/// See the module's own documentation.
///
/// The table stores slots alone, and hashes with the tracker's one keyed hasher, which every call
/// is given: a swarm of one peer stays small, and no key is stored twice.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    leechers: Vec<T>,
    seeders: Vec<T>,
    table: HashTable<Slot>,
}

impl<T: Keyed> Pool<T> {
    pub(crate) const fn new() -> Self {
        Self {
            leechers: Vec::new(),
            seeders: Vec::new(),
            table: HashTable::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.leechers.len() + self.seeders.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.leechers.iter().chain(&self.seeders)
    }

    pub(crate) fn find(&self, hasher: &RandomState, key: &T::Key) -> Option<Slot> {
        self.table
            .find(hasher.hash_one(key), |&slot| self.get(slot).key() == *key)
            .copied()
    }

    pub(crate) fn get(&self, slot: Slot) -> &T {
        &self.side(slot.is_seeding())[slot.index()]
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> &mut T {
        &mut self.side_mut(slot.is_seeding())[slot.index()]
    }

    /// Adds an item whose key is not in the pool.
    pub(crate) fn insert(&mut self, hasher: &RandomState, item: T, seeding: bool) -> Slot {
        let hash = hasher.hash_one(item.key());
        let side = self.side_mut(seeding);
        let slot = Slot::new(side.len(), seeding);
        side.push(item);
        let (leechers, seeders) = (&self.leechers, &self.seeders);
        self.table.insert_unique(hash, slot, |slot| {
            let side = if slot.is_seeding() { seeders } else { leechers };
            hasher.hash_one(side[slot.index()].key())
        });
        slot
    }

    pub(crate) fn remove(&mut self, hasher: &RandomState, slot: Slot) -> T {
        let hash = hasher.hash_one(self.get(slot).key());
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == slot) {
            entry.remove();
        }
        let side = self.side_mut(slot.is_seeding());
        let item = side.swap_remove(slot.index());
        // As with tables: the memory of a swarm that nearly all have left is given back.
        if side.capacity() > SMALL && side.len() < side.capacity() / 8 {
            side.shrink_to(2 * side.len());
        }
        let moved_from = Slot::new(side.len(), slot.is_seeding());
        if moved_from != slot {
            // The last item has taken the place of the removed one.
            let hash = hasher.hash_one(self.get(slot).key());
            if let Some(moved) = self.table.find_mut(hash, |&other| other == moved_from) {
                *moved = slot;
            }
        }
        item
    }

    /// Moves an item between leechers and seeders.
    pub(crate) fn set_seeding(&mut self, hasher: &RandomState, slot: Slot, seeding: bool) -> Slot {
        if slot.is_seeding() == seeding {
            return slot;
        }
        let item = self.remove(hasher, slot);
        self.insert(hasher, item, seeding)
    }

    /// Adds to `chosen` the slots of `wanted` different items, every set of them equally likely, or
    /// of all there are if they are fewer. `except` is never chosen.
    pub(crate) fn sample(
        &self,
        random: &mut fastrand::Rng,
        wanted: usize,
        among: Among,
        except: Option<Slot>,
        chosen: &mut Vec<Slot>,
    ) {
        let (leechers, seeders) = (self.leechers.len(), self.seeders.len());
        let (first, everyone) = match among {
            Among::Leechers => (0, leechers),
            Among::Seeders => (leechers, seeders),
            Among::Everyone => (0, leechers + seeders),
        };
        // Positions run through the leechers, then the seeders, closing up over `except`.
        let skipped = except.and_then(|slot| {
            let position = slot.index() + if slot.is_seeding() { leechers } else { 0 };
            position.checked_sub(first)
        });
        let skipped = skipped.filter(|&position| position < everyone);
        let slot_at = |position: usize| {
            let after = usize::from(skipped.is_some_and(|skipped| position >= skipped));
            let position = first + position + after;
            match position.checked_sub(leechers) {
                None => Slot::new(position, false),
                Some(position) => Slot::new(position, true),
            }
        };
        let eligible = everyone - usize::from(skipped.is_some());
        if eligible <= wanted {
            chosen.extend((0..eligible).map(slot_at));
            return;
        }
        // Floyd's algorithm: one random number for each choice, however large the swarm is.
        let start = chosen.len();
        for top in eligible - wanted..eligible {
            let slot = slot_at(random.usize(0..=top));
            let taken = chosen[start..].contains(&slot);
            chosen.push(if taken { slot_at(top) } else { slot });
        }
    }

    fn side(&self, seeding: bool) -> &Vec<T> {
        if seeding {
            &self.seeders
        } else {
            &self.leechers
        }
    }

    fn side_mut(&mut self, seeding: bool) -> &mut Vec<T> {
        if seeding {
            &mut self.seeders
        } else {
            &mut self.leechers
        }
    }
}
