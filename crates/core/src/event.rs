//! What a user of the session may want to know.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brackish_wire::PeerId;
use brackish_wire::metainfo::{Info, PieceLayers};

use crate::{ConnectionId, ReaderId, StallReason, StorageError, TorrentId, Via};

/// Something that happened. Nothing depends on an event being read.
#[derive(Clone, Debug)]
pub enum Event {
    /// The metadata of a magnet link came from peers and was verified.
    Metadata {
        /// Of which torrent.
        torrent: TorrentId,
        /// The whole `info` dictionary.
        info: Arc<Info>,
        /// What is known of its piece layers (BEP 52): in version 2 alone, all.
        piece_layers: PieceLayers,
    },
    /// What the store held was hashed; the torrent now downloads or seeds.
    Checked {
        /// Of which torrent.
        torrent: TorrentId,
        /// Pieces that were right.
        verified: u32,
    },
    /// A piece was verified and is served from now on.
    PieceVerified {
        /// Of which torrent.
        torrent: TorrentId,
        /// Its index.
        piece: u32,
    },
    /// A downloaded piece did not have its hash; it is fetched again.
    PieceFailed {
        /// Of which torrent.
        torrent: TorrentId,
        /// Its index.
        piece: u32,
    },
    /// Every wanted piece is verified. Comes again when more was wanted meanwhile.
    Finished {
        /// Which torrent.
        torrent: TorrentId,
    },
    /// A reader has its first byte, after it was opened or jumped.
    ReaderBegan {
        /// Of which torrent.
        torrent: TorrentId,
        /// Which reader.
        reader: ReaderId,
        /// Since it was opened or jumped.
        after: Duration,
    },
    /// A reader has waited for the data at its position so long that a person notices.
    ReaderStalled {
        /// Of which torrent.
        torrent: TorrentId,
        /// Which reader.
        reader: ReaderId,
    },
    /// A reader that had stalled has data again.
    ReaderResumed {
        /// Of which torrent.
        torrent: TorrentId,
        /// Which reader.
        reader: ReaderId,
        /// How long it waited.
        after: Duration,
    },
    /// A peer sent a good handshake.
    PeerConnected {
        /// Of which torrent.
        torrent: TorrentId,
        /// By which connection.
        connection: ConnectionId,
        /// Who it says it is.
        peer_id: PeerId,
        /// By which water.
        via: Via,
        /// Its address, where the driver knows one.
        address: Option<SocketAddr>,
    },
    /// A connected peer is gone.
    PeerDisconnected {
        /// Of which torrent.
        torrent: TorrentId,
        /// By which connection.
        connection: ConnectionId,
        /// Why.
        reason: DisconnectReason,
    },
    /// A peer sent bad data and is not spoken to again.
    PeerBanned {
        /// Of which torrent.
        torrent: TorrentId,
        /// Who it said it was.
        peer_id: PeerId,
        /// Its address, where the driver knows one.
        address: Option<SocketAddr>,
    },
    /// A tracker answered.
    TrackerAnnounced {
        /// For which torrent.
        torrent: TorrentId,
        /// Its URL.
        url: String,
        /// Seeds it knows.
        complete: Option<u32>,
        /// Leeches it knows.
        incomplete: Option<u32>,
    },
    /// A tracker could not be reached, refused, or warned. It is tried again by itself.
    TrackerFailed {
        /// For which torrent.
        torrent: TorrentId,
        /// Its URL.
        url: String,
        /// In words.
        reason: String,
    },
    /// A web seed did not send what it was asked for, or sent bad data.
    WebSeedFailed {
        /// For which torrent.
        torrent: TorrentId,
        /// Its URL, as the torrent has it.
        url: String,
        /// In words.
        reason: String,
        /// It is not asked any more; else it is tried again by itself.
        dropped: bool,
    },
    /// The download does not go on, or does not for another reason than before. It goes on by itself
    /// when it can.
    Stalled {
        /// Which torrent.
        torrent: TorrentId,
        /// What is known of its sources.
        reason: StallReason,
    },
    /// A download that had stalled has a source again, or nothing more to fetch.
    Resumed {
        /// Which torrent.
        torrent: TorrentId,
    },
    /// A piece that was here is not any more: a file was changed, cut or taken away after it was
    /// hashed. Peers are told (BEP 54). The piece is fetched again, unless the torrent was added as
    /// [`Existing::AllVerified`](crate::Existing::AllVerified). Said once for each file.
    FilesChanged {
        /// Of which torrent.
        torrent: TorrentId,
        /// The first piece that was found so.
        piece: u32,
        /// The files that the piece has bytes of, by their places in the torrent's list: one of them
        /// at least changed.
        files: Vec<usize>,
        /// What reading them failed with; `None` if the bytes are others.
        error: Option<StorageError>,
    },
    /// A file has more bytes than the torrent says. It is served as it was hashed. Said once for each
    /// file.
    FileGrew {
        /// Of which torrent.
        torrent: TorrentId,
        /// Its place in the torrent's list.
        file: usize,
    },
    /// The store failed. The torrent downloads no more; verified pieces are still served.
    StorageFailed {
        /// Of which torrent.
        torrent: TorrentId,
        /// What went wrong.
        error: StorageError,
    },
}

/// Why a peer's connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisconnectReason {
    /// The other side or the network ended it.
    #[error("{0}")]
    Remote(String),
    /// It broke the protocol.
    #[error("protocol violation: {0}")]
    Protocol(String),
    /// It sent a piece that failed its hash.
    #[error("sent bad data")]
    Banned,
    /// It asked for much and read none of the answers.
    #[error("it does not read what it asked for")]
    Unread,
    /// Nothing came from it for too long.
    #[error("silent for too long")]
    Timeout,
    /// Both ends are this same session.
    #[error("connected to itself")]
    Itself,
    /// Another connection to the same peer was kept.
    #[error("connected twice")]
    Duplicate,
    /// The torrent turned out to be private, and no tracker of it named the peer (BEP 27).
    #[error("the torrent is private, and no tracker named the peer")]
    Private,
    /// It was of no use, and made room for a peer of a higher priority (BEP 40).
    #[error("made room for another peer")]
    Outranked,
    /// Both ends have everything.
    #[error("both are seeds")]
    BothSeeds,
    /// There were more connections than there may be.
    #[error("too many connections")]
    Limit,
    /// The torrent was removed or the session shut down.
    #[error("the torrent was removed")]
    Removed,
}
