//! The world: one queue of events, one clock, one random source, and everyone in it.
//!
//! This module holds the state and hands each event to the part that knows what to do: `network`
//! (connections and bytes), `signalling` (WebRTC), `trackers`, `outputs` (what sessions ask for).

use std::collections::BTreeMap;
use std::time::Duration;

use brackish_core::{AddTorrent, Existing, Input, JobId, Session, Source, Timestamp};
use brackish_tracker::Tracker;
use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse};

use crate::content::Content;
use crate::failure::{Failure, Problem};
use crate::link::{End, EndIndex, EndState};
use crate::node::{Answer, Node, Running, address_of, peer_id};
use crate::partition::Partition;
use crate::queue::EventQueue;
use crate::report::{NodeReport, Report};
use crate::scenario::{Fault, Holds, Leave, NodeIndex, Scenario};
use crate::trace::Trace;
use crate::trackers::Socket;

/// How long the peers of a node that was killed may not notice.
const UNNOTICED: Duration = Duration::from_secs(30);

/// A scenario being played.
pub struct World {
    pub(crate) scenario: Scenario,
    pub(crate) now: Timestamp,
    pub(crate) steps: u64,
    pub(crate) queue: EventQueue<Happening>,
    pub(crate) rng: fastrand::Rng,
    pub(crate) trace: Trace,
    pub(crate) content: Content,
    pub(crate) nodes: Vec<Node>,
    pub(crate) ends: Vec<End>,
    /// `None` where one is dead.
    pub(crate) trackers: Vec<Option<Tracker>>,
    pub(crate) sockets: BTreeMap<u64, Socket>,
    pub(crate) next_socket: u64,
    /// Of the tracker's messages to sockets, one in so many is damaged; 0: none.
    pub(crate) tracker_lies: u32,
    /// How many nodes other than origins have each piece verified.
    pub(crate) copies: Vec<u32>,
    /// Pieces that only origins have.
    pub(crate) not_out: u32,
    /// The last one, which may have healed.
    pub(crate) partition: Option<Partition>,
    pub(crate) problem: Option<Problem>,
    /// Someone may have finished since the run looked.
    pub(crate) changed: bool,
    /// A node that had not finished then.
    awaited: NodeIndex,
    pub(crate) scratch: Vec<u8>,
}

/// What can happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Join(NodeIndex),
    Leave(NodeIndex),
    Wake(NodeIndex),
    Fault(usize),
    /// The chunk on a node's uplink is through.
    Uplinked(NodeIndex),
    /// A chunk of an end, of so many bytes, has flown.
    Arrived(EndIndex, u32),
    /// The front chunk of an end is through the far downlink.
    Delivered(EndIndex),
    DialArrived(EndIndex, NodeIndex),
    Opened(EndIndex),
    Ended(EndIndex),
    Described(EndIndex),
    /// ICE between an offer's end and its answer's is done.
    Connected(EndIndex, EndIndex),
    Stored(NodeIndex, u32, Box<StoreJob>),
    SocketOpens(u64),
    SocketEnds(u64),
    ToTracker(u64, Box<str>),
    FromTracker(u64, Box<str>),
    SocketLeaves(u64),
    Announce(NodeIndex, u32, JobId, Box<(usize, AnnounceRequest)>),
    Announced(NodeIndex, u32, JobId, Box<Result<AnnounceResponse, String>>),
}

/// A job of a store that takes time.
#[derive(Debug)]
pub(crate) enum StoreJob {
    Answer(Answer),
    Read(JobId, brackish_wire::PieceIndex, u32, u32),
    Write(JobId, brackish_wire::PieceIndex, u32, bytes::Bytes),
    Hash(JobId, brackish_wire::PieceIndex),
}

impl World {
    /// The world before anything has happened.
    pub fn new(scenario: Scenario) -> Self {
        let mut rng = fastrand::Rng::with_seed(scenario.seed);
        let content = Content::new(&scenario, &mut rng);
        let nodes: Vec<Node> = scenario
            .nodes
            .iter()
            .map(|spec| Node::new(spec.clone(), &content, &mut rng))
            .collect();
        let mut queue = EventQueue::new();
        for (index, spec) in scenario.nodes.iter().enumerate() {
            queue.push(Timestamp::ZERO + spec.joins, Happening::Join(index));
        }
        for (index, (after, _)) in scenario.faults.iter().enumerate() {
            queue.push(Timestamp::ZERO + *after, Happening::Fault(index));
        }
        let pieces = content.lengths.piece_count();
        let mut world = Self {
            now: Timestamp::ZERO,
            steps: 0,
            queue,
            trace: Trace::default(),
            nodes,
            ends: Vec::new(),
            trackers: Vec::new(),
            sockets: BTreeMap::new(),
            next_socket: 0,
            tracker_lies: 0,
            copies: vec![0; pieces as usize],
            not_out: pieces,
            partition: None,
            problem: None,
            changed: false,
            awaited: 0,
            scratch: Vec::new(),
            content,
            rng,
            scenario,
        };
        world.trackers_begin();
        world
    }

