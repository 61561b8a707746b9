//! Whether verified pieces are still what they were. Somebody's file may change while it is shared,
//! so a piece is hashed when it is served for the first time, unless that was done in this session,
//! and again when its file was seen to change or it cannot be read. What is wrong by then is lost.

use brackish_wire::{PieceHash, PieceIndex};

use super::{Job, Session};
use crate::{Event, Output, StorageError, TorrentId};

/// Pieces of one torrent hashed at once so: enough to keep several threads busy. Peers ask for
/// blocks of many pieces, and each is a whole piece to read.
const PROOFS: usize = 16;

impl Session {
    /// Hashes a piece that is to be served, unless as many are being hashed as may be at once.
    pub(super) fn prove(&mut self, torrent_id: TorrentId, piece: u32) {
        let content = self
            .torrents
            .get(&torrent_id)
            .and_then(|torrent| torrent.content.as_ref());
        if content.is_some_and(|content| content.doubted.len() < PROOFS) {
            self.doubt(torrent_id, piece);
        }
    }

    /// A block of a piece could not be read, or nobody knows whether it may be: is the piece still
    /// there?
    pub(super) fn doubt(&mut self, torrent_id: TorrentId, piece: u32) {
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        else {
            return;
        };
        let Some(index) = content.lengths.piece(piece) else {
            return;
        };
        if !content.verified.get(piece) || !content.doubted.insert(piece) {
            return;
        }
        content.proven.clear(piece);
        let job = self.cx.add_job(Job::Doubt {
            torrent: torrent_id,
            piece: index,
        });
        self.cx.outputs.push_back(Output::Hash {
            job,
            torrent: torrent_id,
            piece: index,
        });
    }

    /// A piece that was in doubt was hashed.
    pub(super) fn doubt_over(
        &mut self,
        torrent_id: TorrentId,
        piece: PieceIndex,
        result: Result<PieceHash, StorageError>,
    ) {
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        else {
            return;
        };
        content.doubted.remove(&piece.get());
        if content.doubted_again.remove(&piece.get()) {
            return self.doubt(torrent_id, piece.get());
        }
        match result {
            Ok(hash) if content.is_right(piece, &hash) => {
                content.proven.set(piece.get());
            }
            wrong => {
                self.tell_changed(torrent_id, piece, wrong.err());
                self.piece_lost(torrent_id, piece);
            }
        }
        self.serve_waiting(torrent_id);
    }

    /// A file was changed: what of it is right, only its pieces' hashes tell.
    pub(super) fn file_changed(&mut self, torrent_id: TorrentId, file: usize, longer: bool) {
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        else {
            return;
        };
        let Some(changed) = content.info.files().get(file) else {
            return;
        };
        let bytes = changed.offset..changed.offset + changed.length;
        for piece in content.lengths.pieces() {
            let start = content.lengths.piece_offset(piece);
            let end = start + u64::from(content.lengths.piece_size(piece));
            if start < bytes.end && bytes.start < end {
                content.proven.clear(piece.get());
                if content.doubted.contains(&piece.get()) {
                    content.doubted_again.insert(piece.get());
                }
            }
        }
        if longer && content.told_grown.insert(file) {
            self.cx.events.push_back(Event::FileGrew {
                torrent: torrent_id,
                file,
            });
        }
    }

    /// Says which files a lost piece has bytes of, unless that was said of each.
    fn tell_changed(
        &mut self,
        torrent_id: TorrentId,
        piece: PieceIndex,
        error: Option<StorageError>,
    ) {
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        else {
            return;
        };
        let start = content.lengths.piece_offset(piece);
        let end = start + u64::from(content.lengths.piece_size(piece));
        let files: Vec<usize> = content
            .info
            .files()
            .iter()
            .enumerate()
            .filter(|(_, file)| file.is_stored())
            .filter(|(_, file)| file.offset < end && start < file.offset + file.length)
            .map(|(index, _)| index)
            .collect();
        let mut new = false;
        for file in &files {
            new |= content.told_changed.insert(*file);
        }
        if new {
            self.cx.events.push_back(Event::FilesChanged {
                torrent: torrent_id,
                piece: piece.get(),
                files,
                error,
            });
        }
    }

    /// Goes on with the peers that ask for something.
    fn serve_waiting(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get(&torrent_id) else {
            return;
        };
        for id in torrent.active.clone() {
            let waits = |c: &crate::connection::Connection| {
                c.peer
                    .as_ref()
                    .is_some_and(|peer| !peer.incoming.is_empty())
            };
            if self.connections.get(id.into()).is_some_and(waits) {
                self.serve(id);
            }
        }
    }
}
