//! Safety: what no session may ever ask for, checked when it asks.

use brackish_core::{Config, ConnectionId, JobId, Session, SocketId, StorageError, TorrentId};
use brackish_wire::PeerId;

use crate::failure::{Failure, Problem};
use crate::link::{EndIndex, EndState};
use crate::node::{Running, Seen};
use crate::scenario::{Behaviour, NodeIndex};
use crate::world::World;

/// Bytes over its credit that a connection may have in its driver: haves, requests and rejects go
/// without asking, and more than a few hundred KiB of them end the connection.
const OVERDRAFT: usize = 1 << 20;

/// Bytes of one read at the most.
const LONGEST_BLOCK: usize = 128 * 1024;

impl World {
    /// `node` broke a rule. The run ends after this event.
    pub(crate) fn violated(&mut self, node: NodeIndex, what: String) {
        self.problem.get_or_insert(Problem::Unsafe { node, what });
    }

    fn end_of(&self, node: NodeIndex, connection: ConnectionId) -> Option<EndIndex> {
        let running = self.nodes[node].running.as_ref()?;
        running.ends.get(&connection).copied()
    }

    pub(crate) fn check_new(&mut self, node: NodeIndex, connection: ConnectionId) {
        if self.end_of(node, connection).is_some() {
            self.violated(node, format!("began {connection:?} twice"));
        }
    }

    pub(crate) fn check_pending(
        &mut self,
        node: NodeIndex,
        connection: ConnectionId,
    ) -> Option<EndIndex> {
        let end = self.end_of(node, connection);
        if end.is_none_or(|end| self.end(end).state != EndState::Pending) {
            self.violated(
                node,
                format!("answered {connection:?}, which is not being made"),
            );
        }
        end
    }

    /// A session sends only on open connections, within its credit but for the overdraft, and of
    /// its data only verified pieces.
    pub(crate) fn check_transmit(
        &mut self,
        node: NodeIndex,
        connection: ConnectionId,
        data: &[u8],
    ) -> Option<EndIndex> {
        let Some(end) = self
            .end_of(node, connection)
            .filter(|end| self.is_open(*end))
        else {
            self.violated(node, format!("sent on {connection:?}, which is not open"));
            return None;
        };
        let state = self.end(end);
        let (queued, room) = (state.queued, state.room);
        if queued + data.len() > room + OVERDRAFT {
            let what = format!("has {queued} bytes in the driver of a credit of {room}");
            self.violated(node, what);
        }
        let running = self.nodes[node].running.as_mut()?;
        match running.announced.take() {
            Some((of, [piece, begin, length])) if of == connection => {
                let verified = running.session.verified(running.torrent);
                let verified = verified.is_some_and(|v| v.get(piece));
                let honest = !matches!(
                    self.nodes[node].spec.behaviour,
                    Behaviour::Corrupting(_) | Behaviour::Hostile(_)
                );
                let content = &self.content;
                let good = content
                    .lengths
                    .piece(piece)
                    .is_some_and(|piece| content.is(piece, begin, data));
                if data.len() != length as usize {
                    self.violated(
                        node,
                        format!("announced {length} bytes, sent {}", data.len()),
                    );
                } else if !verified {
                    self.violated(node, format!("sent a block of piece {piece}, not verified"));
                } else if honest && !good {
                    self.violated(node, format!("sent a wrong block of piece {piece}"));
                }
            }
            Some((of, _)) => {
                self.violated(node, format!("sent no block after the header on {of:?}"));
            }
            None => running.announced = announced(data).map(|block| (connection, block)),
        }
        Some(end)
    }

    pub(crate) fn check_close(
        &mut self,
        node: NodeIndex,
        connection: ConnectionId,
    ) -> Option<EndIndex> {
        let running = self.nodes[node].running.as_mut()?;
        let end = running.ends.remove(&connection);
        if end.is_none() {
            self.violated(node, format!("closed {connection:?}, which is no more"));
        }
        end
    }

    pub(crate) fn check_job(&mut self, node: NodeIndex, job: JobId, bytes: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.reading += bytes;
        let twice = running.jobs.insert(job, bytes).is_some();
        // Each connection may have read ahead what its credit allows, and a block more; blocks of
        // failed pieces are read back besides.
        let room = self.nodes[node].spec.link.room + LONGEST_BLOCK;
        let bound = self.nodes[node].running.as_ref().map_or(0, |r| {
            (r.ends.len() + 64) * room + 64 * self.scenario.piece_length as usize
        });
        let reading = self.nodes[node].running.as_ref().map_or(0, |r| r.reading);
        let silent = matches!(self.nodes[node].spec.behaviour, Behaviour::Silent(_));
        if twice {
            self.violated(node, format!("gave {job:?} twice"));
        } else if reading > bound && !silent {
            self.violated(node, format!("reads {reading} bytes at once"));
        }
    }

    pub(crate) fn check_write(&mut self, node: NodeIndex, job: JobId, bytes: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.writing += bytes;
        let (writing, budget) = (running.writing, running.write_budget);
        let twice = running.jobs.insert(job, 0).is_some();
        let seen = &mut self.nodes[node].seen;
        seen.peak_writing = seen.peak_writing.max(writing);
        if twice {
            self.violated(node, format!("gave {job:?} twice"));
        } else if writing > budget {
            let what = format!("has {writing} bytes with its store, and may have {budget}");
            self.violated(node, what);
        }
    }