    /// Plays until every honest node has finished.
    pub fn run(&mut self) -> Result<(), Failure> {
        let limit = Timestamp::ZERO + self.scenario.limit;
        self.changed = true;
        loop {
            if std::mem::take(&mut self.changed) && self.all_finished() {
                return self.check_ends();
            }
            if self.queue.next_at().is_none_or(|at| at > limit) {
                let nodes = (0..self.nodes.len()).filter(|n| self.is_awaited(*n));
                let progress = nodes.map(|n| (n, self.progress(n))).collect();
                return Err(self.failure(Problem::Unfinished { nodes: progress }));
            }
            self.step()?;
        }
    }

    /// Plays until so long after the start of the run.
    pub fn run_until(&mut self, after: Duration) -> Result<(), Failure> {
        let until = Timestamp::ZERO + after;
        while self.queue.next_at().is_some_and(|at| at <= until) {
            self.step()?;
        }
        self.now = until;
        Ok(())
    }

    /// Plays for so long from now on.
    pub fn run_for(&mut self, time: Duration) -> Result<(), Failure> {
        self.run_until(self.now.since(Timestamp::ZERO) + time)
    }

    /// Plays one event; false when there is none.
    pub fn step(&mut self) -> Result<bool, Failure> {
        let Some((at, happening)) = self.queue.pop() else {
            return Ok(false);
        };
        self.now = at;
        self.steps += 1;
        self.trace.add(at.as_micros());
        self.happen(happening);
        match self.problem.take() {
            Some(problem) => Err(self.failure(problem)),
            None => Ok(true),
        }
    }

    /// The session of a node, while it runs.
    pub fn session(&self, node: NodeIndex) -> Option<(&Session, brackish_core::TorrentId)> {
        let running = self.nodes[node].running.as_ref()?;
        Some((&running.session, running.torrent))
    }

    /// Tells a node's session something, as its user would; the session is drained afterwards.
    pub fn tell<T>(
        &mut self,
        node: NodeIndex,
        tell: impl FnOnce(&mut Session, brackish_core::TorrentId, Timestamp) -> T,
    ) -> Option<T> {
        let now = self.now;
        let running = self.nodes[node].running.as_mut()?;
        let answer = tell(&mut running.session, running.torrent, now);
        self.drain(node);
        Some(answer)
    }

    /// What has come of it so far.
    pub fn report(&self) -> Report {
        let nodes: Vec<NodeReport> = (0..self.nodes.len()).map(|n| self.node_report(n)).collect();
        let total = self.scenario.total as f64;
        let origins = self.nodes.iter().zip(&nodes).filter(|(n, _)| n.is_origin());
        let uploaded: u64 = origins.map(|(_, report)| report.uploaded).sum();
        let honest = || {
            let nodes = self.nodes.iter().zip(&nodes);
            nodes.filter(|(n, _)| n.must_finish(self.scenario.total) && !n.is_origin())
        };
        let wasted: u64 = honest().map(|(_, report)| report.wasted).sum();
        let finished = honest().filter_map(|(_, report)| report.finished).max();
        Report {
            seed: self.scenario.seed,
            trace: self.trace.value(),
            steps: self.steps,
            finished: finished.unwrap_or_default(),
            origin_copies: uploaded as f64 / total,
            wasted: wasted as f64 / (total * honest().count().max(1) as f64),
            nodes,
        }
    }

