//! Shows a running torrent until it is complete, fails, or the person wants an end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use brackish_native::{Event, Notice, Torrent, TorrentState, TorrentStats, TrackerStatus};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};

use super::rules::{Progress, SeedRules};
use crate::access::Told;
use crate::failure::Failure;
use crate::format::printable;
use crate::signals::Stop;
use crate::view::LiveView;

/// How often figures are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How long trackers and peers may take to give a first sign of life before a failing tracker is
/// worth a line, or the end when there is nothing else.
const PATIENCE: Duration = Duration::from_secs(5);

/// When to stop following.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Every piece is verified. A torrent that nobody can be found for is given up.
    Finished,
    /// What the torrent holds is known. Given up as above.
    Described,
    /// What is there has been looked at.
    Checked,
    /// The person says so, or has said beforehand when.
    Stopped,
}

/// Why following ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// What was waited for has come.
    Reached,
    /// An end that the person set beforehand has come, in words.
    Enough(String),
    /// The person wants an end.
    Stopped,
}

impl Ended {
    /// The end that the person set beforehand and that has come.
    pub fn because(self) -> Option<String> {
        match self {
            Self::Enough(rule) => Some(rule),
            Self::Reached | Self::Stopped => None,
        }
    }
}

/// Shows a torrent, and misses nothing of what happens to it.
pub struct Follower<'a> {
    torrent: &'a Torrent,
    /// Where it is shown.
    pub view: &'a mut LiveView,
    stop: &'a Stop,
    events: Receiver<Event>,
    /// Requests that the page's server has refused.
    refusals: Option<mpsc::Receiver<Told>>,
    /// The event that what is there has been looked at has come, or will not.
    checked: bool,
    seed_rules: SeedRules,
    stop_timeout: Option<Duration>,
    notices: watch::Receiver<Vec<Notice>>,
    /// Notices that were shown.
    noticed: usize,
}

impl<'a> Follower<'a> {
    /// Follows a torrent from when it was added, if nobody did before.
    pub fn new(torrent: &'a Torrent, view: &'a mut LiveView, stop: &'a Stop) -> Self {
        Self {
            torrent,
            view,
            stop,
            events: torrent.events(),
            refusals: None,
            checked: false,
            seed_rules: SeedRules::default(),
            stop_timeout: None,
            notices: torrent.notices(),
            noticed: 0,
        }
    }

    /// Ends seeding by itself.
    #[must_use]
    pub fn with_seed_rules(self, seed_rules: SeedRules) -> Self {
        Self { seed_rules, ..self }
    }

    /// Gives up a download that has got nothing for so long.
    #[must_use]
    pub fn with_stop_timeout(self, stop_timeout: Option<Duration>) -> Self {
        Self {
            stop_timeout,
            ..self
        }
    }

    /// Shows refused requests too.
    #[must_use]
    pub fn with_refusals(self, refusals: mpsc::Receiver<Told>) -> Self {
        Self {
            refusals: Some(refusals),
            ..self
        }
    }

    /// Shows what was done with existing files and was not shown.
    fn show_notices(&mut self) {
        let notices = self.notices.borrow_and_update();
        for notice in notices.iter().skip(self.noticed) {
            self.view.notice(notice);
        }
        self.noticed = notices.len();
    }

