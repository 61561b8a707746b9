//! While it is not known who lied: pieces to which a suspected peer sent a part wait with their
//! hash, so that one liar does not spoil many, and go on without its blocks once it is found.

use std::time::Duration;

use brackish_wire::PieceIndex;

use super::{Job, Session};
use crate::{ConnectionId, Output, TorrentId};

/// How long a piece waits at most. It takes about as long to fetch one again; what takes longer
/// must not hold up the download.
const WAIT: Duration = Duration::from_secs(10);

impl Session {
    /// All blocks of a piece are here: it is hashed, unless one of several senders is suspected. One
    /// that was bad before is hashed in any case: that tells who is guilty.
    pub(super) fn piece_came(&mut self, torrent_id: TorrentId, piece: PieceIndex) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        let senders = || content.senders.get(&piece.get()).into_iter().flatten();
        let mut known = senders().flatten();
        let first = known.next();
        let shared = known.any(|sender| Some(sender) != first);
        let suspected = |sender: &ConnectionId| content.blame.is_suspected(*sender);
        let tells = content.blame.is_open(piece);
        if shared && !tells && senders().flatten().any(suspected) {
            content.parked.insert(piece.get(), self.cx.now);
            return;
        }
        self.hash_piece(torrent_id, piece);
    }

    fn hash_piece(&mut self, torrent: TorrentId, piece: PieceIndex) {
        let job = self.cx.add_job(Job::Hash { torrent, piece });
        if let Some(content) = self
            .torrents
            .get_mut(&torrent)
            .and_then(|torrent| torrent.content.as_mut())
        {
            content.hashing.insert(piece.get(), job);
        }
        self.cx.outputs.push_back(Output::Hash {
            job,
            torrent,
            piece,
        });
    }

    /// Hashes the pieces whose wait is over.
    pub(super) fn unpark(&mut self, torrent_id: TorrentId) {
        let now = self.cx.now;
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        else {
            return;
        };
        let mut due = Vec::new();
        let (senders, blame, lengths) = (&content.senders, &content.blame, &content.lengths);
        content.parked.retain(|piece, since| {
            let mut senders = senders.get(piece).into_iter().flatten().flatten();
            let wait =
                now.since(*since) < WAIT && senders.any(|sender| blame.is_suspected(*sender));
            if !wait {
                due.extend(lengths.piece(*piece));
            }
            wait
        });
        for piece in due {
            self.hash_piece(torrent_id, piece);
        }
    }

    /// A liar was found: its blocks of pieces that are not hashed yet are fetched again.
    pub(super) fn discard_blocks_of(&mut self, torrent_id: TorrentId, liar: ConnectionId) {
        let Some(content) = self
            .torrents
            .get_mut(&torrent_id)
            .and_then(|torrent| torrent.content.as_mut())
        else {
            return;
        };
        for (index, senders) in content.senders.iter_mut() {
            let Some(piece) = content.lengths.piece(*index) else {
                continue;
            };
            // One that is being hashed is judged as it is.
            if content.picker.is_whole(piece) && !content.parked.contains_key(index) {
                continue;
            }
            let of_liar = senders.iter_mut().zip(0..);
            for (sender, number) in of_liar.filter(|(sender, _)| **sender == Some(liar)) {
                // What is known to be right stays, whoever sent it.
                if content.checks.is_right(piece, number) {
                    continue;
                }
                *sender = None;
                content.checks.lost(piece, number);
                content.picker.discard(piece, number);
                content.parked.remove(index);
            }
        }
        self.unpark(torrent_id);
    }
}
