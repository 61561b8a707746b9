//! The metadata of a magnet link comes from one honest peer within seconds, whatever others do (BEP 9).

use std::time::Duration;

use brackish_core::{DisconnectReason, Event};
use brackish_wire::extension::{ExtendedHandshake, HANDSHAKE_ID, UT_METADATA, UtMetadata};

use crate::bench::{Bench, Remote, Setup, address};

/// The id by which the test's peers take `ut_metadata`.
const THEIRS: u8 = 3;

/// Bytes of a metadata piece.
const PIECE: usize = 16 * 1024;

/// How long the metadata may take where one peer is honest.
const SOON: Duration = Duration::from_secs(10);

/// What a peer does when it is asked for the metadata.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Honest,
    /// Answers nothing.
    Holds,
    /// Claims another size, sends one piece and then nothing.
    ClaimsSize(u32),
    /// Sends false pieces, except the last, which it leaves to others.
    Mixes,
    /// Sends false pieces.
    Lies,
    /// Sends a false piece and is gone.
    Leaves,
    /// Sends one piece every four seconds.
    Trickles,
    Rejects,
    /// Sends pieces of another length than it claimed.
    Misfits,
}

struct Player {
    remote: Remote,
    kind: Kind,
    /// Pieces it was asked for and has not sent.
    waiting: Vec<u32>,
    answered: u32,
    next: u32,
}

/// A magnet link whose metadata has three pieces.
fn bench() -> Bench {
    Bench::new(Setup {
        magnet: true,
        pieces: 2000,
        ..Setup::default()
    })
}

fn join(bench: &mut Bench, number: u8, kind: Kind) -> Player {
    let remote = bench.meet(number);
    let size = match kind {
        Kind::ClaimsSize(size) => size,
        _ => bench.info.raw().len() as u32,
    };
    let handshake = ExtendedHandshake {
        m: [(UT_METADATA.to_owned(), THEIRS)].into(),
        metadata_size: Some(size),
        ..ExtendedHandshake::default()
    };
    bench.say_extended(remote, HANDSHAKE_ID, &handshake.encode());
    Player {
        remote,
        kind,
        waiting: Vec::new(),
        answered: 0,
        next: 0,
    }
}

impl Player {
    /// Takes what it was asked for, and answers as it does; `tick` counts tenths of a second.
    fn play(&mut self, bench: &mut Bench, tick: u32) {
        if bench.is_closed(self.remote) {
            return;
        }
        for payload in bench.heard_extended(self.remote, THEIRS) {
            if let Ok(UtMetadata::Request { piece }) = UtMetadata::decode(&payload) {
                self.waiting.push(piece);
            }
        }
        let raw = bench.info.raw().clone();
        let last = (raw.len() - 1) / PIECE;
        for piece in std::mem::take(&mut self.waiting) {
            let part = raw.chunks(PIECE).nth(piece as usize).unwrap_or(&raw);
            let answer = match self.kind {
                Kind::Honest => part.to_vec(),
                Kind::Lies => part.iter().map(|byte| byte ^ 1).collect(),
                Kind::Mixes if piece as usize != last => vec![b'x'; PIECE],
                Kind::ClaimsSize(_) if self.answered == 0 => vec![b'x'; PIECE],
                Kind::Leaves => vec![b'x'; part.len()],
                Kind::Misfits => vec![b'x'; part.len() - 1],
                Kind::Trickles if tick >= self.next => {
                    self.next = tick + 40;
                    vec![b'x'; part.len()]
                }
                Kind::Trickles => {
                    self.waiting.push(piece);
                    continue;
                }
                Kind::Rejects => {
                    let reject = UtMetadata::Reject { piece }.encode();
                    self.send(bench, &reject);
                    continue;
                }
                Kind::Holds | Kind::Mixes | Kind::ClaimsSize(_) => continue,
            };
            self.answered += 1;
            let message = UtMetadata::Data {
                piece,
                total_size: raw.len() as u32,
                data: &answer,
            };
            self.send(bench, &message.encode());
            if self.kind == Kind::Leaves {
                return bench.lose(self.remote);
            }
            if bench.is_closed(self.remote) {
                return;
            }
        }
    }

