//! Web peers by the machine's public interface: announces, offers, answers, and what nobody may do.

mod common;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use brackish_tracker::{CloseReason, Rate, SocketId, TrackerConfig};
use brackish_wire::InfoHash;
use brackish_wire::tracker::Event;
use brackish_wire::tracker::ws::ServerMessage;
use common::{Announce, Bench, SWARM, answer, failure, is_answer, offer, offer_id, peer};

#[test]
fn an_announce_is_answered_with_the_interval_and_the_exact_counts() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)).seeding());
    bench.take_all();
    bench.announce(2, &Announce::of(peer(2)));
    let sent = bench.take(2);
    let expected = ServerMessage::Announce {
        info_hash: SWARM,
        interval: Some(120),
        min_interval: Some(30),
        complete: Some(1),
        incomplete: Some(1),
        tracker_id: None,
        warning: None,
    };
    assert_eq!(sent.len(), 1);
    assert_eq!(ServerMessage::parse(&sent[0]), Ok(expected));
}

#[test]
fn a_peer_that_does_not_know_what_it_lacks_counts_as_a_leecher() {
    let mut bench = Bench::new();
    let json = Announce::of(peer(1))
        .to_json()
        .replace("\"left\":1", "\"left\":null");
    assert!(json.contains("null"));
    bench.say(1, &json);
    assert_eq!(bench.counts(), (0, 1, 0));
}

#[test]
fn each_offer_goes_to_a_different_peer_and_none_to_its_maker() {
    let mut bench = Bench::new();
    for number in 1..=30 {
        bench.announce(number, &Announce::of(peer(number)));
    }
    for round in 0..200 {
        bench.take_all();
        let maker = 1 + round % 30;
        bench.announce(maker, &Announce::of(peer(maker)).offers(round * 100, 10));
        let offers: Vec<_> = bench
            .take_all()
            .into_iter()
            .filter_map(|(to, text)| Some((to, offer(&text)?)))
            .collect();
        assert_eq!(offers.len(), 10);
        assert!(
            offers
                .iter()
                .all(|&(to, (from, _))| to != maker && from == peer(maker))
        );
        let receivers: HashSet<u64> = offers.iter().map(|&(to, _)| to).collect();
        let names: HashSet<_> = offers.iter().map(|&(_, (_, name))| name).collect();
        assert_eq!((receivers.len(), names.len()), (10, 10));
    }
}

#[test]
fn every_other_peer_is_equally_likely_to_get_an_offer() {
    let mut bench = Bench::with(TrackerConfig {
        announce_rate: Rate::UNLIMITED,
        ..TrackerConfig::default()
    });
    for number in 0..20 {
        let announce = Announce::of(peer(number));
        bench.announce(
            number,
            &if number % 3 == 0 {
                announce.seeding()
            } else {
                announce
            },
        );
    }
    let mut received: HashMap<u64, u32> = HashMap::new();
    for round in 0..9_500 {
        bench.take_all();
        bench.announce(1, &Announce::of(peer(1)).offers(round * 10, 4));
        for (to, text) in bench.take_all() {
            if offer(&text).is_some() {
                *received.entry(to).or_default() += 1;
            }
        }
    }
    // 38,000 offers over 19 peers: 2,000 each, with a standard deviation below 45.
    assert_eq!(received.len(), 19);
    assert!(
        received
            .values()
            .all(|&count| (1_750..2_250).contains(&count)),
        "{received:?}"
    );
}

#[test]
fn offers_beyond_ten_are_not_relayed() {
    let mut bench = Bench::new();
    for number in 1..=30 {
        bench.announce(number, &Announce::of(peer(number)));
    }
    bench.take_all();
    bench.announce(1, &Announce::of(peer(1)).offers(0, 16));
    assert_eq!(
        bench
            .take_all()
            .iter()
            .filter(|(_, text)| offer(text).is_some())
            .count(),
        10
    );
}

#[test]
fn no_more_offers_are_relayed_than_the_peer_wants_peers() {
    let mut bench = Bench::new();
    for number in 1..=30 {
        bench.announce(number, &Announce::of(peer(number)));
    }
    bench.take_all();
    bench.announce(
        1,
        &Announce {
            numwant: Some(3),
            ..Announce::of(peer(1)).offers(0, 10)
        },
    );
    assert_eq!(
        bench
            .take_all()
            .iter()
            .filter(|(_, text)| offer(text).is_some())
            .count(),
        3
    );
}

