//! Peers that ask and never read: what waits for them is bounded, by what it costs and not by its payload.

use std::time::Duration;

use brackish_core::{DisconnectReason, Event, Input, Output, Via};
use brackish_wire::BlockRequest;
use brackish_wire::extension::{UT_METADATA, UtMetadata};
use brackish_wire::message::Message;
use bytes::BytesMut;

use crate::bench::{Bench, PIECE, Remote, Setup, address};

/// What a run of bytes costs a driver besides the bytes, at least.
const RUN: usize = 100;

/// A hundred peers are to cost less than 64 MiB: so much for each.
const SHARE: usize = (64 << 20) / 100;

/// What a TCP driver reads at once while its socket takes nothing.
const READ: usize = 16 << 10;

fn seed() -> Bench {
    Bench::new(Setup {
        has_all: true,
        ..Setup::default()
    })
}

fn encoded(messages: &[Message<'_>]) -> BytesMut {
    let mut data = BytesMut::new();
    for message in messages {
        message.encode(&mut data);
    }
    data
}

/// Whether the driver was asked to read nothing from a peer, as it was last told.
fn is_held(bench: &mut Bench, remote: Remote) -> Option<bool> {
    let holds = bench.asked(|output| match output {
        Output::Hold { connection, held } if *connection == remote.connection => Some(*held),
        _ => None,
    });
    holds.last().copied()
}

/// Sends the same bytes again and again until the session holds or ends the connection; how many.
fn flood(bench: &mut Bench, remote: Remote, data: &[u8]) -> usize {
    let mut sent = 0;
    while sent < 100 << 20 && !bench.is_closed(remote) {
        let connection = remote.connection;
        bench.input(Input::Received { connection, data });
        sent += data.len();
        if is_held(bench, remote) == Some(true) {
            break;
        }
    }
    sent
}

fn cost(bench: &Bench, remote: Remote) -> usize {
    let runs = bench.held(remote);
    runs.iter().sum::<usize>() + RUN * runs.len()
}

fn request(piece: u32, length: u32) -> Message<'static> {
    Message::Request(BlockRequest {
        piece,
        begin: 0,
        length,
    })
}

#[test]
fn a_tcp_peer_that_asks_for_what_is_refused_and_reads_nothing_is_read_no_more_and_then_cut() {
    // A request at a time, and as many as a driver reads at once.
    for count in [1, READ / 17] {
        let mut bench = seed();
        let peer = bench.meet(1);
        bench.heard(peer);
        bench.unread.insert(peer.connection);
        let asked = encoded(&vec![request(1, PIECE); count]);
        let sent = flood(&mut bench, peer, &asked);
        assert!(!bench.is_closed(peer));
        assert!(
            sent + cost(&bench, peer) < SHARE / 2,
            "{sent} bytes were read"
        );
        // What it did not read waits in the session besides: an answer is as long as a request.
        bench.pass(Duration::from_secs(50));
        assert!(!bench.is_closed(peer));
        bench.pass(Duration::from_secs(20));
        assert!(bench.is_closed(peer));
        let unread = |event: &Event| {
            matches!(
                event,
                Event::PeerDisconnected {
                    reason: DisconnectReason::Unread,
                    ..
                }
            )
        };
        assert!(bench.events.iter().any(unread));
    }
}

#[test]
fn a_peer_that_reads_at_last_has_every_answer_in_order_and_is_read_again() {
    let mut bench = seed();
    let peer = bench.meet(1);
    bench.heard(peer);
    bench.unread.insert(peer.connection);
    let mut asked = 0;
    while is_held(&mut bench, peer) != Some(true) {
        bench.say(peer, &request(asked % 100, 1 + asked));
        asked += 1;
    }
    // It may read a byte at a time.
    let bytes = bench.held(peer).iter().sum();
    for _ in 0..bytes {
        bench.input(Input::Sent {
            connection: peer.connection,
            bytes: 1,
        });
    }
    bench.unread.clear();
    assert_eq!(is_held(&mut bench, peer), Some(false));
    let lengths = bench.heard_of(peer, |message| match message {
        Message::Reject(request) => Some(request.length),
        _ => None,
    });
    assert!(
        lengths.iter().copied().eq(1..=asked),
        "{} of {asked}",
        lengths.len()
    );
}

#[test]
fn a_web_peer_that_cannot_be_held_is_cut_at_a_bound() {
    let mut bench = seed();
    let peer = bench.meet_by(Via::WebRtc, 1, Some(address(1)), true);
    bench.heard(peer);
    bench.unread.insert(peer.connection);
    let sent = flood(&mut bench, peer, &encoded(&vec![request(1, PIECE); 1000]));
    assert!(bench.is_closed(peer));
    assert!(sent + cost(&bench, peer) < SHARE, "{sent} bytes were taken");
}

#[test]
fn blocks_of_a_byte_and_metadata_are_sent_no_faster_than_they_are_read() {
    let mut bench = seed();
    let peer = bench.meet(1);
    bench.say(peer, &Message::Interested);
    bench.pass(Duration::from_secs(1));
    bench.extends(peer, &[(UT_METADATA, 1)], None);
    let metadata = bench.extension(peer, UT_METADATA).unwrap();
    bench.unread.insert(peer.connection);
    for number in 0..10_000 {
        bench.say(peer, &request(number % 100, 1));
    }
    // The credit of the bench, and what one read beyond it answers.
    let bound = (1 << 20) + READ;
    assert!(cost(&bench, peer) < bound, "{}", cost(&bench, peer));
    for _ in 0..1000 {
        let payload = UtMetadata::Request { piece: 0 }.encode();
        bench.say_extended(peer, metadata, &payload);
    }
    assert!(cost(&bench, peer) < bound, "{}", cost(&bench, peer));
}

#[test]
fn the_news_of_all_pieces_ends_no_connection_that_is_slow_to_read() {
    let mut bench = Bench::new(Setup {
        pieces: 2000,
        ..Setup::default()
    });
    let slow = bench.meet_by(Via::WebRtc, 1, Some(address(1)), true);
    bench.unread.insert(slow.connection);
    let seed = bench.meet(2);
    bench.say(seed, &Message::HaveAll);
    bench.say(seed, &Message::Unchoke);
    for _ in 0..2000 {
        for request in bench.asked_of(seed) {
            bench.serve(seed, &request);
        }
    }
    assert!(bench.session.verified(bench.torrent).unwrap().is_full());
    bench.pass(Duration::from_secs(30));
    assert!(!bench.is_closed(slow));
}
