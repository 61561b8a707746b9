//! `bk_signal`: what a relay does, and what a peer does that relays introduce.

use std::time::Duration;

use brackish_core::{Config, ConnectionId, Input, Output, Via};
use brackish_wire::PeerId;
use brackish_wire::extension::{
    BK_SIGNAL, MAX_SIGNAL_OFFERS, Route, SIGNAL_OFFERS_PER_MINUTE, Signal, SignalErrorCode,
};
use brackish_wire::tracker::ws::OfferId;

use crate::bench::{Bench, OURS, Remote, Setup, peer_id};

/// The id under which the test's peers take `bk_signal`.
const THEIRS: u8 = 9;

fn speaker(bench: &mut Bench, number: u8) -> Remote {
    let remote = bench.meet_by(Via::WebRtc, number, None, true);
    bench.extends(remote, &[(BK_SIGNAL, THEIRS)], None);
    remote
}

fn say(bench: &mut Bench, remote: Remote, signal: &Signal<'_>) {
    let id = bench
        .extension(remote, BK_SIGNAL)
        .expect("it is advertised");
    bench.say_extended(remote, id, &signal.encode());
}

fn route(from: PeerId, to: PeerId, id: u8) -> Route {
    let id = OfferId([id; 20]);
    Route { from, to, id }
}

fn offer(from: PeerId, to: PeerId, id: u8) -> Signal<'static> {
    let route = route(from, to, id);
    Signal::Offer { route, sdp: "v=0" }
}

fn error(offer: Route, code: SignalErrorCode) -> Vec<u8> {
    let route = offer.reversed();
    Signal::Error { route, code }.encode()
}

/// The peers named in the last introduction that a peer was sent.
fn introduction(bench: &mut Bench, remote: Remote) -> Option<Vec<PeerId>> {
    let payloads = bench.heard_extended(remote, THEIRS);
    payloads
        .iter()
        .rev()
        .find_map(|p| match Signal::decode(p).unwrap() {
            Signal::Peers(mut peers) => {
                peers.sort();
                Some(peers)
            }
            _ => None,
        })
}

fn offers_begun(bench: &mut Bench) -> Vec<ConnectionId> {
    bench.asked(|output| match output {
        Output::MakeOffer { connection } => Some(*connection),
        _ => None,
    })
}

fn answers_begun(bench: &mut Bench) -> Vec<ConnectionId> {
    bench.asked(|output| match output {
        Output::MakeAnswer { connection, .. } => Some(*connection),
        _ => None,
    })
}

fn described(bench: &mut Bench, connection: ConnectionId) {
    let sdp = "v=0 ours".to_owned();
    bench.input(Input::LocalDescription { connection, sdp });
}

/// A relay with two web peers that it has introduced to each other.
fn relay() -> (Bench, Remote, Remote) {
    let mut bench = Bench::new(Setup::default());
    let (a, b) = (speaker(&mut bench, 1), speaker(&mut bench, 2));
    bench.pass(Duration::from_secs(1));
    (bench, a, b)
}

#[test]
fn it_is_advertised_where_webrtc_is_spoken_and_the_torrent_is_public() {
    let advertised = |private, magnet, webrtc| {
        let mut setup = Setup {
            private,
            magnet,
            ..Setup::default()
        };
        setup.config.webrtc = webrtc;
        let mut bench = Bench::new(setup);
        let remote = bench.meet(1);
        bench.extension(remote, BK_SIGNAL).is_some()
    };
    assert!(advertised(false, false, true));
    assert!(!advertised(true, false, true));
    assert!(!advertised(false, false, false));
    assert!(
        !advertised(false, true, true),
        "it is not yet known whether it is private"
    );
}

#[test]
fn a_relay_introduces_its_peers_to_each_other_and_nobody_to_itself() {
    let (mut bench, a, b) = relay();
    let silent = bench.meet(3);
    bench.pass(Duration::from_secs(1));
    assert_eq!(introduction(&mut bench, a), Some(vec![b.id]));
    assert_eq!(introduction(&mut bench, b), Some(vec![a.id]));
    assert_eq!(introduction(&mut bench, silent), None);
}

