//! Super-seeding (BEP 16): what peers are shown of what is here, when they are shown more, and when
//! they are shown everything.

use std::time::Duration;

use brackish_core::Via;
use brackish_wire::message::Message;
use brackish_wire::{BLOCK_LENGTH, BlockRequest};

use crate::bench::{Bench, Remote, Setup, address};

/// Pieces of one block that are shown at once.
const AHEAD: usize = 16;

const PIECES: u32 = 500;

fn origin() -> Bench {
    Bench::new(Setup {
        pieces: PIECES,
        has_all: true,
        super_seed: true,
        ..Setup::default()
    })
}

/// A peer that has nothing.
fn newcomer(bench: &mut Bench, number: u8) -> Remote {
    let remote = bench.meet(number);
    bench.say(remote, &Message::HaveNone);
    bench.pass(Duration::from_secs(1));
    remote
}

/// The pieces that a peer was told of since the last time.
fn shown(bench: &mut Bench, remote: Remote) -> Vec<u32> {
    bench.heard_of(remote, |message| match message {
        Message::Have(piece) => Some(piece),
        Message::HaveAll | Message::Bitfield(_) => panic!("it shows everything"),
        _ => None,
    })
}

/// A request for the whole of a piece.
fn request(piece: u32) -> BlockRequest {
    BlockRequest {
        piece,
        begin: 0,
        length: BLOCK_LENGTH,
    }
}

fn has(bench: &mut Bench, remote: Remote, pieces: &[u32]) {
    for piece in pieces {
        bench.say(remote, &Message::Have(*piece));
    }
}

#[test]
fn each_peer_is_shown_a_few_pieces_of_its_own() {
    let mut bench = origin();
    let mut all = Vec::new();
    for number in 1..=20 {
        let remote = newcomer(&mut bench, number);
        all.extend(shown(&mut bench, remote));
    }
    assert_eq!(all.len(), 20 * AHEAD);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 20 * AHEAD, "pieces were shown twice");
}

#[test]
fn a_piece_that_a_peer_was_not_shown_is_refused() {
    let mut bench = origin();
    let remote = newcomer(&mut bench, 1);
    let own = shown(&mut bench, remote);
    bench.say(remote, &Message::Interested);
    let hidden = (0..PIECES).find(|piece| !own.contains(piece)).unwrap();
    for piece in [own[0], hidden] {
        bench.say(remote, &Message::Request(request(piece)));
    }
    let answers = bench.heard_of(remote, |message| match message {
        Message::Piece { piece, .. } => Some((piece, true)),
        Message::Reject(request) => Some((request.piece, false)),
        _ => None,
    });
    assert_eq!(answers, [(own[0], true), (hidden, false)]);
}

#[test]
fn a_peer_is_shown_more_when_others_have_what_it_was_shown_and_not_before() {
    let mut bench = origin();
    let first = newcomer(&mut bench, 1);
    let second = newcomer(&mut bench, 2);
    let own = shown(&mut bench, first);
    let other = shown(&mut bench, second);
    bench.say(second, &Message::Interested);
    has(&mut bench, first, &own);
    for piece in &other[..8] {
        // The upload is in use meanwhile.
        bench.say(second, &Message::Request(request(*piece)));
        bench.pass(Duration::from_secs(1));
    }
    assert!(shown(&mut bench, first).is_empty());
    has(&mut bench, second, &own[..3]);
    assert_eq!(shown(&mut bench, first).len(), 3);
}

#[test]
fn a_peer_that_can_pass_nothing_on_is_shown_more_all_the_same() {
    let mut bench = origin();
    let remote = newcomer(&mut bench, 1);
    let own = shown(&mut bench, remote);
    has(&mut bench, remote, &own);
    bench.pass(Duration::from_secs(1));
    let next = shown(&mut bench, remote);
    assert_eq!(next.len(), AHEAD, "it is alone");
    let second = newcomer(&mut bench, 2);
    let own = shown(&mut bench, second);
    has(&mut bench, second, &own);
    bench.pass(Duration::from_secs(3));
    let own = shown(&mut bench, second);
    assert_eq!(own.len(), AHEAD, "nobody fetches anything");
    has(&mut bench, second, &own);
    bench.say(remote, &Message::Interested);
    for piece in &next[..11] {
        bench.say(remote, &Message::Request(request(*piece)));
        bench.pass(Duration::from_secs(1));
    }
    assert_eq!(shown(&mut bench, second).len(), AHEAD, "nobody wants it");
}

