//! `lt_donthave` (BEP 54), heard and said.

use std::time::Duration;

use brackish_core::{Event, Limits, TorrentState};
use brackish_wire::extension::{DontHave, LT_DONTHAVE};
use brackish_wire::message::Message;
use brackish_wire::{BLOCK_LENGTH, BlockRequest};

use crate::bench::{Bench, Remote, Setup, address, peer_id};

/// The id under which the test's peers take `lt_donthave`.
const THEIRS: u8 = 3;

fn take_back(bench: &mut Bench, remote: Remote, piece: u32) {
    let id = bench
        .extension(remote, LT_DONTHAVE)
        .expect("it is advertised");
    bench.say_extended(remote, id, &DontHave(piece).encode());
}

#[test]
fn a_piece_that_a_peer_takes_back_is_asked_of_another() {
    let mut bench = Bench::new(Setup {
        pieces: 2,
        ..Setup::default()
    });
    let loser = bench.meet(1);
    bench.say(loser, &Message::HaveAll);
    take_back(&mut bench, loser, 1);
    bench.say(loser, &Message::Unchoke);
    let asked: Vec<u32> = bench.asked_of(loser).iter().map(|r| r.piece).collect();
    assert_eq!(asked, [0]);
    let keeper = bench.meet(2);
    bench.say(keeper, &Message::HaveAll);
    bench.say(keeper, &Message::Unchoke);
    assert!(bench.asked_of(keeper).iter().any(|r| r.piece == 1));
}

#[test]
fn requests_for_a_piece_that_is_taken_back_are_free_for_others_at_once() {
    let mut bench = Bench::new(Setup {
        pieces: 1,
        ..Setup::default()
    });
    let [loser, other] = [1, 2].map(|number| {
        let remote = bench.meet(number);
        bench.say(remote, &Message::HaveAll);
        remote
    });
    bench.say(loser, &Message::Unchoke);
    assert_eq!(bench.asked_of(loser).len(), 1);
    bench.say(other, &Message::Unchoke);
    assert_eq!(bench.asked_of(other).len(), 0);
    take_back(&mut bench, loser, 0);
    assert_eq!(bench.asked_of(other).len(), 1);
    let interest = bench.heard_of(loser, |m| (m == Message::NotInterested).then_some(()));
    assert_eq!(interest.len(), 1);
}

#[test]
fn taking_back_what_was_never_there_changes_nothing_and_what_cannot_be_ends_the_connection() {
    let mut bench = Bench::new(Setup::default());
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveNone);
    take_back(&mut bench, remote, 5);
    assert!(!bench.is_closed(remote));
    take_back(&mut bench, remote, 100);
    assert!(bench.is_closed(remote));
}

#[test]
fn a_piece_that_the_store_has_lost_is_taken_back_and_fetched_again() {
    let mut bench = Bench::new(Setup {
        stored: true,
        ..Setup::default()
    });
    let [asker, helper] = [1, 2].map(|number| {
        let remote = bench.meet(number);
        bench.extends(remote, &[(LT_DONTHAVE, THEIRS)], None);
        bench.say(remote, &Message::Interested);
        remote
    });
    // It has but one piece, so that it is no seed.
    bench.say(helper, &Message::Have(4));
    bench.unreadable.push(4);
    let request = BlockRequest {
        piece: 4,
        begin: 0,
        length: BLOCK_LENGTH,
    };
    bench.say(asker, &Message::Request(request));
    for remote in [asker, helper] {
        let heard = bench.heard(remote);
        let said = |wanted: &dyn Fn(Message<'_>) -> bool| {
            heard
                .iter()
                .any(|frame| wanted(Message::decode(frame).unwrap()))
        };
        let payload = DontHave(4).encode();
        assert!(said(&|m| m
            == Message::Extended {
                id: THEIRS,
                payload: &payload
            }));
        assert_eq!(said(&|m| m == Message::Reject(request)), remote == asker);
        assert_eq!(said(&|m| m == Message::Interested), remote == helper);
    }
    let stats = bench.session.torrent_stats(bench.torrent).unwrap();
    assert_eq!(
        (stats.verified_pieces, stats.state),
        (99, TorrentState::Downloading)
    );
    bench.unreadable.clear();
    bench.say(helper, &Message::Unchoke);
    assert_eq!(bench.asked_of(helper), [request]);
    bench.serve(helper, &request);
    bench.pass(Duration::from_secs(1));
    let stats = bench.session.torrent_stats(bench.torrent).unwrap();
    assert_eq!(
        (stats.verified_pieces, stats.state),
        (100, TorrentState::Seeding)
    );
}

#[test]
fn a_seed_that_has_lost_a_piece_dials_the_seeds_that_it_parted_from() {
    let mut bench = Bench::new(Setup {
        stored: true,
        peers: vec![address(1)],
        ..Setup::default()
    });
    bench.pass(Duration::from_secs(1));
    let (connection, _) = bench.dialled()[0];
    let seed = bench.opened(connection, peer_id(1));
    bench.say(seed, &Message::HaveAll);
    assert!(bench.is_closed(seed));
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.dialled(), []);
    bench.unreadable.push(4);
    let asker = bench.meet(2);
    bench.say(asker, &Message::Interested);
    let request = BlockRequest {
        piece: 4,
        begin: 0,
        length: BLOCK_LENGTH,
    };
    bench.say(asker, &Message::Request(request));
    bench.pass(Duration::from_secs(1));
    let dialled: Vec<_> = bench.dialled().into_iter().map(|(_, a)| a).collect();
    assert_eq!(dialled, [address(1)]);
}

