//! A session, a store in memory and whatever the test makes of the rest: what is put out and not
//! for the store is kept for the test to look at.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use brackish_core::{
    AddTorrent, Config, ConnectionId, Event, Existing, Input, Output, Presence, Session, Source,
    Timestamp, TorrentId, Via,
};
use brackish_wire::merkle::{Hash, HashRequest};
use brackish_wire::message::{Decoder, HANDSHAKE_LENGTH, Handshake, Message, Reserved};
use brackish_wire::metainfo::{FileKind, Info, InfoBuilder, PieceLayers};
use brackish_wire::{
    BLOCK_LENGTH, BlockRequest, InfoHash, Lengths, PeerId, PieceHash, PieceHashers, PieceIndex,
};
use bytes::{Bytes, BytesMut};
use sha1::{Digest, Sha1};

/// A torrent, its bytes known.
pub struct Torrent {
    pub info: Arc<Info>,
    pub piece_layers: PieceLayers,
    pub bytes: Vec<u8>,
}

/// Bytes in which no block is like another.
pub fn pattern(length: u64) -> Vec<u8> {
    (0..length)
        .map(|at| (at ^ (at >> 7) ^ (at >> 14).wrapping_mul(31)) as u8)
        .collect()
}

fn hashes(bytes: &[u8], lengths: Lengths) -> Vec<[u8; 20]> {
    bytes
        .chunks(lengths.piece_length() as usize)
        .map(|piece| Sha1::digest(piece).into())
        .collect()
}

/// The hash of a piece of a torrent that has these bytes.
fn hash(hashers: &PieceHashers, bytes: &[u8], piece: PieceIndex) -> PieceHash {
    let begin = hashers.layout().piece_offset(piece) as usize;
    let size = hashers.layout().piece_size(piece) as usize;
    let mut hasher = hashers.hasher(piece);
    hasher.update(&bytes[begin..begin + size]);
    hasher.finish()
}

impl Torrent {
    pub fn single(length: u64, piece_length: u32) -> Self {
        let bytes = pattern(length);
        let builder = InfoBuilder::single_file("file.bin", length, piece_length);
        let info = builder.build(&hashes(&bytes, builder.lengths().unwrap()));
        Self::v1(info.unwrap(), bytes)
    }

    pub fn folder(files: &[(&str, u64)], piece_length: u32) -> Self {
        let total = files.iter().map(|(_, length)| length).sum();
        let bytes = pattern(total);
        let files = files
            .iter()
            .map(|(path, length)| (path.split('/').map(str::to_owned).collect(), *length));
        let builder = InfoBuilder::multi_file("folder", files.collect(), piece_length);
        let info = builder.build(&hashes(&bytes, builder.lengths().unwrap()));
        Self::v1(info.unwrap(), bytes)
    }

    /// Files `a` and `b`, the first padded to a whole piece (BEP 47).
    pub fn padded(first: u64, second: u64, piece_length: u32) -> Self {
        let padding = first.next_multiple_of(piece_length.into()) - first;
        let mut bytes = pattern(first);
        bytes.resize((first + padding) as usize, 0);
        bytes.extend(pattern(second).iter().map(|byte| byte ^ 0x33));
        let lengths = Lengths::new(bytes.len() as u64, piece_length).unwrap();
        let hashes = hashes(&bytes, lengths).concat();
        let mut raw = format!(
            "d5:filesld6:lengthi{first}e4:pathl1:aeed4:attr1:p6:lengthi{padding}e4:pathl4:.pad1:0ee\
             d6:lengthi{second}e4:pathl1:beee4:name6:folder12:piece lengthi{piece_length}e6:pieces{}:",
            hashes.len()
        )
        .into_bytes();
        raw.extend(hashes);
        raw.push(b'e');
        Self::v1(Info::from_bytes(raw.into()).unwrap(), bytes)
    }

    fn v1(info: Info, bytes: Vec<u8>) -> Self {
        Self {
            info: Arc::new(info),
            piece_layers: PieceLayers::default(),
            bytes,
        }
    }

