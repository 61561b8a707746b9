//! Open TCP connections: read into the session and written from its queue.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;

use brackish_core::ConnectionId;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::driver::Shared;
use crate::http::in_words;
use crate::mse::Ciphers;

/// Bytes read at a time. A read that large takes many blocks in one system call, and stays within
/// the processor's cache until the blocks are copied out of it.
const READ_BUFFER: usize = 256 << 10;

/// Where they go begins at a line of the processor's cache: to 16 bytes behind one, which is where an
/// allocator puts a large buffer, the system copies up to four times as slowly.
const ALIGNMENT: usize = 64;

/// Bytes that wait in the driver for a socket to take them; the socket has its own buffer besides.
pub(super) const ROOM: usize = 256 << 10;

/// Most reads of one connection before the others have their turn.
const READS_PER_TURN: usize = 4;

/// The same while the socket takes nothing: each answer to what is read so waits.
const READ_WHILE_BLOCKED: usize = 16 << 10;

/// Most buffers given to one write. A block and its header are two.
const BUFFERS_PER_WRITE: usize = 64;

/// The memory that sockets are read into.
pub(super) fn read_buffer() -> BytesMut {
    let mut buffer = BytesMut::zeroed(READ_BUFFER + ALIGNMENT);
    let skipped = buffer.as_ptr().align_offset(ALIGNMENT);
    buffer.advance(skipped.min(ALIGNMENT));
    buffer.truncate(READ_BUFFER);
    buffer
}

/// A TCP connection and what waits to be sent on it.
pub(super) struct TcpLink {
    /// There once it is known how the other end speaks.
    stream: OnceCell<TcpStream>,
    /// Unless it speaks plainly.
    ciphers: RefCell<Option<Ciphers>>,
    queue: RefCell<VecDeque<Bytes>>,
    /// The socket took no more; its task waits until it does.
    blocked: Cell<bool>,
    closed: Cell<bool>,
    /// Nothing is read: the peer does not read what it asked for.
    held: Cell<bool>,
    wake: Notify,
}

impl TcpLink {
    /// A connection of which it is not known yet how the other end speaks: what is to be sent waits.
    pub(super) fn new() -> Self {
        Self {
            stream: OnceCell::new(),
            ciphers: RefCell::default(),
            queue: RefCell::default(),
            blocked: Cell::new(false),
            closed: Cell::new(false),
            held: Cell::new(false),
            wake: Notify::new(),
        }
    }

    /// From now on it goes by this stream. Once for each link.
    pub(super) fn begin(&self, stream: TcpStream, mut ciphers: Option<Ciphers>) {
        if let Some(ciphers) = &mut ciphers {
            for data in self.queue.borrow_mut().iter_mut() {
                *data = ciphers.outgoing.applied(std::mem::take(data));
            }
        }
        *self.ciphers.borrow_mut() = ciphers;
        // A link that has begun keeps its stream.
        let _ = self.stream.set(stream);
    }

    pub(super) fn push(&self, data: Bytes) {
        let data = match &mut *self.ciphers.borrow_mut() {
            Some(ciphers) => ciphers.outgoing.applied(data),
            None => data,
        };
        self.queue.borrow_mut().push_back(data);
    }

    /// Takes what the session sends first, to be sent in another way.
    pub(super) fn take_first(&self) -> Option<Bytes> {
        self.queue.borrow_mut().pop_front()
    }

    /// Ends the connection. What waits is dropped.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake.notify_one();
    }

    /// Reads nothing from now on, or goes on.
    pub(super) fn hold(&self, held: bool) {
        self.held.set(held);
        self.wake.notify_one();
    }

    /// What its task waits for.
    fn interest(&self) -> Option<Interest> {
        match (self.held.get(), self.blocked.get()) {
            (false, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, true) => Some(Interest::WRITABLE),
            (true, false) => None,
        }
    }

    /// Bytes to read at once: a peer that leaves answers unread is not asked for many more.
    fn appetite(&self) -> usize {
        match self.blocked.get() {
            true => READ_WHILE_BLOCKED,
            false => READ_BUFFER,
        }
    }

    /// Waits for the session to end the connection.
    pub(super) async fn closed(&self) {
        while !self.closed.get() {
            self.wake.notified().await;
        }
    }

    /// Writes what the socket takes, and says how many bytes that was.
    pub(super) fn flush(&self) -> io::Result<usize> {
        let Some(stream) = self.stream.get() else {
            return Ok(0);
        };
        let mut queue = self.queue.borrow_mut();
        let mut sent = 0;
        while !queue.is_empty() && !self.blocked.get() {
            let mut buffers = [IoSlice::new(&[]); BUFFERS_PER_WRITE];
            let count = queue
                .iter()
                .zip(&mut buffers)
                .map(|(data, buffer)| *buffer = IoSlice::new(data))
                .count();
            match stream.try_write_vectored(buffers.get(..count).unwrap_or_default()) {
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

/// Reads and writes until the connection ends, once it is known how the other end speaks.
pub(super) async fn serve(driver: Shared, connection: ConnectionId, link: Rc<TcpLink>) {
    let Some(stream) = link.stream.get() else {
        return;
    };
    let buffer = driver.borrow().read_buffer();
    loop {
        let ready = async {
            match link.interest() {
                Some(interest) => stream.ready(interest).await,
                None => std::future::pending().await,
            }
        };
        let ready = tokio::select! {
            ready = ready => Some(ready),
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
        if !link.held.get() && (ready.is_readable() || ready.is_error()) {
            if let Err(reason) = read(&driver, connection, &link, stream, &buffer) {
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
    stream: &TcpStream,
    buffer: &RefCell<BytesMut>,
) -> Result<(), String> {
    let mut buffer = buffer.borrow_mut();
    for _ in 0..READS_PER_TURN {
        if link.closed.get() || link.held.get() {
            break;
        }
        let most = buffer.len().min(link.appetite());
        let Some(buffer) = buffer.get_mut(..most) else {
            break;
        };
        match stream.try_read(buffer) {
            Ok(0) => return Err("closed by the peer".to_owned()),
            Ok(count) => {
                let Some(data) = buffer.get_mut(..count) else {
                    break;
                };
                if let Some(ciphers) = &mut *link.ciphers.borrow_mut() {
                    ciphers.incoming.apply(data);
                }
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
