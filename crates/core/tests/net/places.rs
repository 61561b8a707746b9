//! Who gets a place among the connections of a torrent (BEP 40), and how many there are.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use brackish_core::Via;
use brackish_wire::message::Message;
use brackish_wire::peer_priority;

use crate::bench::{Bench, OURS, Remote, Setup, address};

const PLACES: usize = 4;

fn full(has_all: bool) -> (Bench, Vec<Remote>) {
    let mut setup = Setup {
        has_all,
        ..Setup::default()
    };
    setup.config.connections_per_torrent = PLACES;
    let mut bench = Bench::new(setup);
    let remotes = (1..=PLACES as u8)
        .map(|number| bench.meet(number))
        .collect();
    (bench, remotes)
}

/// The session does not know where it is: it takes a place that its peer id gives.
fn priority(number: u8) -> u32 {
    let [.., a, b, c, d] = OURS.0;
    peer_priority(SocketAddr::from(([a, b, c, d], 6881)), address(number))
}

/// A number of a peer whose priority is higher than those of all that are there, and one whose is
/// lower.
fn strangers() -> (u8, u8) {
    let there = || (1..=PLACES as u8).map(priority);
    let (least, most) = (there().min().unwrap(), there().max().unwrap());
    let higher = (10..255).find(|number| priority(*number) > most).unwrap();
    let lower = (10..255).find(|number| priority(*number) < least).unwrap();
    (higher, lower)
}

fn stay(bench: &mut Bench, remotes: &[Remote]) {
    for _ in 0..4 {
        bench.pass(Duration::from_secs(20));
        for remote in remotes {
            bench.say(*remote, &Message::KeepAlive);
        }
    }
}

#[test]
fn a_comer_of_a_higher_priority_takes_the_place_of_the_lowest_that_trades_nothing() {
    let (mut bench, remotes) = full(false);
    stay(&mut bench, &remotes);
    let (higher, lower) = strangers();
    let refused = bench.meet(lower);
    assert!(bench.is_closed(refused));
    let taken = bench.meet(higher);
    assert!(!bench.is_closed(taken));
    let gone: Vec<u8> = remotes
        .iter()
        .zip(1..)
        .filter(|(remote, _)| bench.is_closed(**remote))
        .map(|(_, number)| number)
        .collect();
    let lowest = (1..=PLACES as u8).min_by_key(|number| priority(*number));
    assert_eq!(gone, [lowest.unwrap()]);
}

#[test]
fn nobody_is_displaced_in_its_first_minute_or_while_it_trades() {
    let (mut bench, remotes) = full(false);
    let (higher, _) = strangers();
    let early = bench.meet(higher);
    assert!(bench.is_closed(early));
    for remote in &remotes {
        bench.say(*remote, &Message::HaveAll);
        bench.say(*remote, &Message::Unchoke);
    }
    // Each gives a block now and then.
    let mut asked = vec![VecDeque::new(); PLACES];
    for _ in 0..20 {
        bench.pass(Duration::from_secs(4));
        for (remote, asked) in remotes.iter().zip(&mut asked) {
            asked.extend(bench.asked_of(*remote));
            if let Some(request) = asked.pop_front() {
                bench.serve(*remote, &request);
            }
        }
    }
    let trading = bench.session.peer_stats(bench.torrent);
    assert_eq!(trading.len(), PLACES);
    assert!(
        trading.iter().all(|peer| peer.download_rate > 0),
        "{trading:?}"
    );
    let late = bench.meet(higher);
    assert!(bench.is_closed(late));
}

#[test]
fn dials_under_way_are_bounded_and_count_for_the_torrent_s_places() {
    let dials = |half_open, places| {
        let mut setup = Setup {
            peers: (1..100).map(address).collect(),
            ..Setup::default()
        };
        setup.config.half_open = half_open;
        setup.config.connections_per_torrent = places;
        let mut bench = Bench::new(setup);
        bench.pass(Duration::from_secs(5));
        bench.dialled().len()
    };
    assert_eq!(dials(7, 50), 7);
    assert_eq!(dials(50, 7), 7);
}

#[test]
fn connections_of_a_session_are_bounded() {
    let mut setup = Setup::default();
    setup.config.connections = 3;
    let mut bench = Bench::new(setup);
    for number in 1..=3 {
        bench.meet(number);
    }
    let (address, now) = (Some(address(4)), bench.now);
    assert!(
        bench
            .session
            .accept(Via::Tcp, address, 1 << 16, now)
            .is_err()
    );
}

/// Comes by TCP from a port of a host, and says nothing; false if it is refused.
fn knocks(bench: &mut Bench, host: [u8; 4], port: u16) -> bool {
    let (address, now) = (Some(SocketAddr::from((host, port))), bench.now);
    let accepted = bench.session.accept(Via::Tcp, address, 1 << 16, now);
    bench.pass(Duration::ZERO);
    accepted.is_ok()
}

#[test]
fn one_host_that_takes_all_places_leaves_them_to_others_and_not_to_itself() {
    let mut setup = Setup::default();
    setup.config.connections = 20;
    let mut bench = Bench::new(setup);
    let honest = bench.meet(1);
    for port in 0..40 {
        assert_eq!(knocks(&mut bench, [203, 0, 113, 5], 1000 + port), port < 19);
    }
    for number in 2..=10 {
        bench.meet(number);
    }
    assert!(!bench.is_closed(honest));
    let peers = bench.session.peer_stats(bench.torrent);
    assert_eq!(peers.len(), 10, "half of the places");
}

#[test]
fn strangers_that_never_shake_hands_give_way_though_each_has_a_host_of_its_own() {
    let mut setup = Setup::default();
    setup.config.connections = 20;
    let mut bench = Bench::new(setup);
    for host in 0..20 {
        assert!(knocks(&mut bench, [203, 0, 113, host], 1000));
    }
    assert!(!knocks(&mut bench, [203, 0, 113, 99], 1000), "at once");
    bench.pass(Duration::from_secs(3));
    assert!(knocks(&mut bench, [203, 0, 113, 99], 1000));
}

#[test]
fn places_of_a_torrent_are_shared_by_host() {
    let mut setup = Setup::default();
    setup.config.connections_per_torrent = PLACES;
    let mut bench = Bench::new(setup);
    let same = |port| Some(SocketAddr::from(([203, 0, 113, 5], port)));
    for number in 1..=PLACES as u8 {
        bench.meet_by(Via::Tcp, number, same(u16::from(number)), true);
    }
    let others = [20, 21].map(|number| bench.meet(number));
    assert!(others.iter().all(|other| !bench.is_closed(*other)));
    let third = bench.meet_by(Via::Tcp, 50, same(50), true);
    assert!(bench.is_closed(third));
}
