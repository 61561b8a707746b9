//! One connection: how far it has come, its credit, and the peer at its other end.

use std::collections::VecDeque;
use std::net::SocketAddr;

use brackish_wire::message::{DEFAULT_MAX_FRAME, Decoder};
use brackish_wire::tracker::ws::OfferId;
use brackish_wire::{Bitfield, BlockRequest, InfoHash, PeerId, PieceIndex};

use crate::bans::Suspect;
use crate::meter::Meter;
use crate::outbox::Outbox;
use crate::pex::Exchanger;
use crate::pipeline::Pipeline;
use crate::relay::Signaller;
use crate::session::{Contender, Entrusted, PeerHashes, Secret, Shown, Suggested};
use crate::{ConnectionId, DisconnectReason, JobId, KeySet, SocketId, Timestamp, TorrentId, Via};

/// Requests of one peer that wait to be served; told to it as `reqq`. A peer that asks for more
/// is told no, or not answered.
pub(crate) const MAX_INCOMING: usize = 1000;

/// `have` messages kept from a peer before the metadata is there. More than a peer sends in the
/// seconds that takes; what is over is forgotten, and the peer merely looks poorer.
const MAX_EARLY_HAVES: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Connection {
    pub via: Via,
    pub address: Option<SocketAddr>,
    /// Where the other end of a data channel is, if the driver has said.
    pub remote: Option<SocketAddr>,
    /// The address in the peer set that this connection keeps busy.
    pub dialable: Option<SocketAddr>,
    /// We dialled it, or it came of our offer.
    pub outgoing: bool,
    pub torrent: Option<TorrentId>,
    /// The name of the torrent on this connection, where that is settled.
    pub swarm: Option<InfoHash>,
    pub stage: Stage,
    /// When the stage began.
    pub since: Timestamp,
    /// Who signalling says is there.
    pub signalled: Option<PeerId>,
    /// The peer that carries or carried its offer and answer; a tracker does where it is `None`.
    pub relay: Option<ConnectionId>,
    /// Bytes that the driver takes in all.
    pub room: usize,
    /// What waits to be sent.
    pub outbox: Outbox,
    /// Since when the driver was asked to read nothing from it.
    pub held: Option<Timestamp>,
    /// Bytes of blocks being read for it, and what their runs will cost besides.
    pub reading_bytes: usize,
    /// It stands in a row of those that wait for a limit: to be served, and to be asked.
    pub waits_to_serve: bool,
    pub waits_to_ask: bool,
    pub handshake_sent: bool,
    /// What has come of the other side's handshake.
    pub handshake: Vec<u8>,
    pub decoder: Decoder,
    pub last_received: Timestamp,
    pub last_sent: Timestamp,
    /// Present while it contends for the place of another.
    pub contender: Option<Box<Contender>>,
    /// Present from the handshake on.
    pub peer: Option<Box<Peer>>,
}

/// How far a connection has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// A TCP dial is under way.
    Dialling,
    /// Its offer is being made, or made and not sent.
    Offering,
    /// Its offer was sent.
    Offered,
    /// Its answer is being made, to be sent back by the way that the offer came.
    Answering { by: Carrier, offer_id: OfferId },
    /// Offer and answer are exchanged; the data channel is to open.
    Connecting,
    /// Open; the other side's handshake has not come.
    Handshaking,
    /// The handshakes are exchanged, and the peer's id is that of a connection that is there.
    Contending,
    /// The handshakes are exchanged.
    Active,
}

/// By whom an answer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tracker(SocketId),
    Relay(ConnectionId),
}

/// A block asked of a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub piece: PieceIndex,
    pub number: u32,
    pub request: BlockRequest,
    pub at: Timestamp,
    /// Given back to the picker because the peer was silent; taken all the same if it comes.
    pub released: bool,
}

/// Which pieces a peer has.
#[derive(Debug)]
pub(crate) enum Has {
    /// As it said before the number of pieces was known.
    Early {
        all: bool,
        bitfield: Option<Vec<u8>>,
        haves: KeySet<u32>,
    },
    /// As it stands. `counted`: its pieces are counted one by one in the picker.
    Known { pieces: Bitfield, counted: bool },
}

