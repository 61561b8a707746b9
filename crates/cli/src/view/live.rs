//! A torrent of a running node: its figures and what happens to it.

use std::time::{Duration, Instant};

use brackish_native::{Event as NodeEvent, Notice, TorrentState, TorrentStats, Via};
use brackish_wire::metainfo::Info;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Mode, coloured, sentence};
use crate::access::Told;
use crate::format::{bytes, printable};
use crate::json::{self, Event, Figures, Peer, PeerAction};
use crate::print;

/// The time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// The time between two JSON `progress` events.
const EVENT_EVERY: Duration = Duration::from_secs(1);

/// Shows a torrent while it runs.
pub struct LiveView {
    mode: Mode,
    name: String,
    bar: Option<ProgressBar>,
    last: Option<Instant>,
    said: String,
}

impl LiveView {
    /// A view of a torrent called `name`.
    pub fn new(mode: Mode, name: &str) -> Self {
        Self {
            mode,
            name: printable(name),
            bar: None,
            last: None,
            said: String::new(),
        }
    }

    /// Shows these figures, if it is time to.
    pub fn figures(&mut self, stats: &TorrentStats) {
        let mode = self.mode;
        match mode {
            Mode::Terminal => self.draw(stats),
            Mode::Json if self.due(EVENT_EVERY) => {
                json::emit(&Event::Progress(Figures::from(stats)))
            }
            Mode::Lines if self.due(LINE_EVERY) => {
                let text = sentence(stats);
                // A seed that nobody asks says so once.
                if text != self.said {
                    print::note(&text);
                    self.said = text;
                }
            }
            Mode::Json | Mode::Lines => {}
        }
    }

    /// Shows the last figures, whatever was shown before.
    pub fn last_figures(&mut self, stats: &TorrentStats) {
        if self.mode == Mode::Json {
            json::emit(&Event::Progress(Figures::from(stats)));
        }
        self.clear();
    }

    /// Says that the person's wish to end was heard and done; `because` says which of the ends that
    /// were set beforehand was reached.
    pub fn stopped(&self, because: Option<String>) {
        if self.mode == Mode::Json {
            json::emit(&Event::Stopped { because });
        }
    }

    /// What the torrent is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells of something that happened.
    pub fn event(&mut self, event: &NodeEvent) {
        if self.mode == Mode::Json {
            Self::json_event(event);
            return;
        }
        match event {
            NodeEvent::Metadata { info, .. } => {
                self.name = printable(info.name());
                self.note(&format!("{}: {}", self.name, bytes(info.stored_bytes())));
            }
            NodeEvent::PeerBanned {
                peer_id, address, ..
            } => {
                let place =
                    address.map_or_else(|| peer_id.to_string(), |address| address.to_string());
                self.note(&format!(
                    "peer {}: sent bad data and is banned",
                    printable(&place)
                ));
            }
            NodeEvent::Stalled { reason, .. } => {
                self.note(&printable(&format!("Waiting: {reason}")));
            }
            NodeEvent::Resumed { .. } => self.note("There is a source again."),
            NodeEvent::WebSeedFailed {
                url,
                reason,
                dropped,
                ..
            } => {
                let what = if *dropped { ", and is not used" } else { "" };
                let (url, reason) = (printable(url), printable(reason));
                self.note(&format!("web seed {url}: {reason}{what}"));
            }
            _ => {}
        }
    }

    /// Tells of files that are not what they were; nothing of other events.
    pub fn file_event(&self, event: &NodeEvent, info: &Info) {
        let name = |file: usize| info.files().get(file).map(|file| file.path_text());
        match event {
            NodeEvent::FilesChanged {
                piece,
                files,
                error,
                ..
            } => {
                let files: Vec<String> = files.iter().filter_map(|file| name(*file)).collect();
                if self.mode == Mode::Json {
                    let reason = error.as_ref().map(ToString::to_string);
                    return json::emit(&Event::FilesChanged {
                        piece: *piece,
                        files,
                        reason,
                    });
                }
                let what = match (error, files.as_slice()) {
                    (Some(error), _) => error.to_string(),
                    (None, [file]) => format!("{file}: it was changed after it was hashed"),
                    (None, [file, others @ ..]) => format!(
                        "{file} or one of {} more files was changed after it was hashed",
                        others.len()
                    ),
                    (None, []) => return,
                };
                self.note(&format!(
                    "{}; what is not right is not given to peers any more",
                    printable(&what)
                ));
            }
            NodeEvent::FileGrew { file, .. } => {
                let Some(file) = name(*file) else { return };
                if self.mode == Mode::Json {
                    return json::emit(&Event::FileGrew { file });
                }
                self.note(&format!(
                    "{}: it grew after it was hashed, and is given as it was",
                    printable(&file)
                ));
            }
            _ => {}
        }
    }

    /// Tells of a request that the page's server has refused.
    pub fn refused(&self, told: &Told) {
        match self.mode {
            Mode::Json => json::emit(&Event::Refused {
                message: told.to_string(),
            }),
            Mode::Terminal | Mode::Lines => self.note(&printable(&told.to_string())),
        }
    }

