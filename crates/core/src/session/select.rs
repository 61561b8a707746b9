//! What is wanted of a torrent, changed while it runs: the picker, the interest in each peer, the
//! torrent's state and the store follow at once.

use std::ops::Range;

use super::Session;
use crate::connection::Has;
use crate::torrent::Content;
use crate::{ConnectionId, Output, Priority, SelectError, Timestamp, TorrentId, TorrentState};

impl Session {
    /// Changes how much a file is wanted, by its place in the torrent's list. Pieces that nothing
    /// wants any more are not asked for; what is on its way is kept. Blocks of a piece that lies in
    /// several files come if any of these is wanted.
    pub fn set_file_priority(
        &mut self,
        torrent: TorrentId,
        file: usize,
        priority: Priority,
        now: Timestamp,
    ) -> Result<(), SelectError> {
        self.cx.now = now;
        let content = self.content_to_select(torrent)?;
        let info = content.info.clone();
        content.selection.set_file(&info, file, priority)?;
        self.selected(torrent);
        Ok(())
    }

    /// Changes how much files are wanted, all at once: the priority of each, by its place in the
    /// torrent's list. Files beyond the end of `priorities` stay as they are.
    pub fn set_file_priorities(
        &mut self,
        torrent: TorrentId,
        priorities: &[Priority],
        now: Timestamp,
    ) -> Result<(), SelectError> {
        self.cx.now = now;
        let content = self.content_to_select(torrent)?;
        let info = content.info.clone();
        let mut files = priorities.iter().enumerate();
        let set = files
            .try_for_each(|(file, priority)| content.selection.set_file(&info, file, *priority));
        self.selected(torrent);
        set
    }

    /// Changes how much a stretch of the torrent's bytes is wanted, whatever its files are.
    pub fn set_range_priority(
        &mut self,
        torrent: TorrentId,
        range: Range<u64>,
        priority: Priority,
        now: Timestamp,
    ) -> Result<(), SelectError> {
        self.cx.now = now;
        let content = self.content_to_select(torrent)?;
        content.selection.set(range, priority)?;
        self.selected(torrent);
        Ok(())
    }

    /// How much each piece is wanted; `None` before the metadata.
    pub fn piece_priority(&self, torrent: TorrentId, piece: u32) -> Option<Priority> {
        let content = self.torrents.get(&torrent)?.content.as_ref()?;
        Some(content.selection.piece(piece))
    }

    /// What is wanted: stretches of unlike priority, which follow each other from the torrent's beginning to its end.
    /// `None` before the metadata. A later session takes them as [`Select::Stretches`](crate::Select::Stretches).
    pub fn stretches(&self, torrent: TorrentId) -> Option<Vec<(Range<u64>, Priority)>> {
        let content = self.torrents.get(&torrent)?.content.as_ref()?;
        Some(content.selection.stretches())
    }

    pub(super) fn content_to_select(
        &mut self,
        torrent: TorrentId,
    ) -> Result<&mut Content, SelectError> {
        let torrent = self.torrents.get_mut(&torrent);
        let torrent = torrent.ok_or(SelectError::Removed)?;
        torrent.content.as_mut().ok_or(SelectError::NoMetadata)
    }

    /// What is wanted has changed.
    pub(super) fn selected(&mut self, id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        let reading = content.readers.reading();
        content.selection.settle(&content.info, &reading);
        content.apply_selection(&mut self.cx.rng);
        let files = content.selection.files(&content.info, &reading);
        if files != content.files {
            content.files = files.clone();
            self.cx
                .outputs
                .push_back(Output::WantFiles { torrent: id, files });
        }
        let finished = content.is_finished();
        let (state, active) = (torrent.state, torrent.active.clone());
        match (state, finished) {
            (TorrentState::Downloading, true) => torrent.state = TorrentState::Seeding,
            (TorrentState::Seeding, false) => torrent.state = TorrentState::Downloading,
            _ => {}
        }
        for peer in active {
            self.count_wanted(peer);
            self.show_interest(peer);
        }
        match (state, finished) {
            (TorrentState::Downloading, true) => self.finished(id),
            (TorrentState::Seeding, false) => self.shake_again(id),
            _ => {}
        }
        self.fill_all(id);
    }

    /// Counts anew what a peer has for us.
    fn count_wanted(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let content = connection
            .torrent
            .and_then(|torrent| self.torrents.get(&torrent)?.content.as_ref());
        let (Some(peer), Some(content)) = (connection.peer.as_mut(), content) else {
            return;
        };
        if let Has::Known { pieces, .. } = &peer.has {
            let wanted = pieces.ones().filter(|piece| content.wants(*piece)).count();
            peer.wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        }
    }
}