    /// The same files in version 2 alone, or as a hybrid; in the bytes there is padding between them.
    pub fn version_2(files: &[(&str, u64)], piece_length: u32, hybrid: bool) -> Self {
        let files = files
            .iter()
            .map(|(path, length)| (path.split('/').map(str::to_owned).collect(), *length));
        let builder = InfoBuilder::multi_file("folder", files.collect(), piece_length);
        let builder = match hybrid {
            true => builder.hybrid().unwrap(),
            false => builder.v2_only().unwrap(),
        };
        let mut bytes = Vec::new();
        for file in builder.files() {
            let salt = file.offset as u8;
            match file.kind {
                FileKind::Padding => bytes.resize(bytes.len() + file.length as usize, 0),
                _ => bytes.extend(pattern(file.length).iter().map(|byte| byte ^ salt)),
            }
        }
        let hashers = builder.piece_hashers();
        let hashes: Vec<PieceHash> = hashers
            .layout()
            .pieces()
            .map(|piece| hash(&hashers, &bytes, piece))
            .collect();
        let (info, piece_layers) = builder.build(&hashes).unwrap();
        Self {
            info: Arc::new(info),
            piece_layers,
            bytes,
        }
    }

    pub fn block(&self, request: BlockRequest) -> Vec<u8> {
        let begin = u64::from(request.piece) * u64::from(self.info.lengths().piece_length())
            + u64::from(request.begin);
        self.bytes[begin as usize..begin as usize + request.length as usize].to_vec()
    }
}

/// A session with one torrent.
pub struct Bench {
    pub session: Session,
    pub torrent: TorrentId,
    pub content: Torrent,
    pub now: Timestamp,
    /// The store, as written.
    pub stored: Vec<u8>,
    /// Writes wait until [`Bench::write`] when this is set.
    pub slow_store: bool,
    writes: VecDeque<Output>,
    /// Outputs that are not for the store, in order.
    pub outputs: VecDeque<Output>,
    pub events: Vec<Event>,
}

impl Bench {
    pub fn new(content: Torrent, web_seeds: &[&str]) -> Self {
        Self::with(content, web_seeds, |_| {})
    }

    pub fn with(content: Torrent, web_seeds: &[&str], set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(PeerId([9; 20]));
        set(&mut config);
        let now = Timestamp::from_micros(1_000_000);
        let mut session = Session::new(config, [3; 32], now);
        let add = AddTorrent {
            source: Source::Info {
                info: content.info.clone(),
                piece_layers: content.piece_layers.clone(),
            },
            trackers: Vec::new(),
            web_seeds: web_seeds.iter().map(|url| (*url).to_owned()).collect(),
            peers: Vec::new(),
            existing: Existing::Check,
            select: Default::default(),
            super_seed: false,
        };
        let torrent = session.add_torrent(add, now).unwrap();
        let mut bench = Self {
            session,
            torrent,
            stored: vec![0; content.bytes.len()],
            content,
            now,
            slow_store: false,
            writes: VecDeque::new(),
            outputs: VecDeque::new(),
            events: Vec::new(),
        };
        bench.settle();
        bench
    }

    pub fn input(&mut self, input: Input<'_>) {
        self.session.handle_input(input, self.now);
        self.settle();
    }

