use crate::random::Random;
use brackish_wire::message::{
    DEFAULT_MAX_FRAME, Decoder, HANDSHAKE_LENGTH, Handshake, HandshakeError, Message, MessageError,
    Reserved, piece_header,
};
use brackish_wire::{BlockRequest, InfoHash, PeerId};

const BLOCK: BlockRequest = BlockRequest {
    piece: 1,
    begin: 0x4000,
    length: 0x4000,
};

fn encoded(message: Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

fn samples(payload: &[u8]) -> Vec<Message<'_>> {
    vec![
        Message::KeepAlive,
        Message::Choke,
        Message::Unchoke,
        Message::Interested,
        Message::NotInterested,
        Message::Have(7),
        Message::Bitfield(payload),
        Message::Request(BLOCK),
        Message::Piece {
            piece: 1,
            begin: 2,
            data: payload,
        },
        Message::Cancel(BLOCK),
        Message::Port(6881),
        Message::Suggest(u32::MAX),
        Message::HaveAll,
        Message::HaveNone,
        Message::Reject(BLOCK),
        Message::AllowedFast(0),
        Message::Extended { id: 3, payload },
        Message::Unknown { id: 99, payload },
    ]
}

#[test]
fn messages_have_the_bytes_of_the_protocol() {
    assert_eq!(encoded(Message::KeepAlive), [0; 4]);
    assert_eq!(encoded(Message::Unchoke), [0, 0, 0, 1, 1]);
    assert_eq!(
        encoded(Message::Have(0x01020304)),
        [0, 0, 0, 5, 4, 1, 2, 3, 4]
    );
    assert_eq!(
        encoded(Message::Request(BLOCK)),
        [0, 0, 0, 13, 6, 0, 0, 0, 1, 0, 0, 0x40, 0, 0, 0, 0x40, 0]
    );
    assert_eq!(encoded(Message::Port(6881)), [0, 0, 0, 3, 9, 0x1a, 0xe1]);
    assert_eq!(encoded(Message::HaveAll), [0, 0, 0, 1, 14]);
    assert_eq!(
        encoded(Message::Extended {
            id: 0,
            payload: b"de"
        }),
        [0, 0, 0, 4, 20, 0, b'd', b'e']
    );
    let piece = encoded(Message::Piece {
        piece: 1,
        begin: 2,
        data: b"abc",
    });
    assert_eq!(
        piece,
        [0, 0, 0, 12, 7, 0, 0, 0, 1, 0, 0, 0, 2, b'a', b'b', b'c']
    );
    assert_eq!(piece[..13], piece_header(1, 2, 3));
}

#[test]
fn messages_read_back_wherever_the_stream_is_cut() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let payloads: Vec<Vec<u8>> = (0..4)
            .map(|_| {
                let length = random.below(40_000);
                random.bytes(length)
            })
            .collect();
        let mut sent = Vec::new();
        let mut stream = Vec::new();
        for _ in 0..random.below(40) {
            let choice = samples(&payloads[random.below(4)])[random.below(18)];
            choice.encode(&mut stream);
            sent.push(choice);
        }
        let mut decoder = Decoder::new(DEFAULT_MAX_FRAME);
        let mut expected = sent.iter();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let bound = if random.chance(3) { 6 } else { 50_000 };
            let (mut input, after) = rest.split_at((1 + random.below(bound)).min(rest.len()));
            rest = after;
            while let Some(message) = decoder.next(&mut input).unwrap() {
                assert_eq!(Some(&message), expected.next(), "seed {seed}");
            }
            assert!(input.is_empty());
        }
        assert_eq!(expected.next(), None, "seed {seed}");
    }
}