#[test]
fn introductions_to_one_peer_are_ten_seconds_apart_and_tell_of_who_came_and_went() {
    let (mut bench, a, b) = relay();
    introduction(&mut bench, a);
    let c = speaker(&mut bench, 3);
    bench.pass(Duration::from_secs(8));
    assert_eq!(introduction(&mut bench, a), None);
    bench.pass(Duration::from_secs(2));
    assert_eq!(introduction(&mut bench, a), Some(vec![b.id, c.id]));
    bench.lose(b);
    bench.lose(c);
    bench.pass(Duration::from_secs(11));
    assert_eq!(introduction(&mut bench, a), Some(vec![]));
    bench.pass(Duration::from_secs(60));
    assert_eq!(introduction(&mut bench, a), None, "nothing has changed");
}

#[test]
fn an_offer_is_passed_on_as_it_is_and_its_answer_once() {
    let (mut bench, a, b) = relay();
    bench.heard(b);
    let id = bench.extension(a, BK_SIGNAL).unwrap();
    // A later version's field is kept.
    let mut offered = offer(a.id, b.id, 1).encode();
    offered.truncate(offered.len() - 1);
    offered.extend_from_slice(b"5:zzzzz3:newe");
    bench.say_extended(a, id, &offered);
    assert_eq!(bench.heard_extended(b, THEIRS), [offered]);
    let answer = Signal::Answer {
        route: route(b.id, a.id, 1),
        sdp: "v=0",
    };
    bench.heard(a);
    say(&mut bench, b, &answer);
    say(&mut bench, b, &answer);
    assert_eq!(bench.heard_extended(a, THEIRS), [answer.encode()]);
}

#[test]
fn nothing_is_passed_on_for_another_than_the_sender_or_for_an_offer_that_is_not_held() {
    let (mut bench, a, b) = relay();
    let c = speaker(&mut bench, 3);
    bench.pass(Duration::from_secs(11));
    for remote in [a, b, c] {
        bench.heard(remote);
    }
    say(&mut bench, c, &offer(a.id, b.id, 1));
    let answer = |from, to| Signal::Answer {
        route: route(from, to, 2),
        sdp: "v=0",
    };
    say(&mut bench, b, &answer(b.id, a.id));
    say(&mut bench, a, &offer(a.id, b.id, 2));
    assert_eq!(bench.heard_extended(b, THEIRS).len(), 1);
    // The offer is b's to answer.
    say(&mut bench, c, &answer(c.id, a.id));
    say(&mut bench, c, &answer(b.id, a.id));
    for remote in [a, c] {
        assert!(bench.heard_extended(remote, THEIRS).is_empty());
        assert!(!bench.is_closed(remote));
    }
}

#[test]
fn an_offer_to_nobody_is_unreachable_and_one_to_the_relay_itself_is_refused() {
    let (mut bench, a, _) = relay();
    bench.heard(a);
    let nobody = peer_id(77);
    say(&mut bench, a, &offer(a.id, nobody, 1));
    say(&mut bench, a, &offer(a.id, OURS, 2));
    let heard = bench.heard_extended(a, THEIRS);
    let unreachable = error(route(a.id, nobody, 1), SignalErrorCode::Unreachable);
    let refused = error(route(a.id, OURS, 2), SignalErrorCode::Refused);
    assert_eq!(heard, [unreachable, refused]);
}

#[test]
fn an_offerer_is_told_when_the_answerer_is_gone() {
    let (mut bench, a, b) = relay();
    say(&mut bench, a, &offer(a.id, b.id, 1));
    bench.heard(a);
    bench.lose(b);
    let unreachable = error(route(a.id, b.id, 1), SignalErrorCode::Unreachable);
    assert_eq!(bench.heard_extended(a, THEIRS), [unreachable]);
}

