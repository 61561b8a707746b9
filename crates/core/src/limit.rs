//! Rates that are not to be exceeded: token buckets, filled by the session's own time.

use std::time::Duration;

use brackish_wire::BLOCK_LENGTH;

use crate::Timestamp;

/// What may be saved up while nothing is sent, as time at the full rate: enough that no tick is
/// felt, and too little for a burst to be.
const BURST: Duration = Duration::from_millis(250);

/// Most bytes of payload in a second, up and down. What carries it (headers, small messages) is
/// not counted; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Sent to peers.
    pub up: Option<u64>,
    /// Received from peers and web seeds.
    pub down: Option<u64>,
}

/// One limit. It may be overdrawn by one taking, which is made good before the next.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Bytes per second.
    rate: Option<u64>,
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    pub fn new(now: Timestamp) -> Self {
        Self {
            rate: None,
            tokens: 0.0,
            at: now,
        }
    }

    /// Holds another rate from now on; below one byte a second there is none.
    pub fn set(&mut self, rate: Option<u64>, now: Timestamp) {
        self.fill(now);
        self.rate = rate.map(|rate| rate.max(1));
        self.tokens = self.tokens.min(self.most());
    }

    /// Bytes per second, if it is limited.
    pub fn rate(&self) -> Option<u64> {
        self.rate
    }

    pub fn is_limited(&self) -> bool {
        self.rate.is_some()
    }

    /// Whether something may be taken now.
    pub fn allows(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        self.rate.is_none() || self.tokens > 0.0
    }

    /// Takes so many bytes.
    pub fn take(&mut self, bytes: usize) {
        if self.rate.is_some() {
            self.tokens -= bytes as f64;
        }
    }

    /// Gives back what was taken and not used.
    pub fn give_back(&mut self, bytes: usize) {
        self.tokens = (self.tokens + bytes as f64).min(self.most());
    }

    /// How long until something may be taken.
    pub fn wait(&self) -> Duration {
        match self.rate {
            Some(rate) if self.tokens <= 0.0 => {
                Duration::from_secs_f64((1.0 - self.tokens) / rate as f64)
            }
            _ => Duration::ZERO,
        }
    }

    fn fill(&mut self, now: Timestamp) {
        let elapsed = now.since(self.at);
        self.at = now;
        if let Some(rate) = self.rate {
            let filled = self.tokens + elapsed.as_secs_f64() * rate as f64;
            self.tokens = filled.min(self.most());
        }
    }

    fn most(&self) -> f64 {
        let rate = self.rate.unwrap_or(0) as f64;
        (rate * BURST.as_secs_f64()).max(f64::from(BLOCK_LENGTH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_as_soon_as_it_may_be_is_the_rate() {
        for rate in [1000, 50_000, 3_000_000] {
            let mut bucket = Bucket::new(Timestamp::ZERO);
            bucket.set(Some(rate), Timestamp::ZERO);
            let (mut now, mut taken) = (Timestamp::ZERO, 0.0);
            while now.since(Timestamp::ZERO) < Duration::from_secs(1000) {
                while bucket.allows(now) {
                    bucket.take(16384);
                    taken += 16384.0;
                }
                now = now + bucket.wait().max(Duration::from_millis(10));
            }
            let share = taken / (1000.0 * rate as f64);
            assert!((0.95..1.05).contains(&share), "{share} of {rate}");
        }
    }
}