    /// Tells of something that was done with an existing file.
    pub fn notice(&self, notice: &Notice) {
        let message = printable(&notice.to_string());
        if self.mode != Mode::Json {
            return self.note(&message);
        }
        let (kind, path, to) = match notice {
            Notice::MovedAside { path, to } => ("moved_aside", path, Some(to)),
            Notice::Cut { path, .. } => ("cut", path, None),
            Notice::Renamed { path, .. } => ("renamed", path, None),
            Notice::OutwardLinks { path, .. } => ("outward_links", path, None),
        };
        json::emit(&Event::Notice {
            kind,
            path: Some(path.display().to_string()),
            to: to.map(|to| to.display().to_string()),
            message,
        });
    }

    /// Prints a line above whatever moves.
    pub fn note(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print::note(text)),
            None if self.mode.is_human() => print::note(text),
            None => {}
        }
    }

    /// Takes away what moves.
    pub fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn draw(&mut self, stats: &TorrentStats) {
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(1);
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let has_bar = matches!(
            stats.state,
            TorrentState::Downloading | TorrentState::Checking
        );
        let (position, length) = match stats.state {
            TorrentState::Checking => (stats.checked_pieces.into(), stats.pieces.into()),
            _ => (stats.wanted_verified, stats.wanted),
        };
        let template = if has_bar {
            "{spinner:.cyan} {bar:24.cyan/blue} {wide_msg}"
        } else {
            "{spinner:.cyan} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(&coloured(template)) {
            bar.set_style(style.progress_chars("━━─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
        }
        bar.set_length(length);
        bar.set_position(position);
        bar.set_message(with_time_left(stats));
    }

    fn due(&mut self, interval: Duration) -> bool {
        let due = self.last.is_none_or(|last| last.elapsed() >= interval);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }

    fn json_event(event: &NodeEvent) {
        match event {
            NodeEvent::Metadata { info, .. } => json::emit(&Event::Metadata {
                info_hash: info.info_hash().to_string(),
                name: info.name(),
                total: info.stored_bytes(),
                files: info.stored_files().count(),
                pieces: info.lengths().piece_count(),
            }),
            NodeEvent::Checked { verified, .. } => json::emit(&Event::Checked {
                verified_pieces: *verified,
            }),
            NodeEvent::PieceFailed { piece, .. } => {
                json::emit(&Event::PieceFailed { piece: *piece })
            }
            NodeEvent::PeerConnected {
                connection,
                peer_id,
                via,
                address,
                ..
            } => json::emit(&Event::Peer(Peer {
                action: PeerAction::Connected,
                connection: Some(connection.to_u64()),
                peer_id: Some(peer_id.to_string()),
                via: Some(via_name(*via)),
                address: address.map(|address| address.to_string()),
                reason: None,
            })),
            NodeEvent::PeerDisconnected {
                connection, reason, ..
            } => json::emit(&Event::Peer(Peer {
                action: PeerAction::Disconnected,
                connection: Some(connection.to_u64()),
                peer_id: None,
                via: None,
                address: None,
                reason: Some(reason.to_string()),
            })),
            NodeEvent::PeerBanned {
                peer_id, address, ..
            } => json::emit(&Event::Peer(Peer {
                action: PeerAction::Banned,
                connection: None,
                peer_id: Some(peer_id.to_string()),
                via: None,
                address: address.map(|address| address.to_string()),
                reason: None,
            })),
            NodeEvent::TrackerAnnounced {
                url,
                complete,
                incomplete,
                ..
            } => {
                json::emit(&Event::Tracker {
                    url,
                    seeds: *complete,
                    leeches: *incomplete,
                });
            }
            NodeEvent::TrackerFailed { url, reason, .. } => {
                json::emit(&Event::TrackerFailed { url, reason })
            }
            NodeEvent::Stalled { reason, .. } => json::emit(&Event::Stalled {
                reason: reason.code(),
                message: reason.to_string(),
            }),
            NodeEvent::Resumed { .. } => json::emit(&Event::Resumed),
            NodeEvent::WebSeedFailed {
                url,
                reason,
                dropped,
                ..
            } => json::emit(&Event::WebSeedFailed {
                url,
                reason,
                dropped: *dropped,
            }),
            _ => {}
        }
    }
}

impl Drop for LiveView {
    fn drop(&mut self) {
        self.clear();
    }
}

fn via_name(via: Via) -> &'static str {
    match via {
        Via::Tcp => "tcp",
        Via::WebRtc => "web",
    }
}

fn with_time_left(stats: &TorrentStats) -> String {
    let text = sentence(stats);
    if stats.state != TorrentState::Downloading || stats.download_rate == 0 {
        return text;
    }
    let missing = stats.wanted.saturating_sub(stats.wanted_verified);
    let left = Duration::from_secs(missing / stats.download_rate);
    format!("{text} · {} left", crate::format::duration(left))
}
