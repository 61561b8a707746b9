//! The session: inputs in, outputs and events out.

use std::collections::VecDeque;
use std::net::SocketAddr;

use brackish_wire::Bitfield;

use crate::{
    AcceptError, AddTorrent, AddTorrentError, Config, ConnectionId, Event, Input, Output, PeerStats,
    Timestamp, TorrentId, TorrentStats, TrackerStats, Via,
};

/// Several torrents, their peers and trackers, as one state machine. See the crate's front page
/// for the loop that drives it.
pub struct Session {
    config: Config,
    outputs: VecDeque<Output>,
    events: VecDeque<Event>,
}

impl Session {
    /// A session without torrents. `seed` decides every random choice that it makes.
    pub fn new(config: Config, seed: [u8; 32], now: Timestamp) -> Self {
        let _ = (seed, now);
        Self { config, outputs: VecDeque::new(), events: VecDeque::new() }
    }

    /// Takes part in a torrent from now on.
    pub fn add_torrent(&mut self, add: AddTorrent, now: Timestamp) -> Result<TorrentId, AddTorrentError> {
        let _ = (add, now, &self.config);
        Ok(TorrentId(0))
    }

    /// Leaves a torrent: its peers are closed, its trackers told, its store let go.
    pub fn remove_torrent(&mut self, torrent: TorrentId, now: Timestamp) {
        let _ = (torrent, now);
    }

    /// Adds TCP peers to the peer set of a torrent.
    pub fn add_peers(&mut self, torrent: TorrentId, peers: &[SocketAddr], now: Timestamp) {
        let _ = (torrent, peers, now);
    }

    /// Says from which piece on a reader wants the data: the pieces there come before rarer ones.
    /// `None` goes back to rarest first.
    pub fn set_cursor(&mut self, torrent: TorrentId, piece: Option<u32>, now: Timestamp) {
        let _ = (torrent, piece, now);
    }

    /// Leaves every torrent: trackers are told `stopped`, peers closed, stores let go. The session
    /// then only answers what is asked of it; the driver ends once the outputs are done.
    pub fn shut_down(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// Takes an incoming connection, open already. `room` is as in [`Input::Opened`].
    pub fn accept(
        &mut self,
        via: Via,
        address: Option<SocketAddr>,
        room: usize,
        now: Timestamp,
    ) -> Result<ConnectionId, AcceptError> {
        let _ = (via, address, room, now);
        Err(AcceptError::TooMany)
    }

    /// Takes what has happened outside. Total: hostile bytes end a connection, never the session.
    pub fn handle_input(&mut self, input: Input<'_>, now: Timestamp) {
        let _ = (input, now);
    }

    /// Does what is due. Early or extra calls do nothing.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// What the driver must do next; `None` when there is nothing left for now.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// What the user may want to know next.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Session::handle_timeout`], if nothing comes in before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    /// The figures of a torrent.
    pub fn torrent_stats(&self, torrent: TorrentId) -> Option<TorrentStats> {
        let _ = torrent;
        None
    }

    /// The figures of each connected peer of a torrent.
    pub fn peer_stats(&self, torrent: TorrentId) -> Vec<PeerStats> {
        let _ = torrent;
        Vec::new()
    }

    /// How each tracker of a torrent stands.
    pub fn tracker_stats(&self, torrent: TorrentId) -> Vec<TrackerStats> {
        let _ = torrent;
        Vec::new()
    }

    /// The verified pieces of a torrent; `None` before its metadata.
    pub fn verified(&self, torrent: TorrentId) -> Option<&Bitfield> {
        let _ = torrent;
        None
    }
}