    fn send(&self, bench: &mut Bench, payload: &[u8]) {
        if let Some(id) = bench.extension(self.remote, UT_METADATA) {
            bench.say_extended(self.remote, id, payload);
        }
    }
}

fn has_metadata(bench: &Bench) -> bool {
    let metadata = |event: &Event| matches!(event, Event::Metadata { .. });
    bench.events.iter().any(metadata)
}

/// Lets the peers play until the metadata is there; how long that took.
fn play(bench: &mut Bench, players: &mut [Player], most: Duration) -> Option<Duration> {
    let tenth = Duration::from_millis(100);
    for tick in 0..most.as_millis().div_ceil(tenth.as_millis()) as u32 {
        for player in players.iter_mut() {
            player.play(bench, tick);
            if has_metadata(bench) {
                return Some(tenth * tick);
            }
        }
        bench.pass(tenth);
    }
    None
}

/// The bad peers have been there for a second when the honest one comes.
fn time_with(kinds: &[Kind]) -> (Bench, Option<Duration>) {
    let mut bench = bench();
    let numbered = kinds.iter().zip(1..);
    let mut players: Vec<Player> = numbered
        .map(|(kind, number)| join(&mut bench, number, *kind))
        .collect();
    assert_eq!(play(&mut bench, &mut players, Duration::from_secs(1)), None);
    players.push(join(&mut bench, 200, Kind::Honest));
    let time = play(&mut bench, &mut players, SOON);
    (bench, time)
}

#[test]
fn one_bad_peer_that_came_first_does_not_keep_the_metadata_away() {
    for kind in [
        Kind::Holds,
        Kind::ClaimsSize(160_000),
        Kind::ClaimsSize(10 << 20),
        Kind::Mixes,
        Kind::Leaves,
        Kind::Trickles,
        Kind::Rejects,
        Kind::Misfits,
        Kind::Lies,
    ] {
        let (bench, time) = time_with(&[kind]);
        let time = time.unwrap_or_else(|| panic!("{kind:?}: no metadata"));
        assert!(time <= Duration::from_secs(3), "{kind:?}: {time:?}");
        let honest = |event: &Event| matches!(event, Event::PeerBanned { address: Some(at), .. } if *at == address(200));
        assert!(!bench.events.iter().any(honest), "{kind:?}");
    }
}

#[test]
fn a_crowd_of_bad_peers_does_not_keep_the_metadata_away() {
    let kinds = [
        Kind::Holds,
        Kind::Mixes,
        Kind::Trickles,
        Kind::Leaves,
        Kind::ClaimsSize(9 << 20),
    ];
    let crowd: Vec<Kind> = (0..60)
        .map(|number| match kinds[number % kinds.len()] {
            Kind::ClaimsSize(size) => Kind::ClaimsSize(size + number as u32),
            kind => kind,
        })
        .collect();
    let (_, time) = time_with(&crowd);
    assert!(time.is_some());
}

#[test]
fn the_peers_that_lie_are_banned_and_one_that_sends_wrong_lengths_is_told_why() {
    let (bench, _) = time_with(&[Kind::Lies]);
    let banned = |event: &Event| matches!(event, Event::PeerBanned { address: Some(at), .. } if *at == address(1));
    assert!(bench.events.iter().any(banned));
    let (bench, _) = time_with(&[Kind::Misfits]);
    let told = |event: &Event| {
        matches!(event, Event::PeerDisconnected { reason: DisconnectReason::Protocol(why), .. }
            if why.contains("expected 16384"))
    };
    assert!(bench.events.iter().any(told));
}

#[test]
fn honest_peers_share_the_work() {
    let mut bench = bench();
    let mut players: Vec<Player> = (1..4)
        .map(|number| join(&mut bench, number, Kind::Honest))
        .collect();
    assert_eq!(play(&mut bench, &mut players, SOON), Some(Duration::ZERO));
    let sent: u32 = players.iter().map(|player| player.answered).sum();
    assert_eq!(sent, 3, "no piece was sent twice");
}