    /// Lets time go by, in steps in which the session does what is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let next = self.now + Duration::from_millis(100);
            self.now = next.min(end);
            self.session.handle_timeout(self.now);
            self.settle();
        }
    }

    fn settle(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Write { .. } if self.slow_store => self.writes.push_back(output),
                Output::OpenStorage { .. }
                | Output::Read { .. }
                | Output::Write { .. }
                | Output::Hash { .. } => {
                    // A hash comes after the writes before it.
                    if self.slow_store && matches!(output, Output::Hash { .. }) {
                        self.writes.push_back(output);
                    } else {
                        self.store(output);
                    }
                }
                other => self.outputs.push_back(other),
            }
        }
        while let Some(event) = self.session.poll_event() {
            self.events.push(event);
        }
    }

    /// Does the writes that wait.
    pub fn write(&mut self) {
        while let Some(output) = self.writes.pop_front() {
            self.store(output);
            self.settle();
        }
    }

    pub fn waiting_writes(&self) -> usize {
        self.writes.len()
    }

    fn store(&mut self, output: Output) {
        let lengths = self.content.info.lengths();
        let place = |piece, begin: u32, length: usize| {
            let begin = (lengths.piece_offset(piece) + u64::from(begin)) as usize;
            begin..begin + length
        };
        let input = match output {
            Output::OpenStorage { torrent, .. } => Input::StorageOpened {
                torrent,
                result: Ok(Presence::Nothing),
            },
            Output::Read {
                job,
                piece,
                begin,
                length,
                ..
            } => Input::BlockRead {
                job,
                result: Ok(Bytes::copy_from_slice(
                    &self.stored[place(piece, begin, length as usize)],
                )),
            },
            Output::Write {
                job,
                piece,
                begin,
                data,
                ..
            } => {
                self.stored[place(piece, begin, data.len())].copy_from_slice(&data);
                let mut hasher = self.content.info.piece_hashers().hasher(piece);
                Input::BlockWritten {
                    job,
                    result: Ok(hasher.block(begin, &data)),
                }
            }
            Output::Hash { job, piece, .. } => {
                let hash = hash(&self.content.info.piece_hashers(), &self.stored, piece);
                Input::PieceHashed {
                    job,
                    result: Ok(hash),
                }
            }
            _ => return,
        };
        self.session.handle_input(input, self.now);
    }

    pub fn is_complete(&self) -> bool {
        self.session.verified(self.torrent).unwrap().is_full() && self.stored == self.content.bytes
    }

    pub fn failures(&self) -> Vec<(String, bool)> {
        let failure = |event: &Event| match event {
            Event::WebSeedFailed {
                reason, dropped, ..
            } => Some((reason.clone(), *dropped)),
            _ => None,
        };
        self.events.iter().filter_map(failure).collect()
    }

    pub fn banned(&self) -> Vec<PeerId> {
        let banned = |event: &Event| match event {
            Event::PeerBanned { peer_id, .. } => Some(*peer_id),
            _ => None,
        };
        self.events.iter().filter_map(banned).collect()
    }
}

/// A peer of a [`Bench`] that says what the test has it say.
pub struct ScriptedPeer {
    pub id: PeerId,
    pub connection: ConnectionId,
    decoder: Decoder,
    shaken: bool,
    /// The name of the torrent in the session's handshake, once that was heard.
    pub swarm: Option<InfoHash>,
}

/// What the session said, as a test wants to compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Choke,
    Unchoke,
    Interested,
    NotInterested,
    Have(u32),
    HaveAll,
    HaveNone,
    Bitfield(Vec<u8>),
    Request(BlockRequest),
    Cancel(BlockRequest),
    Reject(BlockRequest),
    Piece(BlockRequest, Vec<u8>),
    HashRequest(HashRequest),
    Hashes(HashRequest, Vec<Hash>),
    HashReject(HashRequest),
    Other,
}

impl ScriptedPeer {
    /// Connects and shakes hands.
    pub fn connect(bench: &mut Bench, number: u8) -> Self {
        Self::connect_from(bench, PeerId([number; 20]), [10, 0, 0, number])
    }

    /// The same with an identity and an address.
    pub fn connect_from(bench: &mut Bench, id: PeerId, ip: [u8; 4]) -> Self {
        Self::try_connect(bench, id, ip).expect("the session takes it")
    }

    /// None where the address is refused.
    pub fn try_connect(bench: &mut Bench, id: PeerId, ip: [u8; 4]) -> Option<Self> {
        let reserved = Reserved::NONE.with_extension_protocol().with_fast();
        Self::shake(bench, id, ip, bench.content.info.info_hash(), reserved)
    }

    /// Connects by this name of the torrent; `v2` says that it speaks version 2.
    pub fn connect_by(bench: &mut Bench, number: u8, swarm: InfoHash, v2: bool) -> Self {
        let mut reserved = Reserved::NONE.with_fast();
        if v2 {
            reserved = reserved.with_v2();
        }
        let (id, ip) = (PeerId([number; 20]), [10, 0, 0, number]);
        Self::shake(bench, id, ip, swarm, reserved).expect("the session takes it")
    }

    fn shake(
        bench: &mut Bench,
        id: PeerId,
        ip: [u8; 4],
        info_hash: InfoHash,
        reserved: Reserved,
    ) -> Option<Self> {
        let handshake = Handshake {
            reserved,
            info_hash,
            peer_id: id,
        };
        Self::connect_with(bench, &handshake, ip)
    }

