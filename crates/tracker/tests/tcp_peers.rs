//! TCP peers by the machine's public interface, and the swarm that they share with web peers.

mod common;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use brackish_tracker::{Asker, Refusal, TrackerConfig};
use brackish_wire::InfoHash;
use brackish_wire::tracker::{AnnounceRequest, AnnounceResponse, Event};
use common::{Announce, Bench, SWARM, asker, offer, peer};

fn request(number: u64, port: u16) -> AnnounceRequest {
    AnnounceRequest {
        info_hash: SWARM,
        peer_id: peer(number),
        port,
        uploaded: 0,
        downloaded: 0,
        left: 1,
        event: Event::None,
        numwant: None,
        key: 0,
    }
}

fn seed(number: u64, port: u16) -> AnnounceRequest {
    AnnounceRequest {
        left: 0,
        ..request(number, port)
    }
}

fn announce(
    bench: &mut Bench,
    request: &AnnounceRequest,
    from: &str,
) -> Result<AnnounceResponse, Refusal> {
    bench
        .tracker
        .handle_http_announce(request, asker(from), bench.now)
}

fn peers(bench: &mut Bench, request: &AnnounceRequest, from: &str) -> HashSet<SocketAddr> {
    let response = announce(bench, request, from).unwrap();
    let peers: HashSet<_> = response.peers.iter().copied().collect();
    assert_eq!(peers.len(), response.peers.len(), "a peer was given twice");
    peers
}

fn addresses<const N: usize>(addresses: [&str; N]) -> HashSet<SocketAddr> {
    addresses
        .iter()
        .map(|address| address.parse().unwrap())
        .collect()
}

#[test]
fn a_peer_is_given_the_others_and_the_exact_counts_but_not_itself() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &seed(2, 1002), "10.0.0.2").unwrap();
    let response = announce(&mut bench, &request(3, 1003), "10.0.0.3").unwrap();
    assert_eq!((response.complete, response.incomplete), (Some(1), Some(2)));
    assert_eq!((response.interval, response.min_interval), (120, Some(30)));
    assert_eq!(
        response.peers.into_iter().collect::<HashSet<_>>(),
        addresses(["10.0.0.1:1001", "10.0.0.2:1002"])
    );
}

#[test]
fn a_leecher_without_a_seed_may_announce_every_five_seconds() {
    let mut bench = Bench::new();
    let least = |response: Result<AnnounceResponse, Refusal>| response.unwrap().min_interval;
    let leecher = request(1, 1001);
    assert_eq!(least(announce(&mut bench, &leecher, "10.0.0.1")), Some(5));
    let came = announce(&mut bench, &seed(2, 1002), "10.0.0.2");
    assert_eq!(least(came), Some(30));
    assert_eq!(least(announce(&mut bench, &leecher, "10.0.0.1")), Some(30));
    let gone = AnnounceRequest {
        event: Event::Stopped,
        ..seed(2, 1002)
    };
    announce(&mut bench, &gone, "10.0.0.2").unwrap();
    assert_eq!(least(announce(&mut bench, &leecher, "10.0.0.1")), Some(5));
}

#[test]
fn a_seeder_is_given_leechers_alone() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &seed(2, 1002), "10.0.0.2").unwrap();
    assert_eq!(
        peers(&mut bench, &seed(3, 1003), "10.0.0.3"),
        addresses(["10.0.0.1:1001"])
    );
}

#[test]
fn who_comes_with_nothing_left_is_told_of_leechers_first_and_then_of_seeders() {
    // A client that has a magnet link alone may say so, knowing no length.
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &seed(2, 1002), "10.0.0.2").unwrap();
    announce(&mut bench, &seed(3, 1003), "fd00::3").unwrap();
    let first = AnnounceRequest {
        event: Event::Started,
        ..seed(4, 1004)
    };
    assert_eq!(
        peers(&mut bench, &first, "10.0.0.4"),
        addresses(["10.0.0.1:1001", "10.0.0.2:1002", "[fd00::3]:1003"])
    );
    let one = AnnounceRequest {
        numwant: Some(1),
        ..first
    };
    assert_eq!(
        peers(&mut bench, &one, "10.0.0.4"),
        addresses(["10.0.0.1:1001"])
    );
}

