//! Figures of torrents and peers, for a person to look at.

use std::net::SocketAddr;

use brackish_wire::PeerId;

use crate::{ConnectionId, StallReason, Via};

/// What a torrent is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TorrentState {
    /// It waits for its `info` dictionary from peers.
    Metadata,
    /// Its store is being opened, or what is there is being hashed.
    Checking,
    /// It fetches pieces.
    Downloading,
    /// It has every wanted piece and serves what it has.
    Seeding,
    /// Its store failed; verified pieces are still served.
    Failed,
}

/// The figures of one torrent.
#[derive(Clone, Debug, PartialEq)]
pub struct TorrentStats {
    /// What it is doing.
    pub state: TorrentState,
    /// Bytes of its files; 0 before the metadata.
    pub total: u64,
    /// Bytes of verified pieces.
    pub verified: u64,
    /// Bytes of the wanted pieces, of which a part may belong to files that are not; 0 before the
    /// metadata.
    pub wanted: u64,
    /// Bytes of the wanted pieces that are verified.
    pub wanted_verified: u64,
    /// Number of pieces; 0 before the metadata.
    pub pieces: u32,
    /// Verified pieces.
    pub verified_pieces: u32,
    /// Pieces looked at so far while checking.
    pub checked_pieces: u32,
    /// Payload bytes received in this session, wasted ones included.
    pub downloaded: u64,
    /// Payload bytes sent in this session.
    pub uploaded: u64,
    /// Of `downloaded`, bytes that were not asked for, came twice or failed their hash.
    pub wasted: u64,
    /// Payload bytes per second, over the last few seconds.
    pub download_rate: u64,
    /// Payload bytes per second, over the last few seconds.
    pub upload_rate: u64,
    /// Payload bytes sent to web peers; the rest of `uploaded` went by TCP.
    pub uploaded_webrtc: u64,
    /// Payload bytes received from web peers; what neither these nor web seeds sent came by TCP.
    pub downloaded_webrtc: u64,
    /// Payload bytes received from web seeds; they are no part of `downloaded_webrtc`.
    pub downloaded_web_seeds: u64,
    /// Web seeds that are asked, or will be again.
    pub web_seeds: usize,
    /// Connected TCP peers.
    pub tcp_peers: usize,
    /// Connected web peers.
    pub webrtc_peers: usize,
    /// Connected peers that have every piece.
    pub seeds: usize,
    /// Copies of the torrent in its swarm (libtorrent's "distributed copies"): connected peers, web
    /// seeds that work, and what is here. The whole number is how many have the rarest piece, the
    /// rest the share of pieces of which there are more.
    pub availability: f64,
    /// The same without what is here.
    pub copies: f64,
    /// Seeds known of besides this session: those that a tracker counts, or those connected within
    /// the trackers' interval, whichever are more.
    pub known_seeds: u32,
    /// Why the download does not go on, after some seconds in which it did not.
    pub stalled: Option<StallReason>,
    /// The peer set: every TCP address known, connected or not.
    pub known_peers: usize,
}

impl TorrentStats {
    /// The figures of a torrent of which nothing but this is known.
    pub fn new(state: TorrentState) -> Self {
        Self {
            state,
            total: 0,
            verified: 0,
            wanted: 0,
            wanted_verified: 0,
            pieces: 0,
            verified_pieces: 0,
            checked_pieces: 0,
            downloaded: 0,
            uploaded: 0,
            wasted: 0,
            download_rate: 0,
            upload_rate: 0,
            uploaded_webrtc: 0,
            downloaded_webrtc: 0,
            downloaded_web_seeds: 0,
            web_seeds: 0,
            tcp_peers: 0,
            webrtc_peers: 0,
            seeds: 0,
            availability: 0.0,
            copies: 0.0,
            known_seeds: 0,
            stalled: None,
            known_peers: 0,
        }
    }
}

/// The figures of one connected peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerStats {
    /// By which connection.
    pub connection: ConnectionId,
    /// Who it says it is.
    pub peer_id: PeerId,
    /// Its name and version, if it told them (BEP 10, `v`).
    pub client: Option<String>,
    /// By which water.
    pub via: Via,
    /// Its address, where the driver knows one.
    pub address: Option<SocketAddr>,
    /// The pieces that it has, from 0 to 1.
    pub progress: f64,
    /// Payload bytes received from it.
    pub downloaded: u64,
    /// Payload bytes sent to it.
    pub uploaded: u64,
    /// Payload bytes per second.
    pub download_rate: u64,
    /// Payload bytes per second.
    pub upload_rate: u64,
    /// We are choked by it.
    pub choking_us: bool,
    /// We choke it.
    pub choked: bool,
    /// It has pieces that we want.
    pub interesting: bool,
    /// It wants pieces of ours.
    pub interested: bool,
    /// Blocks asked of it and not come.
    pub requests: usize,
}

/// How a tracker stands with one torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackerStats {
    /// Its URL.
    pub url: String,
    /// How the last announce went.
    pub status: TrackerStatus,
}

/// How the last announce went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrackerStatus {
    /// None was answered yet.
    Pending,
    /// It was answered.
    Working,
    /// It failed, in words.
    Failed(String),
}

/// The figures of one web seed.
#[derive(Clone, Debug, PartialEq)]
pub struct WebSeedStats {
    /// Its URL, as the torrent has it.
    pub url: String,
    /// What it is doing.
    pub status: WebSeedStatus,
    /// Payload bytes received from it.
    pub downloaded: u64,
    /// Payload bytes per second.
    pub download_rate: u64,
    /// Blocks asked of it and not come.
    pub requests: usize,
}

/// What a web seed is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSeedStatus {
    /// Nothing is asked of it.
    Idle,
    /// It sends.
    Fetching,
    /// It failed, in words, and is asked again later.
    Resting(String),
    /// It failed, in words, and is not asked any more.
    Dropped(String),
}
