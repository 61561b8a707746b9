use brackish_wire::extension::{
    DontHave, ExtendedHandshake, ExtensionError, MAX_EXTENSIONS, MAX_HANDSHAKE_LENGTH,
    MAX_PEX_PEERS, PexFlags, PexPeer, UT_METADATA, UT_PEX, UtMetadata, UtPex,
};
use std::collections::BTreeMap;

#[test]
fn a_handshake_is_canonical_bencode_and_reads_back() {
    let mut handshake = ExtendedHandshake {
        m: BTreeMap::from([(UT_PEX.into(), 2), (UT_METADATA.into(), 1)]),
        client: Some("Brackish 0.1".into()),
        metadata_size: Some(31_235),
        reqq: Some(2000),
        port: Some(6881),
        your_ip: Some("10.0.0.1".parse().unwrap()),
        secret: Some(*b"0123456789abcdef"),
        upload_only: true,
    };
    let bytes = handshake.encode();
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "d9:bk_secret16:0123456789abcdef1:md11:ut_metadatai1e6:ut_pexi2ee13:metadata_sizei31235e1:pi6881e4:reqqi2000e11:upload_onlyi1e\
         1:v12:Brackish 0.16:yourip4:\n\0\0\u{1}e"
    );
    assert_eq!(ExtendedHandshake::decode(&bytes), Ok(handshake.clone()));
    handshake.your_ip = Some("2001:db8::1".parse().unwrap());
    assert_eq!(
        ExtendedHandshake::decode(&handshake.encode()),
        Ok(handshake)
    );
    let empty = ExtendedHandshake::default();
    assert_eq!(empty.encode(), b"d1:mdee");
    assert_eq!(ExtendedHandshake::decode(b"de"), Ok(empty));
}

#[test]
fn fields_that_make_no_sense_are_taken_as_not_there() {
    let bytes = b"d9:bk_secret3:abc1:md1:ai0e1:bi300e1:ci-1e1:dle1:\xffi3e11:ut_metadatai1ee13:metadata_sizei-5e1:pi0e4:reqq1:x\
        1:v3:\xffab6:yourip3:abc5:otherd1:xleee";
    let handshake = ExtendedHandshake::decode(bytes).unwrap();
    assert_eq!(handshake.secret, None);
    assert_eq!(handshake.m, BTreeMap::from([(UT_METADATA.into(), 1)]));
    assert_eq!(
        (handshake.metadata_size, handshake.port, handshake.reqq),
        (None, None, None)
    );
    assert_eq!(handshake.client.as_deref(), Some("\u{fffd}ab"));
    assert_eq!(handshake.your_ip, None);
    assert_eq!(
        ExtendedHandshake::decode(b"d1:mi1ee"),
        Ok(ExtendedHandshake::default())
    );
}

#[test]
fn a_handshake_is_bounded() {
    let long = vec![b'l'; MAX_HANDSHAKE_LENGTH + 1];
    assert_eq!(
        ExtendedHandshake::decode(&long),
        Err(ExtensionError::TooLong { length: long.len() })
    );
    let many: String = (100..800).map(|n| format!("3:{n}i1e")).collect();
    let handshake = ExtendedHandshake::decode(format!("d1:md{many}ee").as_bytes()).unwrap();
    assert_eq!(handshake.m.len(), MAX_EXTENSIONS);
    assert!(matches!(
        ExtendedHandshake::decode(b"1:a"),
        Err(ExtensionError::Bencode { .. })
    ));
    assert!(matches!(
        ExtendedHandshake::decode(b"d1:m"),
        Err(ExtensionError::Bencode { .. })
    ));
}

#[test]
fn metadata_messages_have_the_bytes_of_the_protocol_and_read_back() {
    let data = UtMetadata::Data {
        piece: 1,
        total_size: 20_000,
        data: b"dxyz",
    };
    for (message, bytes) in [
        (
            UtMetadata::Request { piece: 0 },
            &b"d8:msg_typei0e5:piecei0ee"[..],
        ),
        (data, b"d8:msg_typei1e5:piecei1e10:total_sizei20000eedxyz"),
        (
            UtMetadata::Reject { piece: 9 },
            b"d8:msg_typei2e5:piecei9ee",
        ),
    ] {
        assert_eq!(message.encode(), bytes);
        assert_eq!(UtMetadata::decode(bytes), Ok(message));
    }
}