#[test]
fn a_peer_is_given_as_many_as_it_wants_up_to_200() {
    let mut bench = Bench::new();
    for number in 0..300 {
        announce(
            &mut bench,
            &request(number, 1000),
            &format!("10.0.{}.{}", number / 100, number % 100),
        )
        .unwrap();
    }
    for (numwant, given) in [
        (None, 50),
        (Some(0), 0),
        (Some(7), 7),
        (Some(200), 200),
        (Some(u32::MAX), 200),
    ] {
        let request = AnnounceRequest {
            numwant,
            ..request(999, 1)
        };
        assert_eq!(
            peers(&mut bench, &request, "10.9.9.9").len(),
            given,
            "numwant {numwant:?}"
        );
    }
}

#[test]
fn peers_of_the_askers_address_family_come_first() {
    let mut bench = Bench::new();
    for number in 0..10 {
        announce(
            &mut bench,
            &request(number, 1000),
            &format!("10.0.0.{number}"),
        )
        .unwrap();
        announce(
            &mut bench,
            &request(100 + number, 1000),
            &format!("2001:db8:{number}::1"),
        )
        .unwrap();
    }
    let ten = AnnounceRequest {
        numwant: Some(10),
        ..request(999, 1)
    };
    assert!(
        peers(&mut bench, &ten, "10.9.9.9")
            .iter()
            .all(SocketAddr::is_ipv4)
    );
    assert!(
        peers(&mut bench, &ten, "2001:db8:99::1")
            .iter()
            .all(SocketAddr::is_ipv6)
    );
    let fifteen = AnnounceRequest {
        numwant: Some(15),
        ..ten
    };
    let given = peers(&mut bench, &fifteen, "2001:db8:99::1");
    assert_eq!(given.iter().filter(|peer| peer.is_ipv4()).count(), 5);
}

#[test]
fn an_ipv4_address_that_a_dual_stack_socket_shows_as_ipv6_is_ipv4() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "::ffff:10.0.0.1").unwrap();
    assert_eq!(
        peers(&mut bench, &request(2, 1002), "10.0.0.2"),
        addresses(["10.0.0.1:1001"])
    );
}

#[test]
fn a_peer_that_does_not_announce_for_twice_the_interval_is_forgotten() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &request(2, 1002), "10.0.0.2").unwrap();
    bench.pass(Duration::from_secs(150));
    announce(&mut bench, &request(2, 1002), "10.0.0.2").unwrap();
    assert_eq!(bench.counts(), (0, 2, 0));
    bench.pass(Duration::from_secs(100));
    assert_eq!(bench.counts(), (0, 1, 0));
    bench.pass(Duration::from_secs(140));
    assert_eq!(bench.counts(), (0, 0, 0));
    assert_eq!(bench.tracker.stats().swarms, 0);
    assert_eq!(bench.tracker.poll_timeout(), None);
}

#[test]
fn a_stopped_peer_leaves_at_once_and_is_given_nobody() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &request(2, 1002), "10.0.0.2").unwrap();
    let stopped = AnnounceRequest {
        event: Event::Stopped,
        ..request(2, 1002)
    };
    assert!(peers(&mut bench, &stopped, "10.0.0.2").is_empty());
    assert_eq!(bench.counts(), (0, 1, 0));
    assert_eq!(bench.tracker.stats().tcp_peers, 1);
}

#[test]
fn a_peer_that_moves_to_another_port_is_given_with_the_new_one() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &request(1, 2001), "10.0.0.1").unwrap();
    assert_eq!(
        peers(&mut bench, &request(2, 1002), "10.0.0.2"),
        addresses(["10.0.0.1:2001"])
    );
}

#[test]
fn nobody_can_end_or_replace_a_peer_from_another_address_by_its_peer_id() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    let stopped = AnnounceRequest {
        event: Event::Stopped,
        ..request(1, 1001)
    };
    announce(&mut bench, &stopped, "10.6.6.6").unwrap();
    announce(&mut bench, &request(1, 6666), "10.6.6.6").unwrap();
    assert!(
        peers(&mut bench, &request(2, 1002), "10.0.0.2")
            .contains(&"10.0.0.1:1001".parse().unwrap())
    );
    assert_eq!(bench.counts(), (0, 2, 0), "one peer id counts once");
}

