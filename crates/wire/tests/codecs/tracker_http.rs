use crate::random::Random;
use brackish_wire::tracker::http::{
    AnnounceQuery, HttpTrackerError, MAX_QUERY_LENGTH, QueryError, Retry, announce_url,
    encode_announce_response, encode_scrape_response, failure, parse_announce_query,
    parse_announce_response, parse_scrape_query, parse_scrape_response, scrape_url,
};
use brackish_wire::tracker::{
    AnnounceRequest, AnnounceResponse, Event, MAX_PEERS, MAX_SCRAPE, ScrapeEntry,
};
use brackish_wire::{InfoHash, PeerId};
use std::net::SocketAddr;

fn request() -> AnnounceRequest {
    AnnounceRequest {
        info_hash: InfoHash(*b"\x00\x12 %&+=#aZ~-._\xff\xfe/?:@"),
        peer_id: PeerId(*b"-BR0100-abcdefghijkl"),
        port: 6881,
        uploaded: 1,
        downloaded: 2,
        left: 3,
        event: Event::Started,
        numwant: Some(80),
        key: 0xab,
    }
}

#[test]
fn an_announce_url_is_exactly_what_trackers_expect() {
    assert_eq!(
        announce_url("http://t.example:80/announce", &request(), Some(b"i d")).unwrap(),
        "http://t.example:80/announce?info_hash=%00%12%20%25%26%2B%3D%23aZ~-._%FF%FE%2F%3F%3A%40\
         &peer_id=-BR0100-abcdefghijkl&port=6881&uploaded=1&downloaded=2&left=3&compact=1&no_peer_id=1&key=000000AB\
         &event=started&numwant=80&trackerid=i%20d"
    );
    let regular = AnnounceRequest {
        event: Event::None,
        numwant: None,
        ..request()
    };
    let url = announce_url("HTTPS://t.example/a?passkey=1#top", &regular, None).unwrap();
    assert!(
        url.starts_with("HTTPS://t.example/a?passkey=1&info_hash=%00"),
        "{url}"
    );
    assert!(url.ends_with("&key=000000AB"), "{url}");
    for base in [
        "",
        "udp://t.example/",
        "ws://t.example",
        "http://",
        "http:///a",
        "http://a b/",
        "http://a/\r\nX: y",
    ] {
        assert_eq!(
            announce_url(base, &regular, None),
            Err(HttpTrackerError::Url { url: base.into() })
        );
    }
}

#[test]
fn a_tracker_reads_every_announce_that_a_peer_writes() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let events = [
            Event::None,
            Event::Started,
            Event::Completed,
            Event::Stopped,
        ];
        let request = AnnounceRequest {
            info_hash: InfoHash(random.name()),
            peer_id: PeerId(random.name()),
            port: random.u32() as u16,
            uploaded: random.next(),
            downloaded: random.next(),
            left: random.next(),
            event: events[random.below(4)],
            numwant: random.chance(2).then(|| random.u32()),
            key: random.u32(),
        };
        let tracker_id = random.chance(2).then(|| random.bytes(5));
        let url =
            announce_url("http://a.example/announce", &request, tracker_id.as_deref()).unwrap();
        let query = url.split_once('?').unwrap().1;
        let expected = AnnounceQuery {
            request,
            compact: true,
            ip: None,
            ipv6: None,
            tracker_id,
        };
        assert_eq!(parse_announce_query(query), Ok(expected), "seed {seed}");
    }
}

#[test]
fn an_announce_query_is_read_as_tolerantly_as_clients_need() {
    let names = "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb";
    let read = |rest: &str| parse_announce_query(&format!("{names}&{rest}"));
    let query = read(
        "port=1&numwant=-1&compact=0&ip=10.0.0.1&ipv6=%5B2001%3Adb8%3A%3A1%5D%3A99&event=paused",
    )
    .unwrap();
    assert_eq!(query.request.numwant, None);
    assert_eq!(
        query.request.left,
        u64::MAX,
        "a peer that does not say is no seed"
    );
    assert_eq!(query.request.event, Event::None);
    assert!(!query.compact);
    assert_eq!(query.ip, Some("10.0.0.1".parse().unwrap()));
    assert_eq!(query.ipv6, Some("2001:db8::1".parse().unwrap()));
    let query = read("&&port=1&ip=host.example&x&port=2&key=not-hex&info_hash=").unwrap();
    assert_eq!((query.request.port, query.ip), (1, None));
    assert_ne!(
        query.request.key,
        read("port=1&key=not-hey").unwrap().request.key
    );
    assert_eq!(
        read("left=0&port=99999"),
        Err(QueryError::Parameter { parameter: "port" })
    );
    assert_eq!(
        read("port=1&left=-1"),
        Err(QueryError::Parameter { parameter: "left" })
    );
    assert_eq!(
        read("left=0"),
        Err(QueryError::Missing { parameter: "port" })
    );
    assert_eq!(
        parse_announce_query(""),
        Err(QueryError::Missing {
            parameter: "info_hash"
        })
    );
    assert_eq!(
        parse_announce_query("info_hash=abc"),
        Err(QueryError::Parameter {
            parameter: "info_hash"
        })
    );
    let long = "a".repeat(MAX_QUERY_LENGTH + 1);
    assert_eq!(
        parse_announce_query(&long),
        Err(QueryError::TooLong(long.len()))
    );
    assert_eq!(
        parse_scrape_query(&long),
        Err(QueryError::TooLong(long.len()))
    );
}

