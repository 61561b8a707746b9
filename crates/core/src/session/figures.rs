//! The session's figures, for a person to look at.

use brackish_wire::Bitfield;

use super::Session;
use crate::{PeerStats, TorrentId, TorrentStats, TrackerStats, Via, WebSeedStats, WebSeedStatus};

impl Session {
    /// The figures of a torrent.
    pub fn torrent_stats(&self, torrent: TorrentId) -> Option<TorrentStats> {
        let torrent = self.torrents.get(&torrent)?;
        let content = torrent.content.as_ref();
        let peers = || {
            torrent
                .active
                .iter()
                .filter_map(|id| self.connections.get((*id).into()))
        };
        let (availability, copies) = self.copies(torrent);
        let (wanted, wanted_verified) = content.map_or((0, 0), |content| content.wanted_bytes());
        Some(TorrentStats {
            state: torrent.state,
            total: content.map_or(0, |content| content.lengths.total()),
            verified: content.map_or(0, |content| content.verified_bytes()),
            wanted,
            wanted_verified,
            pieces: content.map_or(0, |content| content.lengths.piece_count()),
            verified_pieces: content.map_or(0, |content| content.verified.count_ones()),
            checked_pieces: content.map_or(0, |content| content.checked),
            downloaded: torrent.down.total(),
            uploaded: torrent.up.total(),
            wasted: torrent.wasted,
            download_rate: torrent.down.rate(),
            upload_rate: torrent.up.rate(),
            uploaded_webrtc: torrent.up_webrtc,
            downloaded_webrtc: torrent.down_webrtc,
            downloaded_web_seeds: torrent.down_web_seeds,
            web_seeds: torrent.web_seeds.iter().filter(|s| !s.dropped).count(),
            tcp_peers: peers().filter(|c| c.via == Via::Tcp).count(),
            webrtc_peers: peers().filter(|c| c.via == Via::WebRtc).count(),
            seeds: peers()
                .filter_map(|c| c.peer.as_ref())
                .filter(|peer| peer.is_seed())
                .count(),
            availability,
            copies,
            known_seeds: self.known_seeds(torrent),
            stalled: torrent.stall.reason().cloned(),
            known_peers: torrent.peer_set.len(),
        })
    }

    /// The figures of each connected peer of a torrent.
    pub fn peer_stats(&self, torrent: TorrentId) -> Vec<PeerStats> {
        let Some(torrent) = self.torrents.get(&torrent) else {
            return Vec::new();
        };
        let connected = torrent
            .active
            .iter()
            .filter_map(|id| Some((*id, self.connections.get((*id).into())?)));
        connected
            .filter_map(|(id, connection)| {
                let peer = connection.peer.as_ref()?;
                Some(PeerStats {
                    connection: id,
                    peer_id: peer.id,
                    client: peer.client.clone(),
                    via: connection.via,
                    address: connection.address,
                    progress: peer.progress(),
                    downloaded: peer.down.total(),
                    uploaded: peer.up.total(),
                    download_rate: peer.down.rate(),
                    upload_rate: peer.up.rate(),
                    choking_us: peer.choking_us,
                    choked: peer.am_choking,
                    interesting: peer.wanted > 0,
                    interested: peer.interested,
                    requests: peer.requests.len(),
                })
            })
            .collect()
    }

    /// How each tracker of a torrent stands.
    pub fn tracker_stats(&self, torrent: TorrentId) -> Vec<TrackerStats> {
        let Some(torrent) = self.torrents.get(&torrent) else {
            return Vec::new();
        };
        let stats = |t: &crate::announce::Tracker| TrackerStats {
            url: t.url.clone(),
            status: t.status.clone(),
        };
        // A hybrid is announced by both its names; one stands for both.
        let own = torrent.trackers.iter();
        own.filter(|tracker| tracker.swarm == torrent.info_hash)
            .map(stats)
            .collect()
    }

    /// The figures of each web seed of a torrent.
    pub fn web_seed_stats(&self, torrent: TorrentId) -> Vec<WebSeedStats> {
        let Some(torrent) = self.torrents.get(&torrent) else {
            return Vec::new();
        };
        let stats = |seed: &crate::web_seed::WebSeed| WebSeedStats {
            url: seed.url.clone(),
            status: match &seed.fault {
                Some(fault) if seed.dropped => WebSeedStatus::Dropped(fault.clone()),
                _ if !seed.runs.is_empty() => WebSeedStatus::Fetching,
                Some(fault) if seed.failures > 0 => WebSeedStatus::Resting(fault.clone()),
                _ => WebSeedStatus::Idle,
            },
            downloaded: seed.down.total(),
            download_rate: seed.down.rate(),
            requests: seed.runs.iter().map(|run| run.wanted().count()).sum(),
        };
        torrent.web_seeds.iter().map(stats).collect()
    }

    /// The verified pieces of a torrent; `None` before its metadata.
    pub fn verified(&self, torrent: TorrentId) -> Option<&Bitfield> {
        Some(&self.torrents.get(&torrent)?.content.as_ref()?.verified)
    }
}
