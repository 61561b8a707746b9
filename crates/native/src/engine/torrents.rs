//! What the engine keeps of each torrent: where its files are, and what its handles are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use brackish_core::{Event, Session, StorageError, TorrentId, TorrentState, TorrentStats};
use brackish_wire::metainfo::Info;
use tokio::sync::{broadcast, watch};

use super::Registered;
use crate::reach::Trusted;
use crate::storage::Files;
use crate::storage::map::Place;

/// Events kept for a receiver that falls behind. Verified pieces come fastest, a few hundred a
/// second.
const EVENTS_KEPT: usize = 4096;

/// The torrents of a node.
#[derive(Default)]
pub(super) struct Torrents {
    all: HashMap<TorrentId, Entry>,
}

pub(super) struct Entry {
    pub(super) place: Place,
    /// The web seeds of it that may be in the local network.
    pub(super) trusted: Arc<Trusted>,
    trusted_trackers: Trusted,
    /// Its store, while it is open.
    pub(super) files: Option<Arc<Files>>,
    stats: watch::Sender<TorrentStats>,
    info: watch::Sender<Option<Arc<Info>>>,
    failure: watch::Sender<Option<StorageError>>,
    events: broadcast::Sender<Event>,
}

impl Torrents {
    /// Keeps a torrent that the session took.
    pub(super) fn register(
        &mut self,
        torrent: TorrentId,
        place: Place,
        trusted: Trusted,
        trusted_trackers: Trusted,
        info: Option<Arc<Info>>,
    ) -> Registered {
        let entry = Entry {
            place,
            trusted: Arc::new(trusted),
            trusted_trackers,
            files: None,
            stats: watch::Sender::new(TorrentStats::new(TorrentState::Checking)),
            info: watch::Sender::new(info),
            failure: watch::Sender::new(None),
            events: broadcast::Sender::new(EVENTS_KEPT),
        };
        let registered = Registered {
            torrent,
            stats: entry.stats.subscribe(),
            info: entry.info.subscribe(),
            failure: entry.failure.subscribe(),
            events: entry.events.downgrade(),
            first_events: Arc::new(Mutex::new(Some(entry.events.subscribe()))),
        };
        self.all.insert(torrent, entry);
        registered
    }

    /// Drops a torrent; whoever waits on its handle learns that it is gone.
    pub(super) fn remove(&mut self, torrent: TorrentId) {
        self.all.remove(&torrent);
    }

    /// Drops all.
    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    pub(super) fn get_mut(&mut self, torrent: TorrentId) -> Option<&mut Entry> {
        self.all.get_mut(&torrent)
    }

    /// The servers of which trackers may be in the local network. They are those of all torrents, as
    /// torrents share the sockets to their trackers.
    pub(super) fn trusted_trackers(&self) -> Trusted {
        Trusted::all(self.all.values().map(|entry| &entry.trusted_trackers))
    }

    /// The store of a torrent, while it is open.
    pub(super) fn files(&self, torrent: TorrentId) -> Option<&Arc<Files>> {
        self.all.get(&torrent)?.files.as_ref()
    }

    /// Tells the handles of a torrent what happened.
    pub(super) fn tell(&self, event: Event, session: &Session) {
        let torrent = torrent_of(&event);
        let Some(entry) = self.all.get(&torrent) else {
            return;
        };
        match &event {
            Event::Metadata { info, .. } => _ = entry.info.send_replace(Some(info.clone())),
            Event::StorageFailed { error, .. } => {
                _ = entry.failure.send_replace(Some(error.clone()))
            }
            Event::Checked { .. } | Event::Finished { .. } => {}
            _ => {
                // Nobody may be listening.
                let _ = entry.events.send(event);
                return;
            }
        }
        // The state changed with these: the figures are renewed before the event is told.
        entry.renew(torrent, session);
        let _ = entry.events.send(event);
    }

    /// Renews the figures of every torrent.
    pub(super) fn renew_stats(&self, session: &Session) {
        for (torrent, entry) in &self.all {
            entry.renew(*torrent, session);
        }
    }
}

impl Entry {
    fn renew(&self, torrent: TorrentId, session: &Session) {
        let Some(stats) = session.torrent_stats(torrent) else {
            return;
        };
        self.stats.send_if_modified(|old| {
            let changed = *old != stats;
            *old = stats;
            changed
        });
    }
}

fn torrent_of(event: &Event) -> TorrentId {
    match event {
        Event::Metadata { torrent, .. }
        | Event::Checked { torrent, .. }
        | Event::PieceVerified { torrent, .. }
        | Event::PieceFailed { torrent, .. }
        | Event::Finished { torrent }
        | Event::ReaderBegan { torrent, .. }
        | Event::ReaderStalled { torrent, .. }
        | Event::ReaderResumed { torrent, .. }
        | Event::PeerConnected { torrent, .. }
        | Event::PeerDisconnected { torrent, .. }
        | Event::PeerBanned { torrent, .. }
        | Event::TrackerAnnounced { torrent, .. }
        | Event::TrackerFailed { torrent, .. }
        | Event::WebSeedFailed { torrent, .. }
        | Event::Stalled { torrent, .. }
        | Event::Resumed { torrent }
        | Event::StorageFailed { torrent, .. } => *torrent,
    }
}