/// The peer at the other end, from its handshake on.
#[derive(Debug)]
pub(crate) struct Peer {
    pub id: PeerId,
    /// By which it can prove to be itself on another connection.
    pub secret: Option<Secret>,
    pub fast: bool,
    pub extended: bool,
    /// The connection is one of version 2 (BEP 52).
    pub v2: bool,
    pub hashes: PeerHashes,
    pub client: Option<String>,
    pub has: Has,
    /// It said which pieces it has, so that what it says next adds to that.
    pub spoke: bool,
    /// Pieces that it has and we want.
    pub wanted: u32,
    pub choking_us: bool,
    pub interested: bool,
    pub am_choking: bool,
    /// Since when it is served only to the end of the pieces that it has begun.
    pub leaving: Option<Timestamp>,
    pub am_interested: bool,
    /// When we began or ended to serve it, or it began to wait.
    pub service_since: Timestamp,
    /// When it last asked for a block.
    pub asked_us: Timestamp,
    pub requests: VecDeque<Asked>,
    /// Requests taken back for more urgent ones: a block of these that comes all the same is taken.
    pub given_up: VecDeque<Asked>,
    pub pipeline: Pipeline,
    /// When a block came last, or the first request went out.
    pub last_block: Timestamp,
    pub snubs_us: bool,
    /// Requests that it rejected in a row while it did not choke us.
    pub rejections: u32,
    /// Pieces that it advises us to ask for, oldest first.
    pub advice: VecDeque<u32>,
    /// Pieces that we, a seed that serves it, told it to ask for.
    pub suggested: Vec<Suggested>,
    /// What it was shown of the pieces that are here, while we super-seed (BEP 16).
    pub shown: Option<Box<Shown>>,
    /// Pieces that it had of us so and that nobody else has, as far as we know.
    pub entrusted: Vec<Entrusted>,
    /// How many of such pieces it kept to itself for a while, and how many others had after it soon.
    pub kept: u32,
    pub passed_on: u32,
    /// Pieces that it may ask for while we choke it (BEP 6), and how many bytes it has had so.
    pub allowed: Box<[u32]>,
    pub taken_fast: u64,
    /// Pieces that we may ask for while it chokes us.
    pub allowed_us: Vec<u32>,
    /// Its requests, not yet read.
    pub incoming: VecDeque<BlockRequest>,
    /// Its requests being read.
    pub reading: Vec<(JobId, BlockRequest)>,
    pub down: Meter,
    pub up: Meter,
    /// Bytes of the pieces that it got, of anyone, while we seed.
    pub intake: Meter,
    /// It gets enough of others: we, who seed, spare our upload.
    pub carried: bool,
    /// Present while it speaks `ut_pex`.
    pub pex: Option<Exchanger>,
    /// Present while it speaks `bk_signal`.
    pub signal: Option<Box<Signaller>>,
    /// Its id for `lt_donthave`.
    pub dont_have: Option<u8>,
    /// Its id for `ut_metadata`.
    pub ut_metadata: Option<u8>,
    pub metadata_size: Option<u32>,
    /// Pieces of the metadata that it asked for and is to be sent.
    pub metadata_asked: VecDeque<u32>,
    /// How many it has asked for so.
    pub metadata_served: u32,
}

impl Connection {
    pub fn new(via: Via, outgoing: bool, stage: Stage, now: Timestamp) -> Self {
        Self {
            via,
            address: None,
            remote: None,
            dialable: None,
            outgoing,
            torrent: None,
            swarm: None,
            stage,
            since: now,
            signalled: None,
            relay: None,
            room: 0,
            outbox: Outbox::default(),
            held: None,
            reading_bytes: 0,
            waits_to_serve: false,
            waits_to_ask: false,
            handshake_sent: false,
            handshake: Vec::new(),
            decoder: Decoder::new(DEFAULT_MAX_FRAME),
            last_received: now,
            last_sent: now,
            contender: None,
            peer: None,
        }
    }

    pub fn enter(&mut self, stage: Stage, now: Timestamp) {
        self.stage = stage;
        self.since = now;
    }

    /// Who is there, as far as is known.
    pub fn remote_id(&self) -> Option<PeerId> {
        self.peer.as_ref().map(|peer| peer.id).or(self.signalled)
    }

