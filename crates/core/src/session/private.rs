//! Private torrents (BEP 27): peers come from their trackers alone.
//!
//! Nothing is exchanged or introduced in them, and what the user names is passed over. Of a magnet
//! link it is not known before the metadata is there; what came from elsewhere is let go then.

use super::Session;
use crate::{ConnectionId, DisconnectReason, TorrentId};

impl Session {
    /// A torrent turned out to be private.
    pub(super) fn keep_to_trackers(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let others = torrent.peer_set.keep_trackers_own();
        let dialled: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, c)| c.torrent == Some(torrent_id) && c.outgoing)
            .filter(|(_, c)| c.address.is_some_and(|address| others.contains(&address)))
            .map(|(key, _)| key.into())
            .collect();
        for id in dialled {
            self.close(id, DisconnectReason::Private);
        }
    }
}
