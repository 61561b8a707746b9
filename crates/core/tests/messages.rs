//! What unknown, repeated and out-of-order messages do: the rows of `docs/messages.md`.

mod common;

use std::time::Duration;

use brackish_core::{DisconnectReason, Event, Input, Via};
use brackish_wire::message::{Handshake, Message, Reserved};
use brackish_wire::{BLOCK_LENGTH, BlockRequest, InfoHash, PeerId};
use bytes::BytesMut;
use common::{Bench, Said, ScriptedPeer, Torrent, block};

const PIECE: u32 = 4 * BLOCK_LENGTH;
const PIECES: u32 = 10;

/// A download of ten pieces of four blocks.
fn bench() -> Bench {
    Bench::new(Torrent::single(u64::from(PIECE * PIECES), PIECE), &[])
}

/// The same with a peer.
fn met() -> (Bench, ScriptedPeer) {
    let mut bench = bench();
    let peer = ScriptedPeer::connect(&mut bench, 1);
    (bench, peer)
}

/// The same with the first piece, which the peer sent.
fn traded() -> (Bench, ScriptedPeer) {
    let (mut bench, mut peer) = met();
    peer.say(&mut bench, Message::Have(0));
    peer.say(&mut bench, Message::Unchoke);
    for request in peer.requests(&mut bench) {
        peer.send(&mut bench, request, false);
    }
    let verified = bench.session.verified(bench.torrent).unwrap();
    assert!(verified.get(0));
    (bench, peer)
}

/// Messages after which a peer of a fresh download is gone, or is not.
fn survives(messages: &[Message<'_>]) -> bool {
    let (mut bench, peer) = met();
    for message in messages {
        peer.say(&mut bench, *message);
    }
    peer.is_connected(&bench)
}

fn reason(bench: &Bench) -> Option<DisconnectReason> {
    bench.events.iter().find_map(|event| match event {
        Event::PeerDisconnected { reason, .. } => Some(reason.clone()),
        _ => None,
    })
}

fn wasted(bench: &Bench) -> u64 {
    bench.session.torrent_stats(bench.torrent).unwrap().wasted
}

fn raw(bench: &mut Bench, peer: &ScriptedPeer, data: &[u8]) {
    let connection = peer.connection;
    bench.input(Input::Received { connection, data });
}

fn request(piece: u32, begin: u32, length: u32) -> Message<'static> {
    Message::Request(BlockRequest {
        piece,
        begin,
        length,
    })
}

#[test]
fn handshakes_that_cannot_be_meant_for_us_end_the_connection() {
    let hash = bench().content.info.info_hash();
    let cases = [
        (InfoHash([1; 20]), PeerId([2; 20])),
        (hash, PeerId([9; 20])), // Our own.
    ];
    for (info_hash, peer_id) in cases {
        let handshake = Handshake {
            reserved: Reserved::NONE,
            info_hash,
            peer_id,
        };
        assert!(!shakes(&handshake.encode()), "{info_hash}");
    }
    assert!(!shakes(&[0x16; 68]));
}

fn shakes(data: &[u8]) -> bool {
    let mut bench = bench();
    let now = bench.now;
    let address = Some(([10, 0, 0, 5], 1000).into());
    let accepted = bench.session.accept(Via::Tcp, address, 1 << 20, now);
    let connection = accepted.unwrap();
    bench.input(Input::Received { connection, data });
    !bench.session.peer_stats(bench.torrent).is_empty()
}

#[test]
fn a_second_connection_of_a_peer_leaves_one() {
    let (mut bench, _first) = met();
    ScriptedPeer::connect(&mut bench, 1);
    assert_eq!(bench.session.peer_stats(bench.torrent).len(), 1);
}

#[test]
fn frames_that_are_too_long_or_do_not_fit_their_message_end_the_connection() {
    let frames: [&[u8]; 4] = [
        &[0x7f, 0, 0, 0, 7],
        &[0, 0, 0, 2, 0, 0],             // A choke with a payload.
        &[0, 0, 0, 4, 4, 0, 0, 0],       // A have of three bytes.
        &[0, 0, 0, 6, 6, 0, 0, 0, 0, 0], // A request of five bytes.
    ];
    for frame in frames {
        let (mut bench, peer) = met();
        raw(&mut bench, &peer, frame);
        let ended = reason(&bench);
        assert!(
            matches!(ended, Some(DisconnectReason::Protocol(_))),
            "{frame:?}: {ended:?}"
        );
    }
}

#[test]
fn what_is_unknown_or_no_more_than_a_sign_of_life_is_passed_over() {
    let noise = [7; 300];
    assert!(survives(&[
        Message::KeepAlive,
        Message::Port(6881),
        Message::Unknown {
            id: 99,
            payload: &noise
        },
        Message::Unknown {
            id: 10,
            payload: &[]
        },
        Message::Extended {
            id: 200,
            payload: &noise
        },
    ]));
}

