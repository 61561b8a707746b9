//! Valid inputs to begin from, each with the name of the body that reads it.

use brackish_wire::extension::{
    ExtendedHandshake, PexFlags, PexPeer, Route, Signal, SignalErrorCode, UtMetadata, UtPex,
};
use brackish_wire::merkle::{Hash, HashRequest, parent};
use brackish_wire::message::{Handshake, Message, Reserved};
use brackish_wire::metainfo::{InfoBuilder, Metainfo, V2Builder};
use brackish_wire::tracker::{AnnounceResponse, http, udp, ws};
use brackish_wire::{BlockRequest, InfoHash, PeerId, PieceHash};
use std::sync::Arc;

pub type Input = (&'static str, Vec<u8>);

pub fn inputs() -> Vec<Input> {
    let mut inputs = torrents();
    inputs.extend(peer_messages());
    inputs.extend(extensions());
    inputs.extend(trackers());
    inputs.extend(others());
    inputs
}

fn torrents() -> Vec<Input> {
    let files = vec![
        (vec!["a".to_owned(), "b.txt".to_owned()], 12),
        (vec!["y".to_owned()], 8),
    ];
    let info = InfoBuilder::multi_file("n", files, 10)
        .build(&[[1; 20], [2; 20]])
        .unwrap();
    let mut metainfo = Metainfo::from_info(Arc::new(info));
    metainfo.trackers = vec![vec!["udp://a".into()], vec!["http://b".into()]];
    metainfo.web_seeds = vec!["http://w".into()];
    let files = vec![
        (vec!["a".to_owned(), "b.txt".to_owned()], 40_000),
        (vec!["a".to_owned(), "empty".to_owned()], 0),
        (vec!["y".to_owned()], 8),
    ];
    let folder = InfoBuilder::multi_file("n", files, 16_384);
    let hybrid = build(&folder.clone().hybrid().unwrap(), true);
    let v2_only = build(&folder.v2_only().unwrap(), false);
    vec![
        ("metainfo", metainfo.to_bytes()),
        ("metainfo", metainfo.info.raw().to_vec()),
        ("metainfo", hybrid.to_bytes()),
        ("metainfo", v2_only.to_bytes()),
        ("metainfo", v2_only.info.raw().to_vec()),
        ("bencode", hybrid.to_bytes()),
        ("bencode", b"li1e2:abde".to_vec()),
    ]
}

fn build(builder: &V2Builder, hybrid: bool) -> Metainfo {
    let hashers = builder.piece_hashers();
    let hash = |piece| {
        let mut hasher = hashers.hasher(piece);
        hasher.update(&vec![1; hashers.layout().piece_size(piece) as usize]);
        PieceHash {
            sha1: hybrid.then_some([1; 20]),
            blocks: hasher.finish().blocks,
        }
    };
    let hashes: Vec<PieceHash> = builder.lengths().pieces().map(hash).collect();
    let (info, piece_layers) = builder.build(&hashes).unwrap();
    Metainfo {
        piece_layers,
        ..Metainfo::from_info(Arc::new(info))
    }
}

fn peer_messages() -> Vec<Input> {
    let block = BlockRequest {
        piece: 1,
        begin: 2,
        length: 3,
    };
    let mut messages = vec![5];
    for message in [
        Message::Bitfield(&[1, 2]),
        Message::Request(block),
        Message::KeepAlive,
        Message::Piece {
            piece: 1,
            begin: 2,
            data: &[3; 40],
        },
        Message::Have(3),
        Message::HaveAll,
        Message::Unknown {
            id: 21,
            payload: &[4; 48],
        },
    ] {
        message.encode(&mut messages);
    }
    let handshake = Handshake {
        reserved: Reserved::NONE.with_v2(),
        info_hash: InfoHash([1; 20]),
        peer_id: PeerId([2; 20]),
    };
    let request = HashRequest {
        root: [7; 32],
        base_layer: 1,
        index: 2,
        length: 2,
        proof_layers: 1,
    };
    let message = |message: Message<'_>| {
        // A file of 100,000 bytes.
        let mut bytes = 100_000u64.to_be_bytes().to_vec();
        let mut out = Vec::new();
        message.encode(&mut out);
        bytes.extend_from_slice(&out[4..]);
        bytes
    };
    let hashes = [[1; 32], [2; 32], [3; 32]];
    // The true piece layer of the torrent that the body knows.
    let layer = HashRequest {
        root: [0; 32],
        base_layer: 1,
        index: 0,
        length: 16,
        proof_layers: 3,
    };
    let mut true_hashes: Vec<Hash> = (1..10).map(|n| parent(&[n; 32], &[n; 32])).collect();
    true_hashes.resize(16, brackish_wire::merkle::padding(1));
    let mut answer = Vec::new();
    Message::Hashes {
        request: layer,
        hashes: &true_hashes,
    }
    .encode(&mut answer);
    vec![
        ("stream", messages),
        ("handshake", handshake.encode().to_vec()),
        ("hash_message", message(Message::HashRequest(request))),
        (
            "hash_message",
            message(Message::Hashes {
                request,
                hashes: &hashes,
            }),
        ),
        ("hash_message", message(Message::HashReject(request))),
        ("hash_answer", answer[4..].to_vec()),
    ]
}

