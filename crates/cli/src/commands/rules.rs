//! The ends that a person sets beforehand: of a download that gets nothing, and of seeding.

use std::time::{Duration, Instant};

use brackish_native::{StallReason, TorrentState, TorrentStats};

use crate::args::{SeedStopArgs, ShareArgs};
use crate::failure::Failure;
use crate::format::duration;

/// How long every known source may have sent bad data before the download ends: one that was
/// repaired, or another, may come.
const BAD_DATA: Duration = Duration::from_secs(60);

/// When a torrent that is seeded has been seeded enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeedRules {
    ratio: Option<f64>,
    time: Option<Duration>,
    copies: Option<f64>,
    seeds: Option<u32>,
}

impl SeedRules {
    /// As the flags of `seed` and `download --seed` say.
    pub fn of_seed(args: &SeedStopArgs) -> Self {
        Self {
            ratio: args.seed_ratio,
            time: args.seed_time,
            ..Self::default()
        }
    }

    /// As the flags of `share` say.
    pub fn of_share(args: &ShareArgs) -> Self {
        Self {
            copies: args.until_copies,
            seeds: args.until_seeds,
            ..Self::default()
        }
    }

    /// Which of them is met, in words.
    pub fn met(&self, stats: &TorrentStats, seeded: Duration) -> Option<String> {
        let served = stats.uploaded as f64;
        if let Some(ratio) = self.ratio
            && stats.wanted > 0
            && served >= ratio * stats.wanted as f64
        {
            return Some(format!("served {ratio} times its size (--seed-ratio)"));
        }
        if let Some(time) = self.time
            && seeded >= time
        {
            return Some(format!("seeded for {} (--seed-time)", duration(time)));
        }
        if let Some(copies) = self.copies
            && stats.copies >= copies
        {
            return Some(format!("{copies} copies in the swarm (--until-copies)"));
        }
        if let Some(seeds) = self.seeds
            && stats.known_seeds >= seeds
        {
            return Some(format!("{seeds} other seeds in the swarm (--until-seeds)"));
        }
        None
    }
}

/// How long a download has got nothing.
pub struct Progress {
    /// `--stop-timeout`.
    timeout: Option<Duration>,
    seen: (u64, u64),
    since: Instant,
    bad_since: Option<Instant>,
}

impl Progress {
    /// Of a download that begins now and ends when it has got nothing for as long as `timeout`.
    pub fn new(timeout: Option<Duration>, now: Instant) -> Self {
        Self {
            timeout,
            seen: (0, 0),
            since: now,
            bad_since: None,
        }
    }

    /// An error once it is time to give up.
    pub fn watch(&mut self, name: &str, stats: &TorrentStats, now: Instant) -> Result<(), Failure> {
        let reason = stats.stalled.as_ref();
        if matches!(reason, Some(StallReason::NoSuchFile { .. })) {
            return give_up(name, "nothing to download", reason);
        }
        if !matches!(reason, Some(StallReason::BadData { .. })) {
            self.bad_since = None;
        } else if now - *self.bad_since.get_or_insert(now) >= BAD_DATA {
            return give_up(name, "given up", reason);
        }
        let seen = (stats.downloaded, stats.verified);
        // Once everything has come, the disk may take its time.
        let waits = match stats.state {
            TorrentState::Metadata => true,
            TorrentState::Downloading => stats.wanted_verified < stats.wanted,
            TorrentState::Checking | TorrentState::Seeding | TorrentState::Failed => false,
        };
        if seen != self.seen || !waits {
            (self.seen, self.since) = (seen, now);
        }
        match self.timeout {
            Some(timeout) if now - self.since >= timeout => {
                let what = format!("nothing came for {} (--stop-timeout)", duration(timeout));
                give_up(name, &what, reason)
            }
            _ => Ok(()),
        }
    }
}

fn give_up(name: &str, what: &str, reason: Option<&StallReason>) -> Result<(), Failure> {
    Err(match reason {
        Some(reason) => Failure::new(name, format_args!("{what}: {reason}")),
        None => Failure::new(name, what),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stats() -> TorrentStats {
        TorrentStats {
            wanted: 1000,
            ..TorrentStats::new(TorrentState::Downloading)
        }
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn each_rule_of_seeding_is_met_at_its_figure() {
        let none = SeedRules::default();
        let day = Duration::from_secs(86_400);
        assert_eq!(none.met(&stats(), day), None);
        let ratio = SeedRules {
            ratio: Some(1.5),
            ..none
        };
        let served = |uploaded| TorrentStats {
            uploaded,
            ..stats()
        };
        assert_eq!(ratio.met(&served(1499), day), None);
        assert!(ratio.met(&served(1500), day).is_some());
        let time = SeedRules {
            time: Some(Duration::from_secs(60)),
            ..none
        };
        assert_eq!(time.met(&stats(), Duration::from_secs(59)), None);
        assert!(time.met(&stats(), Duration::from_secs(60)).is_some());
        let copies = SeedRules {
            copies: Some(1.5),
            ..none
        };
        let there = |copies, known_seeds| TorrentStats {
            copies,
            known_seeds,
            ..stats()
        };
        assert_eq!(copies.met(&there(1.4, 0), day), None);
        assert!(copies.met(&there(1.5, 0), day).is_some());
        let seeds = SeedRules {
            seeds: Some(2),
            ..none
        };
        assert_eq!(seeds.met(&there(5.0, 1), day), None);
        assert!(seeds.met(&there(0.0, 2), day).is_some());
    }

    #[test]
    fn a_download_that_gets_nothing_ends_after_its_stop_timeout_with_the_reason() {
        let start = Instant::now();
        let mut progress = Progress::new(Some(Duration::from_secs(30)), start);
        let some = TorrentStats {
            downloaded: 5,
            ..stats()
        };
        assert!(progress.watch("it", &stats(), after(start, 29)).is_ok());
        assert!(progress.watch("it", &some, after(start, 29)).is_ok());
        assert!(progress.watch("it", &some, after(start, 58)).is_ok());
        let stalled = TorrentStats {
            stalled: Some(StallReason::NothingKnown),
            ..some.clone()
        };
        let ended = progress.watch("it", &stalled, after(start, 59));
        let why = ended.unwrap_err().to_string();
        assert!(why.contains("30 s") && why.contains("no tracker"), "{why}");
        let mut forever = Progress::new(None, start);
        assert!(forever.watch("it", &stalled, after(start, 9999)).is_ok());
    }

    #[test]
    fn a_download_of_bad_sources_ends_after_a_minute_and_one_of_no_file_at_once() {
        let start = Instant::now();
        let mut progress = Progress::new(None, start);
        let bad = TorrentStats {
            stalled: Some(StallReason::BadData { sources: 1 }),
            ..stats()
        };
        assert!(progress.watch("it", &bad, after(start, 10)).is_ok());
        assert!(progress.watch("it", &stats(), after(start, 60)).is_ok());
        assert!(progress.watch("it", &bad, after(start, 70)).is_ok());
        assert!(progress.watch("it", &bad, after(start, 129)).is_ok());
        let ended = progress.watch("it", &bad, after(start, 130));
        assert!(ended.unwrap_err().to_string().contains("bad data"));
        let none = TorrentStats {
            stalled: Some(StallReason::NoSuchFile { files: 3 }),
            ..stats()
        };
        let ended = progress.watch("it", &none, start);
        assert!(ended.unwrap_err().to_string().contains("0 to 2"));
    }
}
