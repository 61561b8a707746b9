//! What peers say of their pieces, early and late.

use brackish_wire::message::Message;

use crate::bench::{Bench, Setup};

/// A bitfield of a hundred pieces with these set.
fn bits(pieces: &[u32]) -> Vec<u8> {
    let mut bits = vec![0; 13];
    for piece in pieces {
        bits[*piece as usize / 8] |= 0x80 >> (piece % 8);
    }
    bits
}

#[test]
fn a_bitfield_after_haves_adds_to_what_a_peer_has() {
    // aria2 sends one in place of many `have`s.
    let mut bench = Bench::new(Setup::default());
    let remote = bench.meet(1);
    bench.say(remote, &Message::Bitfield(&bits(&[1])));
    bench.say(remote, &Message::Have(2));
    bench.say(remote, &Message::Bitfield(&bits(&[3, 4])));
    bench.say(remote, &Message::Bitfield(&bits(&[1, 5])));
    assert!(!bench.is_closed(remote));
    bench.say(remote, &Message::Unchoke);
    let mut asked: Vec<u32> = Vec::new();
    loop {
        let requests = bench.asked_of(remote);
        if requests.is_empty() {
            break;
        }
        for request in requests {
            asked.push(request.piece);
            bench.serve(remote, &request);
        }
    }
    asked.sort();
    assert_eq!(asked, [1, 2, 3, 4, 5]);
    let peer = &bench.session.peer_stats(bench.torrent)[0];
    assert!((peer.progress - 0.05).abs() < 1e-9);
}

#[test]
fn a_bitfield_of_a_wrong_length_ends_the_connection_whenever_it_comes() {
    let mut bench = Bench::new(Setup::default());
    for number in [1, 2] {
        let remote = bench.meet(number);
        if number == 2 {
            bench.say(remote, &Message::Have(2));
        }
        bench.say(remote, &Message::Bitfield(&[0; 12]));
        assert!(bench.is_closed(remote));
    }
}