#[test]
fn nobody_can_end_or_replace_a_peer_from_its_own_address_without_its_key() {
    let mut bench = Bench::new();
    announce(
        &mut bench,
        &AnnounceRequest {
            key: 77,
            ..request(1, 1001)
        },
        "10.0.0.1",
    )
    .unwrap();
    let stopped = AnnounceRequest {
        event: Event::Stopped,
        key: 78,
        ..request(1, 1001)
    };
    assert_eq!(
        announce(&mut bench, &stopped, "10.0.0.1"),
        Err(Refusal::WrongKey)
    );
    assert_eq!(
        announce(&mut bench, &request(1, 6666), "10.0.0.1"),
        Err(Refusal::WrongKey)
    );
    assert_eq!(
        peers(&mut bench, &request(2, 1002), "10.0.0.2"),
        addresses(["10.0.0.1:1001"])
    );
}

#[test]
fn a_peer_with_port_0_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        announce(&mut bench, &request(1, 0), "10.0.0.1"),
        Err(Refusal::NoPort)
    );
    assert_eq!(bench.counts(), (0, 0, 0));
}

#[test]
fn a_loopback_peer_is_given_to_other_hosts_at_the_trackers_own_address() {
    let mut bench = Bench::new();
    announce(&mut bench, &seed(1, 1001), "127.0.0.1").unwrap();
    announce(&mut bench, &seed(2, 1002), "::1").unwrap();
    let away = peers(&mut bench, &request(3, 1003), "10.0.0.3");
    assert_eq!(away, addresses(["192.0.2.1:1001", "192.0.2.1:1002"]));
    let home = peers(&mut bench, &request(4, 1004), "127.0.0.1");
    assert_eq!(
        home,
        addresses(["127.0.0.1:1001", "[::1]:1002", "10.0.0.3:1003"])
    );
}

#[test]
fn a_loopback_peer_is_not_given_through_a_proxy_on_the_same_host() {
    let mut bench = Bench::new();
    announce(&mut bench, &seed(1, 1001), "127.0.0.1").unwrap();
    let proxied = Asker {
        remote: "10.0.0.3".parse().unwrap(),
        local: "127.0.0.1".parse().unwrap(),
    };
    let response = bench
        .tracker
        .handle_http_announce(&request(3, 1003), proxied, bench.now)
        .unwrap();
    assert!(response.peers.is_empty());
}

#[test]
fn a_node_in_both_swarms_counts_once_until_it_has_left_both() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)));
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    announce(&mut bench, &request(1, 1001), "2001:db8::1").unwrap();
    assert_eq!(bench.counts(), (0, 1, 0));

    let completed = AnnounceRequest {
        event: Event::Completed,
        ..seed(1, 1001)
    };
    announce(&mut bench, &completed, "10.0.0.1").unwrap();
    bench.announce(1, &Announce::of(peer(1)).seeding().event(Event::Completed));
    assert_eq!(bench.counts(), (1, 0, 1), "one seeder, one download");

    bench.close(1);
    assert_eq!(bench.counts(), (1, 0, 1));
    announce(
        &mut bench,
        &AnnounceRequest {
            event: Event::Stopped,
            ..seed(1, 1001)
        },
        "10.0.0.1",
    )
    .unwrap();
    assert_eq!(
        bench.counts(),
        (0, 1, 1),
        "the entry that is left never said that it was complete"
    );
    announce(
        &mut bench,
        &AnnounceRequest {
            event: Event::Stopped,
            ..seed(1, 1001)
        },
        "2001:db8::1",
    )
    .unwrap();
    assert_eq!(bench.tracker.stats().swarms, 0);
}

#[test]
fn a_stopped_over_http_leaves_the_web_peer_of_the_same_id_alone() {
    let mut bench = Bench::new();
    bench.announce(1, &Announce::of(peer(1)));
    announce(
        &mut bench,
        &AnnounceRequest {
            event: Event::Stopped,
            ..request(1, 1001)
        },
        "10.6.6.6",
    )
    .unwrap();
    bench.announce(2, &Announce::of(peer(2)).offers(1, 1));
    assert!(bench.take(1).iter().any(|text| offer(text).is_some()));
}

