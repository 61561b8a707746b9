use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::keys::Secret;
use super::*;

const TORRENT: InfoHash = InfoHash([7; 20]);
const FIRST: &[u8] = b"\x13BitTorrent protocol and so on";

/// Larger than all of a handshake, so that neither end waits to write.
const PIPE: usize = 1 << 16;

fn ours() -> Vec<InfoHash> {
    vec![InfoHash([1; 20]), TORRENT, InfoHash([9; 20])]
}

fn failure(result: Result<Agreed, MseError>) -> MseError {
    result.err().expect("it is refused")
}

async fn agree(methods: u32) -> (Agreed, Agreed) {
    let (mut one, mut other) = duplex(PIPE);
    let (one, other) = tokio::join!(
        propose(&mut one, &TORRENT, FIRST, methods),
        accept(&mut other, ours)
    );
    (one.unwrap(), other.unwrap())
}

#[tokio::test]
async fn where_both_may_they_go_on_plainly() {
    // Paddings are of random lengths.
    for _ in 0..20 {
        let (one, other) = agree(PLAIN | RC4).await;
        assert!(one.ciphers.is_none() && other.ciphers.is_none());
        assert_eq!((one.received.len(), &other.received[..]), (0, FIRST));
    }
}

#[tokio::test]
async fn where_one_insists_all_that_follows_is_encrypted_both_ways() {
    let (one, other) = agree(RC4).await;
    assert_eq!(other.received, FIRST);
    let (mut one, mut other) = (one.ciphers.unwrap(), other.ciphers.unwrap());
    for length in [1, 0, 16_384, 5] {
        let said = bytes::Bytes::from(vec![b'x'; length]);
        // One of these is shared, and must not change for its other owner.
        let kept = said.clone();
        let mut heard = one.outgoing.applied(said).to_vec();
        assert!(length == 0 || heard != kept);
        other.incoming.apply(&mut heard);
        assert_eq!(heard, kept);
        let mut answer = other.outgoing.applied(kept.clone()).to_vec();
        one.incoming.apply(&mut answer);
        assert_eq!(answer, kept);
    }
}

#[tokio::test]
async fn a_plain_handshake_is_handed_on_as_it_came() {
    let (mut one, mut other) = duplex(PIPE);
    let (head, tail) = FIRST.split_at(3);
    let (_, agreed) = tokio::join!(
        async {
            one.write_all(head).await.unwrap();
            tokio::task::yield_now().await;
            one.write_all(tail).await.unwrap();
        },
        accept(&mut other, ours)
    );
    let agreed = agreed.unwrap();
    assert!(agreed.ciphers.is_none());
    assert_eq!(agreed.received, FIRST);
}

#[tokio::test]
async fn a_torrent_that_is_not_here_is_refused() {
    let (mut one, mut other) = duplex(PIPE);
    let (_, refused) = tokio::join!(
        async {
            let asked = initiate(&mut one, &InfoHash([8; 20]), FIRST);
            // It is answered by the end of the connection.
            tokio::time::timeout(TIME_LIMIT, asked).await
        },
        async move { failure(accept(&mut other, ours).await) }
    );
    assert!(matches!(refused, MseError::UnknownTorrent));
}

#[tokio::test]
async fn padding_without_an_end_is_refused_by_both_ends() {
    let noise = [0xa5; KEY_LENGTH + MAX_PADDING + HASH_LENGTH];
    let (mut one, mut other) = duplex(PIPE);
    one.write_all(&noise).await.unwrap();
    let refused = failure(accept(&mut other, ours).await);
    assert!(matches!(refused, MseError::NoMark), "{refused}");

    let (mut one, mut other) = duplex(PIPE);
    other.write_all(&noise).await.unwrap();
    let refused = failure(initiate(&mut one, &TORRENT, FIRST).await);
    assert!(matches!(refused, MseError::NoMark), "{refused}");
}

/// Begins as it should, and has `hidden` encrypted in step 3.
async fn third_step(stream: &mut DuplexStream, hidden: &[u8]) {
    let keys = KeyPair::generate().unwrap();
    stream.write_all(&keys.public).await.unwrap();
    let mut public = [0; KEY_LENGTH];
    stream.read_exact(&mut public).await.unwrap();
    let secret: Secret = keys.secret(&public);
    let mut hidden = hidden.to_vec();
    Cipher::new(&secret.key_of_initiator(&TORRENT))
        .unwrap()
        .apply(&mut hidden);
    let all = [&secret.mark()[..], &secret.hidden(&TORRENT), &hidden].concat();
    stream.write_all(&all).await.unwrap();
}

#[tokio::test]
async fn what_is_hidden_in_the_third_step_must_be_right_and_short() {
    let cases: [(&[&[u8]], &str); 5] = [
        (&[&[1; 8], &[0, 0, 0, 3], &[0, 0]], "does not fit its key"),
        (&[&ZEROS, &[0, 0, 0, 0], &[0, 0]], "no method of ours"),
        (&[&ZEROS, &[0, 0, 0, 4], &[0, 0]], "no method of ours"),
        (&[&ZEROS, &[0, 0, 0, 3], &[2, 1]], "too long"),
        (&[&ZEROS, &[0, 0, 0, 3], &[0, 0], &[255, 255]], "too long"),
    ];
    for (hidden, why) in cases {
        let (mut one, mut other) = duplex(PIPE);
        let hidden = hidden.concat();
        let (_, refused) = tokio::join!(third_step(&mut one, &hidden), async {
            failure(accept(&mut other, ours).await)
        });
        assert!(refused.to_string().contains(why), "{refused}");
    }
}

#[tokio::test]
async fn a_method_that_was_not_offered_is_refused() {
    let (mut one, mut other) = duplex(PIPE);
    let acceptor = async {
        let keys = KeyPair::generate().unwrap();
        let mut public = [0; KEY_LENGTH];
        other.read_exact(&mut public).await.unwrap();
        let secret = keys.secret(&public);
        let mut hidden = [&ZEROS[..], &PLAIN.to_be_bytes(), &[0, 0]].concat();
        Cipher::new(&secret.key_of_acceptor(&TORRENT))
            .unwrap()
            .apply(&mut hidden);
        other.write_all(&keys.public).await.unwrap();
        other.write_all(&hidden).await.unwrap();
    };
    let (_, refused) = tokio::join!(acceptor, propose(&mut one, &TORRENT, FIRST, RC4));
    assert!(matches!(failure(refused), MseError::Method));
}
