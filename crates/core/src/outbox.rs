//! What waits to be sent on one connection, counted by the memory that it takes.
//!
//! A driver keeps each run of bytes that it is given by itself, so a run of five bytes costs it far more
//! than five. While a peer reads, runs are few. Once many wait, small messages are joined here, in
//! the order in which they were said, and given to the driver as one run when it has sent most of
//! the others. A peer that asks and never reads so costs what its answers have in bytes, and there
//! is a bound to these: see [`Outbox::is_backed_up`] and [`Outbox::is_beyond`].

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// What a run of bytes costs a driver besides the bytes: its owner, its place in a queue, what an
/// allocator adds.
pub(crate) const RUN_COST: usize = 128;

/// Runs with the driver above which small messages are joined. A burst of requests or of `have`s is
/// below it while the transport takes bytes.
const MAX_RUNS: usize = 64;

/// Bytes of joined messages above which nothing is read from the peer until they are gone: more than a
/// thousand rejected requests, which is what a choke leaves.
const BACKED_UP: usize = 32 << 10;

/// Bytes of joined messages above which the connection ends, where reading cannot be held. What the
/// torrent may say of its own accord comes on top.
const MAX_WAITING: usize = 256 << 10;

/// A buffer of this size is kept once it is empty, so that short bursts do not allocate each time.
const KEPT_CAPACITY: usize = 4 << 10;

/// The bytes of a connection from when they are said until its transport has taken them.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The runs that the driver holds, each by its length, and the sum of them.
    runs: VecDeque<u32>,
    in_driver: usize,
    /// Bytes of the first run that the transport has taken.
    taken: usize,
    /// Messages joined, to follow the runs.
    waiting: BytesMut,
}

impl Outbox {
    /// What all that waits costs, in bytes.
    pub fn load(&self) -> usize {
        self.in_driver + self.runs.len() * RUN_COST + self.waiting.len()
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.in_driver == 0
    }

    /// A small message: as a run for the driver, or `None` where it is joined to those that wait.
    pub fn say(&mut self, data: Bytes, room: usize) -> Option<Bytes> {
        let follows = self.waiting.is_empty() && self.runs.len() < MAX_RUNS && self.load() < room;
        if self.runs.is_empty() || follows {
            return Some(self.run(data));
        }
        self.waiting.extend_from_slice(&data);
        None
    }

    /// A run that counts on its own, as a block does. What waits is to go before it, by [`Self::take`].
    pub fn run(&mut self, data: Bytes) -> Bytes {
        self.runs
            .push_back(u32::try_from(data.len()).unwrap_or(u32::MAX));
        self.in_driver += data.len();
        data
    }

    /// All that waits, as a run for the driver.
    pub fn take(&mut self) -> Option<Bytes> {
        if self.waiting.is_empty() {
            return None;
        }
        // A copy of the right length: the buffer has grown by doubling.
        let run = Bytes::copy_from_slice(&self.waiting);
        self.waiting.clear();
        if self.waiting.capacity() > KEPT_CAPACITY {
            self.waiting = BytesMut::new();
        }
        Some(self.run(run))
    }

    /// The transport took bytes that the driver held. What waits, if it is its turn.
    pub fn sent(&mut self, bytes: usize, room: usize) -> Option<Bytes> {
        self.in_driver = self.in_driver.saturating_sub(bytes);
        self.taken += bytes;
        while let Some(first) = self
            .runs
            .front()
            .filter(|first| **first as usize <= self.taken)
        {
            self.taken -= *first as usize;
            self.runs.pop_front();
        }
        let few = self.runs.len() < MAX_RUNS / 2;
        let light = self.in_driver + self.runs.len() * RUN_COST < room / 2;
        (self.runs.is_empty() || few && light)
            .then(|| self.take())
            .flatten()
    }

    /// More waits than a peer that reads would leave: nothing is to be read from it for now.
    pub fn is_backed_up(&self) -> bool {
        self.waiting.len() >= BACKED_UP
    }

    /// Far more waits, though the driver was asked not to read or cannot do so. `own` are the bytes that
    /// the torrent may have said of its own accord.
    pub fn is_beyond(&self, own: usize) -> bool {
        self.waiting.len() > MAX_WAITING + own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 256 << 10;

    fn message(number: u32) -> Bytes {
        Bytes::copy_from_slice(&number.to_be_bytes())
    }

    #[test]
    fn what_is_joined_keeps_its_order_and_costs_its_bytes() {
        let mut outbox = Outbox::default();
        let mut out = BytesMut::new();
        let mut runs = 0;
        for number in 0..10_000 {
            if let Some(run) = outbox.say(message(number), ROOM) {
                out.extend_from_slice(&run);
                runs += 1;
            }
        }
        assert_eq!(runs, MAX_RUNS);
        assert!(outbox.load() < 40_000 + (MAX_RUNS + 1) * RUN_COST);
        assert!(outbox.is_backed_up());
        while !outbox.is_empty() {
            let run = outbox.sent(outbox.in_driver.min(7), ROOM);
            out.extend_from_slice(&run.unwrap_or_default());
        }
        assert!(outbox.waiting.is_empty() && outbox.runs.is_empty());
        let numbers: Vec<u32> = out
            .chunks(4)
            .map(|number| u32::from_be_bytes(number.try_into().unwrap()))
            .collect();
        assert!(numbers.iter().copied().eq(0..10_000));
    }

    #[test]
    fn a_transport_that_takes_a_byte_now_and_then_holds_little() {
        let mut outbox = Outbox::default();
        for number in 0..1_000_000 {
            if !outbox.is_backed_up() {
                outbox.say(message(number), ROOM);
            } else {
                outbox.sent(1, ROOM);
            }
        }
        assert!(outbox.load() < ROOM, "{}", outbox.load());
    }
}