#[test]
fn offers_never_go_to_tcp_peers_and_http_never_gives_web_peers() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    bench.announce(2, &Announce::of(peer(2)).offers(1, 5));
    assert_eq!(bench.take_all().len(), 1, "the reply alone");
    assert!(peers(&mut bench, &request(1, 1001), "10.0.0.1").is_empty());
}

#[test]
fn a_node_is_not_given_its_own_address_of_the_other_family() {
    let mut bench = Bench::new();
    announce(&mut bench, &request(1, 1001), "10.0.0.1").unwrap();
    assert!(peers(&mut bench, &request(1, 1001), "2001:db8::1").is_empty());
}

#[test]
fn one_host_cannot_fill_the_table() {
    let mut bench = Bench::with(TrackerConfig {
        max_address_peers: 3,
        ..TrackerConfig::default()
    });
    let swarm = |number| AnnounceRequest {
        info_hash: InfoHash([number; 20]),
        ..request(1, 1001)
    };
    for number in 0..3 {
        announce(&mut bench, &swarm(number), &format!("2001:db8::{number}")).unwrap();
    }
    assert_eq!(
        announce(&mut bench, &swarm(3), "2001:db8::ff"),
        Err(Refusal::TooManyPeersAtAddress)
    );
    announce(&mut bench, &swarm(3), "2001:db8:1::1").unwrap();
    announce(&mut bench, &swarm(2), "2001:db8::2").unwrap();
    announce(
        &mut bench,
        &AnnounceRequest {
            event: Event::Stopped,
            ..swarm(2)
        },
        "2001:db8::2",
    )
    .unwrap();
    announce(&mut bench, &swarm(3), "2001:db8::ff").unwrap();
    bench.pass(Duration::from_secs(300));
    assert_eq!(bench.tracker.stats().tcp_peers, 0);
}

#[test]
fn the_counts_are_those_of_a_plain_model_through_any_history() {
    use std::collections::BTreeMap;
    // (web socket or address) -> (peer id, seeding), as a list that is counted afresh each time.
    let mut model: BTreeMap<(bool, u64), (u64, bool)> = BTreeMap::new();
    let mut bench = Bench::with(TrackerConfig {
        announce_rate: brackish_tracker::Rate::UNLIMITED,
        ..TrackerConfig::default()
    });
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..20_000 {
        let (id, seeding) = (random(12), random(2) == 0);
        match random(5) {
            0 | 1 => {
                let announce = Announce::of(peer(id));
                bench.announce(
                    id,
                    &if seeding {
                        announce.seeding()
                    } else {
                        announce
                    },
                );
                model.insert((true, id), (id, seeding));
            }
            2 | 3 => {
                let host = random(3);
                let left = u64::from(!seeding);
                announce(
                    &mut bench,
                    &AnnounceRequest {
                        left,
                        ..request(id, 1)
                    },
                    &format!("10.0.0.{host}"),
                )
                .unwrap();
                model.insert((false, id * 3 + host), (id, seeding));
            }
            _ => {
                bench.close(id);
                model.remove(&(true, id));
                let host = random(3);
                let stopped = AnnounceRequest {
                    event: Event::Stopped,
                    ..request(id, 1)
                };
                announce(&mut bench, &stopped, &format!("10.0.0.{host}")).unwrap();
                model.remove(&(false, id * 3 + host));
            }
        }
        bench.take_all();
        let everyone: HashSet<u64> = model.values().map(|&(id, _)| id).collect();
        let seeders: HashSet<u64> = model
            .values()
            .filter(|(_, seeding)| *seeding)
            .map(|&(id, _)| id)
            .collect();
        let (complete, incomplete, _) = bench.counts();
        assert_eq!(
            (complete as usize, incomplete as usize),
            (seeders.len(), everyone.len() - seeders.len())
        );
        let web = model.keys().filter(|(web, _)| *web).count();
        let stats = bench.tracker.stats();
        assert_eq!((stats.web_peers, stats.tcp_peers), (web, model.len() - web));
    }
}
