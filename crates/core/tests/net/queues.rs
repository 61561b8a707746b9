//! How many blocks are asked of a peer at once, by the way in which it answers.

use std::time::Duration;

use brackish_wire::message::Message;

use crate::bench::{Bench, Setup};

/// How often a peer fills its sockets: what Transmission does.
const ROUND: Duration = Duration::from_millis(500);

/// How long it takes the first time: its round was nearly due.
const FIRST: Duration = Duration::from_millis(50);

#[test]
fn a_peer_that_answers_all_that_is_asked_twice_a_second_is_asked_for_much_at_once() {
    let mut bench = Bench::new(Setup {
        pieces: 2000,
        ..Setup::default()
    });
    let remote = bench.meet(1);
    bench.say(remote, &Message::HaveAll);
    bench.say(remote, &Message::Unchoke);
    let mut outstanding = Vec::new();
    for round in 0..10 {
        bench.pass(if round == 0 { FIRST } else { ROUND });
        // What is asked for meanwhile waits for the next round.
        let asked = bench.asked_of(remote);
        outstanding.push(asked.len());
        for request in asked {
            bench.serve(remote, &request);
        }
    }
    let last = outstanding.last().copied().unwrap_or_default();
    assert!(last >= 100, "asked for each time: {outstanding:?}");
}