fn extensions() -> Vec<Input> {
    let handshake = ExtendedHandshake {
        m: [("ut_metadata".to_owned(), 1), ("bk_signal".to_owned(), 2)].into(),
        client: Some("ab".into()),
        metadata_size: Some(31_235),
        reqq: Some(250),
        port: Some(6881),
        your_ip: Some("10.0.0.1".parse().unwrap()),
        secret: Some(*b"0123456789abcdef"),
        upload_only: true,
    };
    let data = UtMetadata::Data {
        piece: 1,
        total_size: 20_000,
        data: b"xyz",
    };
    let peer = |address: &str| PexPeer {
        address: address.parse().unwrap(),
        flags: PexFlags::REACHABLE,
    };
    let pex = UtPex {
        added: vec![
            peer("10.0.0.1:1"),
            peer("10.0.0.2:2"),
            peer("[2001:db8::1]:3"),
        ],
        dropped: vec![
            "10.0.0.4:4".parse().unwrap(),
            "[2001:db8::5]:5".parse().unwrap(),
        ],
    };
    let route = Route {
        from: PeerId([1; 20]),
        to: PeerId([2; 20]),
        id: ws::OfferId([3; 20]),
    };
    let code = SignalErrorCode::Limited;
    vec![
        ("extended_handshake", handshake.encode()),
        ("ut_metadata", data.encode()),
        ("ut_metadata", UtMetadata::Request { piece: 3 }.encode()),
        ("ut_pex", pex.encode()),
        ("dont_have", vec![0, 0, 1, 2]),
        ("signal", Signal::Peers(vec![route.from, route.to]).encode()),
        (
            "signal",
            Signal::Offer {
                route,
                sdp: "v=0\r\n",
            }
            .encode(),
        ),
        ("signal", Signal::Error { route, code }.encode()),
    ]
}

fn trackers() -> Vec<Input> {
    let offer = ws::Offer {
        offer_id: ws::OfferId([3; 20]),
        sdp: "v=0\r\n\"".into(),
    };
    let announce = ws::ClientMessage::Announce {
        info_hash: InfoHash([0xff; 20]),
        peer_id: PeerId([2; 20]),
        numwant: Some(1),
        uploaded: 1,
        downloaded: 2,
        left: Some(3),
        event: Default::default(),
        tracker_id: Some("x".into()),
        offers: vec![offer],
    };
    let response = AnnounceResponse {
        peers: vec![
            "10.0.0.1:1".parse().unwrap(),
            "[2001:db8::1]:1".parse().unwrap(),
        ],
        ..Default::default()
    };
    let query = "info_hash=%00aaaaaaaaaaaaaaaaaaa&peer_id=aaaaaaaaaaaaaaaaaaaa&port=1&ip=::1&left=0&event=started";
    let announced = udp::Response::Announce {
        transaction_id: 1,
        interval: 2,
        incomplete: 3,
        complete: 4,
        peers: response.peers.clone(),
    };
    vec![
        ("ws", announce.to_json().into_bytes()),
        ("http", http::encode_announce_response(&response, true)),
        ("http", http::encode_announce_response(&response, false)),
        ("http", query.into()),
        ("udp", udp::Request::Connect { transaction_id: 7 }.encode()),
        ("udp", announced.encode()),
    ]
}

fn others() -> Vec<Input> {
    let v1 = "urn:btih:d2474e86c95b19b8bcfdb92bc12c9d44667cfa36";
    let v2 = format!("urn:btmh:1220{}", "ab".repeat(32));
    let more = "dn=%41+b&tr=udp%3A%2F%2Fa&so=1,2-3";
    let lengths = [
        &100_000u64.to_be_bytes()[..],
        &[0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x40, 0],
    ];
    vec![
        ("magnet", format!("magnet:?xt={v1}&xt={v2}&{more}").into()),
        ("magnet", format!("magnet:?xt={v2}&{more}").into()),
        ("lengths", lengths.concat()),
        ("bitfield", vec![0, 12, 0xa5, 0xb0]),
        ("peers", (0..60).collect()),
    ]
}
