//! The lines of `--json`: one object per event, told apart by its `event`. docs/cli.md describes
//! each.

use brackish_native::TorrentStats;
use serde::Serialize;

use crate::print;

/// Something that a script may want to know.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    Hashing {
        hashed: u64,
        total: u64,
    },
    Ready(Ready<'a>),
    Metadata {
        info_hash: String,
        name: &'a str,
        total: u64,
        files: usize,
        pieces: u32,
    },
    Checked {
        verified_pieces: u32,
    },
    Progress(Figures),
    Peer(Peer<'a>),
    PieceFailed {
        piece: u32,
    },
    FilesChanged {
        piece: u32,
        files: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    FileGrew {
        file: String,
    },
    Tracker {
        url: &'a str,
        seeds: Option<u32>,
        leeches: Option<u32>,
    },
    TrackerFailed {
        url: &'a str,
        reason: &'a str,
    },
    Stalled {
        reason: &'a str,
        message: String,
    },
    Resumed,
    WebSeedFailed {
        url: &'a str,
        reason: &'a str,
        dropped: bool,
    },
    Finished {
        info_hash: String,
        name: &'a str,
        path: String,
        total: u64,
        downloaded: u64,
        seconds: f64,
        synced: bool,
    },
    /// Something that the user may not expect.
    Notice {
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        message: String,
    },
    Created {
        path: String,
        info_hash: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        info_hash_v2: Option<String>,
        name: &'a str,
        total: u64,
        pieces: u32,
        piece_length: u32,
        magnet: String,
    },
    Info(super::commands::info::Description),
    File {
        path: String,
        length: u64,
        state: &'a str,
    },
    Verified {
        complete: bool,
        pieces: u32,
        verified_pieces: u32,
        bad_pieces: &'a [u32],
    },
    TrackerProgress {
        swarms: usize,
        web_peers: usize,
        tcp_peers: usize,
        connections: usize,
    },
    Refused {
        message: String,
    },
    Reloaded {
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    Stopped {
        /// Which of the ends that the person set beforehand was reached.
        #[serde(skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    Error {
        message: String,
    },
}

/// That a command now does what it was asked to.
#[derive(Debug, Default, Serialize)]
pub struct Ready<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub magnet: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub torrent: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trackers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<String>,
}

/// What became of a peer. What is not known is left out.
#[derive(Debug, Serialize)]
pub struct Peer<'a> {
    pub action: PeerAction,
    /// The same for all events of one connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a peer, in a word.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerAction {
    Connected,
    Disconnected,
    Banned,
}

/// The figures of a torrent, once a second.
#[derive(Debug, Serialize)]
pub struct Figures {
    pub state: &'static str,
    pub progress: f64,
    pub total: u64,
    pub verified: u64,
    pub wanted: u64,
    pub wanted_verified: u64,
    pub pieces: u32,
    pub verified_pieces: u32,
    pub checked_pieces: u32,
    pub downloaded: u64,
    pub uploaded: u64,
    pub downloaded_web: u64,
    pub uploaded_web: u64,
    pub downloaded_web_seeds: u64,
    pub wasted: u64,
    pub download_rate: u64,
    pub upload_rate: u64,
    pub web_peers: usize,
    pub tcp_peers: usize,
    pub web_seeds: usize,
    pub seeds: usize,
    pub known_peers: usize,
    pub known_seeds: u32,
    pub availability: f64,
    pub copies: f64,
    /// Why the download does not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stalled: Option<&'static str>,
}

impl From<&TorrentStats> for Figures {
    fn from(stats: &TorrentStats) -> Self {
        Self {
            state: crate::view::state_name(stats.state),
            progress: if stats.wanted == 0 {
                0.0
            } else {
                stats.wanted_verified as f64 / stats.wanted as f64
            },
            total: stats.total,
            verified: stats.verified,
            wanted: stats.wanted,
            wanted_verified: stats.wanted_verified,
            pieces: stats.pieces,
            verified_pieces: stats.verified_pieces,
            checked_pieces: stats.checked_pieces,
            downloaded: stats.downloaded,
            uploaded: stats.uploaded,
            downloaded_web: stats.downloaded_webrtc,
            uploaded_web: stats.uploaded_webrtc,
            downloaded_web_seeds: stats.downloaded_web_seeds,
            wasted: stats.wasted,
            download_rate: stats.download_rate,
            upload_rate: stats.upload_rate,
            web_peers: stats.webrtc_peers,
            tcp_peers: stats.tcp_peers,
            web_seeds: stats.web_seeds,
            seeds: stats.seeds,
            known_peers: stats.known_peers,
            known_seeds: stats.known_seeds,
            availability: thousandths(stats.availability),
            copies: thousandths(stats.copies),
            stalled: stats.stalled.as_ref().map(|reason| reason.code()),
        }
    }
}

/// As many decimals as are worth reading.
fn thousandths(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Prints an event as a line.
pub fn emit(event: &Event<'_>) {
    if let Ok(text) = serde_json::to_string(event) {
        print::line(text);
    }
}
