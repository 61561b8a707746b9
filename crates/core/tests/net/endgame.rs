//! The end of a download: blocks that are slow to come are asked of others too, and whose are no
//! longer needed are cancelled.

use std::time::Duration;

use brackish_wire::message::Message;

use crate::bench::{Bench, Remote, Setup};

/// How long the late one takes to answer.
const SLOW: Duration = Duration::from_secs(3);

fn bench(pieces: u32) -> Bench {
    Bench::new(Setup {
        pieces,
        ..Setup::default()
    })
}

fn open(bench: &mut Bench, number: u8, has: &Message<'_>) -> Remote {
    let remote = bench.meet(number);
    bench.say(remote, has);
    bench.say(remote, &Message::Unchoke);
    remote
}

#[test]
fn the_last_block_is_asked_of_four_one_after_the_other_and_cancelled_with_three() {
    let mut bench = bench(1);
    let peers: Vec<Remote> = (1..=6)
        .map(|number| open(&mut bench, number, &Message::HaveAll))
        .collect();
    let mut asked = Vec::new();
    let mut times = Vec::new();
    for _ in 0..60 {
        for peer in &peers {
            if !bench.asked_of(*peer).is_empty() {
                asked.push(*peer);
                times.push(bench.now);
            }
        }
        bench.pass(Duration::from_millis(100));
    }
    assert_eq!(asked.len(), 4, "of six");
    assert!(times.is_sorted() && times[0] < times[1] && times[1] < times[2]);
    let request = brackish_wire::BlockRequest {
        piece: 0,
        begin: 0,
        length: crate::bench::PIECE,
    };
    bench.serve(asked[3], &request);
    for other in &asked[..3] {
        let cancelled = bench.heard_of(*other, |message| match message {
            Message::Cancel(request) => Some(request),
            _ => None,
        });
        assert_eq!(cancelled, [request]);
    }
}

#[test]
fn who_answers_late_is_no_help_in_the_end_until_others_are_later_still() {
    let mut bench = bench(2);
    let late = open(&mut bench, 1, &Message::Bitfield(&[0b1000_0000]));
    let [first] = bench.asked_of(late)[..] else {
        panic!("one block is asked of a peer that has one");
    };
    bench.pass(SLOW);
    bench.serve(late, &first);
    let silent = open(&mut bench, 2, &Message::HaveAll);
    assert_eq!(bench.asked_of(silent).len(), 1);
    bench.say(late, &Message::Have(1));
    bench.pass(SLOW - Duration::from_millis(500));
    assert_eq!(bench.asked_of(late), []);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.asked_of(late).len(), 1);
}

#[test]
fn who_owes_a_block_for_long_is_not_asked_for_another_in_the_end() {
    let mut bench = bench(2);
    let silent = open(&mut bench, 1, &Message::Bitfield(&[0b1000_0000]));
    assert_eq!(bench.asked_of(silent).len(), 1);
    bench.pass(SLOW);
    let other = open(&mut bench, 2, &Message::HaveAll);
    let asked = bench.asked_of(other);
    assert_eq!(asked.len(), 2, "its own, and what the silent one owes");
    bench.say(silent, &Message::Have(1));
    bench.pass(SLOW - Duration::from_millis(500));
    assert_eq!(bench.asked_of(silent), []);
}