#[test]
fn a_peer_that_only_keeps_alive_stays_and_a_silent_one_is_let_go() {
    let (mut bench, peer) = met();
    let silent = ScriptedPeer::connect(&mut bench, 2);
    for _ in 0..20 {
        bench.pass(Duration::from_secs(10));
        peer.say(&mut bench, Message::KeepAlive);
    }
    assert!(peer.is_connected(&bench));
    assert!(!silent.is_connected(&bench));
    assert_eq!(reason(&bench), Some(DisconnectReason::Timeout));
}

#[test]
fn repeated_states_and_haves_change_nothing() {
    let (mut bench, mut peer) = traded();
    for _ in 0..3 {
        for message in [
            Message::Unchoke,
            Message::Have(0),
            Message::Interested,
            Message::Have(1),
        ] {
            peer.say(&mut bench, message);
        }
    }
    let asked = peer.requests(&mut bench);
    let expected: Vec<_> = (0..4).map(|number| block(1, number)).collect();
    assert_eq!(asked, expected);
    for _ in 0..2 {
        peer.say(&mut bench, Message::NotInterested);
        peer.say(&mut bench, Message::Choke);
    }
    assert!(peer.is_connected(&bench));
}

#[test]
fn pieces_that_cannot_be_end_the_connection() {
    assert!(survives(&[Message::Have(PIECES - 1)]));
    assert!(!survives(&[Message::Have(PIECES)]));
    assert!(!survives(&[Message::Have(u32::MAX)]));
    assert!(!survives(&[Message::Bitfield(&[0xff])]));
    assert!(!survives(&[Message::Bitfield(&[0xff, 0xff, 0])]));
    assert!(!survives(&[Message::Bitfield(&[0, 0x20])])); // A bit behind the tenth piece.
    assert!(survives(&[Message::Bitfield(&[0, 0x40])]));
}

#[test]
fn a_later_bitfield_adds_and_a_later_have_none_takes_nothing() {
    let (mut bench, peer) = met();
    let progress = |bench: &Bench| bench.session.peer_stats(bench.torrent)[0].progress;
    peer.say(&mut bench, Message::Bitfield(&[0x80, 0]));
    peer.say(&mut bench, Message::Bitfield(&[0x40, 0]));
    assert_eq!(progress(&bench), 0.2);
    peer.say(&mut bench, Message::HaveNone);
    assert_eq!(progress(&bench), 0.2);
    peer.say(&mut bench, Message::HaveAll);
    assert_eq!(progress(&bench), 1.0);
}

#[test]
fn requests_that_cannot_be_served_are_rejected_and_those_that_cannot_be_end_the_connection() {
    let (mut bench, mut peer) = traded();
    peer.heard(&mut bench);
    // It is choked: it was never interested.
    peer.say(&mut bench, Message::Request(block(0, 0)));
    assert_eq!(peer.heard(&mut bench), [Said::Reject(block(0, 0))]);
    peer.say(&mut bench, Message::Interested);
    assert!(peer.heard(&mut bench).contains(&Said::Unchoke));
    // A piece that is not here.
    peer.say(&mut bench, Message::Request(block(5, 1)));
    assert_eq!(peer.heard(&mut bench), [Said::Reject(block(5, 1))]);
    // Twice is served twice.
    for _ in 0..2 {
        peer.say(&mut bench, Message::Request(block(0, 2)));
        let data = bench.content.block(block(0, 2));
        assert_eq!(peer.heard(&mut bench), [Said::Piece(block(0, 2), data)]);
    }
    for impossible in [
        request(PIECES, 0, BLOCK_LENGTH),
        request(0, PIECE - 1, 2),
        request(0, u32::MAX, BLOCK_LENGTH),
        request(0, 0, 0),
        request(0, 0, u32::MAX),
    ] {
        assert!(!survives(&[impossible]), "{impossible:?}");
    }
}

#[test]
fn cancels_and_rejects_of_what_was_never_asked_are_passed_over() {
    assert!(survives(&[
        Message::Cancel(block(0, 0)),
        Message::Cancel(block(u32::MAX, 7)),
        Message::Reject(block(0, 0)),
        Message::Reject(block(u32::MAX, 7)),
    ]));
}

#[test]
fn a_peer_that_rejects_everything_it_offers_is_let_go() {
    let (mut bench, mut peer) = met();
    peer.say(&mut bench, Message::HaveAll);
    peer.say(&mut bench, Message::Unchoke);
    for _ in 0..200 {
        for request in peer.requests(&mut bench) {
            peer.say(&mut bench, Message::Reject(request));
        }
    }
    assert!(!peer.is_connected(&bench));
}