    fn node_report(&self, index: NodeIndex) -> NodeReport {
        let node = &self.nodes[index];
        let seen = &node.seen;
        let since_start = |at: Timestamp| at.since(Timestamp::ZERO);
        let running = node.running.as_ref();
        let stats = running.and_then(|r| r.session.torrent_stats(r.torrent));
        let verified = running.and_then(|r| r.session.verified(r.torrent));
        let live =
            |figure: fn(&brackish_core::TorrentStats) -> u64| stats.as_ref().map_or(0, figure);
        NodeReport {
            kind: node.spec.kind,
            behaviour: node.spec.behaviour,
            joined: seen.joined.map(since_start).unwrap_or_default(),
            finished: seen.finished.map(since_start),
            complete: verified.is_some_and(|v| v.is_full())
                && self
                    .content
                    .lengths
                    .pieces()
                    .all(|p| node.store.is_intact(&self.content, p)),
            verified: verified.map_or(0, |v| v.count_ones()),
            downloaded: seen.downloaded + live(|s| s.downloaded),
            uploaded: seen.uploaded + live(|s| s.uploaded),
            wasted: seen.wasted + live(|s| s.wasted),
            failed_pieces: seen.failed_pieces,
            banned: seen.banned.clone(),
            storage_failed: seen.storage_failed.clone(),
            peak_peers: seen.peak_peers,
            peak_writing: seen.peak_writing,
            downloaded_webrtc: seen.downloaded_webrtc + live(|s| s.downloaded_webrtc),
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Join(node) => self.join(node),
            Happening::Leave(node) => self.leave(node),
            Happening::Wake(node) => self.wake(node),
            Happening::Fault(index) => self.strike(index),
            Happening::Uplinked(node) => self.uplinked(node),
            Happening::Arrived(end, bytes) => self.arrived(end, bytes as usize),
            Happening::Delivered(end) => self.deliver(end),
            Happening::DialArrived(from, to) => self.dial_arrived(from, to),
            Happening::Opened(end) => self.opened(end),
            Happening::Ended(end) => self.ended(end),
            Happening::Described(end) => self.described(end),
            Happening::Connected(offer, answer) => self.connected(offer, answer),
            Happening::Stored(node, life, job) => self.stored(node, life, *job),
            Happening::SocketOpens(socket) => self.socket_opens(socket),
            Happening::SocketEnds(socket) => self.socket_ends(socket),
            Happening::ToTracker(socket, text) => self.reach_tracker(socket, &text),
            Happening::FromTracker(socket, text) => self.leave_tracker(socket, &text),
            Happening::SocketLeaves(socket) => self.socket_leaves(socket),
            Happening::Announce(node, life, job, request) => {
                self.announce(node, life, job, *request);
            }
            Happening::Announced(node, life, job, result) => {
                if self.nodes[node].life == life {
                    let result = *result;
                    self.give(node, Input::Announced { job, result });
                }
            }
        }
    }

    /// Hands an input to a node's session and does what it then asks for.
    pub(crate) fn give(&mut self, node: NodeIndex, input: Input<'_>) {
        let now = self.now;
        if let Some(running) = &mut self.nodes[node].running {
            running.session.handle_input(input, now);
            self.drain(node);
        }
    }

    pub(crate) fn push(&mut self, after: Duration, happening: Happening) {
        self.queue.push(self.now + after, happening);
    }

    fn join(&mut self, index: NodeIndex) {
        let (now, content) = (self.now, &self.content);
        let node = &mut self.nodes[index];
        if node.running.is_some() {
            return;
        }
        node.life += 1;
        let id = peer_id(index, node.life, &mut self.rng);
        let mut config = node.spec.kind.config(id, crate::node::PORT);
        (node.spec.tune)(&mut config);
        let mut session = Session::new(
            config.clone(),
            std::array::from_fn(|_| self.rng.u8(..)),
            now,
        );
        let first = node.life == 1;
        let source = if node.spec.magnet && first {
            Source::Magnet {
                info_hash: content.info.info_hash(),
                info_hash_v2: content.info.v2().map(|v2| v2.info_hash()),
                name: None,
            }
        } else {
            Source::Info {
                info: content.info.clone(),
                piece_layers: content.layers.clone(),
            }
        };
        let add = AddTorrent {
            source,
            trackers: crate::trackers::announce_urls(self.scenario.trackers),
            web_seeds: Vec::new(),
            peers: node
                .spec
                .peers
                .iter()
                .map(|peer| address_of(*peer))
                .collect(),
            existing: if first && matches!(node.spec.holds, Holds::Everything) {
                Existing::AllVerified
            } else {
                Existing::Check
            },
            select: node.spec.select.clone(),
            super_seed: node.spec.super_seed,
        };
        let torrent = session
            .add_torrent(add, now)
            .expect("a new session takes a torrent");
        node.running = Some(Running::new(session, torrent, &config));
        node.seen.joined.get_or_insert(now);
        node.seen.absent = false;
        self.drain(index);
    }

    fn leave(&mut self, index: NodeIndex) {
        let now = self.now;
        let node = &mut self.nodes[index];
        let Some(running) = &mut node.running else {
            return;
        };
        node.seen.count(running_stats(running));
        running.session.shut_down(now);
        self.drain(index);
        self.check_left(index);
        self.stop(index, false);
    }

