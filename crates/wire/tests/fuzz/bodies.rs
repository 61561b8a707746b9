//! What is fuzzed: one function for each codec, which must come back for any bytes, and checks what holds for what it has
//! read. The file needs nothing but the crate, so that a target of cargo-fuzz takes it in by `#[path]`:
//!
//! ```ignore
//! #![no_main]
//! #[path = "../../tests/fuzz/bodies.rs"]
//! mod bodies;
//! libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::metainfo(data));
//! ```

use brackish_wire::bencode;
use brackish_wire::extension::{
    DontHave, ExtendedHandshake, MAX_INTRODUCED, MAX_PEX_PEERS, Signal, UtMetadata, UtPex,
};
use brackish_wire::magnet::Magnet;
use brackish_wire::merkle::{HashRequest, Tree, TreeShape};
use brackish_wire::message::{DEFAULT_MAX_FRAME, Decoder, Handshake, Message};
use brackish_wire::metainfo::{FileKind, Info, InfoBuilder, Metainfo, Name, PieceLayers};
use brackish_wire::tracker::{http, udp, ws};
use brackish_wire::{
    Bitfield, BlockRequest, InfoHash, Layout, Lengths, PieceHash, allowed_fast_set, peer_priority,
};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::LazyLock;

/// A name and what it runs.
pub type Body = (&'static str, fn(&[u8]));

/// All of them.
pub const BODIES: &[Body] = &[
    ("bencode", self::bencode),
    ("bitfield", bitfield),
    ("dont_have", dont_have),
    ("extended_handshake", extended_handshake),
    ("handshake", handshake),
    ("hash_answer", hash_answer),
    ("hash_message", hash_message),
    ("http", http),
    ("lengths", lengths),
    ("magnet", magnet),
    ("metainfo", metainfo),
    ("peers", peers),
    ("signal", signal),
    ("stream", stream),
    ("udp", udp),
    ("ut_metadata", ut_metadata),
    ("ut_pex", ut_pex),
    ("ws", ws),
];

/// Pieces and files looked at one by one: the first so many, as there can be millions.
const LOOKED_AT: usize = 300;

pub fn bencode(data: &[u8]) {
    let whole = bencode::scan(data);
    let prefix = bencode::prefix_len(data);
    assert_eq!(whole.is_ok(), prefix == Ok(data.len()));
    if let Ok(entries) = bencode::dict_entries(data) {
        let mut last = None;
        for entry in entries {
            assert!(last != Some(false), "nothing comes after an error");
            last = Some(entry.is_ok());
        }
        assert!(whole.is_err() || last != Some(false));
    }
    if let Ok(items) = bencode::list_items(data) {
        assert!(items.count() <= data.len());
    }
    let _ = (bencode::int(data), bencode::byte_string(data));
}

pub fn bitfield(data: &[u8]) {
    let Some((&[high, low], bits)) = data.split_first_chunk() else {
        return;
    };
    let length = u16::from_be_bytes([high, low]).into();
    let Ok(mut bitfield) = Bitfield::from_bytes(bits, length) else {
        return;
    };
    assert_eq!(bitfield.as_bytes(), bits);
    assert_eq!(bitfield.ones().count(), bitfield.count_ones() as usize);
    assert_eq!(
        bitfield.ones().count() + bitfield.zeros().count(),
        length as usize
    );
    assert!(!bitfield.get(length));
    for index in bitfield.ones().collect::<Vec<_>>() {
        bitfield.clear(index);
    }
    assert!(bitfield.is_empty());
}

pub fn dont_have(data: &[u8]) {
    if let Ok(message) = DontHave::decode(data) {
        assert_eq!(message.encode(), data);
    }
}

pub fn extended_handshake(data: &[u8]) {
    if let Ok(handshake) = ExtendedHandshake::decode(data) {
        assert_eq!(
            ExtendedHandshake::decode(&handshake.encode()),
            Ok(handshake)
        );
    }
}

pub fn handshake(data: &[u8]) {
    if let Ok(Some(handshake)) = Handshake::decode(data) {
        assert_eq!(handshake.encode(), data[..68]);
    }
}

/// A torrent and all that is true of its tree, to hold answers against.
struct Known {
    info: Info,
    layers: PieceLayers,
    tree: Tree,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let builder = InfoBuilder::single_file("a", 9 * 32_768 - 5, 32_768);
    let builder = builder.v2_only().unwrap();
    let hashes = (1..10).map(|n| PieceHash {
        sha1: None,
        blocks: vec![[n; 32]; 2],
    });
    let (info, layers) = builder.build(&hashes.collect::<Vec<_>>()).unwrap();
    let tree = layers.tree(info.v2().unwrap(), 0).unwrap();
    Known { info, layers, tree }
});

