//! Private torrents (BEP 27): their peers come from their trackers alone.

use std::time::Duration;

use brackish_core::{DisconnectReason, Event, Input, Output};
use brackish_wire::extension::{BK_SIGNAL, UT_METADATA, UT_PEX, UtMetadata};
use brackish_wire::tracker::AnnounceResponse;

use crate::bench::{Bench, Remote, Setup, address, peer_id};

fn private(magnet: bool) -> Setup {
    Setup {
        private: true,
        magnet,
        trackers: vec![vec!["http://tracker.test/announce".to_owned()]],
        peers: vec![address(1)],
        ..Setup::default()
    }
}

/// The tracker answers with this peer.
fn answer(bench: &mut Bench, number: u8) {
    let jobs = bench.asked(|output| match output {
        Output::Announce { job, .. } => Some(*job),
        _ => None,
    });
    let response = AnnounceResponse {
        interval: 1800,
        peers: vec![address(number)],
        ..AnnounceResponse::default()
    };
    bench.input(Input::Announced {
        job: jobs[0],
        result: Ok(response),
    });
}

/// A peer gives the metadata that it is asked for.
fn give_metadata(bench: &mut Bench, remote: Remote) {
    let data = bench.info.raw().clone();
    let id = bench.extension(remote, UT_METADATA).unwrap();
    let (piece, total_size) = (0, data.len() as u32);
    let payload = UtMetadata::Data {
        piece,
        total_size,
        data: &data,
    };
    bench.say_extended(remote, id, &payload.encode());
}

#[test]
fn only_what_its_tracker_names_is_dialled() {
    let mut bench = Bench::new(private(false));
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.dialled(), [], "the user's word does not count");
    bench
        .session
        .add_peers(bench.torrent, &[address(3)], bench.now);
    answer(&mut bench, 2);
    bench.pass(Duration::from_secs(2));
    let dialled: Vec<_> = bench.dialled().into_iter().map(|(_, a)| a).collect();
    assert_eq!(dialled, [address(2)]);
}

#[test]
fn nothing_is_exchanged_or_introduced() {
    let mut bench = Bench::new(private(false));
    let peers = [4, 5].map(|number| {
        let peer = bench.meet(number);
        bench.extends(peer, &[(UT_PEX, 1), (BK_SIGNAL, 2)], Some(7001));
        peer
    });
    for peer in peers {
        assert_eq!(bench.extension(peer, UT_PEX), None);
        assert_eq!(bench.extension(peer, BK_SIGNAL), None);
        bench.heard(peer);
    }
    bench.pass(Duration::from_secs(100));
    for peer in peers {
        let said = [1, 2].map(|id| bench.heard_extended(peer, id));
        assert!(said.iter().all(Vec::is_empty));
    }
}

#[test]
fn a_peer_that_a_magnet_link_names_is_let_go_once_the_torrent_proves_private() {
    let mut bench = Bench::new(private(true));
    bench.pass(Duration::from_secs(1));
    let (connection, named) = bench.dialled()[0];
    assert_eq!(named, address(1));
    answer(&mut bench, 2);
    bench.pass(Duration::from_secs(1));
    let (tracked, _) = bench.dialled()[0];
    let named = bench.opened(connection, peer_id(1));
    let tracked = bench.opened(tracked, peer_id(2));
    let came = bench.meet(3);
    for peer in [named, tracked, came] {
        assert_eq!(bench.extension(peer, UT_PEX), None, "it is not known yet");
    }
    bench.extends(named, &[(UT_METADATA, 1)], None);
    give_metadata(&mut bench, named);
    assert!(bench.is_closed(named));
    assert!(!bench.is_closed(tracked) && !bench.is_closed(came));
    assert!(bench.events.iter().any(|event| matches!(
        event,
        Event::PeerDisconnected {
            reason: DisconnectReason::Private,
            ..
        }
    )));
    bench.pass(Duration::from_secs(600));
    let again = bench.dialled().into_iter().any(|(_, a)| a == address(1));
    assert!(!again);
}

#[test]
fn a_public_magnet_link_tells_its_peers_more_once_the_metadata_is_there() {
    let mut bench = Bench::new(Setup {
        magnet: true,
        ..Setup::default()
    });
    let peer = bench.meet(1);
    bench.extends(peer, &[(UT_METADATA, 1)], None);
    give_metadata(&mut bench, peer);
    assert!(bench.extension(peer, UT_PEX).is_some());
    assert!(bench.extension(peer, BK_SIGNAL).is_some());
}

#[test]
fn the_port_that_a_peer_names_in_a_private_torrent_is_not_dialled() {
    for (is_private, dialled) in [(true, 0), (false, 1)] {
        let mut bench = Bench::new(Setup {
            private: is_private,
            ..Setup::default()
        });
        let peer = bench.meet(4);
        bench.extends(peer, &[], Some(7001));
        bench.lose(peer);
        bench.pass(Duration::from_secs(15));
        assert_eq!(bench.dialled().len(), dialled);
    }
}