    /// Takes a node away. `killed`: its peers are not told by its session.
    pub(crate) fn stop(&mut self, index: NodeIndex, killed: bool) {
        if killed && let Some(running) = &self.nodes[index].running {
            let stats = running_stats(running);
            self.nodes[index].seen.count(stats);
        }
        self.discount_copies(index);
        let Some(running) = self.nodes[index].running.take() else {
            return;
        };
        for end in running.ends.into_values() {
            let unnoticed = self.rng.bool();
            let near = &mut self.ends[end.0 as usize];
            near.end();
            let delay = if unnoticed { UNNOTICED } else { near.delay };
            self.end_far(end, delay);
        }
        for socket in running.sockets.into_values() {
            self.push(Duration::from_millis(50), Happening::SocketLeaves(socket));
        }
        let returns = self.scenario.faults.iter().any(|(after, fault)| {
            matches!(fault, Fault::Return(node) if *node == index)
                && Timestamp::ZERO + *after > self.now
        });
        self.nodes[index].seen.absent = !returns;
        self.changed = true;
    }

    fn wake(&mut self, index: NodeIndex) {
        let now = self.now;
        if let Some(running) = &mut self.nodes[index].running
            && running.timer.is_some_and(|due| due <= now)
        {
            running.timer = None;
            running.session.handle_timeout(now);
            self.drain(index);
        }
    }

    pub(crate) fn strike(&mut self, index: usize) {
        let Some((_, fault)) = self.scenario.faults.get(index).cloned() else {
            return;
        };
        match fault {
            Fault::TrackerDies => self.trackers_die(),
            Fault::TrackerLies(one_in) => self.tracker_lies = one_in,
            Fault::TrackerReturns => self.trackers_begin(),
            Fault::Crash(node) => self.stop(node, true),
            Fault::Return(node) => self.join(node),
            Fault::Leave(node) => self.leave(node),
            Fault::Cut(chance) => self.cut(chance),
            Fault::Split(share, lasts) => self.split(share, lasts),
            Fault::StoreBreaks(node) => {
                self.nodes[node].store.broken = true;
                self.changed = true;
            }
            Fault::StoreIs(node, spec) => self.nodes[node].store.spec = spec,
            Fault::Room(node, room) => self.set_room(node, room),
            Fault::Rates(node, up, down) => {
                self.nodes[node].uplink.rate = up;
                self.nodes[node].downlink.rate = down;
            }
        }
    }

    /// A node other than an origin verified a piece.
    pub(crate) fn count_copy(&mut self, piece: u32) {
        let copies = &mut self.copies[piece as usize];
        *copies += 1;
        if *copies > 1 {
            return;
        }
        self.not_out -= 1;
        if self.not_out > 0 {
            return;
        }
        for index in 0..self.nodes.len() {
            if self.nodes[index].spec.leaves == Leave::CopyOut {
                self.push(Duration::ZERO, Happening::Leave(index));
            }
        }
    }

    fn discount_copies(&mut self, index: NodeIndex) {
        let node = &self.nodes[index];
        if node.is_origin() {
            return;
        }
        let verified = node
            .running
            .as_ref()
            .and_then(|r| r.session.verified(r.torrent));
        for piece in verified.into_iter().flat_map(|v| v.ones()) {
            let copies = &mut self.copies[piece as usize];
            *copies = copies.saturating_sub(1);
            self.not_out += u32::from(*copies == 0);
        }
    }

    fn is_awaited(&self, index: NodeIndex) -> bool {
        let node = &self.nodes[index];
        node.seen.finished.is_none() && node.must_finish(self.scenario.total)
    }

    /// Looks first at the one that was found unfinished last: else each finish of a large swarm
    /// would cost a look at all.
    fn all_finished(&mut self) -> bool {
        let count = self.nodes.len();
        let from = self.awaited;
        let awaited = (from..count).chain(0..from).find(|n| self.is_awaited(*n));
        self.awaited = awaited.unwrap_or(from);
        awaited.is_none()
    }

    fn progress(&self, index: NodeIndex) -> String {
        let Some((session, torrent)) = self.session(index) else {
            return "not running".to_owned();
        };
        let Some(stats) = session.torrent_stats(torrent) else {
            return "no torrent".to_owned();
        };
        let peers = session.peer_stats(torrent);
        format!(
            "{:?}, {} of {} pieces, {} peers of which {} choke it, {} requests out",
            stats.state,
            stats.verified_pieces,
            stats.pieces,
            peers.len(),
            peers.iter().filter(|peer| peer.choking_us).count(),
            peers.iter().map(|peer| peer.requests).sum::<usize>(),
        )
    }

    pub(crate) fn failure(&self, problem: Problem) -> Failure {
        Failure {
            seed: self.scenario.seed,
            at: self.now,
            steps: self.steps,
            problem,
        }
    }

    pub(crate) fn end(&mut self, end: EndIndex) -> &mut End {
        &mut self.ends[end.0 as usize]
    }

    pub(crate) fn is_open(&self, end: EndIndex) -> bool {
        self.ends[end.0 as usize].state == EndState::Open
    }
}

fn running_stats(running: &Running) -> Option<brackish_core::TorrentStats> {
    running.session.torrent_stats(running.torrent)
}