#[test]
fn a_peer_with_the_fast_extension_is_told_that_nothing_is_here_and_allowed_nothing() {
    let mut bench = origin();
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveNone);
    let heard = bench.heard_of(remote, |message| match message {
        Message::HaveNone => Some("nothing"),
        Message::AllowedFast(_) | Message::Suggest(_) => Some("advice"),
        Message::HaveAll | Message::Bitfield(_) | Message::Have(_) => Some("pieces"),
        _ => None,
    });
    assert_eq!(heard, ["nothing"]);
}

#[test]
fn a_peer_without_the_fast_extension_hears_of_pieces_one_by_one_though_it_says_nothing() {
    let mut bench = origin();
    let remote = bench.meet_by(Via::Tcp, 1, Some(address(1)), false);
    let heard = bench.heard_of(remote, |message| match message {
        Message::HaveNone | Message::HaveAll | Message::Bitfield(_) | Message::Have(_) => Some(()),
        _ => None,
    });
    assert!(heard.is_empty(), "it may yet say what it has");
    bench.pass(Duration::from_secs(2));
    let own = shown(&mut bench, remote);
    assert_eq!(own.len(), AHEAD);
    bench.say(remote, &Message::Interested);
    bench.say(remote, &Message::Request(request(own[0])));
    let sent = bench.heard_of(remote, |message| match message {
        Message::Piece { piece, .. } => Some(piece),
        _ => None,
    });
    assert_eq!(sent, [own[0]]);
}

/// What a peer hears of, however it is told, besides what it was shown before.
fn everything_else(bench: &mut Bench, remote: Remote, own: &[u32]) -> bool {
    let mut told = shown(bench, remote);
    told.extend(own);
    told.sort_unstable();
    told == Vec::from_iter(0..PIECES)
}

#[test]
fn everyone_is_shown_everything_once_the_peers_together_have_it() {
    let mut bench = origin();
    let first = newcomer(&mut bench, 1);
    let second = newcomer(&mut bench, 2);
    let mut own = [shown(&mut bench, first), shown(&mut bench, second)];
    let half = PIECES / 2;
    has(&mut bench, first, &Vec::from_iter(0..half));
    has(&mut bench, second, &Vec::from_iter(half..PIECES - 1));
    own[0].extend(shown(&mut bench, first));
    own[1].extend(shown(&mut bench, second));
    bench.pass(Duration::from_secs(1));
    assert!(own.iter().all(|own| own.len() < half as usize));
    has(&mut bench, second, &[PIECES - 1]);
    for (at, remote) in [first, second].into_iter().enumerate() {
        own[at].extend(shown(&mut bench, remote));
    }
    bench.pass(Duration::from_secs(1));
    assert!(everything_else(&mut bench, first, &own[0]));
    assert!(everything_else(&mut bench, second, &own[1]));
    let late = bench.meet(3);
    let all = bench.heard_of(late, |message| {
        matches!(message, Message::HaveAll).then_some(())
    });
    assert_eq!(all.len(), 1, "who comes later meets a seed");
}

#[test]
fn another_seed_ends_it() {
    let mut bench = origin();
    let remote = newcomer(&mut bench, 1);
    let own = shown(&mut bench, remote);
    let seed = bench.meet(2);
    bench.say(seed, &Message::HaveAll);
    assert!(bench.is_closed(seed));
    assert!(everything_else(&mut bench, remote, &own));
}

#[test]
fn a_piece_that_is_lost_ends_it() {
    let mut bench = origin();
    let remote = newcomer(&mut bench, 1);
    let own = shown(&mut bench, remote);
    bench.unreadable.push(own[0]);
    bench.say(remote, &Message::Interested);
    bench.say(remote, &Message::Request(request(own[0])));
    assert!(everything_else(&mut bench, remote, &own));
}
