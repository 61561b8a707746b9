//! Torrents of version 2 and hybrids as a session has them (BEP 52).

mod common;

use brackish_core::{Event, Input, TorrentState};
use brackish_wire::merkle::{Hash, HashRequest, Tree, block_hash};
use brackish_wire::message::Message;
use brackish_wire::metainfo::{InfoBuilder, PieceLayers};
use brackish_wire::{BLOCK_LENGTH, BlockRequest, PieceHash};
use common::{Bench, Said, ScriptedPeer, Torrent, block};
use std::sync::Arc;
use std::time::Duration;

const PIECE: u32 = 4 * BLOCK_LENGTH;

/// Two files: one that ends within a block of its second piece, and one of a few bytes.
const FILES: [(&str, u64); 2] = [("a", 100_000), ("b", 20)];

fn torrent(hybrid: bool) -> Torrent {
    Torrent::version_2(&FILES, PIECE, hybrid)
}

/// A peer of version 2 that has everything and serves.
fn seed(bench: &mut Bench, number: u8) -> ScriptedPeer {
    let swarm = bench.content.info.v2().unwrap().info_hash().truncated();
    let peer = ScriptedPeer::connect_by(bench, number, swarm, false);
    peer.say(bench, Message::HaveAll);
    peer.say(bench, Message::Unchoke);
    peer
}

/// What was asked of a peer: hashes, and blocks.
fn asked(peer: &mut ScriptedPeer, bench: &mut Bench) -> (Vec<HashRequest>, Vec<BlockRequest>) {
    let (mut hashes, mut blocks) = (Vec::new(), Vec::new());
    for said in peer.heard(bench) {
        match said {
            Said::HashRequest(request) => hashes.push(request),
            Said::Request(request) => blocks.push(request),
            _ => {}
        }
    }
    (hashes, blocks)
}

/// The true answer to a request for the hashes of blocks.
fn answer(content: &Torrent, request: &HashRequest) -> Vec<Hash> {
    let v2 = content.info.v2().unwrap();
    let number = v2.files_with_root(&request.root).next().unwrap();
    let file = &v2.files()[number];
    let begin = content.info.files()[file.index].offset as usize;
    let bytes = &content.bytes[begin..begin + file.length as usize];
    let blocks = bytes.chunks(BLOCK_LENGTH as usize).map(block_hash);
    let tree = Tree::new(file.shape().unwrap(), 0, blocks.collect()).unwrap();
    let answer = request.answer(tree.shape(), |layer, index| tree.node(layer, index));
    answer.unwrap()
}

fn give(peer: &ScriptedPeer, bench: &mut Bench, request: HashRequest) {
    let hashes = &answer(&bench.content, &request);
    peer.say(bench, Message::Hashes { request, hashes });
}

fn failed_pieces(bench: &Bench) -> usize {
    let events = bench.events.iter();
    events
        .filter(|event| matches!(event, Event::PieceFailed { .. }))
        .count()
}

#[test]
fn a_peer_is_spoken_to_by_the_name_of_the_version_that_both_can_speak() {
    let mut bench = Bench::new(torrent(true), &[]);
    let v1 = bench.content.info.info_hash();
    let v2 = bench.content.info.v2().unwrap().info_hash().truncated();
    for (number, (swarm, can, expected)) in [(v1, false, v1), (v1, true, v2), (v2, false, v2)]
        .into_iter()
        .enumerate()
    {
        let mut peer = ScriptedPeer::connect_by(&mut bench, number as u8, swarm, can);
        peer.heard(&mut bench);
        assert_eq!(peer.swarm, Some(expected));
    }
}

#[test]
fn requests_end_with_the_file_and_every_piece_is_verified() {
    let mut bench = Bench::new(torrent(false), &[]);
    let mut peer = seed(&mut bench, 1);
    let mut seen = Vec::new();
    loop {
        let (_, blocks) = asked(&mut peer, &mut bench);
        if blocks.is_empty() {
            break;
        }
        for request in blocks {
            seen.push((request.piece, request.begin, request.length));
            peer.send(&mut bench, request, false);
        }
    }
    assert!(bench.is_complete());
    seen.sort_unstable();
    let block = BLOCK_LENGTH;
    assert_eq!(
        seen,
        [
            (0, 0, block),
            (0, block, block),
            (0, 2 * block, block),
            (0, 3 * block, block),
            (1, 0, block),
            (1, block, block),
            (1, 2 * block, 100_000 - 6 * block),
            (2, 0, 20)
        ]
    );
}

