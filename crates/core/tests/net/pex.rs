//! `ut_pex` (BEP 11): who is told of whom, how often, and what becomes of what is heard.

use std::net::SocketAddr;
use std::time::Duration;

use brackish_core::Via;
use brackish_wire::extension::{MAX_PEX_PEERS, PexFlags, PexPeer, UT_PEX, UtPex};
use brackish_wire::message::Message;

use crate::bench::{Bench, Remote, Setup, address, peer_id};

/// The id under which the test's peers take `ut_pex`.
const THEIRS: u8 = 5;

/// The port at which the test's peers say that they listen.
const LISTENS: u16 = 7001;

fn listener(number: u8) -> SocketAddr {
    SocketAddr::new(address(number).ip(), LISTENS)
}

fn exchanger(bench: &mut Bench, number: u8) -> Remote {
    let remote = bench.meet(number);
    bench.extends(remote, &[(UT_PEX, THEIRS)], Some(LISTENS));
    remote
}

/// What a peer was sent by `ut_pex` since the last time.
fn told(bench: &mut Bench, remote: Remote) -> Vec<UtPex> {
    let payloads = bench.heard_extended(remote, THEIRS);
    payloads.iter().map(|p| UtPex::decode(p).unwrap()).collect()
}

fn added(pex: &UtPex) -> Vec<SocketAddr> {
    let mut added: Vec<_> = pex.added.iter().map(|peer| peer.address).collect();
    added.sort();
    added
}

