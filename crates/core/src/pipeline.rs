//! How many blocks to have asked for of one peer: as many as its rate times its delay needs to keep
//! it busy, found by growing fast at first and by measurement afterwards.

use std::time::Duration;

use brackish_wire::BLOCK_LENGTH;

/// Requests to a peer of which nothing is known yet. What is asked of one peer cannot be asked of
/// another who turns out to be faster.
const INITIAL: usize = 4;

/// Never fewer, so that a slow peer has the next request when it ends one.
const MIN: usize = 3;

/// Never more: 16 MiB in flight keep a 1 Gbit/s path of 130 ms busy.
const MAX: usize = 1024;

/// What a peer takes that does not say (`reqq`, BEP 10): what clients of the last decade take.
const DEFAULT_REQQ: usize = 250;

/// Added to twice the path's delay: covers the peer's own scheduling and our ticks. What waits with a
/// peer waits longer the more of it there is, and each piece does so at each of the peers that it
/// goes through: 50 ms more make a crowd of a hundred later by half a second.
const SLACK: Duration = Duration::from_millis(100);

/// The longest time between two answers that is taken for a peer's way of answering. Peers that
/// fill their sockets at set times do it every half second.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// Growth of the rate from one tick to the next below which the fast start is over.
const STALLED_GROWTH: f64 = 1.1;

#[derive(Debug)]
pub(crate) struct Pipeline {
    target: usize,
    limit: usize,
    /// The shortest time from a request to its block.
    delay: Option<Duration>,
    /// How long the peer lets requests wait that it could have answered, where that is longer than
    /// the path explains: it answers at set times, all at once.
    wait: Option<Duration>,
    /// The time from the last block's request to the block.
    last_delay: Option<Duration>,
    fast_start: bool,
    last_rate: f64,
    snubbed: bool,
}

impl Pipeline {
    pub fn new() -> Self {
        Self {
            target: INITIAL,
            limit: DEFAULT_REQQ,
            delay: None,
            wait: None,
            last_delay: None,
            fast_start: true,
            last_rate: 0.0,
            snubbed: false,
        }
    }

    /// Requests to have outstanding.
    pub fn target(&self) -> usize {
        if self.snubbed { 1 } else { self.target }
    }

    /// Whether its rate may still be far from what it can be.
    pub fn is_growing(&self) -> bool {
        self.fast_start
    }

    /// How long the last block took from its request on.
    pub fn last_delay(&self) -> Option<Duration> {
        self.last_delay
    }

    /// The peer said how many requests it takes (`reqq`).
    pub fn set_limit(&mut self, reqq: u32) {
        self.limit = (reqq as usize).clamp(1, MAX);
        self.target = self.target.min(self.limit);
    }

    /// A block came, `delay` after it was asked for and `silence` after the block before it.
    pub fn on_block(&mut self, delay: Duration, silence: Duration) {
        self.snubbed = false;
        self.last_delay = Some(delay);
        self.delay = Some(self.delay.map_or(delay, |least| least.min(delay)));
        // Nothing of ours was served for most of that time: it did not wait behind other blocks.
        if silence >= delay * 3 / 4 {
            self.learn_wait(delay.min(MAX_WAIT));
        }
        if !self.fast_start {
            return;
        }
        let window = self.window();
        if delay > window {
            // The peer has more to send than it can: what is asked of it waits there, and cannot be
            // asked of another.
            self.fast_start = false;
            let fits = self.target as f64 * window.as_secs_f64() / delay.as_secs_f64();
            self.target = (fits as usize).clamp(MIN.min(self.limit), self.limit);
        } else if self.target < self.limit {
            self.target += 1;
        }
    }

    fn learn_wait(&mut self, delay: Duration) {
        self.wait = match self.wait {
            Some(wait) => Some((wait * 3 + delay) / 4),
            None => (delay > self.window()).then_some(delay),
        };
    }

    /// What a block may take that is asked for in time: twice the path's delay, or the time between
    /// the peer's answers if that is longer, and the slack.
    fn window(&self) -> Duration {
        2 * self
            .delay
            .unwrap_or(SLACK)
            .max(self.wait.unwrap_or_default())
            + SLACK
    }

    /// The peer does not answer: one request at a time until it does.
    pub fn snub(&mut self) {
        self.snubbed = true;
        self.fast_start = false;
        self.target = MIN;
    }

