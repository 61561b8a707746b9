//! What the page is told: events as they come, figures when its script asks for them.

use std::sync::Arc;
use std::time::Duration;

use brackish_core::{
    Event, ReaderId, StorageError, TorrentId, TorrentState, TrackerStatus, WebSeedStatus,
};
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::{FileKind, Info, Metainfo, PieceLayers};
use brackish_wire::{InfoHash, PeerId};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::driver::{Driver, Torrent};
use crate::fault::Fault;
use crate::host::milliseconds;
use crate::store::{Job, Place, wanted};
use crate::trackers::{NO_ANSWER, UNUSABLE};

/// Milliseconds between two words on stored data that is lost and fetched again.
const LOST_EVERY: f64 = 10_000.0;

impl Driver {
    /// Tells the page the figures of every torrent.
    pub fn report(&'static self) {
        let ids: Vec<TorrentId> = self.torrents.borrow().iter().map(|(id, _)| *id).collect();
        for id in ids {
            self.report_figures(id);
            if let Some(store) = self
                .torrents
                .borrow()
                .get(&id)
                .and_then(|t| t.store.clone())
            {
                store.push(Job::Save);
            }
        }
    }

    /// Tells the page the files of a torrent.
    pub fn report_metadata(&self, id: TorrentId, info: &Arc<Info>, piece_layers: PieceLayers) {
        let mut torrents = self.torrents.borrow_mut();
        let Some(torrent) = torrents.get_mut(&id) else {
            return;
        };
        torrent.name = info.name().to_owned();
        torrent.info = Some(info.clone());
        torrent.info_hash_v2 = info.v2().map(|v2| v2.info_hash());
        let files = Array::new();
        for (index, (file, path)) in info.files().iter().zip(info.text_paths()).enumerate() {
            if file.kind == FileKind::File {
                files.push(&JsValue::from_f64(index as f64));
                files.push(&JsValue::from_str(&path));
                files.push(&JsValue::from_f64(file.length as f64));
                files.push(&JsValue::from_f64(file.offset as f64));
            }
        }
        let metainfo = Metainfo {
            trackers: torrent.trackers.clone(),
            web_seeds: torrent.web_seeds.clone(),
            piece_layers,
            ..Metainfo::from_info(info.clone())
        };
        let lengths = info.lengths();
        self.host.metadata(
            torrent.key,
            &torrent.name,
            info.layout().total() as f64,
            lengths.piece_length(),
            lengths.piece_count(),
            &files,
            &Uint8Array::from(metainfo.to_bytes().as_slice()),
            &magnet(torrent),
        );
    }

    /// Tells the page one event of the session.
    pub(crate) fn report_event(&self, event: Event) {
        match event {
            Event::Metadata {
                torrent,
                info,
                piece_layers,
            } => self.report_metadata(torrent, &info, piece_layers),
            Event::Checked { torrent, .. } => {
                if let (Some(key), Some(pieces)) =
                    (self.key(torrent), self.session.borrow().verified(torrent))
                {
                    self.host.pieces(key, &Uint8Array::from(pieces.as_bytes()));
                }
                self.report_figures(torrent);
            }
            Event::PieceVerified { torrent, piece } => {
                if let Some(key) = self.key(torrent) {
                    self.host.piece(key, piece);
                }
            }
            Event::Finished { torrent } => {
                self.report_figures(torrent);
                if let Some(key) = self.key(torrent) {
                    self.host.finished(key);
                }
            }
            Event::PeerConnected { torrent, .. }
            | Event::PeerDisconnected { torrent, .. }
            | Event::Stalled { torrent, .. }
            | Event::Resumed { torrent } => self.report_figures(torrent),
            Event::TrackerFailed {
                torrent,
                url,
                reason,
            } => self.warn(torrent, "tracker", format!("{url}: {reason}")),
            Event::WebSeedFailed {
                torrent,
                url,
                reason,
                ..
            } => self.warn(torrent, "web-seed", format!("{url}: {reason}")),
            Event::FilesChanged { torrent, error, .. } => self.report_lost(torrent, error),
            Event::StorageFailed { torrent, error } => self.report_failure(torrent, error),
            Event::ReaderBegan {
                torrent,
                reader,
                after,
            } => self.report_reader(torrent, reader, "began", after),
            Event::ReaderStalled { torrent, reader } => {
                self.report_reader(torrent, reader, "stalled", Duration::ZERO);
            }
            Event::ReaderResumed {
                torrent,
                reader,
                after,
            } => self.report_reader(torrent, reader, "resumed", after),
            Event::PieceFailed { .. }
            | Event::FileGrew { .. }
            | Event::PeerBanned { .. }
            | Event::TrackerAnnounced { .. } => {}
        }
    }

    /// Tells the page that stored data is lost. Of its own files it is told by the failure of the torrent.
    fn report_lost(&self, id: TorrentId, error: Option<StorageError>) {
        let own_files = |torrent: &Torrent| matches!(torrent.place, Place::Files(_));
        if self.torrents.borrow().get(&id).is_some_and(own_files) {
            return;
        }
        let lost = error.unwrap_or_else(|| StorageError::Failed {
            place: "stored data".to_owned(),
            reason: "it is not what was stored, and is fetched again".to_owned(),
        });
        self.report_failure(id, lost);
    }