fn say(bench: &mut Bench, remote: Remote, peers: impl IntoIterator<Item = SocketAddr>) {
    let flags = PexFlags::default();
    let added = peers.into_iter().map(|address| PexPeer { address, flags });
    let pex = UtPex {
        added: added.collect(),
        dropped: Vec::new(),
    };
    let id = bench.extension(remote, UT_PEX).expect("it is advertised");
    bench.say_extended(remote, id, &pex.encode());
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_peer_is_soon_told_of_those_that_can_be_dialled_and_of_nobody_else() {
    let mut bench = Bench::new(Setup::default());
    let a = exchanger(&mut bench, 1);
    exchanger(&mut bench, 2);
    // It does not say where it listens.
    bench.meet(3);
    // A web peer cannot be dialled, whatever it says.
    let web = bench.meet_by(Via::WebRtc, 4, Some(address(4)), true);
    bench.extends(web, &[(UT_PEX, THEIRS)], Some(LISTENS));
    bench.pass(seconds(5));
    let [pex] = &told(&mut bench, a)[..] else {
        panic!("not told once");
    };
    assert_eq!(added(pex), [listener(2)]);
    assert_eq!(pex.dropped, []);
}

#[test]
fn a_peer_that_we_dialled_is_named_as_reachable_and_a_seed_as_one() {
    let mut bench = Bench::new(Setup {
        peers: vec![listener(2)],
        ..Setup::default()
    });
    bench.pass(seconds(1));
    let (connection, _) = bench.dialled()[0];
    let dialled = bench.opened(connection, peer_id(2));
    bench.say(dialled, &Message::HaveAll);
    let a = exchanger(&mut bench, 1);
    bench.pass(seconds(5));
    let pex = told(&mut bench, a).remove(0);
    assert_eq!(added(&pex), [listener(2)]);
    let flags = pex.added[0].flags;
    assert!(flags.has(PexFlags::REACHABLE) && flags.has(PexFlags::UPLOAD_ONLY));
}

#[test]
fn a_seed_is_not_told_of_seeds() {
    let mut bench = Bench::new(Setup::default());
    let seeds = [1, 2].map(|number| {
        let seed = exchanger(&mut bench, number);
        bench.say(seed, &Message::HaveAll);
        seed
    });
    exchanger(&mut bench, 3);
    bench.pass(seconds(5));
    assert_eq!(added(&told(&mut bench, seeds[0])[0]), [listener(3)]);
}

#[test]
fn changes_are_told_once_a_minute() {
    let mut bench = Bench::new(Setup::default());
    let a = exchanger(&mut bench, 1);
    let b = exchanger(&mut bench, 2);
    bench.pass(seconds(5));
    told(&mut bench, a);
    bench.lose(b);
    exchanger(&mut bench, 3);
    let came_and_left = exchanger(&mut bench, 4);
    bench.lose(came_and_left);
    bench.pass(seconds(54));
    assert_eq!(told(&mut bench, a), []);
    bench.pass(seconds(4));
    let [pex] = &told(&mut bench, a)[..] else {
        panic!("not told once");
    };
    assert_eq!(added(pex), [listener(3)]);
    assert_eq!(pex.dropped, [listener(2)]);
    bench.say(a, &Message::KeepAlive);
    bench.pass(seconds(70));
    assert_eq!(told(&mut bench, a), [], "nothing has changed");
}

#[test]
fn no_message_names_more_than_fifty() {
    let mut setup = Setup::default();
    setup.config.connections_per_torrent = 200;
    let mut bench = Bench::new(setup);
    let a = exchanger(&mut bench, 1);
    for number in 2..100 {
        exchanger(&mut bench, number);
    }
    bench.pass(seconds(5));
    assert_eq!(told(&mut bench, a)[0].added.len(), MAX_PEX_PEERS);
}

#[test]
fn peers_that_a_peer_names_are_dialled() {
    let mut bench = Bench::new(Setup::default());
    let a = exchanger(&mut bench, 1);
    let six: SocketAddr = "[2001:db8::7]:7001".parse().unwrap();
    say(&mut bench, a, [listener(9), six]);
    bench.pass(seconds(2));
    let mut dialled: Vec<_> = bench.dialled().into_iter().map(|(_, a)| a).collect();
    dialled.sort();
    assert_eq!(dialled, [listener(9), six]);
}

#[test]
fn a_stranger_s_word_is_not_taken_for_addresses_of_our_own_networks() {
    let mut bench = Bench::new(Setup::default());
    let a = exchanger(&mut bench, 1);
    let own = ["127.0.0.1:80", "192.168.1.1:80", "[fe80::1]:80"];
    say(&mut bench, a, own.map(|address| address.parse().unwrap()));
    bench.pass(seconds(2));
    assert_eq!(bench.dialled(), []);
}

#[test]
fn addresses_of_our_own_network_are_not_told_to_strangers() {
    let mut bench = Bench::new(Setup::default());
    let a = exchanger(&mut bench, 1);
    let near = SocketAddr::from(([192, 168, 1, 7], 40_000));
    let near = bench.meet_by(Via::Tcp, 2, Some(near), true);
    bench.extends(near, &[(UT_PEX, THEIRS)], Some(LISTENS));
    bench.pass(seconds(5));
    assert_eq!(told(&mut bench, a), []);
    assert_eq!(added(&told(&mut bench, near)[0]), [listener(1)]);
}

#[test]
fn a_peer_that_names_many_again_and_again_fills_no_table() {
    let mut bench = Bench::new(Setup::default());
    let liar = exchanger(&mut bench, 1);
    for round in 0..200_u8 {
        let made_up = (0..50).map(|host| SocketAddr::from(([203, 0, round, host], 7001)));
        say(&mut bench, liar, made_up);
        bench.pass(seconds(31));
    }
    let known = bench
        .session
        .torrent_stats(bench.torrent)
        .unwrap()
        .known_peers;
    assert!(known <= 101, "{known} addresses are known");
    assert!(!bench.is_closed(liar));
}

#[test]
fn a_malformed_message_ends_the_connection() {
    let mut bench = Bench::new(Setup::default());
    let a = exchanger(&mut bench, 1);
    let id = bench.extension(a, UT_PEX).unwrap();
    bench.say_extended(a, id, b"no dictionary");
    assert!(bench.is_closed(a));
}

#[test]
fn a_page_does_not_exchange_addresses() {
    let mut setup = Setup::default();
    setup.config.tcp = false;
    let mut bench = Bench::new(setup);
    let a = bench.meet_by(Via::WebRtc, 1, None, true);
    assert_eq!(bench.extension(a, UT_PEX), None);
}
