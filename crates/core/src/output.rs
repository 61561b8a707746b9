//! What the session tells the driver to do.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use brackish_wire::metainfo::{Info, PieceLayers};
use brackish_wire::tracker::AnnounceRequest;
use brackish_wire::{Bitfield, PieceIndex};
use bytes::Bytes;

use crate::{ConnectionId, JobId, SocketId, TorrentId};

/// What the driver must do, in the order given.
#[derive(Clone, Debug)]
pub enum Output {
    /// Connect by TCP; answered by `Opened` or `Closed`. The driver gives up after its own
    /// time-out, at most that of the session (which then sends `Close`).
    Dial {
        /// The connection to be.
        connection: ConnectionId,
        /// Where to.
        address: SocketAddr,
    },
    /// Make a WebRTC connection with one ordered, reliable data channel and gather its candidates;
    /// answered by `LocalDescription` with the offer, or `Closed`.
    MakeOffer {
        /// The connection to be.
        connection: ConnectionId,
    },
    /// Make a WebRTC connection for a remote offer and gather its candidates; answered by
    /// `LocalDescription` with the answer, or `Closed`.
    MakeAnswer {
        /// The connection to be.
        connection: ConnectionId,
        /// The remote SDP.
        offer: String,
    },
    /// Complete a connection whose offer was sent; answered by `Opened` or `Closed`.
    ApplyAnswer {
        /// As in `MakeOffer`.
        connection: ConnectionId,
        /// The remote SDP.
        answer: String,
    },
    /// Send bytes, after all those given before. Each is at most one message header, a run of
    /// small messages, or a block; a driver may join or cut them freely.
    Transmit {
        /// On which connection.
        connection: ConnectionId,
        /// What to send.
        data: Bytes,
    },
    /// Read nothing more from a TCP connection, or go on: its peer asks for more than it reads. What
    /// was read already may still be given to the session, little of it. Data channels, which
    /// cannot be held, are not named; the session ends them at a bound.
    Hold {
        /// Which.
        connection: ConnectionId,
        /// Whether to read nothing.
        held: bool,
    },
    /// End a connection, dial or offer. What was transmitted before may be dropped.
    Close {
        /// Which. No input about it matters any more.
        connection: ConnectionId,
    },

    /// Open or make the store of a torrent; answered by `StorageOpened`.
    OpenStorage {
        /// Of which torrent.
        torrent: TorrentId,
        /// Its files and pieces.
        info: Arc<Info>,
        /// What is known of its piece layers (BEP 52).
        piece_layers: PieceLayers,
        /// The files that are wanted, by their place in the torrent's list. See
        /// [`Output::WantFiles`].
        wanted: Bitfield,
    },
    /// Other files of a torrent are wanted from now on. Files that are not should not be made,
    /// though blocks may come of which a part lies in one: a piece is fetched and checked whole,
    /// and what is written can be read back, wherever the store keeps it.
    WantFiles {
        /// Of which torrent.
        torrent: TorrentId,
        /// The wanted files, by their place in the torrent's list.
        files: Bitfield,
    },
    /// Finish what was asked of a store, then let go of it. No input about it matters any more.
    CloseStorage {
        /// Of which torrent.
        torrent: TorrentId,
    },
    /// Read part of a piece; answered by `BlockRead`.
    Read {
        /// Which job.
        job: JobId,
        /// Of which torrent.
        torrent: TorrentId,
        /// Of which piece.
        piece: PieceIndex,
        /// Bytes from the start of the piece.
        begin: u32,
        /// Bytes to read.
        length: u32,
    },
    /// Write a block; answered by `BlockWritten`. Jobs of one piece take effect in the order given.
    Write {
        /// Which job.
        job: JobId,
        /// Of which torrent.
        torrent: TorrentId,
        /// Of which piece.
        piece: PieceIndex,
        /// Bytes from the start of the piece.
        begin: u32,
        /// What to write.
        data: Bytes,
    },
    /// Take the hash of a whole piece as the jobs before this one leave it; answered by
    /// `PieceHashed`, after the writes of the piece that came before it were answered: else a
    /// failed write would look like bad data.
    Hash {
        /// Which job.
        job: JobId,
        /// Of which torrent.
        torrent: TorrentId,
        /// Which piece.
        piece: PieceIndex,
    },

    /// Fetch a part of a file from a web seed over HTTP (BEP 19), redirects followed; answered by
    /// `Fetched` as it comes and then `FetchEnded`. Where the range is the whole file, an answer
    /// with all of it (status 200) is as good. The driver gives up on a server that takes longer
    /// than 30 seconds to answer; once it answers, the session watches over it.
    Fetch {
        /// Which job.
        job: JobId,
        /// For which torrent.
        torrent: TorrentId,
        /// `http:` or `https:`.
        url: String,
        /// Bytes of the file; not empty.
        range: Range<u64>,
        /// How long the file is.
        file_length: u64,
    },
    /// Hold the stream of a fetch, or let it go on: nothing of it is read from the network while it
    /// is held, but for what is on its way already.
    PauseFetch {
        /// Which.
        job: JobId,
        /// Whether to hold it.
        paused: bool,
    },
    /// End a fetch. No input about it matters any more.
    CancelFetch {
        /// Which.
        job: JobId,
    },

    /// Open a WebSocket to a tracker; answered by `SocketOpened` or `SocketClosed`.
    OpenSocket {
        /// The socket to be.
        socket: SocketId,
        /// `ws:` or `wss:`.
        url: String,
    },
    /// Send a text message to a tracker.
    SendSocket {
        /// By which socket.
        socket: SocketId,
        /// The JSON.
        text: String,
    },
    /// Close a WebSocket once what was sent before has gone.
    CloseSocket {
        /// Which.
        socket: SocketId,
    },
    /// Announce to an HTTP (BEP 3) or UDP (BEP 15) tracker; answered by `Announced`, within the
    /// driver's own time-out.
    Announce {
        /// Which job.
        job: JobId,
        /// `http:`, `https:` or `udp:`.
        url: String,
        /// What to tell it.
        request: AnnounceRequest,
        /// The `trackerid` that it gave before, to be sent back.
        tracker_id: Option<Vec<u8>>,
    },
}