#[test]
fn metadata_messages_that_make_no_sense_are_refused() {
    let range = |field, value| Err(ExtensionError::Range { field, value });
    assert_eq!(
        UtMetadata::decode(b"d8:msg_typei0e5:piecei-1ee"),
        range("piece", -1)
    );
    assert_eq!(
        UtMetadata::decode(b"d8:msg_typei1e5:piecei0e10:total_sizei-1ee"),
        range("total_size", -1)
    );
    assert_eq!(
        UtMetadata::decode(b"d8:msg_typei7e5:piecei0ee"),
        Err(ExtensionError::UnknownMetadataType(7))
    );
    for bytes in [
        &b""[..],
        b"de",
        b"i1e",
        b"d8:msg_typei0ee",
        b"d8:msg_type1:05:piecei0ee",
        b"d8:msg_typei0e",
    ] {
        assert!(
            matches!(
                UtMetadata::decode(bytes),
                Err(ExtensionError::Bencode { .. })
            ),
            "{bytes:?}"
        );
    }
}

fn pex_peer(address: &str, flags: PexFlags) -> PexPeer {
    PexPeer {
        address: address.parse().unwrap(),
        flags,
    }
}

#[test]
fn a_peer_exchange_has_the_bytes_of_the_protocol_and_reads_back() {
    let reachable_seed = PexFlags::REACHABLE.with(PexFlags::UPLOAD_ONLY);
    let pex = UtPex {
        added: vec![
            pex_peer("10.0.0.1:258", reachable_seed),
            pex_peer("10.0.0.2:65535", PexFlags::default()),
            pex_peer("[2001:db8::1]:1", PexFlags::UTP),
        ],
        dropped: vec![
            "10.0.0.3:3".parse().unwrap(),
            "[2001:db8::2]:2".parse().unwrap(),
        ],
    };
    let mut bytes = b"d5:added12:\n\0\0\x01\x01\x02\n\0\0\x02\xff\xff7:added.f2:\x12\0".to_vec();
    bytes.extend_from_slice(b"6:added618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01");
    bytes.extend_from_slice(b"8:added6.f1:\x047:dropped6:\n\0\0\x03\0\x03");
    bytes.extend_from_slice(b"8:dropped618:\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\0\x02e");
    assert_eq!(pex.encode(), bytes);
    assert_eq!(UtPex::decode(&bytes), Ok(pex));
    assert!(reachable_seed.has(PexFlags::REACHABLE) && !reachable_seed.has(PexFlags::UTP));
    let nobody = UtPex::default();
    assert_eq!(nobody.encode(), b"d5:added0:7:added.f0:7:dropped0:e");
    assert_eq!(UtPex::decode(b"de"), Ok(nobody));
}

#[test]
fn peers_that_make_no_sense_in_an_exchange_are_passed_over() {
    let bytes = b"d5:added20:\n\0\0\x01\0\0\n\0\0\x02\0\x01\n\0\0\x02\0\x01xx7:added.f2:\x01\x02\
        6:added6i1e8:dropped6l1:aee";
    let pex = UtPex::decode(bytes).unwrap();
    // The first has no port, and the flags are each peer's own.
    assert_eq!(pex.added, [pex_peer("10.0.0.2:1", PexFlags(2))]);
    assert!(pex.dropped.is_empty());
    for bytes in [&b""[..], b"le", b"d5:added", b"d5:added3:ab"] {
        assert!(matches!(
            UtPex::decode(bytes),
            Err(ExtensionError::Bencode { .. })
        ));
    }
}

#[test]
fn a_peer_exchange_is_bounded_both_ways() {
    let address = |n: u32| format!("10.1.{}.{}:1", n / 256, n % 256);
    let many = UtPex {
        added: (0..300)
            .map(|n| pex_peer(&address(n), PexFlags::default()))
            .collect(),
        dropped: (0..300).map(|n| address(n).parse().unwrap()).collect(),
    };
    let read = UtPex::decode(&many.encode()).unwrap();
    assert_eq!(read.added, many.added[..MAX_PEX_PEERS]);
    assert_eq!(read.dropped, many.dropped[..MAX_PEX_PEERS]);
    let mut bytes = b"d5:added1800:".to_vec();
    for n in 0..300u16 {
        bytes.extend([10, 1, 0, 0]);
        bytes.extend((n + 1).to_be_bytes());
    }
    bytes.push(b'e');
    assert_eq!(UtPex::decode(&bytes).unwrap().added.len(), MAX_PEX_PEERS);
}

#[test]
fn a_piece_that_is_gone_is_four_bytes() {
    assert_eq!(DontHave(0x01020304).encode(), [1, 2, 3, 4]);
    assert_eq!(DontHave::decode(&[1, 2, 3, 4]), Ok(DontHave(0x01020304)));
    for length in [0, 3, 5] {
        assert_eq!(
            DontHave::decode(&vec![0; length]),
            Err(ExtensionError::DontHaveLength { length })
        );
    }
}