#[test]
fn a_seeders_offers_go_to_leechers_alone() {
    let mut bench = Bench::new();
    for number in 1..=20 {
        bench.announce(number, &Announce::of(peer(number)).seeding());
    }
    for number in 21..=23 {
        bench.announce(number, &Announce::of(peer(number)));
    }
    bench.take_all();
    bench.announce(1, &Announce::of(peer(1)).seeding().offers(0, 10));
    let receivers: Vec<u64> = bench
        .take_all()
        .into_iter()
        .filter(|(_, text)| offer(text).is_some())
        .map(|(to, _)| to)
        .collect();
    assert_eq!(
        receivers.iter().copied().collect::<HashSet<_>>(),
        HashSet::from([21, 22, 23])
    );
    assert_eq!(receivers.len(), 3);
}

/// Peer 1's offer 7 is with peer 2.
fn with_an_offer_relayed() -> Bench {
    let mut bench = Bench::new();
    bench.announce(2, &Announce::of(peer(2)));
    bench.announce(1, &Announce::of(peer(1)).offers(7, 1));
    assert!(
        bench
            .take(2)
            .iter()
            .any(|text| offer(text) == Some((peer(1), offer_id(7))))
    );
    bench
}

#[test]
fn an_answer_reaches_the_peer_whose_offer_it_answers_with_the_sdp_unchanged() {
    let mut bench = with_an_offer_relayed();
    bench.say(2, &answer(peer(2), peer(1), offer_id(7)));
    let sent = bench.take(1);
    let expected = ServerMessage::Answer {
        info_hash: SWARM,
        peer_id: peer(2),
        offer_id: offer_id(7),
        sdp: "an answer".into(),
    };
    assert_eq!(sent.len(), 1);
    assert_eq!(ServerMessage::parse(&sent[0]), Ok(expected));
}

#[test]
fn an_answer_to_no_offer_is_not_relayed() {
    let mut bench = with_an_offer_relayed();
    bench.announce(3, &Announce::of(peer(3)));
    bench.take_all();
    // An offer that was never made, one that went to somebody else, one of another peer.
    bench.say(2, &answer(peer(2), peer(1), offer_id(8)));
    bench.say(3, &answer(peer(3), peer(1), offer_id(7)));
    bench.say(2, &answer(peer(2), peer(3), offer_id(7)));
    assert!(bench.take_all().iter().all(|(_, text)| !is_answer(text)));
    assert_eq!(bench.tracker.stats().answers_dropped, 3);
}

#[test]
fn an_offer_can_be_answered_once() {
    let mut bench = with_an_offer_relayed();
    bench.say(2, &answer(peer(2), peer(1), offer_id(7)));
    bench.say(2, &answer(peer(2), peer(1), offer_id(7)));
    assert_eq!(bench.take(1).len(), 1);
}

#[test]
fn an_offer_that_has_expired_cannot_be_answered() {
    let mut bench = with_an_offer_relayed();
    bench.pass(Duration::from_secs(61));
    bench.say(2, &answer(peer(2), peer(1), offer_id(7)));
    assert!(bench.take(1).is_empty());
}

#[test]
fn an_answer_does_not_reach_a_new_socket_under_the_offerers_peer_id() {
    let mut bench = with_an_offer_relayed();
    bench.close(1);
    bench.announce(9, &Announce::of(peer(1)));
    bench.take_all();
    bench.say(2, &answer(peer(2), peer(1), offer_id(7)));
    assert!(bench.take_all().iter().all(|(_, text)| !is_answer(text)));
}

#[test]
fn the_offers_that_one_peer_may_answer_are_bounded() {
    let mut bench = Bench::with(TrackerConfig {
        announce_rate: Rate::UNLIMITED,
        ..TrackerConfig::default()
    });
    bench.announce(2, &Announce::of(peer(2)));
    for number in 0..1_000 {
        bench.announce(1, &Announce::of(peer(1)).offers(number, 1));
    }
    bench.take_all();
    for number in 0..1_000 {
        bench.say(2, &answer(peer(2), peer(1), offer_id(number)));
    }
    let answered = bench.take(1).iter().filter(|text| is_answer(text)).count();
    assert!((1..=64).contains(&answered), "{answered}");
}

#[test]
fn a_null_among_the_offers_harms_nobody() {
    let mut bench = with_an_offer_relayed();
    let json = Announce::of(peer(1))
        .offers(9, 1)
        .to_json()
        .replace("\"offers\":[", "\"offers\":[null,");
    assert!(json.contains("[null,"));
    bench.say(1, &json);
    assert_eq!(
        bench
            .take(2)
            .iter()
            .filter_map(|text| offer(text))
            .collect::<Vec<_>>(),
        [(peer(1), offer_id(9))]
    );
}

