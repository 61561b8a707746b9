//! A session on the bench: its driver, its store, and peers that say what a test wants.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brackish_core::{
    AddTorrent, Config, ConnectionId, Event, Existing, Input, Output, Presence, Select, Session,
    Source, Timestamp, TorrentId, Via,
};
use brackish_wire::extension::{ExtendedHandshake, HANDSHAKE_ID};
use brackish_wire::message::{HANDSHAKE_LENGTH, Handshake, Message, Reserved};
use brackish_wire::metainfo::{Info, InfoBuilder, PieceLayers};
use brackish_wire::{BLOCK_LENGTH, Bitfield, BlockRequest, PeerId, PieceHash};
use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};

/// Bytes of a piece: one block.
pub const PIECE: u32 = BLOCK_LENGTH;

/// Whom the session calls itself.
pub const OURS: PeerId = PeerId(*b"-BK0001-mmmmmmmmmmmm");

/// What a bench is set up with.
pub struct Setup {
    pub seed: u8,
    pub pieces: u32,
    /// The caller has all of it, in files of its own.
    pub has_all: bool,
    /// The session's store has all of it.
    pub stored: bool,
    pub super_seed: bool,
    pub private: bool,
    pub magnet: bool,
    pub select: Select,
    pub trackers: Vec<Vec<String>>,
    pub peers: Vec<SocketAddr>,
    pub config: Config,
}

impl Default for Setup {
    fn default() -> Self {
        let mut config = Config::new(OURS);
        config.listen_port = Some(6881);
        Self {
            seed: 7,
            pieces: 100,
            has_all: false,
            stored: false,
            super_seed: false,
            private: false,
            magnet: false,
            select: Select::Everything,
            trackers: Vec::new(),
            peers: Vec::new(),
            config,
        }
    }
}

/// The session and all around it.
pub struct Bench {
    pub session: Session,
    pub torrent: TorrentId,
    pub info: Arc<Info>,
    pub content: Bytes,
    pub now: Timestamp,
    pub events: Vec<Event>,
    /// What was asked for and is not played by the bench: dials, offers, answers, announces.
    pub outputs: Vec<Output>,
    /// Pieces of which every read fails.
    pub unreadable: Vec<u32>,
    /// Pieces of which every read gives other bytes.
    pub changed: Vec<u32>,
    /// Pieces that were hashed, in order.
    pub hashed: Vec<u32>,
    /// Hashes wait until they are released.
    pub hold_hashes: bool,
    held_hashes: Vec<Input<'static>>,
    presence: Presence,
    links: BTreeMap<ConnectionId, Link>,
    /// Connections whose transport takes nothing.
    pub unread: BTreeSet<ConnectionId>,
}

/// What the session has sent on a connection.
#[derive(Default)]
struct Link {
    bytes: BytesMut,
    shaken: bool,
    frames: VecDeque<Bytes>,
    /// Its last extended handshake.
    handshake: Option<ExtendedHandshake>,
    /// What its transport has not taken, run by run.
    held: Vec<usize>,
    closed: bool,
}

/// A peer that a test plays, by its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    pub connection: ConnectionId,
    pub id: PeerId,
}

/// The peer id of the test's peer of this number.
pub fn peer_id(number: u8) -> PeerId {
    let mut id = *b"-TT0001-............";
    id[19] = number;
    PeerId(id)
}

/// The address of the test's peer of this number.
pub fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, number, 1], 40_000))
}

fn full(pieces: u32) -> Bitfield {
    let mut all = Bitfield::new(pieces);
    for piece in 0..pieces {
        all.set(piece);
    }
    all
}

impl Bench {
    pub fn new(setup: Setup) -> Self {
        let total = u64::from(setup.pieces) * u64::from(PIECE);
        let content: Bytes = (0..total).map(|at| (at / 7 + at % 251) as u8).collect();
        let builder = InfoBuilder::single_file("it", total, PIECE).private(setup.private);
        let hashes: Vec<[u8; 20]> = content
            .chunks(PIECE as usize)
            .map(|piece| Sha1::digest(piece).into())
            .collect();
        let info = Arc::new(builder.build(&hashes).unwrap());
        let now = Timestamp::from_micros(1_000_000);
        let mut session = Session::new(setup.config, [setup.seed; 32], now);
        let source = if setup.magnet {
            Source::Magnet {
                info_hash: info.info_hash(),
                info_hash_v2: None,
                name: None,
            }
        } else {
            Source::Info {
                info: info.clone(),
                piece_layers: PieceLayers::default(),
            }
        };
        let add = AddTorrent {
            source,
            trackers: setup.trackers,
            web_seeds: Vec::new(),
            peers: setup.peers,
            existing: if setup.has_all {
                Existing::AllVerified
            } else {
                Existing::Check
            },
            select: setup.select,
            super_seed: setup.super_seed,
        };
        let torrent = session.add_torrent(add, now).unwrap();
        let mut bench = Self {
            session,
            torrent,
            info,
            content,
            now,
            events: Vec::new(),
            outputs: Vec::new(),
            unreadable: Vec::new(),
            changed: Vec::new(),
            hashed: Vec::new(),
            hold_hashes: false,
            held_hashes: Vec::new(),
            presence: match setup.stored {
                true => Presence::Maybe(full(setup.pieces)),
                false => Presence::Nothing,
            },
            links: BTreeMap::new(),
            unread: BTreeSet::new(),
        };
        bench.drive();
        bench
    }

