//! A seed leaves its peers to each other once they carry themselves, and only then.

use std::time::Duration;

use brackish_core::{Input, Output};
use brackish_wire::message::Message;
use brackish_wire::tracker::AnnounceResponse;
use brackish_wire::{BLOCK_LENGTH, BlockRequest};

use crate::bench::{Bench, Remote, Setup};

const PIECES: u32 = 1200;

const STEP: Duration = Duration::from_millis(500);

/// Pieces that a peer gets in a step.
const PACE: u32 = 20;

/// Others, of whom these have about every piece, and the rest get pieces of each other.
const CROWD: u8 = 50;
const HOLDERS: u8 = 10;

/// A tracker says how many seeds there are, ourselves included.
fn announced(bench: &mut Bench, seeds: Option<u32>) {
    let announces = bench.asked(|output| match output {
        Output::Announce { job, .. } => Some(*job),
        _ => None,
    });
    for job in announces {
        let result = Ok(AnnounceResponse {
            interval: 1800,
            complete: seeds,
            ..AnnounceResponse::default()
        });
        bench.input(Input::Announced { job, result });
    }
}

/// A peer that asks for pieces as they come in the torrent.
struct Taker {
    remote: Remote,
    asked: u32,
    served: bool,
    got: u32,
}

impl Taker {
    fn come(bench: &mut Bench, number: u8) -> Self {
        let remote = bench.meet(number);
        bench.say(remote, &Message::HaveNone);
        bench.say(remote, &Message::Interested);
        Self {
            remote,
            asked: 0,
            served: false,
            got: 0,
        }
    }

    /// Asks for the next pieces, while it is served.
    fn take(&mut self, bench: &mut Bench) {
        let heard = bench.heard_of(self.remote, |message| match message {
            Message::Choke => Some((Some(false), 0)),
            Message::Unchoke => Some((Some(true), 0)),
            Message::Piece { .. } => Some((None, 1)),
            _ => None,
        });
        for (served, pieces) in heard {
            self.served = served.unwrap_or(self.served);
            self.got += pieces;
        }
        for _ in 0..if self.served { PACE } else { 0 } {
            let request = BlockRequest {
                piece: self.asked,
                begin: 0,
                length: BLOCK_LENGTH,
            };
            bench.say(self.remote, &Message::Request(request));
            self.asked += 1;
        }
    }
}

/// What a seed gives in ten seconds to a peer that gets much of others and to one that gets nothing
/// of them, in pieces, of 400 that each could ask for; after a copy, or before, and where so many others have about every
/// piece.
fn gives(seeds: Option<u32>, sent_a_copy: bool, holders: u8) -> (u32, u32) {
    let mut bench = Bench::new(Setup {
        pieces: PIECES,
        has_all: true,
        trackers: vec![vec!["http://tracker/announce".to_owned()]],
        ..Setup::default()
    });
    bench.pass(STEP);
    announced(&mut bench, seeds);
    let mut first = Taker::come(&mut bench, 1);
    let count = if sent_a_copy { PIECES } else { PIECES / 2 };
    while first.asked < count {
        first.take(&mut bench);
        bench.pass(STEP);
    }
    let crowd: Vec<Remote> = (0..CROWD).map(|n| bench.meet(100 + n)).collect();
    let (holders, others) = crowd.split_at(usize::from(holders));
    for (lacks, holder) in holders.iter().enumerate() {
        // Who has them all would leave as another seed.
        for piece in (0..PIECES).filter(|piece| *piece != lacks as u32) {
            bench.say(*holder, &Message::Have(piece));
        }
    }
    let mut carried = Taker::come(&mut bench, 2);
    let mut lone = Taker::come(&mut bench, 3);
    bench.say(first.remote, &Message::NotInterested);
    for step in 0..20 {
        for piece in step * PACE..(step + 1) * PACE {
            for remote in others.iter().chain([&carried.remote]) {
                bench.say(*remote, &Message::Have(PIECES - 1 - piece));
            }
        }
        carried.take(&mut bench);
        lone.take(&mut bench);
        bench.pass(STEP);
    }
    (carried.got, lone.got)
}

#[test]
fn a_seed_gives_less_to_those_whom_a_crowd_carries_and_all_to_others() {
    let (carried, lone) = gives(Some(1), true, HOLDERS);
    assert!(carried < 200, "{carried} pieces to who is carried");
    assert!(lone > 340, "{lone} pieces to who is not");
}

#[test]
fn a_seed_that_has_not_sent_a_copy_gives_all() {
    let (carried, lone) = gives(Some(1), false, HOLDERS);
    assert!(carried > 340 && lone > 340, "{carried}, {lone} pieces");
}

#[test]
fn one_seed_of_many_gives_all() {
    let (carried, lone) = gives(Some(20), true, HOLDERS);
    assert!(carried > 340 && lone > 340, "{carried}, {lone} pieces");
}

#[test]
fn a_seed_that_may_be_one_of_many_gives_all() {
    let (carried, lone) = gives(None, true, HOLDERS);
    assert!(carried > 340 && lone > 340, "{carried}, {lone} pieces");
}

#[test]
fn a_seed_of_pieces_that_few_have_gives_all() {
    let (carried, lone) = gives(Some(1), true, 4);
    assert!(carried > 340 && lone > 340, "{carried}, {lone} pieces");
}
