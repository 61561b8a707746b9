//! How a TCP connection begins: dialled or accepted, plain or encrypted. The session has it from when
//! it is open, and so bounds how many there are and how long they may take; what is sent on it waits
//! until it is known how the other end speaks.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use brackish_core::{ConnectionId, Input};
use brackish_wire::message::Handshake;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::driver::{Driver, Link, Shared};
use super::listen;
use super::tcp::{ROOM, TcpLink, serve};
use crate::descriptors;
use crate::http::in_words;
use crate::mse::{self, Agreed, MseError};

/// Longest time for a dial.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long no connection is accepted after that failed, as when the process has too many open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Peers remembered that want an encrypted handshake: as many as are known of one torrent. With
/// more all are forgotten, which costs each of them one dial.
const MAX_ENCRYPTED_PEERS: usize = 2000;

/// Peers that cut off a plain handshake and took an encrypted one.
#[derive(Default)]
pub(super) struct EncryptedPeers(BTreeSet<SocketAddr>);

impl EncryptedPeers {
    fn remember(&mut self, address: SocketAddr) {
        if self.0.len() >= MAX_ENCRYPTED_PEERS {
            self.0.clear();
        }
        self.0.insert(address);
    }
}

/// Accepts peers for as long as the engine runs.
pub(super) async fn accept(driver: Shared, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                if stream.set_nodelay(true).is_err() {
                    continue;
                }
                let address = unmapped(address);
                let Some(admitted) = driver.borrow().admission.admit(address.ip()) else {
                    continue;
                };
                let link = Rc::new(TcpLink::new());
                let accepted = driver.borrow_mut().accept(link.clone(), address);
                if let Some(connection) = accepted {
                    let welcome = welcome(driver.clone(), connection, link, stream);
                    tokio::task::spawn_local(async move {
                        welcome.await;
                        drop(admitted);
                    });
                }
            }
            Err(error) => {
                if descriptors::are_short(&error) {
                    driver.borrow().handles.make_room();
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// An IPv4 address that came in as an IPv6 one, as the IPv4 address that it is.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Learns how a peer that came speaks, then serves it until it ends.
async fn welcome(
    driver: Shared,
    connection: ConnectionId,
    link: Rc<TcpLink>,
    mut stream: TcpStream,
) {
    let swarms = || driver.borrow().session.swarms().collect();
    let agreed = tokio::select! {
        () = link.closed() => return,
        agreed = in_time(mse::accept(&mut stream, swarms)) => agreed,
    };
    match agreed {
        Ok(Agreed { ciphers, received }) => {
            link.begin(stream, ciphers);
            driver.borrow_mut().received(connection, &received);
            serve(driver, connection, link).await;
        }
        Err(error) => driver.borrow_mut().ended(connection, why(&error)),
    }
}

/// Connects to a peer, then serves the connection until it ends.
pub(super) async fn dial(driver: Shared, connection: ConnectionId, address: SocketAddr) {
    let bind = driver.borrow().bind.clone();
    let stream = match connect(address, &bind).await {
        Ok(stream) => stream,
        Err(error) => return driver.borrow_mut().ended(connection, in_words(&error)),
    };
    let link = Rc::new(TcpLink::new());
    if !driver
        .borrow_mut()
        .opened(connection, Link::Tcp(link.clone()), ROOM)
    {
        return;
    }
    // The session's handshake: a peer that accepts waits for it.
    let Some(first) = link.take_first() else {
        return driver
            .borrow_mut()
            .ended(connection, "nothing to say".to_owned());
    };
    let greeted = tokio::select! {
        () = link.closed() => return,
        greeted = greet(&driver, address, stream, &first) => greeted,
    };
    match greeted {
        Ok((stream, Agreed { ciphers, received })) => {
            link.begin(stream, ciphers);
            driver
                .borrow_mut()
                .greeted(connection, first.len(), &received);
            serve(driver, connection, link).await;
        }
        Err(error) => driver.borrow_mut().ended(connection, why(&error)),
    }
}

impl Driver {
    /// A peer that was dialled has its first bytes, and may have answered.
    fn greeted(&mut self, connection: ConnectionId, bytes: usize, received: &[u8]) {
        self.input(Input::Sent { connection, bytes });
        if !received.is_empty() {
            self.received(connection, received);
        }
        self.writable(connection);
    }
}

/// Sends a peer the first bytes, plainly, unless it is known to want them encrypted. If it hangs up
/// on that without a word, another connection is made and encrypted.
async fn greet(
    driver: &Shared,
    address: SocketAddr,
    stream: TcpStream,
    first: &Bytes,
) -> Result<(TcpStream, Agreed), MseError> {
    if driver.borrow().encrypted_peers.0.contains(&address) {
        let greeted = greet_encrypted(stream, first).await;
        if greeted.is_err() {
            driver.borrow_mut().encrypted_peers.0.remove(&address);
        }
        return greeted;
    }
    let failure = match greet_plainly(stream, first).await {
        Ok(stream) => {
            let agreed = Agreed {
                ciphers: None,
                received: Vec::new(),
            };
            return Ok((stream, agreed));
        }
        Err(error) => error,
    };
    // What the first connection died of tells more than why the second was no better.
    let bind = driver.borrow().bind.clone();
    let Ok(stream) = connect(address, &bind).await else {
        return Err(failure);
    };
    let greeted = greet_encrypted(stream, first).await.map_err(|_| failure)?;
    driver.borrow_mut().encrypted_peers.remember(address);
    Ok(greeted)
}

/// Gives the stream back once the peer has answered; the session bounds how long that may take.
async fn greet_plainly(mut stream: TcpStream, first: &[u8]) -> Result<TcpStream, MseError> {
    stream.write_all(first).await?;
    match stream.peek(&mut [0]).await? {
        0 => Err(MseError::Closed),
        _ => Ok(stream),
    }
}

async fn greet_encrypted(
    mut stream: TcpStream,
    first: &[u8],
) -> Result<(TcpStream, Agreed), MseError> {
    let Ok(Some(handshake)) = Handshake::decode(first) else {
        return Err(MseError::UnknownTorrent);
    };
    let agreed = in_time(mse::initiate(&mut stream, &handshake.info_hash, first)).await?;
    Ok((stream, agreed))
}

async fn in_time(
    agreeing: impl Future<Output = Result<Agreed, MseError>>,
) -> Result<Agreed, MseError> {
    match timeout(mse::TIME_LIMIT, agreeing).await {
        Ok(agreed) => agreed,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

async fn connect(address: SocketAddr, bind: &[IpAddr]) -> io::Result<TcpStream> {
    let stream = match timeout(DIAL_TIMEOUT, listen::connect(address, bind)).await {
        Ok(stream) => stream?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn why(error: &MseError) -> String {
    match error {
        MseError::Io(error) => in_words(error),
        error => error.to_string(),
    }
}
