//! One torrent of a session: what is known of it, what is here, who takes part.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use brackish_wire::metainfo::{Info, Verdict, Verifier};
use brackish_wire::{Bitfield, InfoHash, Layout, PeerId, PieceHash, PieceIndex};

use crate::announce::Tracker;
use crate::bans::Suspect;
use crate::blame::{Blame, Digest};
use crate::blocks::BlockChecks;
use crate::choker::Choker;
use crate::layers::LayerFetch;
use crate::limit::Bucket;
use crate::metadata::MetadataFetch;
use crate::meter::Meter;
use crate::names::Names;
use crate::padding::Padding;
use crate::peer_set::PeerSet;
use crate::pex::Log;
use crate::picker::Picker;
use crate::rarity::Rarity;
use crate::readers::Readers;
use crate::relay::Relay;
use crate::selection::Selection;
use crate::session::Relief;
use crate::stall::Stall;
use crate::trees::Trees;
use crate::web_seed::WebSeed;
use crate::{
    ConnectionId, Existing, JobId, KeySet, Priority, Select, Table, Timestamp, TorrentState,
};

/// Peers that left of which the session still knows who they were, to ban them if their data
/// proves bad.
const MAX_DEPARTED: usize = 256;

/// Peers remembered that had everything.
const MAX_SEEDS_SEEN: usize = 1000;

/// How long a seed that is gone counts where no tracker gives an interval.
const SEED_MEMORY: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub(crate) struct Torrent {
    /// What it was added as.
    pub info_hash: InfoHash,
    pub names: Names,
    pub name: Option<String>,
    pub content: Option<Content>,
    /// Its dictionary, where pieces cannot be told right from wrong yet: hashes of version 2 are missing.
    pub unready: Option<Verifier>,
    pub layers: LayerFetch,
    pub state: TorrentState,
    pub existing: Existing,
    /// What is wanted of it to begin with.
    pub select: Select,
    /// Peers are shown little of it at a time while it is complete (BEP 16).
    pub super_seed: bool,
    /// It was incomplete in this session, so that its completion is news to trackers.
    pub was_incomplete: bool,
    /// Connections in [`Stage::Active`](crate::connection::Stage::Active).
    pub active: Vec<ConnectionId>,
    /// Connections that contend for the place of another, and which.
    pub contenders: Vec<(ConnectionId, ConnectionId)>,
    pub peer_set: PeerSet,
    /// Who came and left, for peer exchange.
    pub pex: Log,
    /// Peers that left, to be banned if their data proves bad.
    pub departed: VecDeque<(ConnectionId, Suspect)>,
    /// Peers banned and web seeds dropped because they sent bad data.
    pub bad_sources: u32,
    /// Why its download does not go on.
    pub stall: Stall,
    /// Nothing that is connected has what is missing.
    pub starves: bool,
    /// Peers that had everything, and when they were last connected.
    pub seeds_seen: Table<PeerId, Timestamp>,
    pub trackers: Vec<Tracker>,
    pub web_seeds: Vec<WebSeed>,
    /// Offers sent to trackers and not answered.
    pub offers: Table<[u8; 20], ConnectionId>,
    pub relay: Relay,
    pub metadata: MetadataFetch,
    pub choker: Choker,
    pub down: Meter,
    pub up: Meter,
    /// When a block was last sent to a peer.
    pub served: Timestamp,
    pub down_limit: Bucket,
    pub up_limit: Bucket,
    pub relief: Relief,
    pub down_webrtc: u64,
    pub down_web_seeds: u64,
    pub up_webrtc: u64,
    pub wasted: u64,
    /// Payload bytes sent to peers that were choked (BEP 6).
    pub given_fast: u64,
}