#[test]
fn a_frame_that_is_whole_in_the_input_is_not_copied() {
    let stream = encoded(Message::Piece {
        piece: 0,
        begin: 0,
        data: &[7; 16_384],
    });
    let mut decoder = Decoder::new(DEFAULT_MAX_FRAME);
    let mut input = &stream[..];
    match decoder.next(&mut input) {
        Ok(Some(Message::Piece { data, .. })) => assert!(std::ptr::eq(data, &stream[13..])),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_frame_over_the_limit_is_refused_as_soon_as_its_length_is_there() {
    let mut decoder = Decoder::new(100);
    let error = MessageError::TooLong {
        length: 101,
        limit: 100,
    };
    let mut input = &[0, 0, 0][..];
    assert_eq!(decoder.next(&mut input), Ok(None));
    let mut input = &[101][..];
    assert_eq!(decoder.next(&mut input), Err(error));
    let mut good = &[0, 0, 0, 0][..];
    assert_eq!(decoder.next(&mut good), Err(error), "an error stays");

    let mut decoder = Decoder::new(u32::MAX - 1);
    let mut input = &[0xff; 20][..];
    assert!(decoder.next(&mut input).is_err());

    let mut decoder = Decoder::new(10);
    decoder.set_max_frame(100);
    let stream = encoded(Message::Bitfield(&[0; 99]));
    let mut input = &stream[..];
    assert!(matches!(
        decoder.next(&mut input),
        Ok(Some(Message::Bitfield(_)))
    ));
}

#[test]
fn a_known_message_of_the_wrong_length_is_an_error_whole_or_cut_and_stays_one() {
    for (id, length) in [
        (0u8, 2u32),
        (1, 2),
        (2, 5),
        (3, 2),
        (4, 4),
        (4, 6),
        (6, 12),
        (6, 14),
        (7, 8),
        (8, 1),
        (9, 2),
        (9, 4),
    ]
    .into_iter()
    .chain([(13, 1), (14, 2), (15, 9), (16, 12), (17, 4), (20, 1)])
    {
        let mut stream = length.to_be_bytes().to_vec();
        stream.push(id);
        stream.resize(4 + length as usize, 0);
        let error = MessageError::Length { id, length };
        for cut in 0..stream.len() {
            let mut decoder = Decoder::new(DEFAULT_MAX_FRAME);
            let (mut first, mut second) = stream.split_at(cut);
            assert_eq!(decoder.next(&mut first), Ok(None));
            assert_eq!(
                decoder.next(&mut second),
                Err(error),
                "id {id} cut at {cut}"
            );
            let mut good = &[0, 0, 0, 0][..];
            assert_eq!(decoder.next(&mut good), Err(error));
        }
    }
}

#[test]
fn a_claimed_length_takes_no_memory_before_the_bytes_are_there() {
    let mut decoder = Decoder::new(u32::MAX);
    let mut input = &[0xff, 0xff, 0xff, 0xf0, 7, 1, 2][..];
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(decoder.buffered() == 7, "only what came is held");
}

#[test]
fn a_handshake_reads_back_and_comes_in_parts() {
    let handshake = Handshake {
        reserved: Reserved::NONE.with_extension_protocol().with_fast(),
        info_hash: InfoHash([1; 20]),
        peer_id: PeerId(*b"-BR0100-abcdefghijkl"),
    };
    let bytes = handshake.encode();
    assert_eq!(bytes[..28], *b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x04");
    for cut in 0..HANDSHAKE_LENGTH {
        assert_eq!(Handshake::decode(&bytes[..cut]), Ok(None));
    }
    assert_eq!(
        Handshake::decode(&[&bytes[..], b"more"].concat()),
        Ok(Some(handshake))
    );
    assert!(
        handshake.reserved.extension_protocol()
            && handshake.reserved.fast()
            && !handshake.reserved.dht()
    );
    assert!(Reserved::NONE.with_dht().dht());
}

#[test]
fn another_protocol_is_refused_at_its_first_wrong_byte() {
    assert_eq!(
        Handshake::decode(b"GET / HTTP/1.1"),
        Err(HandshakeError { position: 0 })
    );
    assert_eq!(
        Handshake::decode(b"\x13BitTorrent Protocol"),
        Err(HandshakeError { position: 12 })
    );
}