fn response() -> AnnounceResponse {
    AnnounceResponse {
        interval: 900,
        min_interval: Some(60),
        complete: Some(5),
        incomplete: Some(6),
        tracker_id: Some(vec![0, 255]),
        warning: Some("slow".into()),
        peers: vec![
            "10.0.0.1:6881".parse().unwrap(),
            "192.0.2.1:80".parse().unwrap(),
            "[2001:db8::1]:81".parse().unwrap(),
        ],
        hosts: Vec::new(),
    }
}

#[test]
fn a_response_is_canonical_bencode_and_reads_back_in_both_forms() {
    let compact = encode_announce_response(&response(), true);
    assert!(compact.starts_with(
        b"d8:completei5e10:incompletei6e8:intervali900e12:min intervali60e5:peers12:\x0a"
    ));
    for form in [compact, encode_announce_response(&response(), false)] {
        assert_eq!(brackish_wire::bencode::scan(&form), Ok(()));
        assert_eq!(parse_announce_response(&form), Ok(response()));
    }
    let empty = AnnounceResponse {
        interval: 1,
        ..AnnounceResponse::default()
    };
    assert_eq!(
        encode_announce_response(&empty, true),
        b"d8:intervali1e5:peers0:e"
    );
}

#[test]
fn a_refusal_gives_the_trackers_words_and_when_to_ask_again() {
    let refused = |reason: &str, retry| {
        Err(HttpTrackerError::Failure {
            reason: reason.into(),
            retry,
        })
    };
    assert_eq!(
        parse_announce_response(&failure("not registered")),
        refused("not registered", None)
    );
    let body = b"d14:failure reason4:busy8:retry ini5ee";
    assert_eq!(
        parse_announce_response(body),
        refused("busy", Some(Retry::Minutes(5)))
    );
    let body = b"d14:failure reason4:gone8:retry in5:nevere";
    assert_eq!(
        parse_announce_response(body),
        refused("gone", Some(Retry::Never))
    );
    assert!(matches!(
        parse_scrape_response(&failure("no")),
        Err(HttpTrackerError::Failure { .. })
    ));
}

#[test]
fn a_response_of_another_kind_is_an_error_and_a_long_one_is_bounded() {
    for body in [
        &b""[..],
        b"<html>",
        b"le",
        b"i1e",
        b"d5:peers6:abe",
        b"d8:intervali9e",
    ] {
        assert!(parse_announce_response(body).is_err(), "{body:?}");
    }
    let many = [b"d5:peers60000:".to_vec(), vec![1; 60_000], b"e".to_vec()].concat();
    assert_eq!(
        parse_announce_response(&many).unwrap().peers.len(),
        MAX_PEERS
    );
}

