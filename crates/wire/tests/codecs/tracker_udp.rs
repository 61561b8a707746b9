use brackish_wire::tracker::udp::{MAX_URL_DATA, Request, Response, UdpTrackerError};
use brackish_wire::tracker::{AnnounceRequest, Event, MAX_SCRAPE, ScrapeEntry};
use brackish_wire::{InfoHash, PeerId};

fn announce() -> AnnounceRequest {
    AnnounceRequest {
        info_hash: InfoHash([1; 20]),
        peer_id: PeerId([2; 20]),
        port: 6881,
        uploaded: 3,
        downloaded: 4,
        left: u64::MAX,
        event: Event::Started,
        numwant: Some(50),
        key: 0xdead_beef,
    }
}

#[test]
fn requests_have_the_bytes_of_the_protocol() {
    let connect = Request::Connect { transaction_id: 7 }.encode();
    assert_eq!(
        connect,
        [
            0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 0, 0, 0, 7
        ]
    );
    let request = Request::Announce {
        connection_id: 9,
        transaction_id: 8,
        request: announce(),
        url_data: vec![],
    };
    let bytes = request.encode();
    assert_eq!(bytes.len(), 98);
    assert_eq!(
        bytes[..16],
        [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 8]
    );
    assert_eq!(bytes[56..64], 4u64.to_be_bytes(), "downloaded");
    assert_eq!(bytes[64..72], u64::MAX.to_be_bytes(), "left");
    assert_eq!(bytes[72..80], 3u64.to_be_bytes(), "uploaded");
    assert_eq!(
        bytes[80..98],
        [
            0, 0, 0, 2, 0, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 50, 0x1a, 0xe1
        ]
    );
}

#[test]
fn requests_read_back_whole_and_never_cut() {
    let events = [
        Event::None,
        Event::Started,
        Event::Completed,
        Event::Stopped,
    ];
    let announces = events.into_iter().flat_map(|event| {
        [None, Some(0), Some(200)]
            .into_iter()
            .flat_map(move |numwant| {
                [0, 10, 255, 256, MAX_URL_DATA].map(|length| Request::Announce {
                    connection_id: u64::MAX,
                    transaction_id: 5,
                    request: AnnounceRequest {
                        event,
                        numwant,
                        ..announce()
                    },
                    url_data: vec![b'/'; length],
                })
            })
    });
    let info_hashes = (0..MAX_SCRAPE as u8).map(|n| InfoHash([n; 20])).collect();
    let others = [
        Request::Connect {
            transaction_id: u32::MAX,
        },
        Request::Scrape {
            connection_id: 1,
            transaction_id: 2,
            info_hashes,
        },
    ];
    for request in announces.chain(others) {
        let bytes = request.encode();
        assert_eq!(Request::decode(&bytes), Ok(request.clone()));
        let fixed = if matches!(request, Request::Announce { .. }) {
            98
        } else {
            16
        };
        for length in 0..fixed {
            assert_eq!(
                Request::decode(&bytes[..length]),
                Err(UdpTrackerError::TooShort { length })
            );
        }
    }
}

#[test]
fn url_data_is_read_among_other_options_as_far_as_it_is_well_formed() {
    let request = Request::Announce {
        connection_id: 1,
        transaction_id: 2,
        request: announce(),
        url_data: vec![],
    };
    let read = |options: &[u8]| match Request::decode(&[&request.encode(), options].concat()) {
        Ok(Request::Announce { url_data, .. }) => url_data,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        read(b"\x01\x02\x02/a\x07\x01x\x02\x02?b\x00\x02\x01z"),
        b"/a?b"
    );
    assert_eq!(read(b"\x02\x01/\x02\x09x"), b"/");
    assert_eq!(read(b"\x02"), b"");
}

#[test]
fn responses_read_back_for_both_address_families() {
    let response = |peers: &[&str]| Response::Announce {
        transaction_id: 1,
        interval: 1800,
        incomplete: 3,
        complete: 4,
        peers: peers.iter().map(|peer| peer.parse().unwrap()).collect(),
    };
    let v4 = response(&["10.0.0.1:6881", "192.0.2.7:1"]);
    assert_eq!(v4.encode()[20..26], [10, 0, 0, 1, 0x1a, 0xe1]);
    assert_eq!(Response::decode(&v4.encode(), false), Ok(v4));
    let v6 = response(&["[2001:db8::1]:6881"]);
    assert_eq!(Response::decode(&v6.encode(), true), Ok(v6));
    let entries = vec![
        ScrapeEntry {
            complete: 1,
            incomplete: 2,
            downloaded: 3
        };
        3
    ];
    for response in [
        Response::Connect {
            transaction_id: 1,
            connection_id: 0x0102_0304_0506_0708,
        },
        Response::Scrape {
            transaction_id: 1,
            entries,
        },
        Response::Error {
            transaction_id: 1,
            message: "not here".into(),
        },
    ] {
        assert_eq!(
            Response::decode(&response.encode(), false),
            Ok(response.clone())
        );
        assert_eq!(response.transaction_id(), 1);
    }
}

#[test]
fn datagrams_of_another_protocol_are_refused() {
    assert_eq!(Request::decode(&[0; 16]), Err(UdpTrackerError::Protocol));
    assert_eq!(
        Request::decode(&[9; 98]),
        Err(UdpTrackerError::Action(0x0909_0909))
    );
    assert_eq!(
        Response::decode(&[9; 98], false),
        Err(UdpTrackerError::Action(0x0909_0909))
    );
    assert_eq!(
        Response::decode(&[0; 15], false),
        Err(UdpTrackerError::TooShort { length: 15 })
    );
}

#[test]
fn peers_that_cannot_be_dialled_and_left_over_bytes_are_passed_over() {
    let mut bytes = Response::Announce {
        transaction_id: 1,
        interval: 0,
        incomplete: 0,
        complete: 0,
        peers: vec![],
    }
    .encode();
    bytes.extend_from_slice(&[
        10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 224, 0, 0, 1, 1, 1, 10, 0, 0, 2, 1, 1, 99, 99,
    ]);
    match Response::decode(&bytes, false) {
        Ok(Response::Announce { peers, .. }) => {
            assert_eq!(peers, ["10.0.0.2:257".parse().unwrap()])
        }
        other => panic!("{other:?}"),
    }
}