#[test]
fn a_liar_is_known_by_its_first_block_and_the_rest_of_the_piece_is_kept() {
    for hybrid in [false, true] {
        let mut bench = Bench::new(torrent(hybrid), &[]);
        let mut liar = seed(&mut bench, 1);
        let (hashes, blocks) = asked(&mut liar, &mut bench);
        assert!(!hashes.is_empty());
        for request in hashes {
            give(&liar, &mut bench, request);
        }
        let (bad, good) = blocks.split_last().unwrap();
        for request in good {
            liar.send(&mut bench, *request, false);
        }
        liar.send(&mut bench, *bad, true);
        assert_eq!(bench.banned(), [liar.id]);
        let mut honest = seed(&mut bench, 2);
        let (_, mut blocks) = asked(&mut honest, &mut bench);
        let mut all = Vec::new();
        while !blocks.is_empty() {
            for request in blocks {
                all.push(request);
                honest.send(&mut bench, request, false);
            }
            (_, blocks) = asked(&mut honest, &mut bench);
        }
        assert!(all.contains(bad));
        assert!(all.iter().all(|request| !good.contains(request)));
        assert!(bench.is_complete());
        assert_eq!(failed_pieces(&bench), 0);
    }
}

#[test]
fn blocks_that_came_before_their_hashes_are_judged_when_these_come() {
    let mut bench = Bench::new(torrent(false), &[]);
    let mut peer = seed(&mut bench, 1);
    let (hashes, blocks) = asked(&mut peer, &mut bench);
    let of_several = blocks.iter().find(|request| request.piece < 2);
    let first = of_several.unwrap();
    peer.send(&mut bench, *first, true);
    assert!(bench.banned().is_empty());
    for request in hashes {
        give(&peer, &mut bench, request);
    }
    assert_eq!(bench.banned(), [peer.id]);
    assert_eq!(failed_pieces(&bench), 0);
}

#[test]
fn who_gives_false_hashes_is_banned_and_hashes_that_nobody_asked_for_are_passed_over() {
    let mut bench = Bench::new(torrent(false), &[]);
    let mut peer = seed(&mut bench, 1);
    let mut other = seed(&mut bench, 2);
    let (hashes, _) = asked(&mut peer, &mut bench);
    let request = hashes[0];
    let mut hashes = answer(&bench.content, &request);
    hashes[0][0] ^= 1;
    let hashes = &hashes;
    other.say(&mut bench, Message::Hashes { request, hashes });
    assert!(other.is_connected(&bench));
    peer.say(&mut bench, Message::Hashes { request, hashes });
    assert_eq!(bench.banned(), [peer.id]);
    other.heard(&mut bench);
}

#[test]
fn a_peer_that_refuses_hashes_is_still_asked_for_blocks() {
    let mut bench = Bench::new(torrent(false), &[]);
    let mut peer = seed(&mut bench, 1);
    let (hashes, mut blocks) = asked(&mut peer, &mut bench);
    for request in hashes {
        peer.say(&mut bench, Message::HashReject(request));
    }
    while !blocks.is_empty() {
        for request in blocks {
            peer.send(&mut bench, request, false);
        }
        let hashes;
        (hashes, blocks) = asked(&mut peer, &mut bench);
        assert!(hashes.is_empty());
    }
    assert!(bench.is_complete());
}

#[test]
fn hashes_of_pieces_and_of_blocks_are_given_with_their_proofs() {
    let mut bench = Bench::new(torrent(false), &[]);
    let mut peer = seed(&mut bench, 1);
    let (_, mut blocks) = asked(&mut peer, &mut bench);
    let v2 = bench.content.info.v2().unwrap().clone();
    let piece = bench.content.info.lengths().piece(0).unwrap();
    let [of_blocks] = v2.block_requests(piece)[..] else {
        panic!()
    };
    // A piece that is not here has no hashes to give.
    peer.say(&mut bench, Message::HashRequest(of_blocks));
    assert!(
        peer.heard(&mut bench)
            .contains(&Said::HashReject(of_blocks))
    );
    while !blocks.is_empty() {
        for request in blocks {
            peer.send(&mut bench, request, false);
        }
        (_, blocks) = asked(&mut peer, &mut bench);
    }
    assert!(bench.is_complete());
    let mut leech = {
        let swarm = v2.info_hash().truncated();
        ScriptedPeer::connect_by(&mut bench, 2, swarm, false)
    };
    let [of_pieces] = v2.layer_requests(0)[..] else {
        panic!()
    };
    let unknown = HashRequest {
        root: [7; 32],
        ..of_pieces
    };
    for request in [of_pieces, of_blocks, unknown] {
        leech.say(&mut bench, Message::HashRequest(request));
    }
    let heard = leech.heard(&mut bench);
    assert!(heard.contains(&Said::HashReject(unknown)));
    let given = |wanted: HashRequest| {
        let mut given = heard.iter().filter_map(|said| match said {
            Said::Hashes(request, hashes) if *request == wanted => Some(hashes.clone()),
            _ => None,
        });
        given.next().expect("they are given")
    };
    let mut layers = PieceLayers::default();
    assert_eq!(layers.accept(&v2, &of_pieces, &given(of_pieces)), Ok(()));
    let blocks = given(of_blocks);
    assert_eq!(layers.check_blocks(&v2, piece, &of_blocks, &blocks), Ok(()));
}

#[test]
fn hashes_are_not_given_on_a_connection_of_version_1() {
    let mut bench = Bench::new(torrent(true), &[]);
    let v1 = bench.content.info.info_hash();
    let mut peer = ScriptedPeer::connect_by(&mut bench, 1, v1, false);
    let request = bench.content.info.v2().unwrap().layer_requests(0)[0];
    peer.say(&mut bench, Message::HashRequest(request));
    assert!(peer.heard(&mut bench).contains(&Said::HashReject(request)));
}

