//! What the machine asks of whoever drives it, and what it counts.

/// Names one open WebSocket: chosen by the driver, never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What the driver must do, in the order given.
#[derive(Clone, Debug)]
pub enum Output {
    /// Send a message. If the socket cannot take it, close the socket: waiting for one slow
    /// reader would hold up everyone.
    Send {
        /// By which socket.
        socket: SocketId,
        /// A text message: JSON.
        text: String,
    },
    /// Close a socket once what was sent before has gone, and report it closed as any other.
    Close {
        /// Which.
        socket: SocketId,
        /// Why.
        reason: CloseReason,
    },
}

/// Why the tracker ends a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// It sent too many messages that are no tracker messages.
    #[error("too many malformed messages")]
    Malformed,
}

/// What there is now, and what has been done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Info-hashes with at least one peer.
    pub swarms: usize,
    /// Memberships of sockets in swarms.
    pub web_peers: usize,
    /// Entries of HTTP announces in swarms.
    pub tcp_peers: usize,
    /// Sockets that have sent at least one message.
    pub sockets: usize,
    /// Announces over WebSocket, refused ones included.
    pub web_announces: u64,
    /// Announces over HTTP, refused ones included.
    pub tcp_announces: u64,
    /// Scrapes, both ways.
    pub scrapes: u64,
    /// Offers handed to a peer.
    pub offers_relayed: u64,
    /// Answers handed to the peer whose offer they answer.
    pub answers_relayed: u64,
    /// Answers that no relayed offer was waiting for.
    pub answers_dropped: u64,
    /// Failures sent to sockets and HTTP clients.
    pub failures: u64,
}