/// What a torrent has once its `info` dictionary is known.
#[derive(Debug)]
pub(crate) struct Content {
    pub info: Arc<Info>,
    pub verifier: Verifier,
    pub trees: Trees,
    pub checks: BlockChecks,
    /// The hash under way of each piece that has all its blocks.
    pub hashing: Table<u32, JobId>,
    /// The pieces as they travel.
    pub lengths: Layout,
    pub padding: Arc<Padding>,
    pub verified: Bitfield,
    pub selection: Selection,
    /// The files that the store was told are wanted.
    pub files: Bitfield,
    /// Wanted pieces that are not verified.
    pub missing: u32,
    pub picker: Picker,
    pub readers: Readers,
    /// While seeding: how many peers have each piece, or were told to fetch it from us.
    pub spread: Option<Rarity>,
    /// The first piece that has spread as little as any, when it was last looked for.
    pub next_to_spread: u32,
    /// Who sent each block of the pieces on their way.
    pub senders: Table<u32, Vec<Option<ConnectionId>>>,
    /// Verified pieces that were hashed out of the store in this session, and whose files were not
    /// seen to change since. Others are hashed before they are served.
    pub proven: Bitfield,
    /// Verified pieces being hashed once more: they are to be served for the first time, or could
    /// not be read.
    pub doubted: KeySet<u32>,
    /// Those of them whose files changed meanwhile: they are hashed again.
    pub doubted_again: KeySet<u32>,
    /// Files of which it was said that they changed, or grew, by their places in the torrent's list.
    pub told_changed: KeySet<usize>,
    pub told_grown: KeySet<usize>,
    pub blame: Blame,
    /// Whole pieces that wait with their hash because a sender is suspected, and since when.
    pub parked: Table<u32, Timestamp>,
    pub examinations: Table<u32, Examination>,
    /// Pieces that the store may hold, still to be hashed.
    pub unchecked: VecDeque<u32>,
    pub checking: usize,
    pub checked: u32,
}

/// The blocks of a piece being read back, to tell who sent bad ones.
#[derive(Debug)]
pub(crate) struct Examination {
    pub digests: Vec<Option<Digest>>,
    pub missing: usize,
    /// The senders, where the piece failed; `None` where it verified.
    pub senders: Option<Vec<Option<ConnectionId>>>,
}

impl Torrent {
    pub fn new(
        info_hash: InfoHash,
        names: Names,
        name: Option<String>,
        existing: Existing,
        select: Select,
        peer_set: PeerSet,
        now: Timestamp,
    ) -> Self {
        Self {
            info_hash,
            names,
            name,
            content: None,
            unready: None,
            layers: LayerFetch::default(),
            state: TorrentState::Metadata,
            existing,
            select,
            super_seed: false,
            was_incomplete: false,
            active: Vec::new(),
            contenders: Vec::new(),
            peer_set,
            pex: Log::default(),
            departed: VecDeque::new(),
            bad_sources: 0,
            stall: Stall::default(),
            starves: false,
            seeds_seen: Table::default(),
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            offers: Table::default(),
            relay: Relay::default(),
            metadata: MetadataFetch::default(),
            choker: Choker::new(now),
            down: Meter::default(),
            up: Meter::default(),
            served: now,
            down_limit: Bucket::new(now),
            up_limit: Bucket::new(now),
            relief: Relief::new(now),
            down_webrtc: 0,
            down_web_seeds: 0,
            up_webrtc: 0,
            wasted: 0,
            given_fast: 0,
        }
    }

    /// Bytes that are not here, wanted or not, as a tracker is told (BEP 3): who wants nothing more
    /// and has not everything is no seed to it. Unknown counts as one block, so that no tracker
    /// takes the peer for a seed.
    pub fn left(&self) -> u64 {
        self.content
            .as_ref()
            .map_or(u64::from(brackish_wire::BLOCK_LENGTH), |content| {
                content.lengths.total() - content.verified_bytes()
            })
    }

    /// Whether peers may come from elsewhere than its trackers (BEP 27). Until the metadata is there
    /// nobody knows.
    pub fn is_public(&self) -> bool {
        self.info().is_some_and(|info| !info.is_private())
    }

    /// Whether it is known that peers may come from its trackers alone (BEP 27).
    pub fn is_private(&self) -> bool {
        self.info().is_some_and(|info| info.is_private())
    }

    fn info(&self) -> Option<&Info> {
        let content = self.content.as_ref().map(|content| &content.verifier);
        content
            .or(self.unready.as_ref())
            .map(|known| &**known.info())
    }

    /// Whether every piece is verified.
    pub fn is_complete(&self) -> bool {
        self.content
            .as_ref()
            .is_some_and(|content| content.verified.is_full())
    }

    /// Whether new peers are not told what is here: it is super-seeded, or may be once its store is
    /// checked.
    pub fn is_hidden(&self) -> bool {
        self.super_seed && (self.state == TorrentState::Checking || self.is_complete())
    }

    /// Whether it wants nothing more (BEP 21), though it may not have everything.
    pub fn is_upload_only(&self) -> bool {
        self.state == TorrentState::Seeding
    }