#[test]
fn stopped_with_somebody_elses_peer_id_removes_nobody() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)));
    bench.announce(2, &Announce::of(peer(2)));
    bench.take_all();
    bench.announce(2, &Announce::of(peer(1)).event(Event::Stopped));
    bench.announce(3, &Announce::of(peer(1)).event(Event::Stopped));
    assert!(failure(&bench.take(2)[0]).is_some());
    assert_eq!(bench.counts(), (0, 2, 0));
}

#[test]
fn a_peer_id_that_a_live_socket_holds_is_refused_to_another() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)));
    bench.announce(2, &Announce::of(peer(1)).seeding());
    assert!(bench.take(2).iter().any(|text| failure(text).is_some()));
    assert_eq!(bench.counts(), (0, 1, 0));
    bench.close(1);
    bench.announce(2, &Announce::of(peer(1)).seeding());
    assert_eq!(bench.counts(), (1, 0, 0));
}

#[test]
fn nobody_can_answer_under_somebody_elses_peer_id() {
    let mut bench = with_an_offer_relayed();
    bench.announce(3, &Announce::of(peer(3)));
    bench.take_all();
    bench.say(3, &answer(peer(2), peer(1), offer_id(7)));
    bench.say(4, &answer(peer(2), peer(1), offer_id(7)));
    assert!(
        bench
            .take_all()
            .iter()
            .all(|(_, text)| failure(text).is_some())
    );
}

#[test]
fn one_socket_is_one_peer_in_a_swarm() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.announce(1, &Announce::of(peer(number)));
    }
    assert_eq!(bench.counts(), (0, 1, 0));
    bench.close(1);
    assert_eq!(bench.counts(), (0, 0, 0));
    assert_eq!(bench.tracker.stats().swarms, 0);
}

#[test]
fn a_peer_stays_without_announcing_while_its_socket_lives() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)));
    bench.pass(Duration::from_secs(24 * 3600));
    assert_eq!(bench.counts(), (0, 1, 0));
    bench.announce(2, &Announce::of(peer(2)).offers(1, 1));
    assert!(bench.take(1).iter().any(|text| offer(text).is_some()));
    bench.close(1);
    assert_eq!(bench.counts(), (0, 1, 0));
}

#[test]
fn a_socket_is_in_several_swarms_at_once_up_to_the_limit() {
    let mut bench = Bench::with(TrackerConfig {
        max_socket_swarms: 3,
        ..TrackerConfig::default()
    });
    let swarm = |number| InfoHash([number; 20]);
    for number in 0..4 {
        bench.announce(1, &Announce::of(peer(1)).swarm(swarm(number)));
    }
    let sent = bench.take(1);
    assert_eq!(sent.iter().filter_map(|text| failure(text)).count(), 1);
    assert_eq!(bench.tracker.stats().web_peers, 3);
    bench.announce(
        1,
        &Announce::of(peer(1)).swarm(swarm(0)).event(Event::Stopped),
    );
    bench.announce(1, &Announce::of(peer(1)).swarm(swarm(3)));
    assert_eq!(bench.tracker.stats().web_peers, 3);
    bench.close(1);
    assert_eq!(
        (
            bench.tracker.stats().web_peers,
            bench.tracker.stats().swarms
        ),
        (0, 0)
    );
}

#[test]
fn completed_counts_one_download_and_makes_the_peer_a_seeder() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)).event(Event::Started));
    assert_eq!(bench.counts(), (0, 1, 0));
    bench.announce(1, &Announce::of(peer(1)).seeding().event(Event::Completed));
    bench.announce(1, &Announce::of(peer(1)).seeding().event(Event::Completed));
    assert_eq!(bench.counts(), (1, 0, 1));
}

#[test]
fn a_seed_that_was_complete_when_it_came_counts_no_download() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)).seeding().event(Event::Started));
    bench.announce(1, &Announce::of(peer(1)).seeding().event(Event::Completed));
    assert_eq!(bench.counts(), (1, 0, 0));
}

#[test]
fn a_scrape_has_the_figures_of_every_swarm_that_it_names() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)).seeding());
    bench.take_all();
    let other = InfoHash([9; 20]);
    let scrape = brackish_wire::tracker::ws::ClientMessage::Scrape {
        info_hashes: vec![SWARM, other],
    };
    bench.say(5, &scrape.to_json());
    let sent = bench.take(5);
    let Ok(ServerMessage::Scrape { files }) = ServerMessage::parse(&sent[0]) else {
        panic!("{sent:?}")
    };
    let seeders: HashMap<InfoHash, u32> = files
        .iter()
        .map(|(hash, entry)| (*hash, entry.complete))
        .collect();
    assert_eq!(seeders, HashMap::from([(SWARM, 1), (other, 0)]));
}

