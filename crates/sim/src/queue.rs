//! The queue of events: by time, and among those of one time by the order in which they were put in.
//!
//! A swarm of ten thousand has a million events waiting, nearly all of them within a second. So the
//! second ahead is cut into short slots that are only appended to; a slot is put in order when its
//! time comes, while it fits into the processor's cache. What is further off waits in a heap.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use brackish_core::Timestamp;

/// Microseconds of a slot, as a power of two.
const SLOT_BITS: u32 = 7;

/// Slots ahead: together a second.
const SLOTS: u64 = 1 << 13;

#[derive(Debug)]
pub(crate) struct EventQueue<T> {
    /// What is due in the slot of now, in order.
    current: BinaryHeap<Entry<T>>,
    /// The number of that slot, from the start of time.
    slot: u64,
    /// The slots after it, each at its number modulo `SLOTS`.
    wheel: Vec<Vec<Entry<T>>>,
    /// Which of them have something, a bit for each.
    occupied: [u64; SLOTS as usize / 64],
    /// What was further off when it was put in.
    far: BinaryHeap<Entry<T>>,
    next_sequence: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Timestamp,
    sequence: u64,
    event: T,
}

impl<T> EventQueue<T> {
    pub fn new() -> Self {
        Self {
            current: BinaryHeap::new(),
            slot: 0,
            wheel: std::iter::repeat_with(Vec::new)
                .take(SLOTS as usize)
                .collect(),
            occupied: [0; SLOTS as usize / 64],
            far: BinaryHeap::new(),
            next_sequence: 0,
        }
    }

    pub fn push(&mut self, at: Timestamp, event: T) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let entry = Entry {
            at,
            sequence,
            event,
        };
        let slot = slot_of(at);
        if slot <= self.slot {
            self.current.push(entry);
        } else if slot < self.slot + SLOTS {
            let at = slot % SLOTS;
            self.wheel[at as usize].push(entry);
            self.occupied[at as usize / 64] |= 1 << (at % 64);
        } else {
            self.far.push(entry);
        }
    }

    pub fn pop(&mut self) -> Option<(Timestamp, T)> {
        self.turn();
        self.current.pop().map(|entry| (entry.at, entry.event))
    }

    pub fn next_at(&mut self) -> Option<Timestamp> {
        self.turn();
        self.current.peek().map(|entry| entry.at)
    }

    /// Turns to the next slot that has something, unless the current one has.
    fn turn(&mut self) {
        while self.current.is_empty() {
            let far = self.far.peek().map(|entry| slot_of(entry.at));
            let near = self.next_occupied();
            let Some(next) = near.into_iter().chain(far).min() else {
                return;
            };
            self.slot = next;
            let at = next % SLOTS;
            let slot = &mut self.wheel[at as usize];
            if !slot.is_empty() {
                self.occupied[at as usize / 64] &= !(1 << (at % 64));
                // The slot keeps the memory that the heap had.
                let before = std::mem::take(&mut self.current).into_vec();
                self.current = std::mem::replace(slot, before).into();
            }
            while self
                .far
                .peek()
                .is_some_and(|entry| slot_of(entry.at) <= self.slot)
            {
                self.current.extend(self.far.pop());
            }
        }
    }
}

impl<T> EventQueue<T> {
    /// The number of the first slot of the wheel that has something.
    fn next_occupied(&self) -> Option<u64> {
        let words = self.occupied.len() as u64;
        let first = self.slot + 1;
        // The word of the first slot comes twice: its upper bits first, its lower bits last.
        for step in 0..=words {
            let word = (first / 64 + step) % words;
            let from = (first / 64 + step) * 64;
            let mut bits = self.occupied[word as usize];
            if step == 0 {
                bits &= !0 << (first % 64);
            }
            if bits != 0 {
                return Some(from + u64::from(bits.trailing_zeros()));
            }
        }
        None
    }
}

fn slot_of(at: Timestamp) -> u64 {
    at.as_micros() >> SLOT_BITS
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    /// The earliest is the greatest, as the standard heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_within_a_time_in_the_order_put_in() {
        let mut queue = EventQueue::new();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.push(Timestamp::from_micros(at), event);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).map(|(_, e)| e).collect();
        assert_eq!(order, "abcd");
    }

    #[test]
    fn events_near_and_far_come_in_order_while_more_are_put_in() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut queue = EventQueue::new();
        let mut now = Timestamp::ZERO;
        let mut last = (now, 0);
        let (mut put, mut taken) = (0u64, 0);
        while taken < 50_000 {
            for _ in 0..rng.u32(..3) {
                let ahead = match rng.u8(..4) {
                    0 => 0,
                    1 => rng.u64(..200),
                    2 => rng.u64(..1_000_000),
                    _ => rng.u64(..60_000_000),
                };
                queue.push(Timestamp::from_micros(now.as_micros() + ahead), put);
                put += 1;
            }
            // One looks ahead now and then, which must not lose what is put in before that.
            let next = queue.next_at();
            if rng.bool() {
                continue;
            }
            let Some((at, number)) = queue.pop() else {
                continue;
            };
            assert_eq!(Some(at), next);
            assert!((at, number) > last || taken == 0);
            now = at;
            last = (at, number);
            taken += 1;
        }
    }
}