/// What a peer answers to a request for hashes: nothing false is ever taken. The root in it is taken for the right one, so
/// that the rest is looked at.
pub fn hash_answer(data: &[u8]) {
    let known = &*KNOWN;
    let v2 = known.info.v2().unwrap();
    let root = v2.files()[0].root;
    let Ok(Message::Hashes { request, hashes }) = Message::decode(data) else {
        return;
    };
    let request = HashRequest { root, ..request };
    let mut layers = PieceLayers::default();
    let accepted = layers.accept(v2, &request, hashes);
    for piece in known.info.lengths().pieces() {
        let taken = layers.piece_hash(v2, piece);
        assert!(taken.is_none() || taken == known.layers.piece_hash(v2, piece));
        assert!(taken.is_none() || accepted.is_ok());
        let _ = known.layers.check_blocks(v2, piece, &request, hashes);
    }
    if accepted.is_ok() {
        let shape = known.tree.shape();
        let answer = request.answer(shape, |layer, index| known.tree.node(layer, index));
        assert_eq!(answer.as_deref(), Some(hashes));
    }
}

/// A length of a file, then a message about hashes.
pub fn hash_message(data: &[u8]) {
    let Some((length, message)) = data.split_first_chunk() else {
        return;
    };
    let Ok(decoded) = Message::decode(message) else {
        return;
    };
    let mut out = Vec::new();
    decoded.encode(&mut out);
    assert_eq!(out[4..], *message);
    let Some(shape) = TreeShape::of_file(u64::from_be_bytes(*length)) else {
        return;
    };
    let (Message::HashRequest(request)
    | Message::Hashes { request, .. }
    | Message::HashReject(request)) = decoded
    else {
        return;
    };
    let answer = request.answer(shape, |layer, index| {
        assert!(layer < shape.height() && index < shape.width(layer));
        Some([layer as u8; 32])
    });
    assert_eq!(answer.is_some(), request.check(shape).is_ok());
    if let Some(answer) = answer {
        assert_eq!(answer.len(), request.answer_length());
        let top = request.top(shape, &answer).unwrap();
        assert!(top.layer <= shape.height() && top.index < shape.width(top.layer));
    }
    if let Message::Hashes { hashes, .. } = decoded {
        let _ = request.top(shape, hashes);
    }
}

pub fn http(data: &[u8]) {
    let _ = http::parse_announce_response(data);
    let _ = http::parse_scrape_response(data);
    let text = String::from_utf8_lossy(data);
    let _ = http::parse_announce_query(&text);
    let _ = http::parse_scrape_query(&text);
}

/// A total, a piece length and a stretch.
pub fn lengths(data: &[u8]) {
    let Some((total, rest)) = data.split_first_chunk() else {
        return;
    };
    let ([piece_length, piece, begin, length, ..], _) = rest.as_chunks() else {
        return;
    };
    let number = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes);
    let Ok(lengths) = Lengths::new(u64::from_be_bytes(*total), number(piece_length)) else {
        return;
    };
    let last = lengths.pieces().next_back().unwrap();
    let end = lengths.piece_offset(last) + u64::from(lengths.piece_size(last));
    assert_eq!(end, lengths.total());
    let request = BlockRequest {
        piece: number(piece),
        begin: number(begin),
        length: number(length),
    };
    let layout = Layout::from(lengths);
    assert_eq!(layout.validate(&request), lengths.validate(&request));
    assert_eq!(
        layout.block_number(&request),
        lengths.block_number(&request)
    );
    if let Some((piece, block)) = lengths.block_number(&request) {
        assert_eq!(lengths.validate(&request), Some(piece));
        assert_eq!(lengths.block(piece, block), Some(request));
    }
}

pub fn magnet(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(magnet) = text.parse::<Magnet>() {
        assert_eq!(magnet.to_string().parse(), Ok(magnet));
    }
}

/// A `.torrent` file, and the same bytes as an `info` dictionary.
pub fn metainfo(data: &[u8]) {
    if let Ok(metainfo) = Metainfo::from_bytes(data) {
        let again = Metainfo::from_bytes(&metainfo.to_bytes()).unwrap();
        assert_eq!(again.info, metainfo.info);
        look_at(&metainfo.info);
    }
    if let Ok(info) = Info::from_bytes(data.to_vec().into()) {
        look_at(&info);
    }
}

fn look_at(info: &Info) {
    let lengths = info.lengths();
    let mut end = 0;
    for file in info.files() {
        assert!(!file.path.is_empty() && file.path.iter().all(is_safe));
        assert_eq!(file.offset, end);
        end += file.length;
    }
    assert_eq!(end, lengths.total());
    assert_distinct(info.stored_files().map(|file| file.path.clone()));
    assert_distinct(info.text_paths().into_iter());
    if let Ok(paths) = info.portable_paths() {
        assert!(paths.iter().flatten().flatten().all(is_safe));
    }
    for piece in lengths.pieces().take(LOOKED_AT) {
        if info.has_v1() {
            info.piece_hash(piece);
        }
        let size = info.layout().piece_size(piece);
        assert!(size > 0 && size <= lengths.piece_size(piece));
        let Some(v2) = info.v2() else { continue };
        let data_size = v2.data_layout().piece_size(piece);
        assert!(data_size > 0 && data_size <= size);
        assert!(info.has_v1() || data_size == size);
        let (number, file) = v2.file_of(piece).unwrap();
        assert!(v2.files_with_root(&file.root).any(|alike| alike == number));
        let shape = v2.piece_shape(piece).unwrap();
        assert_eq!(shape.blocks(), u64::from(data_size.div_ceil(16_384)));
        for request in v2.block_requests(piece) {
            assert_eq!(request.check(file.shape().unwrap()), Ok(()));
        }
    }
    let files = info.v2().map_or(0, |v2| v2.files().len());
    for number in 0..files.min(LOOKED_AT) {
        let v2 = info.v2().unwrap();
        let file = &v2.files()[number];
        assert!(info.files()[file.index].kind != FileKind::Padding);
        for request in v2.layer_requests(number).iter().take(LOOKED_AT) {
            assert_eq!(request.check(file.shape().unwrap()), Ok(()));
        }
    }
}

