//! Two connections of one peer id: a stranger that uses it gets nothing, and a peer that comes again is
//! known by its secret.

use std::time::Duration;

use brackish_core::Via;
use brackish_wire::extension::{ExtendedHandshake, HANDSHAKE_ID};
use brackish_wire::message::Message;

use crate::bench::{Bench, Remote, Setup, address, peer_id};

const SECRET: [u8; 16] = [7; 16];

fn bench() -> Bench {
    Bench::new(Setup::default())
}

/// A peer of id 1 by this way, from the place of another number.
fn comes(bench: &mut Bench, via: Via, from: u8) -> Remote {
    let at = (via == Via::Tcp).then(|| address(from));
    bench.meet_by(via, 1, at, true)
}

fn tells(bench: &mut Bench, remote: Remote, secret: Option<[u8; 16]>) {
    let handshake = ExtendedHandshake {
        secret,
        ..ExtendedHandshake::default()
    };
    bench.say_extended(remote, HANDSHAKE_ID, &handshake.encode());
}

fn peers(bench: &Bench) -> Vec<Via> {
    let peers = bench.session.peer_stats(bench.torrent);
    peers.iter().map(|peer| peer.via).collect()
}

/// Lets six seconds pass in which a peer answers what it is asked.
fn answers(bench: &mut Bench, remote: Remote) {
    for _ in 0..6 {
        bench.pass(Duration::from_secs(1));
        for request in bench.asked_of(remote) {
            bench.say(remote, &Message::Reject(request));
        }
    }
}

#[test]
fn a_tcp_stranger_with_the_id_of_a_web_peer_does_not_take_its_place() {
    for told in [None, Some([8; 16])] {
        let mut bench = bench();
        let web = comes(&mut bench, Via::WebRtc, 1);
        tells(&mut bench, web, Some(SECRET));
        bench.pass(Duration::from_secs(30));
        let stranger = comes(&mut bench, Via::Tcp, 9);
        tells(&mut bench, stranger, told);
        bench.say(stranger, &Message::HaveAll);
        bench.say(stranger, &Message::Unchoke);
        answers(&mut bench, web);
        assert!(bench.is_closed(stranger) && !bench.is_closed(web));
        assert_eq!(bench.heard(stranger).len(), 0, "it hears nothing");
        assert_eq!(peers(&bench), [Via::WebRtc]);
    }
}

#[test]
fn a_connection_that_answers_nothing_for_five_seconds_gives_its_place_to_the_comer() {
    let mut bench = bench();
    let dead = comes(&mut bench, Via::WebRtc, 1);
    bench.pass(Duration::from_secs(30));
    let comer = comes(&mut bench, Via::Tcp, 9);
    bench.say(comer, &Message::HaveAll);
    bench.pass(Duration::from_secs(4));
    assert!(!bench.is_closed(dead) && !bench.is_closed(comer));
    bench.pass(Duration::from_secs(2));
    assert!(bench.is_closed(dead) && !bench.is_closed(comer));
    // What it said meanwhile was kept.
    let peers = bench.session.peer_stats(bench.torrent);
    assert_eq!(peers.len(), 1);
    assert!((peers[0].progress - 1.0).abs() < f64::EPSILON);
    bench.say(comer, &Message::Unchoke);
    assert!(!bench.asked_of(comer).is_empty());
}

#[test]
fn a_peer_that_repeats_its_secret_has_the_better_transport_at_once() {
    for (first, second, stays) in [
        (Via::WebRtc, Via::Tcp, Via::Tcp),
        (Via::Tcp, Via::WebRtc, Via::Tcp),
    ] {
        let mut bench = bench();
        let one = comes(&mut bench, first, 1);
        tells(&mut bench, one, Some(SECRET));
        let two = comes(&mut bench, second, 1);
        tells(&mut bench, two, Some(SECRET));
        assert_eq!(peers(&bench), [stays]);
        assert_eq!(bench.is_closed(two), second != stays);
    }
}

#[test]
fn a_peer_that_reconnects_with_its_secret_takes_its_place_at_once() {
    let mut bench = bench();
    let old = comes(&mut bench, Via::Tcp, 1);
    tells(&mut bench, old, Some(SECRET));
    bench.pass(Duration::from_secs(1));
    let new = comes(&mut bench, Via::Tcp, 2);
    tells(&mut bench, new, Some(SECRET));
    assert!(bench.is_closed(old) && !bench.is_closed(new));
    assert_eq!(peers(&bench), [Via::Tcp]);
}

#[test]
fn every_peer_has_a_secret_of_its_own_and_the_same_again() {
    let mut bench = bench();
    let secrets = [1, 2].map(|number| {
        let peer = bench.meet(number);
        bench.handshake(peer).unwrap().secret.unwrap()
    });
    assert_ne!(secrets[0], secrets[1]);
    let first = bench.session.peer_stats(bench.torrent)[0].connection;
    bench.lose(Remote {
        connection: first,
        id: peer_id(1),
    });
    let again = bench.meet(1);
    assert_eq!(bench.handshake(again).unwrap().secret, Some(secrets[0]));
    // Who came second and has proved nothing is not told.
    let stranger = comes(&mut bench, Via::Tcp, 9);
    assert!(bench.handshake(stranger).is_none());
}

#[test]
fn a_contender_takes_over_when_the_first_connection_ends() {
    let mut bench = bench();
    let first = comes(&mut bench, Via::Tcp, 1);
    let second = comes(&mut bench, Via::Tcp, 1);
    assert!(!bench.is_closed(second));
    bench.lose(first);
    assert_eq!(peers(&bench).len(), 1);
    assert!(!bench.is_closed(second));
}

#[test]
fn contenders_for_one_place_are_few_and_say_little() {
    let mut bench = bench();
    let first = comes(&mut bench, Via::Tcp, 1);
    let all: Vec<Remote> = (10..30).map(|n| comes(&mut bench, Via::Tcp, n)).collect();
    let open = all.iter().filter(|remote| !bench.is_closed(**remote));
    assert_eq!(open.count(), 4);
    for _ in 0..10_000 {
        if !bench.is_closed(all[0]) {
            bench.say(all[0], &Message::Have(1));
        }
    }
    assert!(bench.is_closed(all[0]) && !bench.is_closed(first));
}