fn request(piece: u32) -> BlockRequest {
    BlockRequest {
        piece,
        begin: 0,
        length: BLOCK_LENGTH,
    }
}

/// A seed of somebody's files, and a peer that may ask it for pieces.
fn sharer() -> (Bench, Remote) {
    let mut bench = Bench::new(Setup {
        has_all: true,
        ..Setup::default()
    });
    let remote = bench.meet(1);
    bench.extends(remote, &[(LT_DONTHAVE, THEIRS)], None);
    bench.say(remote, &Message::Interested);
    bench.heard(remote);
    (bench, remote)
}

/// What is heard of one piece: `true` its block, `false` that it is rejected; and whether the piece
/// is taken back.
fn answers(bench: &mut Bench, remote: Remote, piece: u32) -> (Vec<bool>, bool) {
    let (mut answers, mut taken_back) = (Vec::new(), false);
    for frame in bench.heard(remote) {
        match Message::decode(&frame).unwrap() {
            Message::Piece {
                piece: of, data, ..
            } if of == piece => {
                assert!(
                    data.iter().any(|byte| *byte != 0xee),
                    "a wrong byte is served"
                );
                answers.push(true);
            }
            Message::Reject(rejected) if rejected.piece == piece => answers.push(false),
            Message::Extended {
                id: THEIRS,
                payload,
            } => {
                taken_back |= DontHave::decode(payload).unwrap() == DontHave(piece);
            }
            _ => {}
        }
    }
    (answers, taken_back)
}

fn changes(bench: &Bench) -> Vec<(u32, Vec<usize>, bool)> {
    let changes = bench.events.iter().filter_map(|event| match event {
        Event::FilesChanged {
            piece,
            files,
            error,
            ..
        } => Some((*piece, files.clone(), error.is_some())),
        Event::StorageFailed { error, .. } => panic!("{error}"),
        _ => None,
    });
    changes.collect()
}

#[test]
fn a_piece_of_a_shared_file_is_hashed_once_before_it_is_served() {
    let (mut bench, remote) = sharer();
    for _ in 0..3 {
        bench.say(remote, &Message::Request(request(7)));
        assert_eq!(answers(&mut bench, remote, 7), (vec![true], false));
    }
    assert_eq!(bench.hashed, [7]);
    // What the session hashed itself is served as it is.
    let mut bench = Bench::new(Setup {
        stored: true,
        ..Setup::default()
    });
    let remote = bench.meet(1);
    bench.say(remote, &Message::Interested);
    bench.hashed.clear();
    bench.say(remote, &Message::Request(request(7)));
    assert_eq!(answers(&mut bench, remote, 7), (vec![true], false));
    assert!(bench.hashed.is_empty());
}

#[test]
fn a_shared_file_that_was_changed_is_named_once_and_its_pieces_are_taken_back() {
    for unreadable in [false, true] {
        let (mut bench, remote) = sharer();
        let wrong = match unreadable {
            true => &mut bench.unreadable,
            false => &mut bench.changed,
        };
        wrong.extend([4, 5]);
        for piece in [4, 5] {
            bench.say(remote, &Message::Request(request(piece)));
            assert_eq!(answers(&mut bench, remote, piece), (vec![false], true));
        }
        assert_eq!(changes(&bench), [(4, vec![0], unreadable)]);
        // The files are somebody's: nothing is fetched into them, and the rest is still given.
        let stats = bench.session.torrent_stats(bench.torrent).unwrap();
        assert_eq!(
            (stats.verified_pieces, stats.state),
            (98, TorrentState::Seeding)
        );
        let helper = bench.meet(2);
        bench.say(helper, &Message::HaveAll);
        bench.pass(Duration::from_secs(10));
        assert!(bench.asked_of(helper).is_empty());
        bench.say(remote, &Message::Request(request(6)));
        assert_eq!(answers(&mut bench, remote, 6), (vec![true], false));
    }
}

#[test]
fn a_file_that_changes_while_it_is_served_is_hashed_again() {
    let (mut bench, remote) = sharer();
    bench.say(remote, &Message::Request(request(7)));
    assert_eq!(answers(&mut bench, remote, 7), (vec![true], false));
    bench.changed.push(7);
    bench.file_changed(false);
    bench.say(remote, &Message::Request(request(7)));
    assert_eq!(answers(&mut bench, remote, 7), (vec![false], true));
    // A hash that was begun before the change says nothing.
    bench.hold_hashes = true;
    bench.say(remote, &Message::Request(request(8)));
    bench.changed.push(8);
    bench.file_changed(true);
    bench.file_changed(true);
    bench.release_hashes();
    assert_eq!(answers(&mut bench, remote, 8), (vec![], false));
    bench.release_hashes();
    assert_eq!(answers(&mut bench, remote, 8), (vec![false], true));
    let grew = |event: &&Event| matches!(event, Event::FileGrew { file: 0, .. });
    assert_eq!(bench.events.iter().filter(grew).count(), 1);
}

#[test]
fn pieces_wait_for_their_hashes_under_an_upload_limit_too() {
    let (mut bench, remote) = sharer();
    let limits = Limits {
        up: Some(1 << 20),
        down: None,
    };
    bench.session.set_limits(limits, bench.now);
    for piece in 0..40 {
        bench.say(remote, &Message::Request(request(piece)));
    }
    bench.pass(Duration::from_secs(3));
    for piece in 0..40 {
        assert!(bench.hashed.contains(&piece), "{piece}");
    }
    let blocks = bench.heard(remote);
    let served = blocks
        .iter()
        .filter(|frame| matches!(Message::decode(frame), Ok(Message::Piece { .. })));
    assert_eq!(served.count(), 40);
}