#[test]
fn a_scrape_of_everything_is_refused() {
    let mut bench = Bench::new();
    bench.say(1, r#"{"action":"scrape"}"#);
    assert!(failure(&bench.take(1)[0]).is_some());
}

#[test]
fn a_socket_that_sends_only_noise_is_told_so_and_closed() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)));
    bench.take_all();
    for noise in ["", "{", "[[[[[[[[[[", "{\"action\":\"announce\"}", "null"] {
        bench.say(1, noise);
    }
    assert_eq!(
        bench
            .take(1)
            .iter()
            .filter(|text| failure(text).is_some())
            .count(),
        3
    );
    assert_eq!(bench.closed, [(SocketId(1), CloseReason::Malformed)]);
    assert_eq!(
        bench.counts(),
        (0, 0, 0),
        "a socket told to close is in no swarm"
    );
    bench.announce(1, &Announce::of(peer(1)));
    assert_eq!(
        bench.counts(),
        (0, 0, 0),
        "nor can it come back before it has closed"
    );
}

#[test]
fn an_sdp_of_more_than_64_kib_is_not_relayed() {
    let mut bench = with_an_offer_relayed();
    let long = Announce {
        offers: vec![(offer_id(9), "x".repeat(64 * 1024 + 1))],
        ..Announce::of(peer(1))
    };
    bench.announce(1, &long);
    assert!(
        bench
            .take_all()
            .iter()
            .all(|(_, text)| offer(text).is_none())
    );
}

#[test]
fn a_socket_that_announces_too_fast_is_refused_until_it_has_waited() {
    let announce_rate = Rate {
        per_second: 2,
        burst: 5,
    };
    let mut bench = Bench::with(TrackerConfig {
        announce_rate,
        ..TrackerConfig::default()
    });
    let accepted = |bench: &mut Bench| {
        for _ in 0..20 {
            bench.announce(1, &Announce::of(peer(1)));
        }
        bench
            .take(1)
            .iter()
            .filter(|text| failure(text).is_none())
            .count()
    };
    assert_eq!(accepted(&mut bench), 5);
    bench.pass(Duration::from_secs(1));
    assert_eq!(accepted(&mut bench), 2);
    bench.pass(Duration::from_secs(60));
    assert_eq!(accepted(&mut bench), 5);
}

#[test]
fn a_socket_that_answers_too_fast_is_refused() {
    let answer_rate = Rate {
        per_second: 1,
        burst: 1,
    };
    let mut bench = Bench::with(TrackerConfig {
        answer_rate,
        ..TrackerConfig::default()
    });
    bench.announce(2, &Announce::of(peer(2)));
    bench.announce(1, &Announce::of(peer(1)).offers(1, 1));
    bench.announce(1, &Announce::of(peer(1)).offers(2, 1));
    bench.take_all();
    bench.say(2, &answer(peer(2), peer(1), offer_id(1)));
    bench.say(2, &answer(peer(2), peer(1), offer_id(2)));
    let sent = bench.take_all();
    assert_eq!(
        sent.iter()
            .filter(|(to, text)| *to == 1 && is_answer(text))
            .count(),
        1
    );
    assert_eq!(
        sent.iter()
            .filter(|(to, text)| *to == 2 && failure(text).is_some())
            .count(),
        1
    );
}

#[test]
fn a_full_tracker_refuses_new_peers_and_keeps_the_old_ones() {
    let config = TrackerConfig {
        max_peers: 4,
        max_swarm_peers: 3,
        max_swarms: 2,
        ..TrackerConfig::default()
    };
    let mut bench = Bench::with(config);
    for number in 1..=4 {
        bench.announce(number, &Announce::of(peer(number)));
    }
    assert_eq!(bench.counts(), (0, 3, 0), "a swarm of three is full");
    let other = |number| Announce::of(peer(number)).swarm(InfoHash([9; 20]));
    bench.announce(5, &other(5));
    bench.announce(6, &other(6));
    assert_eq!(
        bench.tracker.stats().web_peers,
        4,
        "a tracker of four is full"
    );
    bench.close(5);
    bench.announce(6, &other(6));
    bench.close(1);
    bench.announce(7, &Announce::of(peer(7)).swarm(InfoHash([8; 20])));
    let stats = bench.tracker.stats();
    assert_eq!(
        (stats.web_peers, stats.swarms),
        (3, 2),
        "two swarms are all there may be"
    );
    bench.take_all();
    bench.announce(2, &Announce::of(peer(2)).seeding());
    assert!(failure(&bench.take(2)[0]).is_none());
}

#[test]
fn the_same_seed_and_the_same_messages_give_the_same_outputs() {
    let run = || {
        let mut bench = Bench::new();
        for number in 0..50 {
            bench.announce(number, &Announce::of(peer(number)).offers(number * 10, 5));
        }
        bench.take_all()
    };
    assert_eq!(run(), run());
}