    pub(crate) fn check_socket(&mut self, node: NodeIndex, id: SocketId) -> Option<u64> {
        let running = self.nodes[node].running.as_ref()?;
        let socket = running.sockets.get(&id).copied();
        let open = socket.is_some_and(|s| self.sockets.get(&s).is_some_and(|s| s.open));
        if !open {
            self.violated(node, format!("sent on {id:?}, which is not open"));
            return None;
        }
        socket
    }

    /// A piece that a session calls verified is whole and right in its store.
    pub(crate) fn check_verified(&mut self, node: NodeIndex, piece: u32) {
        let intact = self
            .content
            .lengths
            .piece(piece)
            .is_some_and(|piece| self.nodes[node].store.is_intact(&self.content, piece));
        if !intact {
            self.violated(
                node,
                format!("calls piece {piece} verified, and it is not right"),
            );
        }
    }

    pub(crate) fn check_complete(&mut self, node: NodeIndex) {
        let stats = self
            .session(node)
            .and_then(|(session, torrent)| session.torrent_stats(torrent));
        let full = stats.is_some_and(|stats| stats.wanted == stats.wanted_verified);
        if !full {
            self.violated(
                node,
                "finished without all the pieces that it wants".to_owned(),
            );
        }
    }

    pub(crate) fn check_connected(&mut self, node: NodeIndex, id: ConnectionId, peer: PeerId) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let known = running.peers.values().any(|other| *other == peer);
        let twice = running.peers.insert(id, peer).is_some() || known;
        let count = running.peers.len();
        let seen = &mut self.nodes[node].seen;
        seen.peak_peers = seen.peak_peers.max(count);
        if twice {
            self.violated(
                node,
                format!("is connected to {peer:?} twice, now by {id:?}"),
            );
        }
    }

    pub(crate) fn check_disconnected(&mut self, node: NodeIndex, id: ConnectionId) {
        let running = self.nodes[node].running.as_mut();
        if running.is_some_and(|running| running.peers.remove(&id).is_none()) {
            self.violated(node, format!("lost {id:?}, which was not connected"));
        }
    }

    /// Nobody honest is banned.
    pub(crate) fn check_ban(&mut self, node: NodeIndex, peer: NodeIndex) {
        let behaviour = self.nodes.get(peer).map(|peer| peer.spec.behaviour);
        let bad = |b| matches!(b, Behaviour::Corrupting(_) | Behaviour::Hostile(_));
        // One that corrupts what it reads misjudges others too.
        let judge = self.nodes[node].spec.behaviour;
        if behaviour.is_some_and(|behaviour| !bad(behaviour)) && !bad(judge) {
            self.violated(node, format!("banned node {peer}, which sent no bad data"));
        }
    }

    pub(crate) fn check_storage_failed(&mut self, node: NodeIndex) {
        let store = &self.nodes[node].store;
        let full = Some(&self.nodes[node].seen.storage_failed)
            .is_some_and(|seen| matches!(seen, Some(StorageError::Full { .. })));
        let expected = store.broken || full && store.spec.capacity.is_some();
        if !expected {
            let seen = self.nodes[node].seen.storage_failed.clone();
            self.violated(node, format!("says that its sound store failed: {seen:?}"));
        }
    }

    /// A session that was shut down has nothing left.
    pub(crate) fn check_left(&mut self, node: NodeIndex) {
        let Some(running) = &self.nodes[node].running else {
            return;
        };
        let (ends, sockets, peers) = (
            running.ends.len(),
            running.sockets.len(),
            running.peers.len(),
        );
        if ends + sockets + peers > 0 {
            self.violated(
                node,
                format!("left with {ends} connections, {sockets} sockets and {peers} peers"),
            );
        }
    }

    /// At the end of a run: what sessions call verified is right, piece by piece.
    pub(crate) fn check_ends(&mut self) -> Result<(), Failure> {
        for node in 0..self.nodes.len() {
            let verified = self
                .session(node)
                .and_then(|(session, torrent)| session.verified(torrent))
                .map(|verified| verified.ones().collect::<Vec<_>>());
            for piece in verified.unwrap_or_default() {
                self.check_verified(node, piece);
            }
        }
        match self.problem.take() {
            Some(problem) => Err(self.failure(problem)),
            None => Ok(()),
        }
    }
}

impl Running {
    pub(crate) fn new(session: Session, torrent: TorrentId, config: &Config) -> Self {
        Self {
            session,
            torrent,
            // What was asked for before the store fell behind still comes.
            write_budget: config.store_budget + config.request_budget,
            ends: Default::default(),
            sockets: Default::default(),
            timer: None,
            answers: Default::default(),
            writing: 0,
            jobs: Default::default(),
            reading: 0,
            announced: None,
            peers: Default::default(),
        }
    }

    pub(crate) fn end_job(&mut self, job: JobId) {
        if let Some(bytes) = self.jobs.remove(&job) {
            self.reading -= bytes;
        }
    }
}

impl Seen {
    /// Counts the figures of a life that ends.
    pub(crate) fn count(&mut self, stats: Option<brackish_core::TorrentStats>) {
        if let Some(stats) = stats {
            self.downloaded += stats.downloaded;
            self.uploaded += stats.uploaded;
            self.wasted += stats.wasted;
            self.downloaded_webrtc += stats.downloaded_webrtc;
        }
    }
}

/// The piece, begin and length that a `piece` header announces.
fn announced(data: &[u8]) -> Option<[u32; 3]> {
    let word = |at: usize| {
        let bytes = data.get(at..at + 4)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    if data.len() != 13 || data[4] != 7 {
        return None;
    }
    Some([word(5)?, word(9)?, word(0)?.checked_sub(9)?])
}