#[test]
fn blocks_that_were_not_asked_for_or_come_twice_or_short_are_not_stored() {
    let (mut bench, mut peer) = met();
    peer.send(&mut bench, block(3, 0), true);
    assert_eq!(wasted(&bench), u64::from(BLOCK_LENGTH));
    peer.say(&mut bench, Message::Have(0));
    peer.say(&mut bench, Message::Unchoke);
    let asked = peer.requests(&mut bench);
    let first = asked[0];
    peer.say(
        &mut bench,
        Message::Piece {
            piece: first.piece,
            begin: first.begin,
            data: &[1; 100],
        },
    );
    assert_eq!(wasted(&bench), u64::from(BLOCK_LENGTH) + 100);
    // It is waited for still, and taken once.
    peer.send(&mut bench, first, false);
    peer.send(&mut bench, first, true);
    assert_eq!(wasted(&bench), 2 * u64::from(BLOCK_LENGTH) + 100);
    for request in &asked[1..] {
        peer.send(&mut bench, *request, false);
    }
    assert!(bench.session.verified(bench.torrent).unwrap().get(0));
    assert!(peer.is_connected(&bench));
    assert!(
        bench.stored[3 * PIECE as usize..]
            .iter()
            .all(|byte| *byte == 0)
    );
}

#[test]
fn a_block_that_comes_late_is_taken_if_it_is_the_first() {
    let (mut bench, mut slow) = met();
    slow.say(&mut bench, Message::Have(0));
    slow.say(&mut bench, Message::Unchoke);
    let asked = slow.requests(&mut bench);
    // It snubs us, and another peer is asked.
    let mut other = ScriptedPeer::connect(&mut bench, 2);
    other.say(&mut bench, Message::Have(0));
    other.say(&mut bench, Message::Unchoke);
    bench.pass(Duration::from_secs(12));
    assert!(!other.requests(&mut bench).is_empty());
    for request in asked {
        slow.send(&mut bench, request, false);
    }
    assert!(bench.session.verified(bench.torrent).unwrap().get(0));
    assert_eq!(wasted(&bench), 0);
    let said = other.heard(&mut bench);
    assert!(
        said.iter().any(|said| matches!(said, Said::Cancel(_))),
        "{said:?}"
    );
}

#[test]
fn a_choke_gives_the_requests_of_a_peer_without_the_fast_extension_to_others() {
    let (mut bench, mut other) = met();
    let plain = plain_peer(&mut bench, 7);
    raw(
        &mut bench,
        &plain,
        &encoded(&[Message::Have(0), Message::Unchoke]),
    );
    raw(&mut bench, &plain, &encoded(&[Message::Choke]));
    other.say(&mut bench, Message::Have(0));
    other.say(&mut bench, Message::Unchoke);
    assert_eq!(other.requests(&mut bench).len(), 4);
}

/// A peer that knows no extension.
fn plain_peer(bench: &mut Bench, number: u8) -> ScriptedPeer {
    let handshake = Handshake {
        reserved: Reserved::NONE,
        info_hash: bench.content.info.info_hash(),
        peer_id: PeerId([number; 20]),
    };
    ScriptedPeer::connect_with(bench, &handshake, [10, 0, 0, number]).expect("the session takes it")
}

fn encoded(messages: &[Message<'_>]) -> BytesMut {
    let mut out = BytesMut::new();
    for message in messages {
        message.encode(&mut out);
    }
    out
}

#[test]
fn advice_that_cannot_be_followed_is_passed_over() {
    assert!(survives(&[
        Message::Suggest(3),
        Message::Suggest(PIECES),
        Message::Suggest(u32::MAX),
        Message::AllowedFast(3),
        Message::AllowedFast(u32::MAX),
        Message::Have(1),
    ]));
}

#[test]
fn an_extended_handshake_that_cannot_be_read_ends_the_connection_and_a_second_one_does_not() {
    let hello = |payload| Message::Extended { id: 0, payload };
    assert!(survives(&[
        hello(b"d1:md11:ut_metadatai3eee"),
        hello(b"d1:mde1:v5:Othere"),
    ]));
    assert!(!survives(&[hello(b"not bencode")]));
    assert!(!survives(&[hello(b"")]));
}

#[test]
fn what_comes_before_the_connection_is_open_ends_it() {
    let mut bench = bench();
    let address = ([10, 0, 0, 8], 4000).into();
    let (torrent, now) = (bench.torrent, bench.now);
    bench.session.add_peers(torrent, &[address], now);
    bench.pass(Duration::from_secs(1));
    let dialled = bench.outputs.iter().find_map(|output| match output {
        brackish_core::Output::Dial { connection, .. } => Some(*connection),
        _ => None,
    });
    let connection = dialled.expect("it is dialled");
    bench.input(Input::Received {
        connection,
        data: b"too soon",
    });
    let closed = |output: &brackish_core::Output| matches!(output, brackish_core::Output::Close { connection: c } if *c == connection);
    assert!(bench.outputs.iter().any(closed));
}