    /// A peer of this number that has come by WebRTC-free TCP and shaken hands.
    pub fn meet(&mut self, number: u8) -> Remote {
        self.meet_by(Via::Tcp, number, Some(address(number)), true)
    }

    pub fn meet_by(
        &mut self,
        via: Via,
        number: u8,
        address: Option<SocketAddr>,
        fast: bool,
    ) -> Remote {
        let connection = self
            .session
            .accept(via, address, 1 << 20, self.now)
            .unwrap();
        self.links.insert(connection, Link::default());
        self.shake(connection, peer_id(number), fast)
    }

    /// A connection that the session began is open.
    pub fn open(&mut self, connection: ConnectionId) {
        self.links.insert(connection, Link::default());
        let room = 1 << 20;
        self.input(Input::Opened { connection, room });
    }

    /// A connection that the session began is open, and this peer is there.
    pub fn opened(&mut self, connection: ConnectionId, id: PeerId) -> Remote {
        self.open(connection);
        self.shake(connection, id, true)
    }

    fn shake(&mut self, connection: ConnectionId, id: PeerId, fast: bool) -> Remote {
        let reserved = Reserved::NONE.with_extension_protocol();
        let handshake = Handshake {
            reserved: if fast { reserved.with_fast() } else { reserved },
            info_hash: self.info.info_hash(),
            peer_id: id,
        };
        let data = &handshake.encode();
        self.input(Input::Received { connection, data });
        Remote { connection, id }
    }

    /// The peer's extended handshake, with these extensions.
    pub fn extends(&mut self, remote: Remote, extensions: &[(&str, u8)], port: Option<u16>) {
        let extensions = extensions
            .iter()
            .map(|(name, id)| ((*name).to_owned(), *id));
        let handshake = ExtendedHandshake {
            m: extensions.collect(),
            port,
            metadata_size: u32::try_from(self.info.raw().len()).ok(),
            ..ExtendedHandshake::default()
        };
        self.say_extended(remote, HANDSHAKE_ID, &handshake.encode());
    }

    /// The addresses that the session has begun to dial since the last time.
    pub fn dialled(&mut self) -> Vec<(ConnectionId, SocketAddr)> {
        self.asked(|output| match output {
            Output::Dial {
                connection,
                address,
            } => Some((*connection, *address)),
            _ => None,
        })
    }

    pub fn say_extended(&mut self, remote: Remote, id: u8, payload: &[u8]) {
        self.say(remote, &Message::Extended { id, payload });
    }

    pub fn say(&mut self, remote: Remote, message: &Message<'_>) {
        let mut data = BytesMut::new();
        message.encode(&mut data);
        let connection = remote.connection;
        self.input(Input::Received {
            connection,
            data: &data,
        });
    }

    /// The block that a request asks for, as it should be.
    pub fn block(&self, request: &BlockRequest) -> Bytes {
        let from = request.piece as usize * PIECE as usize + request.begin as usize;
        self.content.slice(from..from + request.length as usize)
    }

    /// Answers a request as it should be.
    pub fn serve(&mut self, remote: Remote, request: &BlockRequest) {
        let data = self.block(request);
        let (piece, begin) = (request.piece, request.begin);
        self.say(
            remote,
            &Message::Piece {
                piece,
                begin,
                data: &data,
            },
        );
    }