fn assert_distinct<T: Ord + Debug>(paths: impl Iterator<Item = T>) {
    let mut seen = BTreeSet::new();
    for path in paths {
        assert!(!seen.contains(&path), "{path:?} is there twice");
        seen.insert(path);
    }
}

fn is_safe(name: &Name) -> bool {
    let bytes = name.as_bytes();
    !matches!(bytes, b"" | b"." | b"..")
        && bytes.len() <= 255
        && !bytes.iter().any(|byte| matches!(byte, b'/' | 0..0x20))
}

/// Two addresses, an info-hash and numbers: the pure functions of them.
pub fn peers(data: &[u8]) {
    let ([one, other, third, ..], rest) = data.as_chunks::<18>() else {
        return;
    };
    let address = |bytes: &[u8; 18]| {
        let (ip, port) = bytes.split_at(16);
        let ip: [u8; 16] = ip.try_into().unwrap();
        let ip = Ipv6Addr::from(ip).to_canonical();
        SocketAddr::new(ip, u16::from_be_bytes([port[0], port[1]]))
    };
    let (one, other) = (address(one), address(other));
    assert_eq!(peer_priority(one, other), peer_priority(other, one));
    let v4 = match one.ip() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(ip) => Ipv4Addr::from(ip.to_bits() as u32),
    };
    let mut info_hash = [0; 20];
    info_hash[..18].copy_from_slice(third);
    let count = |at: usize| u32::from(rest.get(at).copied().unwrap_or(7)) * 9;
    let set = allowed_fast_set(v4, &InfoHash(info_hash), count(0), count(1));
    assert!(set.iter().all(|piece| *piece < count(0)));
    let longer = allowed_fast_set(v4, &InfoHash(info_hash), count(0), count(1) + 1);
    assert!(set.len() <= longer.len());
}

pub fn signal(data: &[u8]) {
    let Ok(signal) = Signal::decode(data) else {
        return;
    };
    if let Signal::Peers(peers) = &signal {
        assert!(peers.len() <= MAX_INTRODUCED);
    }
    assert_eq!(Signal::decode(&signal.encode()).as_ref(), Ok(&signal));
}

/// The first byte tells where the rest is cut: that makes no difference to the messages.
pub fn stream(data: &[u8]) {
    let Some((&step, data)) = data.split_first() else {
        return;
    };
    let mut whole = Decoder::new(DEFAULT_MAX_FRAME);
    let mut cut = Decoder::new(DEFAULT_MAX_FRAME);
    let mut rest = data;
    let mut parts = data.chunks(usize::from(step).max(1));
    let mut part: &[u8] = &[];
    loop {
        let expected = whole.next(&mut rest);
        let found = loop {
            match cut.next(&mut part) {
                Ok(None) => match parts.next() {
                    Some(next) => part = next,
                    None => break Ok(None),
                },
                found => break found.map(|message| message.map(encoded)),
            }
        };
        assert_eq!(expected.map(|message| message.map(encoded)), found);
        if !matches!(expected, Ok(Some(_))) {
            break;
        }
    }
}

fn encoded(message: Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

pub fn udp(data: &[u8]) {
    if let Ok(request) = udp::Request::decode(data) {
        assert_eq!(udp::Request::decode(&request.encode()), Ok(request));
    }
    for ipv6 in [false, true] {
        if let Ok(response) = udp::Response::decode(data, ipv6) {
            assert_eq!(
                udp::Response::decode(&response.encode(), ipv6),
                Ok(response)
            );
        }
    }
}

pub fn ut_metadata(data: &[u8]) {
    if let Ok(message) = UtMetadata::decode(data) {
        assert_eq!(UtMetadata::decode(&message.encode()), Ok(message));
    }
}

pub fn ut_pex(data: &[u8]) {
    if let Ok(pex) = UtPex::decode(data) {
        assert!(pex.added.len() <= MAX_PEX_PEERS && pex.dropped.len() <= MAX_PEX_PEERS);
        assert_eq!(UtPex::decode(&pex.encode()), Ok(pex));
    }
}

pub fn ws(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(message) = ws::ClientMessage::parse(&text) {
        assert!(ws::ClientMessage::parse(&message.to_json()).is_ok());
    }
    if let Ok(message) = ws::ServerMessage::parse(&text) {
        assert!(ws::ServerMessage::parse(&message.to_json()).is_ok());
    }
}
