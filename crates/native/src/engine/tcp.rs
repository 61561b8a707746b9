//! TCP connections: dialled, accepted, read into the session and written from its queue.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use brackish_core::ConnectionId;
use bytes::{Buf, Bytes};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::driver::{Link, Shared};
use crate::trackers::in_words;

/// Bytes read at a time. A read that large takes many blocks in one system call, and stays within
/// the processor's cache until the blocks are copied out of it.
pub(super) const READ_BUFFER: usize = 256 << 10;

/// Bytes that wait in the driver for a socket to take them; the socket has its own buffer besides.
pub(super) const ROOM: usize = 256 << 10;

/// Longest time for a dial.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Most reads of one connection before the others have their turn.
const READS_PER_TURN: usize = 4;

/// Most buffers given to one write. A block and its header are two.
const BUFFERS_PER_WRITE: usize = 64;

/// How long no connection is accepted after that failed, as when the process has too many open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// An open TCP connection and what waits to be sent on it.
pub(super) struct TcpLink {
    stream: TcpStream,
    queue: RefCell<VecDeque<Bytes>>,
    /// The socket took no more; its task waits until it does.
    blocked: Cell<bool>,
    closed: Cell<bool>,
    wake: Notify,
}

impl TcpLink {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            queue: RefCell::default(),
            blocked: Cell::new(false),
            closed: Cell::new(false),
            wake: Notify::new(),
        })
    }

    pub(super) fn push(&self, data: Bytes) {
        self.queue.borrow_mut().push_back(data);
    }

    /// Ends the connection. What waits is dropped.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake.notify_one();
    }

    /// Writes what the socket takes, and says how many bytes that was.
    pub(super) fn flush(&self) -> io::Result<usize> {
        let mut queue = self.queue.borrow_mut();
        let mut sent = 0;
        while !queue.is_empty() && !self.blocked.get() {
            let mut buffers = [IoSlice::new(&[]); BUFFERS_PER_WRITE];
            let count = queue
                .iter()
                .zip(&mut buffers)
                .map(|(data, buffer)| *buffer = IoSlice::new(data))
                .count();
            match self
                .stream
                .try_write_vectored(buffers.get(..count).unwrap_or_default())
            {
                Ok(taken) => {
                    sent += taken;
                    remove(&mut queue, taken);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked.set(true);
                    self.wake.notify_one();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }
}

/// Takes the first `bytes` bytes off the queue.
fn remove(queue: &mut VecDeque<Bytes>, mut bytes: usize) {
    while let Some(first) = queue.front_mut() {
        if first.len() > bytes {
            first.advance(bytes);
            return;
        }
        bytes -= first.len();
        queue.pop_front();
    }
}

/// Accepts peers for as long as the engine runs.
pub(super) async fn accept(driver: Shared, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let Ok(link) = TcpLink::new(stream) else {
                    continue;
                };
                let link = Rc::new(link);
                let accepted = driver.borrow_mut().accept(link.clone(), unmapped(address));
                if let Some(connection) = accepted {
                    tokio::task::spawn_local(serve(driver.clone(), connection, link));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// An IPv4 address that came in as an IPv6 one, as the IPv4 address that it is.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Connects to a peer, then serves the connection until it ends.
pub(super) async fn dial(driver: Shared, connection: ConnectionId, address: SocketAddr) {
    let dialled = tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(address)).await;
    let opened = match dialled {
        Ok(Ok(stream)) => TcpLink::new(stream),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    match opened {
        Ok(link) => {
            let link = Rc::new(link);
            if driver
                .borrow_mut()
                .opened(connection, Link::Tcp(link.clone()), ROOM)
            {
                serve(driver, connection, link).await;
            }
        }
        Err(error) => driver.borrow_mut().ended(connection, in_words(&error)),
    }
}

/// Reads and writes until the connection ends.
async fn serve(driver: Shared, connection: ConnectionId, link: Rc<TcpLink>) {
    let buffer = driver.borrow().read_buffer();
    loop {
        let interest = if link.blocked.get() {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let ready = tokio::select! {
            ready = link.stream.ready(interest) => Some(ready),
            () = link.wake.notified() => None,
        };
        if link.closed.get() {
            return;
        }
        let ready = match ready {
            None => continue,
            Some(Ok(ready)) => ready,
            Some(Err(error)) => return driver.borrow_mut().ended(connection, in_words(&error)),
        };
        if ready.is_writable() && link.blocked.replace(false) {
            driver.borrow_mut().writable(connection);
        }
        if ready.is_readable() || ready.is_error() {
            if let Err(reason) = read(&driver, connection, &link, &buffer) {
                return driver.borrow_mut().ended(connection, reason);
            }
            // Others have their turn even while this socket stays full.
            yield_now().await;
        }
    }
}

/// Reads what is there, up to a bound, straight into the session.
fn read(
    driver: &Shared,
    connection: ConnectionId,
    link: &TcpLink,
    buffer: &RefCell<Box<[u8]>>,
) -> Result<(), String> {
    let mut buffer = buffer.borrow_mut();
    for _ in 0..READS_PER_TURN {
        if link.closed.get() {
            break;
        }
        match link.stream.try_read(&mut buffer) {
            Ok(0) => return Err("closed by the peer".to_owned()),
            Ok(count) => {
                let Some(data) = buffer.get(..count) else {
                    break;
                };
                driver.borrow_mut().received(connection, data);
                if count < buffer.len() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(in_words(&error)),
        }
    }
    Ok(())
}
