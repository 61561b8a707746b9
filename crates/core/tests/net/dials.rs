//! How often one host is dialled: at most four dials at once, and with waits once eight have failed.

use std::net::SocketAddr;
use std::time::Duration;

use brackish_core::{ConnectionId, Input};

use crate::bench::{Bench, Setup, peer_id};

fn port(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], port))
}

/// A thousand ports of one host, and one other peer.
fn bench() -> Bench {
    let mut peers: Vec<SocketAddr> = (1..=1000).map(port).collect();
    peers.push(SocketAddr::from(([203, 0, 113, 77], 1)));
    let mut setup = Setup {
        peers,
        ..Setup::default()
    };
    setup.config.half_open = 100;
    Bench::new(setup)
}

fn fail(bench: &mut Bench, connection: ConnectionId) {
    bench.input(Input::Closed {
        connection,
        reason: "refused".to_owned(),
    });
}

#[test]
fn one_host_is_dialled_four_times_at_once_and_another_beside_it() {
    let mut bench = bench();
    bench.pass(Duration::from_secs(5));
    let mut dialled = bench.dialled();
    assert_eq!(dialled.len(), 5, "{dialled:?}");
    // A dial that is open and has no handshake still counts.
    let at = dialled.iter().position(|(_, a)| a.ip() == port(1).ip());
    let (connection, _) = dialled.swap_remove(at.unwrap());
    bench.open(connection);
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.dialled(), []);
}

#[test]
fn a_host_that_refuses_eight_dials_is_left_alone_until_one_succeeds() {
    let mut bench = bench();
    let mut failed = 0;
    let mut last = Vec::new();
    for _ in 0..600 {
        bench.pass(Duration::from_secs(1));
        for (connection, address) in bench.dialled() {
            if address.ip() == port(1).ip() {
                failed += 1;
                last.push(address);
                fail(&mut bench, connection);
            }
        }
    }
    assert!((8..60).contains(&failed), "{failed} dials in ten minutes");
    // Once a peer there shakes hands, the others are dialled as usual.
    let mut opened = None;
    for _ in 0..200 {
        bench.pass(Duration::from_secs(1));
        let dialled = bench.dialled().into_iter();
        let mut there = dialled.filter(|(_, address)| address.ip() == port(1).ip());
        if let Some((connection, _)) = there.next() {
            opened = Some(bench.opened(connection, peer_id(1)));
            break;
        }
    }
    assert!(opened.is_some(), "it is tried again");
    bench.pass(Duration::from_secs(2));
    let dialled = bench.dialled().into_iter();
    assert_eq!(
        dialled.filter(|(_, a)| a.ip() == port(1).ip()).count(),
        1,
        "three others are under way"
    );
}
