//! What the engine keeps of each torrent: where its files are, and what its handles are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use brackish_core::{Event, Session, TorrentId, TorrentState, TorrentStats};
use brackish_wire::metainfo::Info;
use tokio::sync::{broadcast, watch};

use super::Registered;
use super::store::{Next, Store};
use crate::reach::Trusted;
use crate::storage::Files;
use crate::storage::map::Place;
use crate::storage::ownership::{Access, Notice, Refusal};
use crate::torrent::TorrentError;

/// Events kept for a receiver that falls behind. Verified pieces come fastest, a few hundred a
/// second.
const EVENTS_KEPT: usize = 4096;

/// Most notices kept of one torrent, for a person to read; a torrent may have a million files.
const MAX_NOTICES: usize = 1000;

/// The torrents of a node.
#[derive(Default)]
pub(super) struct Torrents {
    all: HashMap<TorrentId, Entry>,
}

pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) access: Access,
    /// The web seeds of it that may be in the local network.
    pub(super) trusted: Arc<Trusted>,
    trusted_trackers: Trusted,
    /// Its store, while it is open.
    pub(super) store: Option<Store>,
    stats: watch::Sender<TorrentStats>,
    info: watch::Sender<Option<Arc<Info>>>,
    failure: watch::Sender<Option<TorrentError>>,
    notices: watch::Sender<Vec<Notice>>,
    synced: watch::Sender<Option<bool>>,
    events: broadcast::Sender<Event>,
}

impl Torrents {
    /// Keeps a torrent that the session took.
    pub(super) fn register(
        &mut self,
        torrent: TorrentId,
        (place, access): (Place, Access),
        trusted: Trusted,
        trusted_trackers: Trusted,
        info: Option<Arc<Info>>,
    ) -> Registered {
        let entry = Entry {
            place,
            access,
            trusted: Arc::new(trusted),
            trusted_trackers,
            store: None,
            stats: watch::Sender::new(TorrentStats::new(TorrentState::Checking)),
            info: watch::Sender::new(info),
            failure: watch::Sender::new(None),
            notices: watch::Sender::new(Vec::new()),
            synced: watch::Sender::new(None),
            events: broadcast::Sender::new(EVENTS_KEPT),
        };
        let registered = Registered {
            torrent,
            stats: entry.stats.subscribe(),
            info: entry.info.subscribe(),
            failure: entry.failure.subscribe(),
            notices: entry.notices.subscribe(),
            synced: entry.synced.subscribe(),
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
        Some(&self.all.get(&torrent)?.store.as_ref()?.files)
    }

    /// The files of torrents that are all here, in order: nothing is written to them any more.
    pub(super) fn shared_files(&self) -> Vec<(TorrentId, usize)> {
        let mut shared = Vec::new();
        for (torrent, entry) in &self.all {
            let is_seed = entry.stats.borrow().state == TorrentState::Seeding;
            let Some(store) = entry.store.as_ref().filter(|_| is_seed) else {
                continue;
            };
            let files = store.files.layout().files().iter().enumerate();
            let stored = files.filter(|(_, slot)| slot.stored);
            shared.extend(stored.map(|(file, _)| (*torrent, file)));
        }
        shared.sort_unstable();
        shared
    }

    /// The store of a torrent with all that is held back, while it is open.
    pub(super) fn store_mut(&mut self, torrent: TorrentId) -> Option<&mut Store> {
        self.all.get_mut(&torrent)?.store.as_mut()
    }

    /// Takes an event of the session: tells the handles of its torrent, at once or when the store is
    /// that far, and says what follows.
    pub(super) fn take_event(&mut self, event: Event, session: &Session) -> Option<Next> {
        let torrent = torrent_of(&event);
        let entry = self.all.get_mut(&torrent)?;
        let (waits, next) = match (&mut entry.store, &event) {
            (Some(store), Event::Checked { .. }) => store.on_checked(&event, session),
            (Some(store), Event::Finished { .. }) => {
                let (waits, job) = store.on_finished(&event);
                (waits, job.map(Next::Job))
            }
            (Some(store), Event::PieceVerified { piece, .. }) => {
                let job = store.on_verified(torrent, *piece, session);
                (false, job.map(Next::Job))
            }
            _ => (false, None),
        };
        if !waits {
            entry.tell(event, session);
        }
        next
    }

    /// Tells the events that waited for the store and need not any more.
    pub(super) fn tell_held(&mut self, torrent: TorrentId, session: &Session) {
        let Some(entry) = self.all.get_mut(&torrent) else {
            return;
        };
        let events = entry.store.as_mut().map(Store::take_events);
        for event in events.into_iter().flatten() {
            entry.tell(event, session);
        }
        entry.renew(torrent, session);
    }

    /// Renews the figures of every torrent.
    pub(super) fn renew_stats(&self, session: &Session) {
        for (torrent, entry) in &self.all {
            entry.renew(*torrent, session);
        }
    }
}

impl Entry {
    /// Tells the handles what happened.
    fn tell(&self, event: Event, session: &Session) {
        match &event {
            Event::Metadata { info, .. } => _ = self.info.send_replace(Some(info.clone())),
            Event::StorageFailed { error, .. } => {
                // Why it was refused says more.
                self.failure.send_if_modified(|failure| {
                    let is_first = failure.is_none();
                    failure.get_or_insert_with(|| TorrentError::Storage(error.clone()));
                    is_first
                });
            }
            Event::Checked { .. } | Event::Finished { .. } => {}
            _ => {
                // Nobody may be listening.
                let _ = self.events.send(event);
                return;
            }
        }
        // The state changed with these: the figures are renewed before the event is told.
        self.renew(torrent_of(&event), session);
        let _ = self.events.send(event);
    }

    /// The torrent's files are not touched: why.
    pub(super) fn refuse(&self, refusal: Refusal) {
        self.failure
            .send_replace(Some(TorrentError::Refused(refusal)));
    }

    /// Something was done with existing files.
    pub(super) fn notice(&self, new: Vec<Notice>) {
        if new.is_empty() {
            return;
        }
        self.notices.send_modify(|notices| {
            let room = MAX_NOTICES.saturating_sub(notices.len());
            notices.extend(new.into_iter().take(room));
        });
    }

    /// Everything is on the disk, or the system cannot tell.
    pub(super) fn synced(&self, synced: bool) {
        self.synced.send_replace(Some(synced));
    }

    fn renew(&self, torrent: TorrentId, session: &Session) {
        let Some(mut stats) = session.torrent_stats(torrent) else {
            return;
        };
        if let Some(store) = &self.store {
            stats.state = store.seen(stats.state);
        }
        self.stats.send_if_modified(|old| {
            let changed = *old != stats;
            *old = stats;
            changed
        });
    }
}

/// The torrent that an event is about.
pub(super) fn torrent_of(event: &Event) -> TorrentId {
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
        | Event::FilesChanged { torrent, .. }
        | Event::FileGrew { torrent, .. }
        | Event::StorageFailed { torrent, .. } => *torrent,
    }
}
