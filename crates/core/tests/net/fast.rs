//! Allowed-fast pieces (BEP 6), given and taken.

use std::net::{IpAddr, SocketAddr};

use brackish_core::Via;
use brackish_wire::message::Message;
use brackish_wire::{ALLOWED_FAST_PIECES, BLOCK_LENGTH, BlockRequest, allowed_fast_set};

use crate::bench::{Bench, Remote, Setup, address};

fn seed() -> Bench {
    Bench::new(Setup {
        pieces: 500,
        has_all: true,
        ..Setup::default()
    })
}

fn request(piece: u32) -> BlockRequest {
    BlockRequest {
        piece,
        begin: 0,
        length: BLOCK_LENGTH,
    }
}

/// Has the seed serve so many blocks to a peer that it does not choke.
fn serve(bench: &mut Bench, blocks: u32) {
    let remote = bench.meet(200);
    bench.say(remote, &Message::HaveNone);
    bench.say(remote, &Message::Interested);
    for block in 0..blocks {
        bench.say(remote, &Message::Request(request(block % 500)));
    }
    assert_eq!(answers(bench, remote).0.len(), blocks as usize);
}

fn allowed(bench: &mut Bench, remote: Remote) -> Vec<u32> {
    bench.heard_of(remote, |message| match message {
        Message::AllowedFast(piece) => Some(piece),
        _ => None,
    })
}

/// The pieces that a peer was sent, and those that it was refused.
fn answers(bench: &mut Bench, remote: Remote) -> (Vec<u32>, Vec<u32>) {
    let heard = bench.heard_of(remote, |message| match message {
        Message::Piece { piece, .. } => Some((piece, true)),
        Message::Reject(request) => Some((request.piece, false)),
        _ => None,
    });
    let (sent, refused): (Vec<_>, Vec<_>) = heard.into_iter().partition(|(_, sent)| *sent);
    let pieces = |list: Vec<(u32, bool)>| list.into_iter().map(|(piece, _)| piece).collect();
    (pieces(sent), pieces(refused))
}

#[test]
fn a_newcomer_is_told_its_set_and_served_it_while_choked() {
    let mut bench = seed();
    serve(&mut bench, 64);
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveNone);
    let IpAddr::V4(ip) = address(1).ip() else {
        panic!("not IPv4");
    };
    let hash = bench.info.info_hash();
    let set = allowed_fast_set(ip, &hash, 500, ALLOWED_FAST_PIECES);
    assert_eq!(allowed(&mut bench, remote), set);
    let other = (0..500).find(|piece| !set.contains(piece)).unwrap();
    bench.say(remote, &Message::Request(request(set[3])));
    bench.say(remote, &Message::Request(request(other)));
    assert_eq!(answers(&mut bench, remote), (vec![set[3]], vec![other]));
}

#[test]
fn what_a_choked_peer_gets_is_bounded() {
    let mut bench = seed();
    serve(&mut bench, 5000);
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveNone);
    let set = allowed(&mut bench, remote);
    for _ in 0..100 {
        for piece in &set {
            bench.say(remote, &Message::Request(request(*piece)));
        }
    }
    let (sent, refused) = answers(&mut bench, remote);
    assert_eq!(sent.len(), (1 << 20) / BLOCK_LENGTH as usize);
    assert_eq!(sent.len() + refused.len(), 1000);
}

#[test]
fn many_choked_peers_together_do_not_drain_a_seed() {
    let mut bench = seed();
    assert_eq!(taken_by_many(&mut bench), 0, "nothing was uploaded yet");
    serve(&mut bench, 1024);
    assert_eq!(taken_by_many(&mut bench), 1024 / 64);
}

/// Blocks that many peers which are choked get.
fn taken_by_many(bench: &mut Bench) -> usize {
    let mut sent = 0;
    for number in 1..20 {
        let remote = bench.meet(number);
        bench.say(remote, &Message::HaveNone);
        for piece in allowed(bench, remote) {
            for _ in 0..6 {
                bench.say(remote, &Message::Request(request(piece)));
            }
        }
        sent += answers(bench, remote).0.len();
        bench.lose(remote);
    }
    sent
}

#[test]
fn nobody_is_allowed_anything_who_has_pieces_or_no_address() {
    let mut bench = seed();
    let rich = bench.meet(1);
    bench.say(
        rich,
        &Message::Bitfield(&[vec![0xff; 10], vec![0; 53]].concat()),
    );
    assert!(allowed(&mut bench, rich).is_empty());
    let web = bench.meet_by(Via::WebRtc, 2, None, true);
    bench.say(web, &Message::HaveNone);
    assert!(allowed(&mut bench, web).is_empty());
    let six: SocketAddr = "[2001:db8::1]:40000".parse().unwrap();
    let six = bench.meet_by(Via::Tcp, 3, Some(six), true);
    bench.say(six, &Message::HaveNone);
    assert!(allowed(&mut bench, six).is_empty());
}

#[test]
fn pieces_that_a_peer_allows_are_asked_for_while_it_chokes_us_and_no_others() {
    let mut bench = Bench::new(Setup::default());
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveAll);
    for piece in [7, 8, 1_000_000] {
        bench.say(remote, &Message::AllowedFast(piece));
    }
    assert_eq!(bench.asked_of(remote), [request(7), request(8)]);
    bench.serve(remote, &request(7));
    let verified = bench.session.verified(bench.torrent).unwrap();
    assert!(verified.get(7));
}

#[test]
fn a_peer_that_refuses_what_it_allowed_is_not_asked_for_it_again() {
    let mut bench = Bench::new(Setup::default());
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveAll);
    bench.say(remote, &Message::AllowedFast(7));
    bench.asked_of(remote);
    bench.say(remote, &Message::Reject(request(7)));
    bench.pass(std::time::Duration::from_secs(30));
    assert_eq!(bench.asked_of(remote), []);
    bench.say(remote, &Message::Unchoke);
    assert!(!bench.asked_of(remote).is_empty());
}