    /// The same with any handshake.
    pub fn connect_with(bench: &mut Bench, handshake: &Handshake, ip: [u8; 4]) -> Option<Self> {
        let now = bench.now;
        let address = Some((ip, 4000).into());
        let room = 1 << 20;
        let connection = bench.session.accept(Via::Tcp, address, room, now).ok()?;
        bench.input(Input::Received {
            connection,
            data: &handshake.encode(),
        });
        Some(Self {
            id: handshake.peer_id,
            connection,
            decoder: Decoder::new(1 << 20),
            shaken: false,
            swarm: None,
        })
    }

    pub fn say(&self, bench: &mut Bench, message: Message<'_>) {
        let mut out = BytesMut::new();
        message.encode(&mut out);
        bench.input(Input::Received {
            connection: self.connection,
            data: &out,
        });
    }

    /// Sends a block, its bytes changed where `bad`.
    pub fn send(&self, bench: &mut Bench, request: BlockRequest, bad: bool) {
        let mut data = bench.content.block(request);
        if bad {
            data[7] ^= 0x55;
        }
        self.say(
            bench,
            Message::Piece {
                piece: request.piece,
                begin: request.begin,
                data: &data,
            },
        );
    }

    /// What the session has said to it since it was last asked.
    pub fn heard(&mut self, bench: &mut Bench) -> Vec<Said> {
        let mut said = Vec::new();
        let mut rest = VecDeque::new();
        let mut bytes = 0;
        for output in std::mem::take(&mut bench.outputs) {
            match output {
                Output::Transmit { connection, data } if connection == self.connection => {
                    bytes += data.len();
                    let mut data = &data[..];
                    if !self.shaken {
                        let handshake = Handshake::decode(data).unwrap();
                        self.swarm = handshake.map(|handshake| handshake.info_hash);
                        data = &data[HANDSHAKE_LENGTH..];
                        self.shaken = true;
                    }
                    while let Some(message) = self.decoder.next(&mut data).unwrap() {
                        said.push(read(message));
                    }
                }
                other => rest.push_back(other),
            }
        }
        bench.outputs = rest;
        if bytes > 0 {
            bench.input(Input::Sent {
                connection: self.connection,
                bytes,
            });
        }
        said
    }

    /// The blocks asked of it since it was last asked.
    pub fn requests(&mut self, bench: &mut Bench) -> Vec<BlockRequest> {
        self.heard(bench)
            .into_iter()
            .filter_map(|said| match said {
                Said::Request(request) => Some(request),
                _ => None,
            })
            .collect()
    }

    /// Whether the session still knows it.
    pub fn is_connected(&self, bench: &Bench) -> bool {
        let peers = bench.session.peer_stats(bench.torrent);
        peers.iter().any(|peer| peer.connection == self.connection)
    }
}

fn read(message: Message<'_>) -> Said {
    match message {
        Message::Choke => Said::Choke,
        Message::Unchoke => Said::Unchoke,
        Message::Interested => Said::Interested,
        Message::NotInterested => Said::NotInterested,
        Message::Have(piece) => Said::Have(piece),
        Message::HaveAll => Said::HaveAll,
        Message::HaveNone => Said::HaveNone,
        Message::Bitfield(bits) => Said::Bitfield(bits.to_vec()),
        Message::Request(request) => Said::Request(request),
        Message::Cancel(request) => Said::Cancel(request),
        Message::Reject(request) => Said::Reject(request),
        Message::Piece { piece, begin, data } => Said::Piece(
            BlockRequest {
                piece,
                begin,
                length: data.len() as u32,
            },
            data.to_vec(),
        ),
        Message::HashRequest(request) => Said::HashRequest(request),
        Message::Hashes { request, hashes } => Said::Hashes(request, hashes.to_vec()),
        Message::HashReject(request) => Said::HashReject(request),
        _ => Said::Other,
    }
}

/// A whole block.
pub fn block(piece: u32, number: u32) -> BlockRequest {
    BlockRequest {
        piece,
        begin: number * BLOCK_LENGTH,
        length: BLOCK_LENGTH,
    }
}