#[test]
fn a_relay_holds_a_few_offers_of_a_peer_and_takes_some_a_minute() {
    let (mut bench, a, b) = relay();
    bench.heard(b);
    let mut number = 0;
    let mut burst = |bench: &mut Bench, count: usize| {
        bench.heard(a);
        for _ in 0..count {
            number += 1;
            say(bench, a, &offer(a.id, b.id, number));
        }
        let errors = bench.heard_extended(a, THEIRS);
        let limited = |e: &&Vec<u8>| {
            let code = SignalErrorCode::Limited;
            matches!(Signal::decode(e).unwrap(), Signal::Error { code: c, .. } if c == code)
        };
        assert_eq!(errors.iter().filter(limited).count(), errors.len());
        let passed = bench.heard_extended(b, THEIRS);
        assert_eq!(passed.len() + errors.len(), count);
        passed
    };
    let held = burst(&mut bench, 20);
    assert_eq!(held.len(), MAX_SIGNAL_OFFERS);
    for payload in held {
        let Signal::Offer { route, .. } = Signal::decode(&payload).unwrap() else {
            panic!("not an offer");
        };
        let (route, code) = (route.reversed(), SignalErrorCode::Refused);
        say(&mut bench, b, &Signal::Error { route, code });
    }
    let rest = SIGNAL_OFFERS_PER_MINUTE as usize - MAX_SIGNAL_OFFERS;
    assert_eq!(burst(&mut bench, 20).len(), rest);
    bench.pass(Duration::from_secs(61));
    assert_eq!(
        burst(&mut bench, 20).len(),
        MAX_SIGNAL_OFFERS,
        "held ones are forgotten"
    );
}

#[test]
fn a_peer_that_was_introduced_is_offered_a_connection_by_way_of_the_relay() {
    let mut bench = Bench::new(page());
    let relay = speaker(&mut bench, 1);
    let other = peer_id(2);
    say(
        &mut bench,
        relay,
        &Signal::Peers(vec![other, OURS, relay.id]),
    );
    bench.pass(Duration::from_secs(1));
    let [connection] = offers_begun(&mut bench)[..] else {
        panic!("not one offer");
    };
    bench.heard(relay);
    described(&mut bench, connection);
    let [payload] = &bench.heard_extended(relay, THEIRS)[..] else {
        panic!("not one message");
    };
    let Signal::Offer { route, sdp } = Signal::decode(payload).unwrap() else {
        panic!("not an offer");
    };
    assert_eq!((route.from, route.to, sdp), (OURS, other, "v=0 ours"));
    let route = route.reversed();
    say(
        &mut bench,
        relay,
        &Signal::Answer {
            route,
            sdp: "v=0 theirs",
        },
    );
    let applied = bench.asked(|output| match output {
        Output::ApplyAnswer { connection, answer } => Some((*connection, answer.clone())),
        _ => None,
    });
    assert_eq!(applied, [(connection, "v=0 theirs".to_owned())]);
    let remote = bench.opened(connection, other);
    assert!(!bench.is_closed(remote));
    assert_eq!(bench.session.peer_stats(bench.torrent).len(), 2);
}

fn page() -> Setup {
    let mut config = Config::new(OURS);
    config.tcp = false;
    Setup {
        config,
        ..Setup::default()
    }
}

#[test]
fn an_answer_that_comes_by_another_way_than_its_offer_went_is_passed_over() {
    let mut bench = Bench::new(page());
    let (relay, liar) = (speaker(&mut bench, 1), speaker(&mut bench, 3));
    say(&mut bench, relay, &Signal::Peers(vec![peer_id(2)]));
    bench.pass(Duration::from_secs(1));
    let connection = offers_begun(&mut bench)[0];
    bench.heard(relay);
    described(&mut bench, connection);
    let payload = bench.heard_extended(relay, THEIRS).remove(0);
    let route = Signal::decode(&payload)
        .unwrap()
        .route()
        .unwrap()
        .reversed();
    let sdp = "v=0";
    say(&mut bench, liar, &Signal::Answer { route, sdp });
    let from = peer_id(4);
    let other = Route { from, ..route };
    say(&mut bench, relay, &Signal::Answer { route: other, sdp });
    let applied = |output: &Output| matches!(output, Output::ApplyAnswer { .. }).then_some(());
    assert!(bench.asked(applied).is_empty());
}

#[test]
fn a_peer_that_is_not_the_one_that_was_introduced_is_let_go() {
    let mut bench = Bench::new(page());
    let relay = speaker(&mut bench, 1);
    say(&mut bench, relay, &offer(peer_id(2), OURS, 1));
    let connection = answers_begun(&mut bench)[0];
    described(&mut bench, connection);
    let remote = bench.opened(connection, peer_id(3));
    assert!(bench.is_closed(remote));
}