    /// The rate of the peer, in bytes per second, as of a tick.
    pub fn on_tick(&mut self, rate: u64, saturated: bool) {
        let rate = rate as f64;
        if self.fast_start
            && self.last_rate > 0.0
            && saturated
            && rate < self.last_rate * STALLED_GROWTH
        {
            self.fast_start = false;
        }
        // Until then nothing had come: the rate is of a part of the time, or not known yet.
        let began = self.last_rate == 0.0;
        self.last_rate = rate;
        if !self.fast_start {
            let blocks = rate * self.window().as_secs_f64() / f64::from(BLOCK_LENGTH);
            let needed = (blocks.ceil() as usize).clamp(MIN.min(self.limit), self.limit);
            let least = if began { self.target } else { 0 };
            self.target = needed.max(least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a peer that answers after `delay` and sends `rate` bytes per second at most.
    fn settle(rate: u64, delay: Duration, reqq: u32) -> usize {
        let mut pipeline = Pipeline::new();
        pipeline.set_limit(reqq);
        for _ in 0..40 {
            let in_flight = pipeline.target() as u64 * u64::from(BLOCK_LENGTH);
            let got = rate.min((in_flight as f64 / delay.as_secs_f64()) as u64);
            for _ in 0..got / u64::from(BLOCK_LENGTH) / 2 {
                pipeline.on_block(delay, Duration::ZERO);
            }
            pipeline.on_tick(got, true);
        }
        pipeline.target()
    }

    #[test]
    fn the_queue_covers_the_path_of_a_fast_far_peer() {
        let delay = Duration::from_millis(100);
        let need = 10_000_000 / 10 / u64::from(BLOCK_LENGTH);
        assert!(settle(10_000_000, delay, 2000) as u64 >= need);
    }

    #[test]
    fn a_peer_that_answers_all_at_once_at_set_times_gets_a_queue_that_grows() {
        const PULSE: Duration = Duration::from_millis(500);
        let mut pipeline = Pipeline::new();
        // The first block comes at once, as over loopback: the path itself is short.
        pipeline.on_block(Duration::from_millis(1), Duration::ZERO);
        for pulse in 0..40 {
            let asked = pipeline.target();
            for block in 0..asked {
                let silence = if block == 0 { PULSE } else { Duration::ZERO };
                pipeline.on_block(PULSE, silence);
            }
            if pulse % 2 == 1 {
                let got = asked as u64 * u64::from(BLOCK_LENGTH);
                pipeline.on_tick(got * 2, true);
            }
        }
        assert_eq!(pipeline.target(), DEFAULT_REQQ);
    }

    #[test]
    fn a_peer_that_no_longer_keeps_requests_waiting_gets_a_short_queue_again() {
        let mut pipeline = Pipeline::new();
        pipeline.on_block(Duration::from_millis(1), Duration::ZERO);
        for _ in 0..10 {
            pipeline.on_block(Duration::from_millis(500), Duration::from_millis(500));
        }
        for _ in 0..20 {
            pipeline.on_block(Duration::from_millis(20), Duration::from_millis(20));
        }
        pipeline.snub();
        pipeline.on_tick(200_000, true);
        assert!(pipeline.target() <= 5, "{}", pipeline.target());
    }

    #[test]
    fn what_a_fast_start_found_outlives_the_tick_that_knows_no_rate_yet() {
        let mut pipeline = Pipeline::new();
        pipeline.set_limit(1000);
        for _ in 0..500 {
            pipeline.on_block(Duration::from_millis(5), Duration::ZERO);
        }
        pipeline.on_block(Duration::from_millis(150), Duration::ZERO);
        assert!(!pipeline.is_growing());
        let found = pipeline.target();
        pipeline.on_tick(0, true);
        pipeline.on_tick(1_000_000, true);
        assert_eq!(pipeline.target(), found);
        pipeline.on_tick(1_000_000, true);
        assert!(pipeline.target() < 20, "{}", pipeline.target());
    }

    #[test]
    fn a_slow_peer_has_a_short_queue() {
        assert!(settle(50_000, Duration::from_millis(50), 2000) <= 8);
    }

    #[test]
    fn the_queue_never_exceeds_what_the_peer_takes() {
        assert!(settle(100_000_000, Duration::from_millis(200), 128) <= 128);
    }
}
