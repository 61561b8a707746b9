//! A download that does not go on says why within seconds, and what its swarm has is known.

use std::time::Duration;

use brackish_core::{Event, Select, StallReason, TorrentStats};
use brackish_wire::Bitfield;
use brackish_wire::message::Message;

use crate::bench::{Bench, Remote, Setup, address};

/// Within which time a stall is told, its first sign included.
const SOON: Duration = Duration::from_secs(7);

fn stats(bench: &Bench) -> TorrentStats {
    bench.session.torrent_stats(bench.torrent).unwrap()
}

/// What was told since the last time: reasons, and `None` where the download went on.
fn told(bench: &mut Bench) -> Vec<Option<StallReason>> {
    let events = std::mem::take(&mut bench.events).into_iter();
    let told = events.filter_map(|event| match event {
        Event::Stalled { reason, .. } => Some(Some(reason)),
        Event::Resumed { .. } => Some(None),
        _ => None,
    });
    told.collect()
}

/// A peer that has these pieces and serves.
fn peer_with(bench: &mut Bench, number: u8, pieces: &[u32]) -> Remote {
    let peer = bench.meet(number);
    let mut bits = Bitfield::new(bench.info.lengths().piece_count());
    for piece in pieces {
        bits.set(*piece);
    }
    bench.say(peer, &Message::Bitfield(bits.as_bytes()));
    bench.say(peer, &Message::Unchoke);
    peer
}

/// Serves what is asked of a peer until it is asked for nothing.
fn serve_all(bench: &mut Bench, peer: Remote) {
    loop {
        let asked = bench.asked_of(peer);
        if asked.is_empty() {
            return;
        }
        for request in asked {
            bench.serve(peer, &request);
        }
    }
}

fn small(pieces: u32) -> Bench {
    Bench::new(Setup {
        pieces,
        ..Setup::default()
    })
}

#[test]
fn a_torrent_without_tracker_peer_and_web_seed_says_so() {
    let mut bench = small(4);
    bench.pass(SOON);
    assert_eq!(told(&mut bench), [Some(StallReason::NothingKnown)]);
    bench.pass(SOON * 10);
    assert_eq!(told(&mut bench), [], "once is enough");
}