    /// Follows the torrent; its last figures come back too.
    pub async fn follow(&mut self, until: Until) -> Result<(Ended, TorrentStats), Failure> {
        let mut stats = self.torrent.stats();
        let mut ticks = tokio::time::interval(TICK);
        let may_give_up = matches!(until, Until::Finished | Until::Described);
        let mut trackers = Trackers::new(may_give_up);
        let began = Instant::now();
        let mut progress = Progress::new(self.stop_timeout, began);
        loop {
            let now = stats.borrow_and_update().clone();
            self.show_notices();
            if now.state == TorrentState::Failed {
                self.torrent.wait_finished().await?;
            }
            // The figures come before the event; who reads the events is to have both.
            let reached = match until {
                Until::Finished => self.checked && now.state == TorrentState::Seeding,
                Until::Described => self.torrent.info().is_some(),
                Until::Checked => {
                    self.checked
                        && matches!(now.state, TorrentState::Seeding | TorrentState::Downloading)
                }
                Until::Stopped => false,
            };
            if reached {
                return Ok((Ended::Reached, now));
            }
            if until == Until::Stopped
                && let Some(rule) = self.seed_rules.met(&now, began.elapsed())
            {
                return Ok((Ended::Enough(rule), now));
            }
            if may_give_up {
                progress.watch(self.view.name(), &now, Instant::now())?;
            }
            tokio::select! {
                () = self.stop.requested() => return Ok((Ended::Stopped, now)),
                changed = stats.changed() => {
                    if changed.is_err() {
                        // The node is gone, and says why.
                        self.torrent.wait_finished().await?;
                        return Ok((Ended::Stopped, now));
                    }
                }
                event = self.events.recv() => match event {
                    Ok(event) => {
                        self.checked |= matches!(event, Event::Checked { .. });
                        self.view.event(&event);
                        if let Some(info) = self.torrent.info() {
                            self.view.file_event(&event, &info);
                        }
                        trackers.event(&event);
                    }
                    // Only figures matter then, and those come by themselves.
                    Err(RecvError::Lagged(_)) => self.checked = true,
                    Err(RecvError::Closed) => {
                        self.torrent.wait_finished().await?;
                        return Ok((Ended::Stopped, now));
                    }
                },
                Some(told) = next(&mut self.refusals) => self.view.refused(&told),
                _ = ticks.tick() => {
                    self.view.figures(&now);
                    trackers.tick(self.torrent, &now, self.view).await?;
                }
            }
        }
    }
}

async fn next(refusals: &mut Option<mpsc::Receiver<Told>>) -> Option<Told> {
    match refusals {
        Some(refusals) => refusals.recv().await,
        None => std::future::pending().await,
    }
}

/// Which trackers fail, and whether anything else is there.
struct Trackers {
    started: Instant,
    may_give_up: bool,
    heard: bool,
    failing: BTreeMap<String, Failing>,
}

struct Failing {
    reason: String,
    told: bool,
}

impl Trackers {
    fn new(may_give_up: bool) -> Self {
        Self {
            started: Instant::now(),
            may_give_up,
            heard: false,
            failing: BTreeMap::new(),
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::TrackerFailed { url, reason, .. } => {
                let failing = self.failing.entry(url.clone()).or_insert(Failing {
                    reason: String::new(),
                    told: false,
                });
                failing.reason.clone_from(reason);
            }
            Event::TrackerAnnounced { url, .. } => {
                self.failing.remove(url);
                self.heard = true;
            }
            Event::PeerConnected { .. } => self.heard = true,
            _ => {}
        }
    }

    async fn tick(
        &mut self,
        torrent: &Torrent,
        stats: &TorrentStats,
        view: &LiveView,
    ) -> Result<(), Failure> {
        if self.failing.values().all(|failing| failing.told) && (self.heard || !self.may_give_up) {
            return Ok(());
        }
        if self.started.elapsed() < PATIENCE || self.failing.is_empty() {
            return Ok(());
        }
        if self.may_give_up && !self.heard && stats.known_peers == 0 {
            let known = torrent.trackers().await;
            let all_fail = known
                .iter()
                .all(|tracker| matches!(tracker.status, TrackerStatus::Failed(_)));
            if all_fail && let Some((url, failing)) = self.failing.first_key_value() {
                return Err(Failure::new(
                    url,
                    format_args!(
                        "{}, and no other way to find peers is known",
                        failing.reason
                    ),
                ));
            }
        }
        for (url, failing) in self.failing.iter_mut().filter(|(_, failing)| !failing.told) {
            view.note(&printable(&format!(
                "tracker {url}: {} (is tried again by itself)",
                failing.reason
            )));
            failing.told = true;
        }
        Ok(())
    }
}