    pub fn depart(&mut self, connection: ConnectionId, peer: Suspect) {
        self.active.retain(|active| *active != connection);
        if self.departed.len() >= MAX_DEPARTED {
            self.departed.pop_front();
        }
        self.departed.push_back((connection, peer));
    }

    /// A peer that has everything is connected.
    pub fn note_seed(&mut self, id: PeerId, now: Timestamp) {
        if self.seeds_seen.len() >= MAX_SEEDS_SEEN && !self.seeds_seen.contains_key(&id) {
            let interval = self.longest_interval();
            self.seeds_seen
                .retain(|_, seen| now.since(*seen) <= interval);
            if self.seeds_seen.len() >= MAX_SEEDS_SEEN {
                return;
            }
        }
        self.seeds_seen.insert(id, now);
    }

    /// The time in which each peer announces once.
    pub fn longest_interval(&self) -> Duration {
        let intervals = self.trackers.iter().map(|tracker| tracker.interval);
        intervals.max().unwrap_or(SEED_MEMORY)
    }
}

impl Content {
    pub fn new(verifier: Verifier, select: &Select, rng: &mut impl rand::Rng) -> Self {
        let info = verifier.info().clone();
        let lengths = info.layout().clone();
        let padding = Arc::new(Padding::new(&info));
        let selection = Selection::begin(&info, select);
        let mut content = Self {
            picker: Picker::new(lengths.clone(), padding.clone(), rng),
            padding,
            readers: Readers::default(),
            files: selection.files(&info, &[]),
            selection,
            missing: 0,
            spread: None,
            next_to_spread: 0,
            verified: Bitfield::new(lengths.piece_count()),
            senders: Table::default(),
            proven: Bitfield::new(lengths.piece_count()),
            doubted: KeySet::default(),
            doubted_again: KeySet::default(),
            told_changed: KeySet::default(),
            told_grown: KeySet::default(),
            blame: Blame::default(),
            parked: Table::default(),
            examinations: Table::default(),
            unchecked: VecDeque::new(),
            checking: 0,
            checked: 0,
            info,
            verifier,
            trees: Trees::default(),
            checks: BlockChecks::default(),
            hashing: Table::default(),
            lengths,
        };
        content.apply_selection(rng);
        content
    }

    /// What is wanted has changed: the picker and the count of what is missing follow.
    pub fn apply_selection(&mut self, rng: &mut impl rand::Rng) {
        self.missing = 0;
        for piece in self.lengths.pieces() {
            let priority = self.selection.piece(piece.get());
            self.picker.set_priority(piece, priority, rng);
            if self.wants(piece.get()) {
                self.missing += 1;
            }
        }
    }

    /// Whether a piece with this hash is right.
    pub fn is_right(&self, piece: PieceIndex, hash: &PieceHash) -> bool {
        self.verifier.judge(piece, hash) == Verdict::Good
    }

    /// A piece that was verified is not here any more; whether it is wanted.
    pub fn lost(&mut self, piece: PieceIndex, rng: &mut impl rand::Rng) -> bool {
        let priority = self.selection.piece(piece.get());
        self.picker.lost(piece, rng);
        self.picker.set_priority(piece, priority, rng);
        let wanted = priority != Priority::Skip;
        self.missing += u32::from(wanted);
        wanted
    }

    /// Whether a piece is wanted and not here.
    pub fn wants(&self, piece: u32) -> bool {
        !self.verified.get(piece) && self.selection.wants(piece)
    }

    /// Whether every wanted piece is here. Where nothing is wanted yet, nothing is finished.
    pub fn is_finished(&self) -> bool {
        let chosen = || (0..self.lengths.piece_count()).any(|piece| self.selection.wants(piece));
        self.verified.is_full() || self.missing == 0 && chosen()
    }

    /// Bytes of the wanted pieces, and of those of them that are verified.
    pub fn wanted_bytes(&self) -> (u64, u64) {
        if self.selection.is_everything() {
            return (self.lengths.total(), self.verified_bytes());
        }
        let mut bytes = (0, 0);
        for piece in self.lengths.pieces() {
            if self.selection.wants(piece.get()) {
                let size = u64::from(self.lengths.piece_size(piece));
                bytes.0 += size;
                bytes.1 += if self.verified.get(piece.get()) {
                    size
                } else {
                    0
                };
            }
        }
        bytes
    }

    /// Bytes of the verified pieces.
    pub fn verified_bytes(&self) -> u64 {
        self.lengths.bytes_in(&self.verified)
    }
}
