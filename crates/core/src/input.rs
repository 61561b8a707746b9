//! What a driver tells the session.

use std::net::SocketAddr;
use std::time::Duration;

use brackish_wire::merkle::Hash;
use brackish_wire::tracker::AnnounceResponse;
use brackish_wire::{Bitfield, PieceHash};
use bytes::Bytes;

use crate::{ConnectionId, JobId, SocketId, TorrentId};

/// What has happened outside. Inputs about a connection, job, socket or torrent that the session
/// no longer knows are ignored, so a driver need not keep in step with what it ends.
#[derive(Debug)]
pub enum Input<'a> {
    /// A dialled TCP stream or a data channel is open.
    Opened {
        /// As in the `Dial`, `MakeOffer` or `MakeAnswer` that asked for it.
        connection: ConnectionId,
        /// Bytes that the driver takes from [`Output::Transmit`](crate::Output::Transmit) before
        /// it has said [`Input::Sent`]. A bound on what waits in the driver, not on the transport.
        room: usize,
    },
    /// The driver knows where the other end of a data channel is: the remote address of the pair of
    /// candidates in use. Bad data from there bans the host, and not a peer id that anyone may use.
    /// A driver that is not told, as in a page, leaves it out.
    Located {
        /// Which connection.
        connection: ConnectionId,
        /// Where.
        address: SocketAddr,
    },
    /// Bytes came in, cut anywhere.
    Received {
        /// From which connection.
        connection: ConnectionId,
        /// At least one byte.
        data: &'a [u8],
    },
    /// The transport took bytes that the driver held: as many may be transmitted again. A driver says so of all that it
    /// was given, in time and without being given more: messages may wait for it.
    Sent {
        /// On which connection.
        connection: ConnectionId,
        /// How many.
        bytes: usize,
    },
    /// The driver found the credit that a connection may use changed, for instance because its
    /// round-trip time or loss did. May be below what is in use.
    Room {
        /// On which connection.
        connection: ConnectionId,
        /// As in [`Input::Opened`]: the whole credit, not what is left of it.
        room: usize,
    },
    /// A connection ended, or could not be made.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// In words, for a person.
        reason: String,
    },
    /// The SDP of an offer or answer that the session asked for, candidates gathered.
    LocalDescription {
        /// Of which connection.
        connection: ConnectionId,
        /// The SDP.
        sdp: String,
    },

    /// The store of a torrent is ready, or cannot be.
    StorageOpened {
        /// Of which torrent.
        torrent: TorrentId,
        /// What is there already.
        result: Result<Presence, StorageError>,
    },
    /// The store of a torrent could not follow [`Output::WantFiles`](crate::Output::WantFiles).
    StorageFailed {
        /// Of which torrent.
        torrent: TorrentId,
        /// What went wrong.
        error: StorageError,
    },
    /// A file of a torrent that is not being written is not as it was when the store last looked:
    /// its time, length or identity changed. Its pieces are hashed again before they are served.
    /// From drivers that can tell.
    FileChanged {
        /// Of which torrent.
        torrent: TorrentId,
        /// Its place in the torrent's list.
        file: usize,
        /// It has more bytes than the torrent says.
        longer: bool,
    },
    /// A [`Output::Read`](crate::Output::Read) was done.
    BlockRead {
        /// Which.
        job: JobId,
        /// Exactly the bytes asked for.
        result: Result<Bytes, StorageError>,
    },
    /// A [`Output::Write`](crate::Output::Write) was done.
    BlockWritten {
        /// Which.
        job: JobId,
        /// Its hash, once it is in the store: in torrents of version 2 the SHA-256 of what of the block is no padding
        /// (BEP 52), else `None`.
        result: Result<Option<Hash>, StorageError>,
    },
    /// A [`Output::Hash`](crate::Output::Hash) was done.
    PieceHashed {
        /// Which.
        job: JobId,
        /// The hash of the piece as it stands in the store, as the torrent's
        /// [`PieceHashers`](brackish_wire::PieceHashers) take it.
        result: Result<PieceHash, StorageError>,
    },

    /// Bytes came in answer to a [`Output::Fetch`](crate::Output::Fetch), cut anywhere: those of its
    /// range, from the beginning of the range on.
    Fetched {
        /// Which.
        job: JobId,
        /// At least one byte.
        data: &'a [u8],
    },
    /// A [`Output::Fetch`](crate::Output::Fetch) ended, or failed. Nothing more is said of it.
    FetchEnded {
        /// Which.
        job: JobId,
        /// Whether all of the range came.
        result: Result<(), FetchError>,
    },

    /// A WebSocket to a tracker is open.
    SocketOpened {
        /// Which.
        socket: SocketId,
    },
    /// A text message came from a tracker.
    SocketMessage {
        /// By which socket.
        socket: SocketId,
        /// The JSON.
        text: &'a str,
    },
    /// A WebSocket ended, or could not be made. The session asks for a new one when it wants one.
    SocketClosed {
        /// Which.
        socket: SocketId,
        /// In words, for a person.
        reason: String,
    },
    /// A [`Output::Announce`](crate::Output::Announce) was answered, or was not.
    Announced {
        /// Which.
        job: JobId,
        /// The answer, or in words what went wrong (a tracker's `failure reason` included).
        result: Result<AnnounceResponse, String>,
    },
}

/// What a store holds of a torrent when it is opened.
#[derive(Clone, Debug)]
pub enum Presence {
    /// Nothing: no need to look.
    Nothing,
    /// Data may be there for the pieces set; the session has them hashed before it believes.
    Maybe(Bitfield),
}

/// Why the store could not do a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// No space is left, or the browser's quota is reached.
    #[error("{place}: no space left")]
    Full {
        /// The file or folder.
        place: String,
    },
    /// Anything else.
    #[error("{place}: {reason}")]
    Failed {
        /// The file or folder.
        place: String,
        /// In words.
        reason: String,
    },
}

/// Why a web seed did not send what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It answered with another status than 206 (or 200 to a request for all of a file).
    #[error("HTTP status {code}")]
    Status {
        /// The status.
        code: u16,
        /// For how long it wants to be left alone (`Retry-After`).
        retry_after: Option<Duration>,
    },
    /// It sends whole files only.
    #[error("it does not serve parts of files")]
    NoRanges,
    /// It sent another part than it was asked for.
    #[error("it sent another part of the file than was asked for")]
    WrongRange,
    /// Its file has another length than the torrent's.
    #[error("its file has {actual} bytes, and not {expected}")]
    WrongLength {
        /// Bytes of its file.
        actual: u64,
        /// Bytes of the torrent's file.
        expected: u64,
    },
    /// It cannot be reached, broke off or took too long.
    #[error("{reason}")]
    Failed {
        /// In words.
        reason: String,
    },
    /// The URL cannot be fetched at all, now or later.
    #[error("{reason}")]
    Unusable {
        /// In words.
        reason: String,
    },
}

/// Why an incoming connection was not taken. The driver closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// The session has as many connections as it may.
    #[error("too many connections")]
    TooMany,
    /// The address has sent bad data before.
    #[error("the address is banned")]
    Banned,
    /// The session is shutting down.
    #[error("the session is shutting down")]
    ShuttingDown,
}
