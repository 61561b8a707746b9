//! Peers that send bad data, or promise what they do not send, message by message: who is banned
//! for it, who is not, and what it costs.

mod common;

use std::collections::VecDeque;
use std::time::Duration;

use brackish_core::Event;
use brackish_wire::message::Message;
use brackish_wire::{BLOCK_LENGTH, BlockRequest, PeerId};
use common::{Bench, Said, ScriptedPeer, Torrent};

const PIECE: u32 = 8 * BLOCK_LENGTH;

/// Blocks that each peer sends in a step of a tenth of a second.
const PACE: usize = 3;

/// A peer that has everything and answers at its pace.
struct Sender {
    peer: ScriptedPeer,
    asked: VecDeque<BlockRequest>,
    /// Whether block number so many of those that it sends is bad.
    bad: fn(u32) -> bool,
    sent: u32,
}

impl Sender {
    fn new(bench: &mut Bench, number: u8, bad: fn(u32) -> bool) -> Self {
        let peer = ScriptedPeer::connect(bench, number);
        Self::of(bench, peer, bad)
    }

    fn of(bench: &mut Bench, peer: ScriptedPeer, bad: fn(u32) -> bool) -> Self {
        peer.say(bench, Message::HaveAll);
        peer.say(bench, Message::Unchoke);
        Self {
            peer,
            asked: VecDeque::new(),
            bad,
            sent: 0,
        }
    }

    fn answer(&mut self, bench: &mut Bench) {
        for said in self.peer.heard(bench) {
            match said {
                Said::Request(request) => self.asked.push_back(request),
                Said::Cancel(request) => self.asked.retain(|asked| *asked != request),
                _ => {}
            }
        }
        for _ in 0..PACE {
            if let Some(request) = self.asked.pop_front()
                && self.peer.is_connected(bench)
            {
                self.peer.send(bench, request, (self.bad)(self.sent));
                self.sent += 1;
            }
        }
    }
}

/// Lets everybody send until the torrent is complete; gives the number of pieces that were bad.
fn complete(bench: &mut Bench, senders: &mut [Sender]) -> usize {
    for _ in 0..2000 {
        if bench.is_complete() {
            let failed = |event: &&Event| matches!(event, Event::PieceFailed { .. });
            return bench.events.iter().filter(failed).count();
        }
        for sender in senders.iter_mut() {
            sender.answer(bench);
        }
        bench.pass(Duration::from_millis(100));
    }
    panic!("not complete");
}

fn honest(_: u32) -> bool {
    false
}

#[test]
fn a_liar_among_honest_peers_is_banned_in_at_most_three_bad_pieces_whatever_share_it_corrupts() {
    let shares: [fn(u32) -> bool; 5] = [
        |_| true,
        |sent| sent % 2 == 0,
        |sent| sent % 8 == 3,
        |sent| sent % 30 == 1,
        |sent| sent == 5,
    ];
    for (index, share) in shares.into_iter().enumerate() {
        let mut bench = Bench::new(Torrent::single(4_000_000, PIECE), &[]);
        let mut senders = vec![
            Sender::new(&mut bench, 1, honest),
            Sender::new(&mut bench, 2, share),
            Sender::new(&mut bench, 3, honest),
        ];
        let failed = complete(&mut bench, &mut senders);
        assert!(
            (1..=3).contains(&failed),
            "share {index}: {failed} bad pieces"
        );
        assert_eq!(bench.banned(), [PeerId([2; 20])], "share {index}");
    }
}

#[test]
fn liars_that_corrupt_the_same_pieces_are_all_banned_and_the_honest_one_is_not() {
    let mut bench = Bench::new(Torrent::single(8_000_000, PIECE), &[]);
    let mut senders = vec![Sender::new(&mut bench, 1, honest)];
    for number in 2..=5 {
        senders.push(Sender::new(&mut bench, number, |sent| sent % 4 == 0));
    }
    let failed = complete(&mut bench, &mut senders);
    let mut banned = bench.banned();
    banned.sort();
    let liars: Vec<_> = (2..=5).map(|number| PeerId([number; 20])).collect();
    assert_eq!(banned, liars);
    assert!(failed <= 3 * 4, "{failed} bad pieces");
}

#[test]
fn a_banned_host_cannot_come_back_under_another_peer_id() {
    let mut bench = Bench::new(Torrent::single(1_000_000, PIECE), &[]);
    let address = [10, 0, 0, 2];
    let mut liar = Sender::new(&mut bench, 2, |_| true);
    let second = ScriptedPeer::connect_from(&mut bench, PeerId([77; 20]), address);
    for _ in 0..20 {
        liar.answer(&mut bench);
    }
    assert_eq!(bench.banned(), [PeerId([2; 20])]);
    assert!(!liar.peer.is_connected(&bench));
    // Not by a connection that it had already, nor by a new one.
    assert!(!second.is_connected(&bench));
    assert!(ScriptedPeer::try_connect(&mut bench, PeerId([78; 20]), address).is_none());
    let mut other = [Sender::new(&mut bench, 3, honest)];
    complete(&mut bench, &mut other);
}

#[test]
fn a_liar_with_the_id_of_an_honest_seed_has_its_own_host_banned_and_not_the_seed() {
    let mut bench = Bench::new(Torrent::single(1_000_000, PIECE), &[]);
    let (id, host) = (PeerId([1; 20]), [10, 0, 0, 66]);
    let peer = ScriptedPeer::connect_from(&mut bench, id, host);
    let mut liar = Sender::of(&mut bench, peer, |_| true);
    for _ in 0..20 {
        liar.answer(&mut bench);
    }
    assert_eq!(bench.banned(), [id]);
    assert!(!liar.peer.is_connected(&bench));
    assert!(ScriptedPeer::try_connect(&mut bench, id, host).is_none());
    let mut honest = [Sender::new(&mut bench, 1, honest)];
    complete(&mut bench, &mut honest);
    assert_eq!(bench.banned(), [id], "once");
}

#[test]
fn a_liar_that_leaves_before_it_is_found_is_banned_all_the_same() {
    let mut bench = Bench::new(Torrent::single(u64::from(PIECE) * 4, PIECE), &[]);
    let mut liar = Sender::new(&mut bench, 2, |_| true);
    liar.answer(&mut bench);
    assert!(liar.sent > 0 && bench.banned().is_empty());
    bench.input(brackish_core::Input::Closed {
        connection: liar.peer.connection,
        reason: "gone".to_owned(),
    });
    let mut senders = [Sender::new(&mut bench, 1, honest)];
    complete(&mut bench, &mut senders);
    assert_eq!(bench.banned(), [PeerId([2; 20])]);
    assert!(ScriptedPeer::try_connect(&mut bench, PeerId([9; 20]), [10, 0, 0, 2]).is_none());
}

#[test]
fn a_peer_that_promises_everything_and_sends_nothing_holds_nothing_up() {
    let time = |silent: bool| {
        let mut bench = Bench::new(Torrent::single(4_000_000, PIECE), &[]);
        let began = bench.now;
        let mut senders = vec![Sender::new(&mut bench, 1, honest)];
        if silent {
            let peer = ScriptedPeer::connect(&mut bench, 2);
            peer.say(&mut bench, Message::HaveAll);
            peer.say(&mut bench, Message::Unchoke);
        }
        complete(&mut bench, &mut senders);
        assert!(bench.banned().is_empty());
        bench.now.since(began)
    };
    let (without, with) = (time(false), time(true));
    assert!(
        with < without + Duration::from_secs(2),
        "{with:?} and {without:?}"
    );
}