#[test]
fn piece_layers_that_are_missing_come_from_a_peer_before_the_store_is_opened() {
    let mut content = torrent(false);
    content.piece_layers = PieceLayers::default();
    let mut bench = Bench::new(content, &[]);
    let state = |bench: &Bench| bench.session.torrent_stats(bench.torrent).unwrap().state;
    assert_eq!(state(&bench), TorrentState::Metadata);
    let mut peer = seed(&mut bench, 1);
    let (hashes, blocks) = asked(&mut peer, &mut bench);
    assert!(blocks.is_empty());
    for request in hashes {
        give(&peer, &mut bench, request);
    }
    assert_eq!(state(&bench), TorrentState::Downloading);
    let known = |event: &Event| matches!(event, Event::Metadata { .. });
    assert!(bench.events.iter().any(known));
    let (_, blocks) = asked(&mut peer, &mut bench);
    assert!(!blocks.is_empty());
}

#[test]
fn silent_peers_that_came_first_do_not_keep_piece_layers_away() {
    let mut content = torrent(false);
    content.piece_layers = PieceLayers::default();
    let mut bench = Bench::new(content, &[]);
    for number in 1..20 {
        seed(&mut bench, number);
    }
    bench.pass(Duration::from_millis(500));
    let mut honest = seed(&mut bench, 20);
    let begun = bench.now;
    let known = |event: &Event| matches!(event, Event::Metadata { .. });
    while !bench.events.iter().any(known) {
        assert!(bench.now.since(begun) < Duration::from_secs(10));
        for request in asked(&mut honest, &mut bench).0 {
            give(&honest, &mut bench, request);
        }
        bench.pass(Duration::from_millis(100));
    }
}

#[test]
fn what_a_peer_puts_into_padding_is_zeros() {
    let mut bench = Bench::new(torrent(true), &[]);
    let v1 = bench.content.info.info_hash();
    let mut peer = ScriptedPeer::connect_by(&mut bench, 1, v1, false);
    peer.say(&mut bench, Message::HaveAll);
    peer.say(&mut bench, Message::Unchoke);
    let mut blocks = peer.requests(&mut bench);
    while !blocks.is_empty() {
        for request in blocks {
            // Nothing that is padding through and through is asked for.
            assert!(request.piece != 1 || request.begin < 3 * BLOCK_LENGTH);
            assert!(request.piece != 2 || request.begin == 0);
            let mut data = bench.content.block(request);
            if request.piece == 2 {
                data[20..].fill(9);
            }
            let (piece, begin, data) = (request.piece, request.begin, &data);
            peer.say(&mut bench, Message::Piece { piece, begin, data });
        }
        blocks = peer.requests(&mut bench);
    }
    assert!(bench.is_complete());
    assert!(bench.banned().is_empty());
    // Who asks for padding gets it.
    let mut leech = ScriptedPeer::connect_by(&mut bench, 2, v1, false);
    leech.say(&mut bench, Message::Interested);
    let request = block(2, 1);
    leech.say(&mut bench, Message::Request(request));
    let given = Said::Piece(request, vec![0; BLOCK_LENGTH as usize]);
    assert!(leech.heard(&mut bench).contains(&given));
}

#[test]
fn a_hybrid_whose_versions_describe_different_data_fails_and_nobody_is_banned() {
    let good = torrent(true);
    let files = FILES.map(|(name, length)| (vec![name.to_owned()], length));
    let builder = InfoBuilder::multi_file("folder", files.to_vec(), PIECE);
    let builder = builder.hybrid().unwrap();
    let hashers = builder.piece_hashers();
    let hashes = hashers.layout().pieces().map(|piece| {
        let begin = hashers.layout().piece_offset(piece) as usize;
        let mut hasher = hashers.hasher(piece);
        hasher.update(&good.bytes[begin..begin + PIECE as usize]);
        PieceHash {
            sha1: Some([1; 20]),
            ..hasher.finish()
        }
    });
    let (info, piece_layers) = builder.build(&hashes.collect::<Vec<_>>()).unwrap();
    let mut bench = Bench::new(
        Torrent {
            info: Arc::new(info),
            piece_layers,
            bytes: good.bytes,
        },
        &[],
    );
    let mut peer = seed(&mut bench, 1);
    let (_, blocks) = asked(&mut peer, &mut bench);
    for request in blocks {
        peer.send(&mut bench, request, false);
    }
    let stats = bench.session.torrent_stats(bench.torrent).unwrap();
    assert_eq!(stats.state, TorrentState::Failed);
    let failed = |event: &Event| matches!(event, Event::StorageFailed { error, .. } if error.to_string().contains("versions 1 and 2"));
    assert!(bench.events.iter().any(failed));
    assert!(bench.banned().is_empty());
    // It is left in peace.
    bench.input(Input::Closed {
        connection: peer.connection,
        reason: "bye".to_owned(),
    });
}
