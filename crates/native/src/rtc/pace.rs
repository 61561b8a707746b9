//! How many bytes a data channel may have unacknowledged. Too few leave a long path empty; too many
//! overrun a short queue, be it of a home connection or of the socket of a browser (Chromium's holds
//! 64 KiB), and SCTP mends what is lost at the end of a burst after a whole second. So it begins with
//! what any queue holds, and follows what the path carries in a round trip.

use std::time::{Duration, Instant};

/// Where it begins, and the least.
const MIN: usize = 48 << 10;

/// It never rises above this: what SCTP's receive windows take.
const MAX: usize = 1 << 20;

/// Messages are at least this long; see [`Pace::message`].
const SHORT_MESSAGE: usize = 16 << 10;

/// How often it is measured, while bytes go.
const INTERVAL: Duration = Duration::from_millis(250);

/// Shorter round trips count as this long: by then threads waking each other take longer.
const SHORTEST: Duration = Duration::from_millis(4);

/// The shortest round trip counts for this long; a route may change.
const MEMORY: u32 = 120;

/// Bounds of [`Pace::patience`]: a busy machine answers that late; SCTP's own timer ends after a second.
const MIN_PATIENCE: Duration = Duration::from_millis(20);
const MAX_PATIENCE: Duration = Duration::from_millis(900);

/// As long as no round trip was measured.
const UNMEASURED_PATIENCE: Duration = Duration::from_millis(100);

/// The window of one channel.
#[derive(Debug)]
pub(crate) struct Pace {
    window: usize,
    since: Instant,
    bytes: usize,
    latest: Option<Duration>,
    shortest: Option<Duration>,
    age: u32,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self {
            window: MIN,
            since: Instant::now(),
            bytes: 0,
            latest: None,
            shortest: None,
            age: 0,
        }
    }

    /// Bytes that may be unacknowledged.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// How long a message should be: several fit into the window, so that the path never waits for
    /// a whole one.
    pub(crate) fn message(&self) -> usize {
        (self.window / 4).max(SHORT_MESSAGE)
    }

    /// How long acknowledgements may stay away before something counts as lost.
    pub(crate) fn patience(&self) -> Duration {
        match self.latest {
            Some(round_trip) => (round_trip * 3).clamp(MIN_PATIENCE, MAX_PATIENCE),
            None => UNMEASURED_PATIENCE,
        }
    }

    /// Counts bytes sent; true when it is time to measure the round trip.
    pub(crate) fn sent(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.since.elapsed() >= INTERVAL
    }

    /// Takes the round-trip time, if it is known, and sets the window to half as much again as the
    /// path carried in the shortest one: enough to find out that it carries more.
    pub(crate) fn measured(&mut self, round_trip: Option<Duration>) {
        let elapsed = self.since.elapsed();
        let rate = self.bytes as f64 / elapsed.as_secs_f64().max(1e-3);
        (self.since, self.bytes) = (Instant::now(), 0);
        let Some(round_trip) = round_trip else { return };
        self.latest = Some(round_trip);
        self.age += 1;
        let shortest = match self.shortest {
            Some(shortest) if self.age < MEMORY && shortest <= round_trip => shortest,
            _ => {
                self.age = 0;
                round_trip
            }
        };
        self.shortest = Some(shortest);
        let carried = rate * shortest.max(SHORTEST).as_secs_f64();
        self.window = ((carried * 1.5) as usize).clamp(MIN, MAX);
    }
}