    /// Tells the page once that a torrent cannot go on; of stored data that is lost and fetched again, now and then.
    fn report_failure(&self, id: TorrentId, error: StorageError) {
        let state = self.session.borrow().torrent_stats(id).map(|t| t.state);
        let stopped = state == Some(TorrentState::Failed);
        let mut torrents = self.torrents.borrow_mut();
        let Some(torrent) = torrents.get_mut(&id) else {
            return;
        };
        let fault = match torrent.place {
            Place::Files(_) => Fault::of_own_files(&error),
            Place::Opfs(_) | Place::Memory => error.into(),
        };
        let key = torrent.key;
        if !stopped {
            let now = milliseconds();
            let due = torrent.lost_told.is_none_or(|told| now - told > LOST_EVERY);
            if due {
                torrent.lost_told = Some(now);
                self.host.warning(key, fault.code, &fault.message);
            }
            return;
        }
        if std::mem::replace(&mut torrent.failed, true) {
            return;
        }
        drop(torrents);
        self.host.failed(key, fault.code, &fault.message);
        self.report_figures(id);
    }

    /// Has the store of a torrent keep what is wanted, where that has changed.
    pub fn keep_selection(&self, id: TorrentId) {
        let Some(stretches) = self.session.borrow().stretches(id) else {
            return;
        };
        let wanted = wanted::encode(&stretches);
        let mut torrents = self.torrents.borrow_mut();
        let Some(torrent) = torrents
            .get_mut(&id)
            .filter(|t| t.kept.as_ref() != Some(&wanted))
        else {
            return;
        };
        torrent.kept = Some(wanted.clone());
        if let Some(store) = &torrent.store {
            store.push(Job::SaveWanted(wanted));
        }
    }

    fn report_reader(&self, torrent: TorrentId, reader: ReaderId, what: &str, after: Duration) {
        if let Some(key) = self.key(torrent) {
            let milliseconds = after.as_secs_f64() * 1000.0;
            self.host.reader(key, reader.to_u32(), what, milliseconds);
        }
    }

    fn report_figures(&self, id: TorrentId) {
        let Some(key) = self.key(id) else { return };
        let session = self.session.borrow();
        let Some(stats) = session.torrent_stats(id) else {
            return;
        };
        for peer in session.peer_stats(id) {
            self.host.peer(
                &hex(&peer.peer_id),
                peer.client.as_deref(),
                &[
                    peer.download_rate as f64,
                    peer.upload_rate as f64,
                    peer.downloaded as f64,
                    peer.uploaded as f64,
                    peer.progress,
                ],
            );
        }
        for tracker in session.tracker_stats(id) {
            let (status, message) = match &tracker.status {
                TrackerStatus::Pending if self.is_silent(&tracker.url) => ("failed", NO_ANSWER),
                TrackerStatus::Pending => ("pending", ""),
                TrackerStatus::Working => ("working", ""),
                TrackerStatus::Failed(reason) => ("failed", reason.as_str()),
            };
            self.host.tracker(&tracker.url, status, message);
        }
        for url in self.unusable_trackers(id) {
            self.host.tracker(&url, "unusable", UNUSABLE);
        }
        for seed in session.web_seed_stats(id) {
            let (status, message) = match &seed.status {
                WebSeedStatus::Idle => ("idle", ""),
                WebSeedStatus::Fetching => ("fetching", ""),
                WebSeedStatus::Resting(reason) => ("resting", reason.as_str()),
                WebSeedStatus::Dropped(reason) => ("dropped", reason.as_str()),
            };
            let figures = [seed.download_rate as f64, seed.downloaded as f64];
            self.host.web_seed(&seed.url, status, message, &figures);
        }
        if let Some(reason) = &stats.stalled {
            let code = reason.code().replace('_', "-");
            self.host.stalled(&code, &reason.to_string());
        }
        let state = match stats.state {
            TorrentState::Metadata => "metadata",
            TorrentState::Checking => "checking",
            TorrentState::Downloading => "downloading",
            TorrentState::Seeding => "seeding",
            TorrentState::Failed => "error",
        };
        self.host.figures(
            key,
            state,
            &[
                stats.verified as f64,
                f64::from(stats.checked_pieces),
                stats.downloaded as f64,
                stats.uploaded as f64,
                stats.download_rate as f64,
                stats.upload_rate as f64,
                stats.wanted as f64,
                stats.wanted_verified as f64,
                stats.availability,
                stats.copies,
            ],
        );
    }

    /// Tells the page how many files of a torrent of its own have names that other systems cannot have
    /// or tell apart, once it has the torrent and can listen.
    pub(crate) async fn warn_of_names(&'static self, key: u32, files: usize) {
        // An error would only mean that the page hears it at once.
        let _ = JsFuture::from(self.host.pause()).await;
        let message = format!(
            "{files} of the files have names that Windows or macOS cannot have or tell apart: they \
             are kept here, and changed there"
        );
        if let Some(id) = self.id(key) {
            self.warn(id, "names", message);
        }
    }

    pub(crate) fn warn(&self, torrent: TorrentId, code: &'static str, message: String) {
        if let Some(key) = self.key(torrent) {
            self.host.warning(key, code, &message);
        }
    }

    pub(crate) fn key(&self, torrent: TorrentId) -> Option<u32> {
        Some(self.torrents.borrow().get(&torrent)?.key)
    }
}

/// A peer id as 40 hex digits.
pub fn hex(id: &PeerId) -> String {
    InfoHash(id.0).to_string()
}

/// The magnet link of a torrent, with its trackers.
pub fn magnet(torrent: &Torrent) -> String {
    let mut magnet = Magnet::new(torrent.info_hash);
    magnet.info_hash_v2 = torrent.info_hash_v2;
    if torrent.info.is_some() {
        magnet.name = Some(torrent.name.clone());
    }
    magnet.trackers = torrent.trackers.concat();
    magnet.web_seeds = torrent.web_seeds.clone();
    magnet.to_string()
}
