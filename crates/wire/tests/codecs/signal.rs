use brackish_wire::PeerId;
use brackish_wire::bencode::BencodeError;
use brackish_wire::extension::{
    ExtensionError, MAX_INTRODUCED, MAX_SIGNAL_LENGTH, MAX_SIGNAL_SDP, Route, Signal,
    SignalErrorCode,
};
use brackish_wire::tracker::ws::OfferId;

const ROUTE: Route = Route {
    from: PeerId(*b"-BK0100-aaaaaaaaaaaa"),
    to: PeerId(*b"-BK0100-bbbbbbbbbbbb"),
    id: OfferId(*b"iiiiiiiiiiiiiiiiiiii"),
};

#[test]
fn signals_are_canonical_bencode_and_read_back() {
    let peers = Signal::Peers(vec![ROUTE.from, ROUTE.to]);
    let offer = Signal::Offer {
        route: ROUTE,
        sdp: "v=0\r\n",
    };
    let answer = Signal::Answer {
        route: ROUTE.reversed(),
        sdp: "v=0\r\nä",
    };
    let error = Signal::Error {
        route: ROUTE.reversed(),
        code: SignalErrorCode::Limited,
    };
    for (signal, text) in [
        (
            &peers,
            "d5:peers40:-BK0100-aaaaaaaaaaaa-BK0100-bbbbbbbbbbbb4:type5:peerse",
        ),
        (
            &offer,
            "d4:from20:-BK0100-aaaaaaaaaaaa2:id20:iiiiiiiiiiiiiiiiiiii3:sdp5:v=0\r\n\
             2:to20:-BK0100-bbbbbbbbbbbb4:type5:offere",
        ),
        (
            &answer,
            "d4:from20:-BK0100-bbbbbbbbbbbb2:id20:iiiiiiiiiiiiiiiiiiii3:sdp7:v=0\r\nä\
             2:to20:-BK0100-aaaaaaaaaaaa4:type6:answere",
        ),
        (
            &error,
            "d4:codei2e4:from20:-BK0100-bbbbbbbbbbbb2:id20:iiiiiiiiiiiiiiiiiiii\
             2:to20:-BK0100-aaaaaaaaaaaa4:type5:errore",
        ),
    ] {
        assert_eq!(String::from_utf8(signal.encode()).unwrap(), text);
        assert_eq!(Signal::decode(text.as_bytes()).as_ref(), Ok(signal));
    }
    assert_eq!(offer.route(), Some(&ROUTE));
    assert_eq!(peers.route(), None);
    for code in [
        SignalErrorCode::Unreachable,
        SignalErrorCode::Refused,
        SignalErrorCode::Other(99),
    ] {
        let signal = Signal::Error { route: ROUTE, code };
        assert_eq!(Signal::decode(&signal.encode()).as_ref(), Ok(&signal));
    }
}

#[test]
fn what_a_later_version_adds_is_passed_over() {
    let none = b"d3:newli1ee5:peers0:4:type5:peerse";
    assert_eq!(Signal::decode(none), Ok(Signal::Peers(Vec::new())));
    assert_eq!(
        Signal::decode(b"d4:type3:newe"),
        Err(ExtensionError::UnknownSignal)
    );
}

#[test]
fn a_signal_with_a_field_missing_or_malformed_names_it() {
    let valid = "d4:codei1e4:from20:aaaaaaaaaaaaaaaaaaaa2:id20:iiiiiiiiiiiiiiiiiiii\
        5:peers0:3:sdp1:x2:to20:bbbbbbbbbbbbbbbbbbbb4:type5:offere";
    assert!(Signal::decode(valid.as_bytes()).is_ok());
    let error = |old: &str, new: &str| {
        assert!(valid.contains(old));
        match Signal::decode(valid.replace(old, new).as_bytes()) {
            Err(ExtensionError::SignalField { field }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(error("4:type5:offer", ""), "type");
    assert_eq!(error("5:offer", "i1e"), "type");
    assert_eq!(
        error("20:aaaaaaaaaaaaaaaaaaaa", "19:aaaaaaaaaaaaaaaaaaa"),
        "from"
    );
    assert_eq!(error("2:to20:bbbbbbbbbbbbbbbbbbbb", ""), "to");
    assert_eq!(error("20:iiiiiiiiiiiiiiiiiiii", "i1e"), "id");
    assert_eq!(error("3:sdp1:x", ""), "sdp");
    assert_eq!(error("3:sdp1:x", "3:sdp0:"), "sdp");
    let error_type = valid.replace("5:offer", "5:error");
    assert!(Signal::decode(error_type.as_bytes()).is_ok());
    let negative = error_type.replace("i1e", "i-1e");
    assert_eq!(
        Signal::decode(negative.as_bytes()),
        Err(ExtensionError::SignalField { field: "code" })
    );
    let peers = valid
        .replace("5:offer", "5:peers")
        .replace("5:peers0:", "5:peers1:x");
    assert_eq!(
        Signal::decode(peers.as_bytes()),
        Err(ExtensionError::SignalField { field: "peers" })
    );
    let mut no_text = valid.as_bytes().to_vec();
    let at = valid.find("1:x").unwrap() + 2;
    no_text[at] = 0xff;
    assert_eq!(
        Signal::decode(&no_text),
        Err(ExtensionError::SignalField { field: "sdp" })
    );
    assert!(matches!(
        Signal::decode(b"d4:type"),
        Err(ExtensionError::Bencode { .. })
    ));
    let trailing = Signal::decode(b"d5:peers0:4:type5:peersex");
    assert_eq!(
        trailing,
        Err(ExtensionError::Bencode {
            message: "bk_signal",
            error: BencodeError::Trailing { position: 24 }
        })
    );
}

#[test]
fn signals_are_bounded() {
    let longest = "x".repeat(MAX_SIGNAL_SDP);
    let offer = |sdp| Signal::Offer { route: ROUTE, sdp }.encode();
    assert!(Signal::decode(&offer(&longest)).is_ok());
    assert_eq!(
        Signal::decode(&offer(&format!("{longest}x"))),
        Err(ExtensionError::SignalField { field: "sdp" })
    );
    let length = MAX_SIGNAL_LENGTH + 1;
    assert_eq!(
        Signal::decode(&vec![b'd'; length]),
        Err(ExtensionError::SignalTooLong { length })
    );
    let peer = |n: u8| PeerId([n; 20]);
    let many = Signal::Peers((0..200).map(peer).collect());
    let kept = Signal::Peers((0..MAX_INTRODUCED as u8).map(peer).collect());
    assert_eq!(Signal::decode(&many.encode()), Ok(kept.clone()));
    let raw = [b"d5:peers4000:", [7; 4000].as_slice(), b"4:type5:peerse"].concat();
    assert_eq!(Signal::decode(&raw), Ok(Signal::Peers(vec![peer(7)])));
}