    /// The pieces asked of a peer since the last time; each is one block.
    pub fn asked_of(&mut self, remote: Remote) -> Vec<BlockRequest> {
        self.heard_of(remote, |message| match message {
            Message::Request(request) => Some(request),
            _ => None,
        })
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(input, self.now);
        self.drive();
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.session.handle_timeout(self.now);
            self.drive();
        }
        self.now = until;
    }

    /// What the session has said to a peer since the last time, as frames without their length.
    pub fn heard(&mut self, remote: Remote) -> Vec<Bytes> {
        let link = self.links.get_mut(&remote.connection).unwrap();
        link.frames.drain(..).collect()
    }

    /// The same, of the messages that `wanted` picks out.
    pub fn heard_of<T>(
        &mut self,
        remote: Remote,
        wanted: impl Fn(Message<'_>) -> Option<T>,
    ) -> Vec<T> {
        let frames = self.heard(remote);
        frames
            .iter()
            .filter_map(|frame| wanted(Message::decode(frame).unwrap()))
            .collect()
    }

    /// The payloads of one extension's messages, by the id that the peer gave it.
    pub fn heard_extended(&mut self, remote: Remote, extension: u8) -> Vec<Vec<u8>> {
        self.heard_of(remote, |message| match message {
            Message::Extended { id, payload } if id == extension => Some(payload.to_vec()),
            _ => None,
        })
    }

    /// The extended handshake that the session has sent a peer last.
    pub fn handshake(&self, remote: Remote) -> Option<&ExtendedHandshake> {
        self.links[&remote.connection].handshake.as_ref()
    }

    /// By which id the session takes an extension from a peer.
    pub fn extension(&self, remote: Remote, name: &str) -> Option<u8> {
        let handshake = self.links[&remote.connection].handshake.as_ref()?;
        handshake.m.get(name).copied()
    }

    /// The runs of bytes that the transport of a connection has not taken.
    pub fn held(&self, remote: Remote) -> &[usize] {
        &self.links[&remote.connection].held
    }

    pub fn is_closed(&self, remote: Remote) -> bool {
        self.links[&remote.connection].closed
    }

    /// The peer's end is gone.
    pub fn lose(&mut self, remote: Remote) {
        self.input(Input::Closed {
            connection: remote.connection,
            reason: "gone".to_owned(),
        });
    }

    /// Takes out what was asked for that `wanted` picks out.
    pub fn asked<T>(&mut self, wanted: impl Fn(&Output) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        self.outputs.retain(|output| match wanted(output) {
            Some(it) => {
                found.push(it);
                false
            }
            None => true,
        });
        found
    }

    fn drive(&mut self) {
        while let Some(output) = self.session.poll_output() {
            let answer = match output {
                Output::Transmit { connection, data } => {
                    let link = self.links.get_mut(&connection).unwrap();
                    assert!(!link.closed, "sent on a connection that it closed");
                    link.take(&data);
                    let bytes = data.len();
                    if self.unread.contains(&connection) {
                        link.held.push(bytes);
                        None
                    } else {
                        Some(Input::Sent { connection, bytes })
                    }
                }
                Output::Close { connection } => {
                    self.links.entry(connection).or_default().closed = true;
                    None
                }
                Output::OpenStorage { torrent, .. } => Some(Input::StorageOpened {
                    torrent,
                    result: Ok(self.presence.clone()),
                }),
                Output::Read {
                    job,
                    piece,
                    begin,
                    length,
                    ..
                } => Some(Input::BlockRead {
                    job,
                    result: self.read(piece.get(), begin, length),
                }),
                Output::Write { job, .. } => Some(Input::BlockWritten {
                    job,
                    result: Ok(None),
                }),
                Output::Hash { job, piece, .. } => {
                    let whole = self.read(piece.get(), 0, PIECE);
                    let result = whole.map(|data| PieceHash {
                        sha1: Some(Sha1::digest(&data).into()),
                        blocks: Vec::new(),
                    });
                    self.hashed.push(piece.get());
                    let hashed = Input::PieceHashed { job, result };
                    if self.hold_hashes {
                        self.held_hashes.push(hashed);
                        None
                    } else {
                        Some(hashed)
                    }
                }
                other => {
                    self.outputs.push(other);
                    None
                }
            };
            if let Some(answer) = answer {
                self.session.handle_input(answer, self.now);
            }
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    /// Gives the session the hashes that were held.
    pub fn release_hashes(&mut self) {
        for hashed in std::mem::take(&mut self.held_hashes) {
            self.session.handle_input(hashed, self.now);
        }
        self.drive();
    }

    /// The driver says that the one file changed.
    pub fn file_changed(&mut self, longer: bool) {
        let changed = Input::FileChanged {
            torrent: self.torrent,
            file: 0,
            longer,
        };
        self.session.handle_input(changed, self.now);
        self.drive();
    }

    fn read(
        &self,
        piece: u32,
        begin: u32,
        length: u32,
    ) -> Result<Bytes, brackish_core::StorageError> {
        if self.unreadable.contains(&piece) {
            return Err(brackish_core::StorageError::Failed {
                place: "it".to_owned(),
                reason: "a bad sector".to_owned(),
            });
        }
        if self.changed.contains(&piece) {
            return Ok(Bytes::from(vec![0xee; length as usize]));
        }
        let request = BlockRequest {
            piece,
            begin,
            length,
        };
        Ok(self.block(&request))
    }
}

impl Link {
    fn take(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
        if !self.shaken {
            if self.bytes.len() < HANDSHAKE_LENGTH {
                return;
            }
            let _ = self.bytes.split_to(HANDSHAKE_LENGTH);
            self.shaken = true;
        }
        while let Some(length) = self.bytes.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if self.bytes.len() < 4 + length {
                return;
            }
            let frame = self.bytes.split_to(4 + length).freeze();
            let frame = frame.slice(4..);
            if let Ok(Message::Extended { id: 0, payload }) = Message::decode(&frame) {
                self.handshake = ExtendedHandshake::decode(payload).ok();
            }
            self.frames.push_back(frame);
        }
    }
}
