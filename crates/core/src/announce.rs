//! How one torrent stands with one tracker: when to announce next, what the tracker has been told,
//! and the offers being made for the next announce. And the WebSockets, which torrents share.

use std::time::Duration;

use brackish_wire::InfoHash;
use brackish_wire::tracker::Event;
use rand::{Rng, RngExt};

use crate::reports::Reports;
use crate::{ConnectionId, JobId, SocketId, Timestamp, TrackerStatus};

/// Between announces to a tracker that does not say: what webtorrent does.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);

/// Before the second announce of a torrent with few peers; doubled at each, up to the interval.
const FIRST_EARLY: Duration = Duration::from_secs(5);

/// What a tracker may ask for.
const MIN_INTERVAL: Duration = Duration::from_secs(10);
const MAX_INTERVAL: Duration = Duration::from_secs(3600);

/// The least time between announces that a tracker may ask for (`min interval`).
const LEAST_MIN_INTERVAL: Duration = Duration::from_secs(5);

/// The same where a tracker does not say; doubled at each announce before the interval is over.
const EARLY: Duration = Duration::from_secs(15);

/// The wait after a failure of a tracker that worked before, for a torrent that has no source: a seed
/// often comes back with the tracker that it runs.
const RETRY_SOON: Duration = Duration::from_secs(10);

/// How long such a tracker is tried as often.
const HOPE: Duration = Duration::from_secs(1800);

/// The wait after a first failure, doubled at each, with jitter so that a swarm does not come back
/// to a recovered tracker all at once.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const MAX_RETRY: Duration = Duration::from_secs(600);

/// A socket that was open for this long works: the waits before it is opened again begin anew.
const STEADY: Duration = Duration::from_secs(30);

/// Messages that a tracker may send at once, and in each second: offers of a crowd that comes
/// together are some hundred. A message counts once for every started `MESSAGE_BYTES`.
const MAX_MESSAGES: f64 = 1000.0;
const MESSAGES_PER_SECOND: f64 = 100.0;
const MESSAGE_BYTES: usize = 8 * 1024;

/// Failures that a tracker may send beyond one for each message that it was sent, and the most that
/// those count for: a socket may serve hundreds of torrents.
const SPARE_FAILURES: u32 = 10;
const MAX_FAILURES: u32 = 1000;

/// How long an announce waits for its offers to be made.
const OFFERS_TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(crate) struct Tracker {
    pub url: String,
    /// The number of its tier (BEP 12), and its place in it, from the front.
    pub tier: usize,
    pub place: i32,
    /// By which name of the torrent it is announced: a hybrid is in two swarms (BEP 52).
    pub swarm: InfoHash,
    /// The WebSocket; `None` for HTTP and UDP.
    pub socket: Option<SocketId>,
    pub status: TrackerStatus,
    /// What the user was told of its failures, and of its answers.
    pub reports: Reports,
    pub answers: Reports,
    pub next: Timestamp,
    /// When it is asked at the earliest for a torrent that nobody connected has anything for.
    pub soon: Timestamp,
    pub interval: Duration,
    failures: u32,
    /// When it failed first since it last worked.
    fails_since: Option<Timestamp>,
    worked: bool,
    /// Announces in a row that came before the interval was over.
    early: u32,
    /// The tracker was told `started` (by the socket that is open now).
    started: bool,
    /// The torrent was completed and the tracker does not know yet.
    completed: bool,
    /// What the announce under way says.
    telling: Event,
    pub tracker_id: Option<Vec<u8>>,
    /// How many seeds it counts, ourselves included.
    pub seeds: Option<u32>,
    pub job: Option<JobId>,
    /// The offers being made for the next announce.
    pub batch: Option<Batch>,
}