#[test]
fn what_makes_no_sense_in_a_response_does_not_spoil_its_peers() {
    let peer: SocketAddr = "1.2.3.4:258".parse().unwrap();
    let read = |rest: &str| {
        let body = format!("d5:peers6:\x01\x02\x03\x04\x01\x02{rest}e");
        let read = parse_announce_response(body.as_bytes()).unwrap();
        assert_eq!(read.peers, [peer], "{rest:?}");
        read
    };
    for (interval, seconds) in [
        ("", 1800),
        ("8:intervali-1e", 1800),
        ("8:interval1:x", 1800),
        ("8:intervalle", 1800),
        ("8:intervali99999999999999999999e", 1800),
        ("8:intervali0090e", 90),
        ("8:interval3:900", 900),
        ("8:interval4: 90 ", 90),
    ] {
        assert_eq!(read(interval).interval, seconds, "{interval:?}");
    }
    let odd = read("8:completei-1e10:incomplete2:0712:min intervali1.5e10:tracker idi1e2:zzi1.5e");
    assert_eq!((odd.complete, odd.incomplete), (None, Some(7)));
    assert_eq!((odd.min_interval, odd.tracker_id), (None, None));
    let failure = read("14:failure reason4:busy");
    assert_eq!(failure.warning.as_deref(), Some("busy"));
    assert_eq!(
        parse_announce_response(b"\r\nd8:intervali9ee")
            .unwrap()
            .interval,
        9
    );
    for no_peers in [
        "5:peersi1e",
        "5:peersli1e1:xdee",
        "6:peers6le",
        "6:peers61:x",
    ] {
        let body = format!("d8:intervali9e{no_peers}e");
        let read = parse_announce_response(body.as_bytes()).unwrap();
        assert_eq!((read.interval, read.peers), (9, vec![]), "{no_peers}");
    }
}

#[test]
fn peers_are_taken_in_both_forms_and_by_name() {
    let peer = |ip: &str, port: &str| format!("d2:ip{}:{ip}4:port{port}e", ip.len());
    let peers = [
        peer("127.0.0.1", "i1e"),
        peer("10.0.0.1", "2:80"),
        peer("[2001:db8::2]", "i3e"),
        peer("2001:db8::4", "i0004e"),
        peer("peer.example", "i5e"),
        peer("1.2.3.4", "i0e"),
        peer("1.2.3.4", "i65536e"),
        peer("1.2.3", "i6e"),
        peer("a b", "i7e"),
        "de".to_owned(),
    ];
    let mut body = format!("d5:peersl{}e6:peers618:", peers.concat()).into_bytes();
    body.extend([1; 18]);
    body.push(b'e');
    let read = parse_announce_response(&body).unwrap();
    let expected = [
        "127.0.0.1:1",
        "10.0.0.1:80",
        "[2001:db8::2]:3",
        "[2001:db8::4]:4",
        "[101:101:101:101:101:101:101:101]:257",
    ];
    assert_eq!(read.peers, expected.map(|peer| peer.parse().unwrap()));
    assert_eq!(read.hosts, [("peer.example".to_owned(), 5)]);
}

#[test]
fn scraping_replaces_announce_in_the_last_part_of_the_path() {
    let hash = [InfoHash([b'a'; 20])];
    let url = |base: &str| scrape_url(base, &hash).ok();
    let query = format!("info_hash={}", "a".repeat(20));
    for (announce, scrape) in [
        ("http://e.com/announce", "http://e.com/scrape?"),
        ("http://e.com/x/announce", "http://e.com/x/scrape?"),
        ("http://e.com/announce.php", "http://e.com/scrape.php?"),
        (
            "http://e.com/announce?x2%0644",
            "http://e.com/scrape?x2%0644&",
        ),
        ("http://e.com/announce?x=2/4", "http://e.com/scrape?x=2/4&"),
    ] {
        assert_eq!(url(announce), Some(format!("{scrape}{query}")));
    }
    for no_scrape in [
        "http://e.com/a",
        "http://e.com/x%064announce",
        "http://e.com/announce/x",
        "announce",
        "udp://e.com/announce",
    ] {
        assert_eq!(url(no_scrape), None, "{no_scrape}");
    }
}

#[test]
fn a_scrape_reads_back_on_both_sides() {
    let mut random = Random::new(3);
    let hashes: Vec<_> = (0..MAX_SCRAPE + 5)
        .map(|_| InfoHash(random.name()))
        .collect();
    let url = scrape_url("http://e.com/announce", &hashes).unwrap();
    let query = url.split_once('?').unwrap().1;
    assert_eq!(parse_scrape_query(query).unwrap(), hashes[..MAX_SCRAPE]);
    assert_eq!(parse_scrape_query("").unwrap(), []);
    let entries: Vec<_> = (1..4)
        .map(|n| {
            (
                InfoHash([n; 20]),
                ScrapeEntry {
                    complete: n.into(),
                    incomplete: 7,
                    downloaded: 9,
                },
            )
        })
        .collect();
    let body = encode_scrape_response(&[entries[2], entries[0], entries[1], entries[0]]);
    assert_eq!(brackish_wire::bencode::scan(&body), Ok(()));
    assert_eq!(parse_scrape_response(&body).unwrap(), entries);
    assert!(parse_scrape_response(b"de").is_err());
    assert_eq!(parse_scrape_response(b"d5:filesd3:abcdeee").unwrap(), []);
}