#[test]
fn a_download_whose_only_source_left_says_so_and_goes_on_when_it_is_back() {
    let mut bench = Bench::new(Setup {
        pieces: 4,
        trackers: vec![vec!["http://a/".to_owned()]],
        ..Setup::default()
    });
    let peer = peer_with(&mut bench, 1, &[0, 1, 2, 3]);
    bench.pass(SOON);
    bench.lose(peer);
    bench.pass(SOON);
    let no_source = StallReason::NoSource {
        known_peers: 0,
        web_seed: None,
    };
    assert_eq!(told(&mut bench), [Some(no_source.clone())]);
    assert_eq!(stats(&bench).stalled, Some(no_source));
    let peer = peer_with(&mut bench, 2, &[0, 1, 2, 3]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(told(&mut bench), [None]);
    serve_all(&mut bench, peer);
    assert_eq!(stats(&bench).stalled, None);
}

#[test]
fn a_piece_that_nobody_has_is_named() {
    let mut bench = small(4);
    let peer = peer_with(&mut bench, 1, &[0, 1, 3]);
    serve_all(&mut bench, peer);
    assert_eq!(stats(&bench).verified_pieces, 3);
    bench.pass(SOON * 2);
    let reason = StallReason::NobodyHas {
        piece: 2,
        pieces: 1,
        peers: 1,
    };
    assert_eq!(told(&mut bench), [Some(reason.clone())]);
    assert!(reason.to_string().contains("piece 2"), "{reason}");
    bench.say(peer, &Message::Have(2));
    bench.pass(Duration::from_secs(1));
    assert_eq!(told(&mut bench), [None]);
}

#[test]
fn peers_that_have_everything_and_send_nothing_are_counted() {
    let mut bench = small(4);
    let peer = bench.meet(1);
    bench.say(peer, &Message::HaveAll);
    bench.pass(SOON * 2);
    assert_eq!(told(&mut bench), [], "it may be others' turn");
    bench.pass(Duration::from_secs(30));
    let reason = StallReason::NotServed { peers: 1 };
    assert_eq!(told(&mut bench), [Some(reason)]);
}

#[test]
fn a_source_that_sent_bad_data_is_the_reason_that_there_is_none() {
    let mut bench = small(4);
    let peer = peer_with(&mut bench, 1, &[0, 1, 2, 3]);
    let asked = bench.asked_of(peer);
    // What the store gives back is wrong from here on.
    let mut content = bench.content.to_vec();
    content.iter_mut().for_each(|byte| *byte ^= 1);
    bench.content = content.into();
    bench.serve(peer, &asked[0]);
    assert!(bench.is_closed(peer));
    bench.pass(SOON);
    let reason = StallReason::BadData { sources: 1 };
    assert_eq!(told(&mut bench).last(), Some(&Some(reason)));
    // A peer with nothing is no source either.
    bench.meet(2);
    bench.pass(SOON);
    let banned = |event: &Event| matches!(event, Event::PeerBanned { address: Some(at), .. } if *at == address(1));
    assert!(!bench.events.iter().any(banned));
    let reason = StallReason::BadData { sources: 1 };
    assert_eq!(stats(&bench).stalled, Some(reason));
}

#[test]
fn a_magnet_link_whose_peers_have_no_metadata_says_so() {
    let mut bench = Bench::new(Setup {
        magnet: true,
        ..Setup::default()
    });
    bench.meet(1);
    bench.pass(SOON);
    let reason = StallReason::NoMetadata { peers: 1 };
    assert_eq!(told(&mut bench), [Some(reason)]);
}

#[test]
fn a_link_that_names_no_file_of_the_torrent_says_so_at_once() {
    let mut bench = Bench::new(Setup {
        select: Select::Files(vec![99..=99]),
        ..Setup::default()
    });
    bench.pass(Duration::from_secs(1));
    let reason = StallReason::NoSuchFile { files: 1 };
    assert_eq!(told(&mut bench), [Some(reason)]);
}

#[test]
fn the_copies_in_the_swarm_are_known_with_and_without_our_own() {
    let mut bench = small(4);
    assert_eq!(stats(&bench).availability, 0.0);
    peer_with(&mut bench, 1, &[0, 1]);
    assert_eq!(stats(&bench).availability, 0.5);
    let seed = bench.meet(2);
    bench.say(seed, &Message::HaveAll);
    assert_eq!(stats(&bench).availability, 1.5);
    bench.lose(seed);
    assert_eq!(stats(&bench).availability, 0.5);
    assert_eq!(stats(&bench).copies, 0.5);

    let mut bench = Bench::new(Setup {
        pieces: 4,
        has_all: true,
        ..Setup::default()
    });
    bench.pass(Duration::from_secs(1));
    peer_with(&mut bench, 1, &[0, 1, 2]);
    assert_eq!(stats(&bench).availability, 1.75);
    assert_eq!(stats(&bench).copies, 0.75);
}

#[test]
fn a_seed_that_was_seen_counts_for_a_while_after_the_two_have_parted() {
    let mut bench = Bench::new(Setup {
        pieces: 4,
        has_all: true,
        ..Setup::default()
    });
    bench.pass(Duration::from_secs(1));
    let peer = peer_with(&mut bench, 1, &[0, 1, 2]);
    bench.pass(Duration::from_secs(1));
    assert_eq!(stats(&bench).known_seeds, 0);
    bench.say(peer, &Message::Have(3));
    assert!(bench.is_closed(peer));
    assert_eq!(stats(&bench).known_seeds, 1);
    assert_eq!(stats(&bench).copies, 1.0);
    bench.pass(Duration::from_secs(1000));
    assert_eq!(stats(&bench).known_seeds, 0);
}
