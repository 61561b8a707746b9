//! What a person or a script sees while work goes on: progress bars on a terminal, plain lines now
//! and then elsewhere, or JSON.

mod hashing;
mod live;

use brackish_native::{TorrentState, TorrentStats};

use crate::format::{bytes, count, percent, rate};
use crate::print;

pub use hashing::HashingView;
pub use live::LiveView;

/// How events are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A line of JSON each.
    Json,
    /// Bars that move.
    Terminal,
    /// A line now and then.
    Lines,
}

impl Mode {
    /// JSON where asked for, else whatever fits stderr.
    pub fn new(json: bool) -> Self {
        match (json, print::stderr_is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Terminal,
            (false, false) => Self::Lines,
        }
    }

    /// Whether a person reads along.
    pub fn is_human(self) -> bool {
        self != Self::Json
    }
}

/// The template of a bar, without its colours where they are not wanted.
fn coloured(template: &str) -> String {
    if print::colours(print::stderr_is_terminal()) {
        return template.to_owned();
    }
    template.replace(".cyan/blue", "").replace(".cyan", "")
}

/// The state as scripts know it.
pub fn state_name(state: TorrentState) -> &'static str {
    match state {
        TorrentState::Metadata => "metadata",
        TorrentState::Checking => "checking",
        TorrentState::Downloading => "downloading",
        TorrentState::Seeding => "seeding",
        TorrentState::Failed => "failed",
    }
}

/// The figures of a torrent in a line.
fn sentence(stats: &TorrentStats) -> String {
    match stats.state {
        TorrentState::Metadata => format!("waiting for the description · {}", peers(stats)),
        TorrentState::Checking if stats.pieces == 0 => "opening".to_owned(),
        TorrentState::Checking => {
            format!(
                "checking · {}",
                percent(stats.checked_pieces.into(), stats.pieces.into())
            )
        }
        TorrentState::Downloading | TorrentState::Failed => format!(
            "{} · {} of {} · {} down · {} up · {}{} · {:.2} copies",
            percent(stats.wanted_verified, stats.wanted),
            bytes(stats.wanted_verified),
            bytes(stats.wanted),
            rate(stats.download_rate),
            rate(stats.upload_rate),
            peers(stats),
            web_seeds(stats),
            stats.availability,
        ),
        TorrentState::Seeding => {
            format!(
                "{} · {} up · {} · {:.2} other copies",
                peers(stats),
                rate(stats.upload_rate),
                served(stats),
                stats.copies
            )
        }
    }
}

/// `3 peers (2 web, 1 TCP)`.
fn peers(stats: &TorrentStats) -> String {
    let all = (stats.webrtc_peers + stats.tcp_peers) as u64;
    if all == 0 {
        return "no peers".to_owned();
    }
    format!(
        "{} ({} web, {} TCP)",
        count(all, "peer"),
        stats.webrtc_peers,
        stats.tcp_peers
    )
}

/// ` · 2 web seeds`, if there are any.
fn web_seeds(stats: &TorrentStats) -> String {
    match stats.web_seeds as u64 {
        0 => String::new(),
        seeds => format!(" · {}", count(seeds, "web seed")),
    }
}

/// `1.20 GB served (1.00 GB web, 200 MB TCP)`.
fn served(stats: &TorrentStats) -> String {
    if stats.uploaded == 0 {
        return "nothing served yet".to_owned();
    }
    let web = stats.uploaded_webrtc.min(stats.uploaded);
    format!(
        "{} served ({} web, {} TCP)",
        bytes(stats.uploaded),
        bytes(web),
        bytes(stats.uploaded - web)
    )
}