#[test]
fn an_offer_that_a_relay_brings_is_answered_by_that_relay() {
    let mut bench = Bench::new(page());
    let relay = speaker(&mut bench, 1);
    bench.heard(relay);
    say(&mut bench, relay, &offer(peer_id(2), OURS, 1));
    let connection = answers_begun(&mut bench)[0];
    described(&mut bench, connection);
    let answer = Signal::Answer {
        route: route(OURS, peer_id(2), 1),
        sdp: "v=0 ours",
    };
    assert_eq!(bench.heard_extended(relay, THEIRS), [answer.encode()]);
    let remote = bench.opened(connection, peer_id(2));
    assert!(!bench.is_closed(remote));
}

#[test]
fn an_offer_from_a_peer_that_is_connected_already_is_refused() {
    let mut bench = Bench::new(page());
    let (relay, other) = (speaker(&mut bench, 1), speaker(&mut bench, 2));
    bench.heard(relay);
    say(&mut bench, relay, &offer(other.id, OURS, 1));
    assert!(answers_begun(&mut bench).is_empty());
    let refused = error(route(other.id, OURS, 1), SignalErrorCode::Refused);
    assert!(bench.heard_extended(relay, THEIRS).contains(&refused));
}

#[test]
fn of_two_offers_to_each_other_that_of_the_greater_id_counts() {
    let offers_to_each_other = |other: PeerId| {
        let mut bench = Bench::new(page());
        let relay = speaker(&mut bench, 1);
        say(&mut bench, relay, &Signal::Peers(vec![other]));
        bench.pass(Duration::from_secs(1));
        assert_eq!(offers_begun(&mut bench).len(), 1);
        say(&mut bench, relay, &offer(other, OURS, 1));
        answers_begun(&mut bench).len()
    };
    assert!(peer_id(2) > OURS);
    assert_eq!(offers_to_each_other(peer_id(2)), 1);
    assert_eq!(offers_to_each_other(PeerId([0; 20])), 0);
}

#[test]
fn a_peer_that_did_not_want_us_is_left_alone_ever_longer() {
    let mut bench = Bench::new(page());
    let relay = speaker(&mut bench, 1);
    say(&mut bench, relay, &Signal::Peers(vec![peer_id(2)]));
    let mut offered = Vec::new();
    for second in 0..600 {
        bench.pass(Duration::from_secs(1));
        for connection in offers_begun(&mut bench) {
            offered.push(second);
            bench.heard(relay);
            described(&mut bench, connection);
            let payload = bench.heard_extended(relay, THEIRS).remove(0);
            let route = Signal::decode(&payload)
                .unwrap()
                .route()
                .unwrap()
                .reversed();
            let code = SignalErrorCode::Refused;
            say(&mut bench, relay, &Signal::Error { route, code });
        }
        // The relay is alive.
        bench.say(relay, &brackish_wire::message::Message::KeepAlive);
    }
    let waits: Vec<i32> = offered.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(waits.len() >= 2 && waits[0] >= 60, "{waits:?}");
    assert!(waits.windows(2).all(|w| w[1] > w[0] * 3 / 2), "{waits:?}");
}

#[test]
fn one_relay_does_not_fill_all_connections() {
    let mut setup = page();
    setup.config.connections_per_torrent = 8;
    let mut bench = Bench::new(setup);
    let relay = speaker(&mut bench, 1);
    let many: Vec<PeerId> = (2..40).map(peer_id).collect();
    say(&mut bench, relay, &Signal::Peers(many.clone()));
    let mut begun = 0;
    for from in 40..44 {
        bench.pass(Duration::from_secs(2));
        begun += offers_begun(&mut bench).len();
        say(&mut bench, relay, &offer(peer_id(from), OURS, from));
        begun += answers_begun(&mut bench).len();
    }
    assert_eq!(begun, 4);
}

#[test]
fn noise_and_messages_for_others_end_no_connection() {
    let (mut bench, a, b) = relay();
    let id = bench.extension(a, BK_SIGNAL).unwrap();
    bench.heard(a);
    bench.heard(b);
    let named = Signal::Peers(vec![peer_id(50)]).encode();
    for payload in [
        &b"de"[..],
        b"",
        b"i1e",
        b"d4:type4:noise",
        &[b'd'; 20_000],
        &named,
    ] {
        bench.say_extended(a, id, payload);
    }
    say(&mut bench, a, &offer(b.id, peer_id(9), 1));
    assert!(!bench.is_closed(a) && !bench.is_closed(b));
    assert!(bench.heard_extended(b, THEIRS).is_empty());
}
