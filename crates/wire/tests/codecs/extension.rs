use brackish_wire::extension::{
    ExtendedHandshake, ExtensionError, MAX_EXTENSIONS, MAX_HANDSHAKE_LENGTH, UT_METADATA, UT_PEX,
    UtMetadata,
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
        upload_only: true,
    };
    let bytes = handshake.encode();
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "d1:md11:ut_metadatai1e6:ut_pexi2ee13:metadata_sizei31235e1:pi6881e4:reqqi2000e11:upload_onlyi1e\
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
    let bytes = b"d1:md1:ai0e1:bi300e1:ci-1e1:dle1:\xffi3e11:ut_metadatai1ee13:metadata_sizei-5e1:pi0e4:reqq1:x\
        1:v3:\xffab6:yourip3:abc5:otherd1:xleee";
    let handshake = ExtendedHandshake::decode(bytes).unwrap();
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
