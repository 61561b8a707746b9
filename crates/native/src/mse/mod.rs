//! Message stream encryption (MSE, also called protocol encryption): a handshake before the one of
//! BEP 3 that hides which protocol is spoken from who does not know the torrent. Some clients speak
//! by default with nobody who does not begin so, or may be told to.
//!
//! ```text
//! 1  A to B   A's public key, padding
//! 2  B to A   B's public key, padding
//! 3  A to B   mark, hidden name of the torrent, RC4(8 zeros, methods, padding, first bytes)
//! 4  B to A   RC4(8 zeros, method, padding)
//! ```
//!
//! From there on the stream is as the method says: plain, or RC4 going on. It hides and does not
//! protect: nobody's identity is proved, and RC4 is broken. So plain is chosen where the other end
//! allows it, and costs nothing.

mod cipher;
mod keys;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use brackish_wire::InfoHash;
use brackish_wire::message::Handshake;
use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use cipher::{Cipher, Ciphers};
use keys::{HASH_LENGTH, KEY_LENGTH, KeyPair};
use stream::Stream;

/// Longest time for all of a handshake, or for what tells an encrypted from a plain one. A slow link
/// needs four round trips; who accepts must not wait for silent ones as long as for a peer.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Bytes that tell whether a stream is plain: the name of the protocol and its length.
const TELLING: usize = 20;

/// Most bytes of each padding.
const MAX_PADDING: usize = 512;

/// Most first bytes that are taken along with step 3. Clients send their handshake, 68 bytes, or
/// nothing.
const MAX_FIRST_BYTES: usize = 1024;

/// What says that a key is right.
const ZEROS: [u8; 8] = [0; 8];

const PLAIN: u32 = 1;
const RC4: u32 = 2;

/// Why a connection was not agreed on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MseError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("closed by the peer")]
    Closed,
    #[error("its handshake is neither plain nor encrypted")]
    NoMark,
    #[error("its encrypted handshake names no torrent of ours")]
    UnknownTorrent,
    #[error("its encrypted handshake does not fit its key")]
    Key,
    #[error("its encrypted handshake is too long")]
    TooLong,
    #[error("it encrypts by no method of ours")]
    Method,
}

/// A connection on which both ends agree.
pub(crate) struct Agreed {
    /// How all that follows is encrypted, unless it is plain.
    pub(crate) ciphers: Option<Ciphers>,
    /// What the other end has sent already of what follows, decrypted.
    pub(crate) received: Vec<u8>,
}

/// Begins an encrypted connection for a torrent. `first` goes along with the handshake. The caller
/// keeps to [`TIME_LIMIT`].
pub(crate) async fn initiate(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    torrent: &InfoHash,
    first: &[u8],
) -> Result<Agreed, MseError> {
    propose(stream, torrent, first, PLAIN | RC4).await
}

async fn propose(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    torrent: &InfoHash,
    first: &[u8],
    methods: u32,
) -> Result<Agreed, MseError> {
    let mut stream = Stream::new(stream);
    let keys = KeyPair::generate()?;
    stream.write(&[&keys.public, &padding()?]).await?;
    let secret = keys.secret(&stream.take::<KEY_LENGTH>().await?);
    let mut ciphers = Ciphers {
        incoming: Cipher::new(&secret.key_of_acceptor(torrent))?,
        outgoing: Cipher::new(&secret.key_of_initiator(torrent))?,
    };

    let mut hidden = answer(methods)?;
    hidden.extend_from_slice(&length_of(first)?);
    hidden.extend_from_slice(first);
    ciphers.outgoing.apply(&mut hidden);
    stream
        .write(&[&secret.mark(), &secret.hidden(torrent), &hidden])
        .await?;

    let mut zeros = ZEROS;
    ciphers.incoming.apply(&mut zeros);
    stream.find(&zeros, MAX_PADDING).await?;
    let method = u32::from_be_bytes(stream.decrypt(&mut ciphers.incoming).await?);
    if method & methods == 0 || !method.is_power_of_two() {
        return Err(MseError::Method);
    }
    stream
        .take_counted(&mut ciphers.incoming, MAX_PADDING)
        .await?;
    Ok(agreed(method, ciphers, stream.rest(), Vec::new()))
}