/// Offers being made for one announce.
#[derive(Debug)]
pub(crate) struct Batch {
    pub offers: Vec<(ConnectionId, Option<String>)>,
    deadline: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Socket {
    pub url: String,
    pub state: SocketState,
    /// When it is opened again for a torrent that nobody connected has anything for.
    pub soon: Timestamp,
    failures: u32,
    /// When it failed first since it was last open.
    fails_since: Option<Timestamp>,
    worked: bool,
    opened: Timestamp,
    /// Messages that the tracker may send, as of `counted`.
    messages: f64,
    counted: Timestamp,
    /// Failures that it may send.
    may_fail: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketState {
    Closed { retry: Timestamp },
    Opening,
    Open,
}

impl Tracker {
    pub fn new(url: String, swarm: InfoHash, socket: Option<SocketId>, now: Timestamp) -> Self {
        Self {
            url,
            tier: 0,
            place: 0,
            swarm,
            socket,
            status: TrackerStatus::Pending,
            reports: Reports::default(),
            answers: Reports::default(),
            next: now,
            soon: now,
            interval: DEFAULT_INTERVAL,
            failures: 0,
            fails_since: None,
            worked: false,
            early: 0,
            started: false,
            completed: false,
            telling: Event::None,
            tracker_id: None,
            seeds: None,
            job: None,
            batch: None,
        }
    }

    /// The same tracker for another swarm, told of nothing yet.
    pub fn of_swarm(&self, swarm: InfoHash, now: Timestamp) -> Self {
        Self {
            tier: self.tier,
            place: self.place,
            ..Self::new(self.url.clone(), swarm, self.socket, now)
        }
    }

    /// What the next announce is to say.
    pub fn event(&self) -> Event {
        match (self.started, self.completed) {
            (false, _) => Event::Started,
            (true, true) => Event::Completed,
            (true, false) => Event::None,
        }
    }

    /// An announce with this event goes out.
    pub fn telling(&mut self, event: Event) {
        self.telling = event;
    }

    /// The announce that went out reached the tracker.
    pub fn told(&mut self) {
        match std::mem::replace(&mut self.telling, Event::None) {
            Event::Started => self.started = true,
            Event::Completed => self.completed = false,
            Event::None | Event::Stopped => {}
        }
    }

    /// The torrent is complete, which the tracker is to be told.
    pub fn complete(&mut self, now: Timestamp) {
        self.completed = true;
        if self.started && self.job.is_none() {
            self.next = now;
        }
    }

    /// Whether the tracker knows of us.
    pub fn knows_us(&self) -> bool {
        self.started
    }

    /// The socket by which the tracker knew of us is gone, and with it what the tracker was told.
    /// Gives the offers that were being made.
    pub fn disconnected(&mut self, reason: String) -> Option<Batch> {
        self.started = false;
        self.status = TrackerStatus::Failed(reason);
        self.next = Timestamp::ZERO;
        self.batch.take()
    }

    /// An answer came. Intervals are in seconds; `min` is that which must pass before any announce.
    pub fn answered(&mut self, interval: Option<u32>, min: Option<u32>, now: Timestamp) {
        self.failures = 0;
        self.worked = true;
        self.fails_since = None;
        self.status = TrackerStatus::Working;
        if let Some(interval) = interval {
            self.interval =
                Duration::from_secs(u64::from(interval)).clamp(MIN_INTERVAL, MAX_INTERVAL);
        }
        if self.socket.is_none() {
            let least = match min {
                Some(min) => Duration::from_secs(min.into()),
                None => EARLY.saturating_mul(1 << self.early.min(10)),
            };
            self.soon = now + least.max(LEAST_MIN_INTERVAL).min(self.interval);
            self.early = self.early.saturating_add(1);
        }
        self.next = if self.completed {
            now
        } else {
            now + self.interval
        };
    }

    /// The torrent has sources: should it lose them, the tracker is asked at short intervals first.
    pub fn has_sources(&mut self) {
        if self.socket.is_none() {
            self.early = 0;
        }
    }

    /// Where the torrent wants more peers, the tracker is asked again before its interval is over,
    /// but each time later. `jitter` is a factor near 1.
    pub fn ask_early(&mut self, wanted: bool, jitter: f64, now: Timestamp) {
        if !wanted {
            self.early = 0;
            return;
        }
        let wait = FIRST_EARLY.saturating_mul(1 << self.early.min(10));
        self.early += 1;
        self.next = self.next.min(now + wait.mul_f64(jitter));
    }

    /// It could not be reached, or refused.
    pub fn failed(&mut self, reason: String, now: Timestamp, rng: &mut impl Rng) {
        self.status = TrackerStatus::Failed(reason);
        let wait = back_off(self.failures, rng);
        let since = *self.fails_since.get_or_insert(now);
        self.next = now + wait;
        self.soon = now + soon(wait, self.worked && now.since(since) < HOPE);
        self.failures = self.failures.saturating_add(1);
    }

    /// An offer under way is no more.
    pub fn offer_gone(&mut self, connection: ConnectionId) {
        if let Some(batch) = &mut self.batch {
            batch.offers.retain(|(offer, _)| *offer != connection);
        }
    }
}

impl Batch {
    pub fn new(offers: Vec<ConnectionId>, now: Timestamp) -> Self {
        Self {
            offers: offers.into_iter().map(|offer| (offer, None)).collect(),
            deadline: now + OFFERS_TIMEOUT,
        }
    }

    pub fn is_ready(&self, now: Timestamp) -> bool {
        now >= self.deadline || self.offers.iter().all(|(_, sdp)| sdp.is_some())
    }
}

impl Socket {
    pub fn new(url: String, now: Timestamp) -> Self {
        Self {
            url,
            state: SocketState::Closed { retry: now },
            soon: now,
            failures: 0,
            fails_since: None,
            worked: false,
            opened: now,
            messages: MAX_MESSAGES,
            counted: now,
            may_fail: SPARE_FAILURES,
        }
    }

    pub fn opened(&mut self, now: Timestamp) {
        self.state = SocketState::Open;
        self.opened = now;
        self.worked = true;
        self.fails_since = None;
        self.may_fail = SPARE_FAILURES;
    }

    /// A message goes out.
    pub fn sent(&mut self) {
        self.may_fail = (self.may_fail + 1).min(MAX_FAILURES);
    }

    /// A message of so many bytes came. Whether the tracker may send as many.
    pub fn takes(&mut self, bytes: usize, now: Timestamp) -> bool {
        let regained = now.since(self.counted).as_secs_f64() * MESSAGES_PER_SECOND;
        self.messages = (self.messages + regained).min(MAX_MESSAGES);
        self.counted = now;
        self.messages -= (1 + bytes / MESSAGE_BYTES) as f64;
        self.messages >= 0.0
    }

    /// The tracker says that it failed. Whether it may say so as often.
    pub fn takes_failure(&mut self) -> bool {
        let may = self.may_fail > 0;
        self.may_fail = self.may_fail.saturating_sub(1);
        may
    }

    /// It ended; `silenced` because the tracker sent too much.
    pub fn closed(&mut self, silenced: bool, now: Timestamp, rng: &mut impl Rng) {
        if self.state == SocketState::Open && now.since(self.opened) >= STEADY {
            self.failures = 0;
        }
        let wait = back_off(self.failures, rng);
        let since = *self.fails_since.get_or_insert(now);
        let hope = self.worked && !silenced && now.since(since) < HOPE;
        self.soon = now + soon(wait, hope);
        self.state = SocketState::Closed { retry: now + wait };
        self.failures = self.failures.saturating_add(1);
    }
}

/// A wait, cut where something comes back perhaps. A hundredth of the rest stays, which differs from
/// session to session.
fn soon(wait: Duration, hope: bool) -> Duration {
    let jitter = wait.mul_f64(0.01).min(Duration::from_secs(2));
    if hope {
        wait.min(RETRY_SOON + jitter)
    } else {
        wait
    }
}

fn back_off(failures: u32, rng: &mut impl Rng) -> Duration {
    let base = FIRST_RETRY
        .saturating_mul(1 << failures.min(10))
        .min(MAX_RETRY);
    base.mul_f64(rng.random_range(0.75..1.25))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    use super::*;

    fn tracker() -> Tracker {
        let url = "http://t/announce".to_owned();
        Tracker::new(url, InfoHash([1; 20]), None, Timestamp::ZERO)
    }

    #[test]
    fn a_dead_tracker_is_asked_ever_less_often_but_not_never() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut tracker = tracker();
        let mut now = Timestamp::ZERO;
        let mut waits = Vec::new();
        for _ in 0..20 {
            tracker.failed("no route".to_owned(), now, &mut rng);
            waits.push(tracker.next.since(now));
            now = tracker.next;
        }
        assert!(waits[0] < Duration::from_secs(7));
        assert!(waits[5] > waits[0] * 4);
        assert!(waits.iter().all(|wait| *wait <= MAX_RETRY * 2));
    }

    #[test]
    fn a_torrent_without_a_source_asks_as_soon_as_the_tracker_allows() {
        let seconds = Duration::from_secs;
        let mut tracker = tracker();
        tracker.answered(Some(120), Some(5), Timestamp::ZERO);
        assert_eq!(tracker.soon.since(Timestamp::ZERO), seconds(5));
        tracker.answered(Some(120), Some(0), Timestamp::ZERO);
        assert_eq!(tracker.soon.since(Timestamp::ZERO), seconds(5));
        tracker.answered(Some(120), Some(900), Timestamp::ZERO);
        assert_eq!(tracker.soon.since(Timestamp::ZERO), seconds(120));
        let mut quiet = self::tracker();
        let mut now = Timestamp::ZERO;
        let mut waits = Vec::new();
        for _ in 0..5 {
            quiet.answered(Some(120), None, now);
            waits.push(quiet.soon.since(now).as_secs());
            now = quiet.soon;
        }
        assert_eq!(waits, [15, 30, 60, 120, 120]);
    }

    #[test]
    fn a_tracker_that_worked_is_tried_again_soon_for_half_an_hour() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut tracker = tracker();
        let mut now = Timestamp::ZERO;
        tracker.answered(Some(120), None, now);
        let mut waits = Vec::new();
        while now.since(Timestamp::ZERO) < HOPE * 2 {
            tracker.failed("no route".to_owned(), now, &mut rng);
            waits.push((now, tracker.soon.since(now)));
            now = tracker.soon;
        }
        let early = |(at, _): &&(Timestamp, Duration)| at.since(Timestamp::ZERO) < HOPE;
        assert!(
            waits
                .iter()
                .filter(early)
                .all(|(_, wait)| *wait <= RETRY_SOON * 5 / 4)
        );
        assert!(
            waits
                .iter()
                .skip_while(early)
                .all(|(_, wait)| *wait > RETRY_SOON * 10)
        );
    }

    #[test]
    fn an_absurd_interval_is_brought_into_range() {
        let mut tracker = tracker();
        tracker.answered(Some(0), None, Timestamp::ZERO);
        assert_eq!(tracker.interval, MIN_INTERVAL);
        tracker.answered(Some(u32::MAX), None, Timestamp::ZERO);
        assert_eq!(tracker.interval, MAX_INTERVAL);
    }
}
