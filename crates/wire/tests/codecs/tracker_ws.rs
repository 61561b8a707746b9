use crate::random::Random;
use brackish_wire::tracker::ws::{
    ClientMessage, MAX_OFFERS, MAX_SCRAPE, MAX_SDP_LENGTH, Offer, OfferId, Sdp, ServerMessage,
    WsError,
};
use brackish_wire::tracker::{Event, ScrapeEntry};
use brackish_wire::{InfoHash, PeerId};

const HASH: InfoHash = InfoHash([b'h'; 20]);
const PEER: PeerId = PeerId([b'p'; 20]);
const OTHER: PeerId = PeerId([b'q'; 20]);
const OFFER: OfferId = OfferId([b'o'; 20]);
const H: &str = "hhhhhhhhhhhhhhhhhhhh";
const P: &str = "pppppppppppppppppppp";
const Q: &str = "qqqqqqqqqqqqqqqqqqqq";
const O: &str = "oooooooooooooooooooo";

fn announce(event: Event, offers: Vec<Offer<'_>>) -> ClientMessage<'_> {
    ClientMessage::Announce {
        info_hash: HASH,
        peer_id: PEER,
        numwant: Some(5),
        uploaded: 1,
        downloaded: 2,
        left: Some(3),
        event,
        tracker_id: None,
        offers,
    }
}

#[test]
fn messages_to_a_tracker_are_exactly_what_every_public_tracker_accepts() {
    let offers = vec![Offer {
        offer_id: OFFER,
        sdp: Sdp::new("v=0\r\n"),
    }];
    assert_eq!(
        announce(Event::Started, offers).to_json(),
        format!(
            r#"{{"action":"announce","info_hash":"{H}","peer_id":"{P}","numwant":5,"uploaded":1,"downloaded":2,"left":3,"event":"started","offers":[{{"offer":{{"type":"offer","sdp":"v=0\r\n"}},"offer_id":"{O}"}}]}}"#
        )
    );
    let update = announce(Event::None, vec![]).to_json();
    assert!(
        !update.contains("event") && !update.contains("offers"),
        "{update}"
    );
    let answer = ClientMessage::Answer {
        info_hash: HASH,
        peer_id: PEER,
        to_peer_id: OTHER,
        offer_id: OFFER,
        sdp: Sdp::new("v=0"),
    };
    assert_eq!(
        answer.to_json(),
        format!(
            r#"{{"action":"announce","info_hash":"{H}","peer_id":"{P}","to_peer_id":"{Q}","answer":{{"type":"answer","sdp":"v=0"}},"offer_id":"{O}"}}"#
        )
    );
    let scrape = ClientMessage::Scrape {
        info_hashes: vec![HASH],
    };
    assert_eq!(
        scrape.to_json(),
        format!(r#"{{"action":"scrape","info_hash":"{H}"}}"#)
    );
    assert_eq!(ClientMessage::parse(&scrape.to_json()), Ok(scrape));
}

#[test]
fn left_is_always_a_number_that_no_tracker_takes_for_a_seeds() {
    let ClientMessage::Announce {
        info_hash,
        peer_id,
        event,
        ..
    } = announce(Event::Started, vec![])
    else {
        unreachable!()
    };
    let unknown = ClientMessage::Announce {
        info_hash,
        peer_id,
        numwant: None,
        uploaded: u64::MAX,
        downloaded: 0,
        left: None,
        event,
        tracker_id: Some("t\"1".into()),
        offers: vec![],
    };
    let json = unknown.to_json();
    assert!(
        json.contains(r#""numwant":0,"uploaded":9007199254740991,"downloaded":0,"left":1,"#),
        "{json}"
    );
    assert!(json.ends_with(r#""trackerid":"t\"1"}"#), "{json}");
}

#[test]
fn messages_from_a_tracker_are_what_clients_read() {
    let response = ServerMessage::Announce {
        info_hash: HASH,
        interval: Some(120),
        min_interval: None,
        complete: Some(1),
        incomplete: Some(2),
        tracker_id: None,
        warning: None,
    };
    let json = format!(
        r#"{{"action":"announce","info_hash":"{H}","interval":120,"complete":1,"incomplete":2}}"#
    );
    assert_eq!(response.to_json(), json);
    let offer = ServerMessage::Offer {
        info_hash: HASH,
        peer_id: PEER,
        offer_id: OFFER,
        sdp: Sdp::new("v"),
    };
    assert_eq!(
        offer.to_json(),
        format!(
            r#"{{"action":"announce","info_hash":"{H}","peer_id":"{P}","offer_id":"{O}","offer":{{"type":"offer","sdp":"v"}}}}"#
        )
    );
    let failure = ServerMessage::Failure {
        info_hash: None,
        reason: "no \"such\" swarm".into(),
    };
    assert_eq!(
        failure.to_json(),
        r#"{"action":"announce","failure reason":"no \"such\" swarm"}"#
    );
    let entry = ScrapeEntry {
        complete: 1,
        incomplete: 2,
        downloaded: 3,
    };
    let scrape = ServerMessage::Scrape {
        files: vec![(HASH, entry)],
    };
    assert_eq!(
        scrape.to_json(),
        format!(
            r#"{{"action":"scrape","files":{{"{H}":{{"complete":1,"incomplete":2,"downloaded":3}}}}}}"#
        )
    );
}

fn text(random: &mut Random) -> String {
    let choices = [
        'a', '"', '\\', '\r', '\n', '\t', '\u{1}', '\u{7f}', 'é', '\u{2028}', '🦊', '{', ',',
    ];
    (0..random.below(60))
        .map(|_| choices[random.below(choices.len())])
        .collect()
}

#[test]
fn every_message_reads_back_with_any_bytes_in_its_names_and_any_text() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let r = &mut random;
        let offers = (0..r.below(MAX_OFFERS + 1))
            .map(|_| Offer {
                offer_id: OfferId(r.name()),
                sdp: text(r).into(),
            })
            .collect();
        let events = [
            Event::None,
            Event::Started,
            Event::Completed,
            Event::Stopped,
        ];
        let (info_hash, peer_id, offer_id) =
            (InfoHash(r.name()), PeerId(r.name()), OfferId(r.name()));
        let client = [
            ClientMessage::Announce {
                info_hash,
                peer_id,
                numwant: Some(r.u32()),
                uploaded: r.u32().into(),
                downloaded: r.u32().into(),
                left: Some(r.u32().into()),
                event: events[r.below(4)],
                tracker_id: r.chance(2).then(|| text(r).into()),
                offers,
            },
            ClientMessage::Answer {
                info_hash,
                peer_id,
                to_peer_id: PeerId(r.name()),
                offer_id,
                sdp: text(r).into(),
            },
            ClientMessage::Scrape {
                info_hashes: (0..r.below(5)).map(|_| InfoHash(r.name())).collect(),
            },
        ];
        for message in client {
            assert_eq!(
                ClientMessage::parse(&message.to_json()),
                Ok(message.clone()),
                "seed {seed}"
            );
        }
        let number = |r: &mut Random| r.chance(2).then(|| r.u32());
        let words = |r: &mut Random| r.chance(2).then(|| text(r).into());
        let mut files: Vec<_> = (0..r.below(5))
            .map(|_| {
                (
                    InfoHash(r.name()),
                    ScrapeEntry {
                        complete: r.u32(),
                        incomplete: r.u32(),
                        downloaded: r.u32(),
                    },
                )
            })
            .collect();
        files.sort_by_key(|file| file.0);
        let server = [
            ServerMessage::Announce {
                info_hash,
                interval: number(r),
                min_interval: number(r),
                complete: number(r),
                incomplete: number(r),
                tracker_id: words(r),
                warning: words(r),
            },
            ServerMessage::Offer {
                info_hash,
                peer_id,
                offer_id,
                sdp: text(r).into(),
            },
            ServerMessage::Answer {
                info_hash,
                peer_id,
                offer_id,
                sdp: text(r).into(),
            },
            ServerMessage::Scrape { files },
            ServerMessage::Failure {
                info_hash: r.chance(2).then_some(info_hash),
                reason: text(r).into(),
            },
        ];
        for message in server {
            let json = message.to_json();
            assert_eq!(ServerMessage::parse(&json), Ok(message), "seed {seed}");
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert!(value.is_object());
        }
    }
}

#[test]
fn an_sdp_passes_from_client_to_server_message_as_it_came() {
    let json = format!(
        r#"{{"action":"announce","info_hash":"{H}","peer_id":"{P}","offers":[{{"offer":{{"sdp":"a\u000d\n\u00e9","type":"x"}},"offer_id":"{O}"}}]}}"#
    );
    let Ok(ClientMessage::Announce { offers, .. }) = ClientMessage::parse(&json) else {
        panic!()
    };
    let sdp = offers[0].sdp.clone();
    assert_eq!(sdp.text(), "a\r\né");
    let out = ServerMessage::Offer {
        info_hash: HASH,
        peer_id: PEER,
        offer_id: OFFER,
        sdp,
    }
    .to_json();
    assert!(
        out.ends_with(r#""offer":{"type":"offer","sdp":"a\u000d\n\u00e9"}}"#),
        "{out}"
    );
    let Ok(ServerMessage::Offer { sdp, .. }) = ServerMessage::parse(&out) else {
        panic!()
    };
    assert_eq!(sdp.text(), "a\r\né");
}

#[test]
fn what_clients_in_use_send_is_understood() {
    let read = |rest: &str| {
        let json = format!(
            r#"{{"numwant":10,{rest}"peer_id":"{P}","info_hash":"{H}","action":"announce"}}"#
        );
        match ClientMessage::parse(&json) {
            Ok(ClientMessage::Announce {
                left,
                uploaded,
                event,
                offers,
                ..
            }) => (left, uploaded, event, offers.len()),
            other => panic!("{rest}: {other:?}"),
        }
    };
    assert_eq!(read(r#""left":null,"#), (None, 0, Event::None, 0));
    assert_eq!(
        read(r#""left":1.5e3,"uploaded":-4,"event":null,"offers":null,"#),
        (Some(1500), 0, Event::None, 0)
    );
    assert_eq!(
        read(r#""left":"12","uploaded":{"a":[1]},"event":"update","#),
        (None, 0, Event::None, 0)
    );
    assert_eq!(
        read(r#""left":[],"offers":[null],"event":"completed","#),
        (None, 0, Event::Completed, 0)
    );
    assert_eq!(
        read(r#""left":1e300,"offers":[],"x":{"y":[{}]},"answer":null,"#).3,
        0
    );
    let escaped = format!(
        r#"{{"action":"announce","info_hash":"{}","peer_id":"{P}"}}"#,
        r"\u0068".repeat(20)
    );
    assert!(matches!(
        ClientMessage::parse(&escaped),
        Ok(ClientMessage::Announce {
            info_hash: HASH,
            ..
        })
    ));
    let several = format!(r#"{{"action":"scrape","info_hash":["{H}","{P}"]}}"#);
    let hashes = vec![HASH, InfoHash(PEER.0)];
    assert_eq!(
        ClientMessage::parse(&several),
        Ok(ClientMessage::Scrape {
            info_hashes: hashes
        })
    );
    let all = ClientMessage::Scrape {
        info_hashes: vec![],
    };
    assert_eq!(ClientMessage::parse(r#"{"action":"scrape"}"#), Ok(all));
}

#[test]
fn a_message_that_cannot_be_used_names_the_field() {
    let error = |json: String| ClientMessage::parse(&json).unwrap_err();
    let binary = |field| WsError::Binary { field };
    for bad in [
        "",
        "hhhhhhhhhhhhhhhhhhh",
        "hhhhhhhhhhhhhhhhhhhhh",
        "hhhhhhhhhhhhhhhhhhhĀ",
        "hhhhhhhhhhhhhhhhhhh🦊",
    ] {
        let json = format!(r#"{{"action":"announce","info_hash":"{bad}","peer_id":"{P}"}}"#);
        assert_eq!(error(json), binary("info_hash"));
    }
    let with = |rest: &str| {
        error(format!(
            r#"{{"action":"announce","info_hash":"{H}"{rest}}}"#
        ))
    };
    assert_eq!(with(""), WsError::Missing { field: "peer_id" });
    assert_eq!(with(r#","peer_id":7"#), binary("peer_id"));
    assert_eq!(with(r#","peer_id":[["x"]]"#), binary("peer_id"));
    let offer = |offer: &str| with(&format!(r#","peer_id":"{P}","offers":[{offer}]"#));
    assert_eq!(
        offer(r#"{"offer":{"sdp":""}}"#),
        WsError::Missing {
            field: "offers.offer_id"
        }
    );
    assert_eq!(
        offer(&format!(r#"{{"offer_id":"{O}"}}"#)),
        WsError::Missing {
            field: "offers.offer"
        }
    );
    for bad in [
        "1",
        "{}",
        r#"{"sdp":null}"#,
        r#"{"sdp":{}}"#,
        r#"{"sdp":7}"#,
        "[]",
        r#""v=0""#,
    ] {
        let json = format!(r#"{{"offer_id":"{O}","offer":{bad}}}"#);
        assert_eq!(
            offer(&json),
            WsError::Sdp {
                field: "offers.offer"
            },
            "{bad}"
        );
    }
    let answer = |rest: &str| with(&format!(r#","peer_id":"{P}","answer":{{"sdp":"v"}}{rest}"#));
    assert_eq!(
        answer(""),
        WsError::Missing {
            field: "to_peer_id"
        }
    );
    assert_eq!(
        answer(&format!(r#","to_peer_id":"{Q}""#)),
        WsError::Missing { field: "offer_id" }
    );
    assert_eq!(
        error(r#"{"action":"dance"}"#.into()),
        WsError::Action {
            action: "dance".into()
        }
    );
    for json in [
        "",
        "{}",
        "[]",
        "null",
        "{\"action\":1}",
        "{\"action\":\"announce\"",
        "{\"action\":\"scrape\"} x",
    ] {
        assert!(matches!(error(json.into()), WsError::Json(_)), "{json}");
    }
}

#[test]
fn everything_in_a_message_is_bounded() {
    let offers: Vec<_> = (0..100)
        .map(|_| format!(r#"{{"offer":{{"sdp":""}},"offer_id":"{O}"}}"#))
        .collect();
    let json = format!(
        r#"{{"action":"announce","info_hash":"{H}","peer_id":"{P}","offers":[{}]}}"#,
        offers.join(",")
    );
    let Ok(ClientMessage::Announce { offers, .. }) = ClientMessage::parse(&json) else {
        panic!()
    };
    assert_eq!(offers.len(), MAX_OFFERS);
    let answer = |length: usize| {
        let sdp = "a".repeat(length);
        ClientMessage::Answer {
            info_hash: HASH,
            peer_id: PEER,
            to_peer_id: OTHER,
            offer_id: OFFER,
            sdp: sdp.into(),
        }
    };
    assert!(ClientMessage::parse(&answer(MAX_SDP_LENGTH).to_json()).is_ok());
    let error = ClientMessage::parse(&answer(MAX_SDP_LENGTH + 1).to_json()).map(|_| ());
    assert_eq!(error, Err(WsError::Sdp { field: "answer" }));
    let hashes = vec![format!("\"{H}\""); 1000].join(",");
    let json = format!(r#"{{"action":"scrape","info_hash":[{hashes}]}}"#);
    let Ok(ClientMessage::Scrape { info_hashes }) = ClientMessage::parse(&json) else {
        panic!()
    };
    assert_eq!(info_hashes.len(), MAX_SCRAPE);
}

#[test]
fn deep_nesting_anywhere_ends_in_an_error_or_is_passed_over() {
    let deep = "[".repeat(1_000_000);
    for json in [
        deep.clone(),
        format!(r#"{{"action":{deep}"#),
        format!(r#"{{"action":"announce","offers":{deep}"#),
        format!(r#"{{"action":"announce","offers":[{{"offer":{deep}"#),
        format!(r#"{{"action":"announce","x":{deep}"#),
    ] {
        assert!(ClientMessage::parse(&json).is_err());
        assert!(ServerMessage::parse(&json).is_err());
    }
}

#[test]
fn what_trackers_in_use_send_is_understood() {
    let refused = ServerMessage::parse(r#"{"failure reason":"invalid info_hash"}"#);
    assert_eq!(
        refused,
        Ok(ServerMessage::Failure {
            info_hash: None,
            reason: "invalid info_hash".into()
        })
    );
    let json = format!(
        r#"{{"complete":0,"incomplete":1.0,"action":"announce","interval":120,"info_hash":"{H}","min interval":"x","warning message":"w"}}"#
    );
    let read = ServerMessage::parse(&json).unwrap();
    let expected = ServerMessage::Announce {
        info_hash: HASH,
        interval: Some(120),
        min_interval: None,
        complete: Some(0),
        incomplete: Some(1),
        tracker_id: None,
        warning: Some("w".into()),
    };
    assert_eq!(read, expected);
    let json = format!(
        r#"{{"action":"announce","answer":{{"type":"answer","sdp":"v"}},"offer_id":"{O}","peer_id":"{P}","info_hash":"{H}"}}"#
    );
    let answer = ServerMessage::Answer {
        info_hash: HASH,
        peer_id: PEER,
        offer_id: OFFER,
        sdp: Sdp::new("v"),
    };
    assert_eq!(ServerMessage::parse(&json), Ok(answer));
    let json = format!(
        r#"{{"action":"scrape","files":{{"short":{{}},"{H}":{{"complete":4}}}},"flags":{{"min_request_interval":9}}}}"#
    );
    let entry = ScrapeEntry {
        complete: 4,
        ..ScrapeEntry::default()
    };
    assert_eq!(
        ServerMessage::parse(&json),
        Ok(ServerMessage::Scrape {
            files: vec![(HASH, entry)]
        })
    );
    assert_eq!(
        ServerMessage::parse("{}"),
        Err(WsError::Missing { field: "action" })
    );
    assert_eq!(
        ServerMessage::parse(r#"{"action":"announce"}"#),
        Err(WsError::Missing { field: "info_hash" })
    );
}

#[test]
fn half_a_surrogate_pair_in_an_sdp_reads_as_empty() {
    let json = format!(
        r#"{{"action":"announce","info_hash":"{H}","peer_id":"{P}","offer_id":"{O}","offer":{{"sdp":"\ud800"}}}}"#
    );
    let Ok(ServerMessage::Offer { sdp, .. }) = ServerMessage::parse(&json) else {
        panic!()
    };
    assert_eq!(sdp.text(), "");
}