/// Takes a connection that another began, plain or encrypted. Of an encrypted one the torrent must
/// be among those that `torrents` gives. The caller keeps to [`TIME_LIMIT`].
pub(crate) async fn accept(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    torrents: impl FnOnce() -> Vec<InfoHash>,
) -> Result<Agreed, MseError> {
    let mut stream = Stream::new(stream);
    loop {
        let received = stream.received();
        if Handshake::decode(received).is_err() {
            break;
        }
        if received.len() >= TELLING {
            return Ok(Agreed {
                ciphers: None,
                received: stream.rest(),
            });
        }
        stream.more().await?;
    }
    let keys = KeyPair::generate()?;
    let secret = keys.secret(&stream.take::<KEY_LENGTH>().await?);
    stream.write(&[&keys.public, &padding()?]).await?;
    stream.find(&secret.mark(), MAX_PADDING).await?;
    let name = stream.take::<HASH_LENGTH>().await?;
    let torrent = torrents()
        .into_iter()
        .find(|torrent| secret.hidden(torrent) == name)
        .ok_or(MseError::UnknownTorrent)?;
    let mut ciphers = Ciphers {
        incoming: Cipher::new(&secret.key_of_initiator(&torrent))?,
        outgoing: Cipher::new(&secret.key_of_acceptor(&torrent))?,
    };

    if stream.decrypt(&mut ciphers.incoming).await? != ZEROS {
        return Err(MseError::Key);
    }
    let methods = u32::from_be_bytes(stream.decrypt(&mut ciphers.incoming).await?);
    let method = match methods {
        methods if methods & PLAIN != 0 => PLAIN,
        methods if methods & RC4 != 0 => RC4,
        _ => return Err(MseError::Method),
    };
    stream
        .take_counted(&mut ciphers.incoming, MAX_PADDING)
        .await?;
    let first = stream
        .take_counted(&mut ciphers.incoming, MAX_FIRST_BYTES)
        .await?;

    let mut hidden = answer(method)?;
    ciphers.outgoing.apply(&mut hidden);
    stream.write(&[&hidden]).await?;
    Ok(agreed(method, ciphers, stream.rest(), first))
}

/// `rest` came as the method says, after `first`, which is decrypted already.
fn agreed(method: u32, mut ciphers: Ciphers, mut rest: Vec<u8>, first: Vec<u8>) -> Agreed {
    let ciphers = (method == RC4).then(|| {
        ciphers.incoming.apply(&mut rest);
        ciphers
    });
    let mut received = first;
    received.append(&mut rest);
    Agreed { ciphers, received }
}

/// How what is encrypted of steps 3 and 4 begins: the zeros, the methods, padding with its length.
fn answer(methods: u32) -> Result<Vec<u8>, MseError> {
    let padding = padding()?;
    let mut answer = ZEROS.to_vec();
    answer.extend_from_slice(&methods.to_be_bytes());
    answer.extend_from_slice(&length_of(&padding)?);
    answer.extend_from_slice(&padding);
    Ok(answer)
}

/// Random bytes, of a length that is random too: what hides the handshake.
fn padding() -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    crate::engine::random::fill(&mut length)?;
    let mut padding = vec![0; usize::from(u16::from_ne_bytes(length)) % (MAX_PADDING + 1)];
    crate::engine::random::fill(&mut padding)?;
    Ok(padding)
}

fn length_of(bytes: &[u8]) -> Result<[u8; 2], MseError> {
    let length = u16::try_from(bytes.len()).map_err(|_| MseError::TooLong)?;
    Ok(length.to_be_bytes())
}