    /// Whom a ban of its peer would be of.
    pub fn suspect(&self, id: PeerId) -> Suspect {
        Suspect {
            id,
            address: self.address.or(self.remote),
            dialled: self.outgoing && self.via == Via::Tcp,
        }
    }

    /// The address that was dialled, where the connection ends for this reason without a handshake.
    pub fn failed_dial(&self, reason: &DisconnectReason) -> Option<SocketAddr> {
        let early = matches!(self.stage, Stage::Dialling | Stage::Handshaking);
        let failed = matches!(
            reason,
            DisconnectReason::Remote(_) | DisconnectReason::Timeout | DisconnectReason::Protocol(_)
        );
        self.address
            .filter(|_| early && failed && self.outgoing && self.via == Via::Tcp)
    }

    /// Whether another block may be read for it.
    pub fn has_credit(&self) -> bool {
        self.outbox.load() + self.reading_bytes < self.room
    }
}

impl Peer {
    pub fn new(id: PeerId, fast: bool, extended: bool, has: Has, now: Timestamp) -> Self {
        Self {
            id,
            secret: None,
            fast,
            extended,
            v2: false,
            hashes: PeerHashes::default(),
            client: None,
            has,
            spoke: false,
            wanted: 0,
            choking_us: true,
            interested: false,
            am_choking: true,
            leaving: None,
            am_interested: false,
            service_since: now,
            asked_us: now,
            requests: VecDeque::new(),
            given_up: VecDeque::new(),
            pipeline: Pipeline::new(),
            last_block: now,
            snubs_us: false,
            rejections: 0,
            advice: VecDeque::new(),
            suggested: Vec::new(),
            shown: None,
            entrusted: Vec::new(),
            kept: 0,
            passed_on: 0,
            allowed: Box::default(),
            taken_fast: 0,
            allowed_us: Vec::new(),
            incoming: VecDeque::new(),
            reading: Vec::new(),
            down: Meter::default(),
            up: Meter::default(),
            intake: Meter::default(),
            carried: false,
            pex: None,
            signal: None,
            dont_have: None,
            ut_metadata: None,
            metadata_size: None,
            metadata_asked: VecDeque::new(),
            metadata_served: 0,
        }
    }

    pub fn has_piece(&self, piece: u32) -> bool {
        matches!(&self.has, Has::Known { pieces, .. } if pieces.get(piece))
    }

    pub fn is_seed(&self) -> bool {
        matches!(&self.has, Has::Known { pieces, .. } if pieces.is_full())
    }

    /// Whether it has every piece and is not counted piece by piece.
    pub fn is_seed_uncounted(&self) -> bool {
        matches!(&self.has, Has::Known { counted: false, .. })
    }

    /// How many pieces it has; 0 before it is known.
    pub fn pieces(&self) -> u32 {
        match &self.has {
            Has::Known { pieces, .. } => pieces.count_ones(),
            Has::Early { .. } => 0,
        }
    }

    pub fn progress(&self) -> f64 {
        match &self.has {
            Has::Known { pieces, .. } if !pieces.is_empty() => {
                f64::from(pieces.count_ones()) / f64::from(pieces.len())
            }
            Has::Early { all: true, .. } => 1.0,
            _ => 0.0,
        }
    }
}

impl Has {
    pub fn early() -> Self {
        Self::Early {
            all: false,
            bitfield: None,
            haves: KeySet::default(),
        }
    }

    pub fn nothing(pieces: u32) -> Self {
        Self::Known {
            pieces: Bitfield::new(pieces),
            counted: true,
        }
    }

    /// Notes a `lt_donthave` that came before the metadata.
    pub fn forget_early(&mut self, piece: u32) {
        if let Self::Early {
            bitfield, haves, ..
        } = self
        {
            haves.remove(&piece);
            let byte = bitfield
                .as_mut()
                .and_then(|bits| bits.get_mut(piece as usize / 8));
            if let Some(byte) = byte {
                *byte &= !(0x80 >> (piece % 8));
            }
        }
    }

    /// Notes a `have` that came before the metadata.
    pub fn note_early(&mut self, piece: u32) {
        if let Self::Early { haves, .. } = self
            && haves.len() < MAX_EARLY_HAVES
        {
            haves.insert(piece);
        }
    }
}
