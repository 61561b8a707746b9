//! How fast bytes flow, smoothed over a few seconds.

use std::time::Duration;

use crate::Timestamp;

/// Weight of the newest second: about five seconds of memory.
const SMOOTHING: f64 = 0.3;

/// Counts bytes and, told the time now and then, knows their rate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    total: u64,
    counted: u64,
    rate: f64,
    since: Option<Timestamp>,
}

impl Meter {
    pub fn add(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// All bytes ever counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes per second as of the last tick.
    pub fn rate(&self) -> u64 {
        self.rate as u64
    }

    /// Brings the rate up to date. Ticks closer than a quarter of a second are ignored.
    pub fn tick(&mut self, now: Timestamp) {
        let Some(since) = self.since else {
            self.since = Some(now);
            self.counted = self.total;
            return;
        };
        let elapsed = now.since(since);
        if elapsed < Duration::from_millis(250) {
            return;
        }
        let seconds = elapsed.as_secs_f64();
        let sample = (self.total - self.counted) as f64 / seconds;
        let weight = if self.rate == 0.0 {
            1.0
        } else {
            1.0 - (1.0 - SMOOTHING).powf(seconds)
        };
        self.rate += weight * (sample - self.rate);
        if self.rate < 1.0 {
            self.rate = 0.0;
        }
        self.counted = self.total;
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_flow_is_measured_within_a_percent() {
        let mut meter = Meter::default();
        let mut now = Timestamp::ZERO;
        for _ in 0..40 {
            meter.tick(now);
            meter.add(250_000);
            now = now + Duration::from_millis(250);
        }
        assert!(
            (990_000..=1_010_000).contains(&meter.rate()),
            "{}",
            meter.rate()
        );
    }

    #[test]
    fn a_flow_that_stops_is_forgotten() {
        let mut meter = Meter::default();
        meter.tick(Timestamp::ZERO);
        meter.add(1_000_000);
        let mut now = Timestamp::ZERO;
        for _ in 0..120 {
            now = now + Duration::from_secs(1);
            meter.tick(now);
        }
        assert_eq!(meter.rate(), 0);
    }
}
