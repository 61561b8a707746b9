//! A seed's places: whom it serves next by what the peers do with what they had of it.

use std::time::Duration;

use brackish_wire::message::Message;
use brackish_wire::{BLOCK_LENGTH, BlockRequest};

use crate::bench::{Bench, Remote, Setup};

/// Places of a seed that has just begun.
const PLACES: usize = 4;

const STEP: Duration = Duration::from_millis(500);

/// A peer that does as it is advised.
struct Follower {
    remote: Remote,
    served: bool,
    had: Vec<u32>,
    /// Moments at which it was choked.
    choked: Vec<usize>,
}

impl Follower {
    fn come(bench: &mut Bench, number: u8) -> Self {
        let remote = bench.meet(number);
        bench.say(remote, &Message::HaveNone);
        bench.say(remote, &Message::Interested);
        Self {
            remote,
            served: false,
            had: Vec::new(),
            choked: Vec::new(),
        }
    }

    /// Fetches what it was advised to fetch; gives the pieces that it has now and had not.
    fn follow(&mut self, bench: &mut Bench, moment: usize) -> Vec<u32> {
        let heard = bench.heard_of(self.remote, |message| match message {
            Message::Choke => Some((false, None)),
            Message::Unchoke => Some((true, None)),
            Message::Suggest(piece) => Some((true, Some(piece))),
            _ => None,
        });
        let mut advice = Vec::new();
        for (served, piece) in heard {
            if self.served && !served {
                self.choked.push(moment);
                advice.clear();
            }
            self.served = served;
            advice.extend(piece);
        }
        for piece in &advice {
            let request = BlockRequest {
                piece: *piece,
                begin: 0,
                length: BLOCK_LENGTH,
            };
            bench.say(self.remote, &Message::Request(request));
            bench.say(self.remote, &Message::Have(*piece));
        }
        self.had.extend(&advice);
        advice
    }
}

#[test]
fn a_peer_that_keeps_a_seeds_pieces_to_itself_leaves_its_place_to_one_that_passes_them_on() {
    let mut bench = Bench::new(Setup {
        pieces: 4000,
        has_all: true,
        ..Setup::default()
    });
    let witness = bench.meet(100);
    bench.say(witness, &Message::HaveNone);
    // More than it makes places for meanwhile.
    let mut peers: Vec<Follower> = (0..60)
        .map(|number| Follower::come(&mut bench, number))
        .collect();
    for moment in 0..18 {
        for (index, peer) in peers.iter_mut().enumerate() {
            let pieces = peer.follow(&mut bench, moment);
            // All but the first pass on what they have.
            for piece in pieces.into_iter().filter(|_| index > 0) {
                bench.say(witness, &Message::Have(piece));
            }
        }
        bench.pass(STEP);
    }
    let turn_ended: Vec<usize> = peers[..PLACES]
        .iter()
        .map(|peer| peer.choked.first().copied().unwrap_or(usize::MAX))
        .collect();
    assert!(turn_ended[0] < 12, "{turn_ended:?}");
    assert!(
        turn_ended[1..].iter().all(|ended| *ended >= 18),
        "{turn_ended:?}"
    );
    assert!(peers[PLACES].served, "nobody came in its place");
    assert!(!peers[0].served, "it was served again while another waits");
    assert!(peers[0].had.len() < peers[1].had.len());
}

#[test]
fn a_seed_serves_a_hoarder_on_while_nobody_else_waits() {
    let mut bench = Bench::new(Setup {
        pieces: 2000,
        has_all: true,
        ..Setup::default()
    });
    let mut peer = Follower::come(&mut bench, 1);
    for moment in 0..60 {
        peer.follow(&mut bench, moment);
        bench.pass(STEP);
    }
    assert!(peer.served && peer.choked.is_empty());
    assert!(peer.had.len() > 100, "{} pieces", peer.had.len());
}
