//! The sockets of one WebRTC connection, with [`Checks`] between them and the `webrtc` crate.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::sync::Notify;
use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

use super::checks::{Checks, NodeChecks, Verdict};

/// What the sockets of a connection have in common.
#[derive(Debug)]
pub(super) struct Guard {
    checks: Mutex<Checks>,
    node: Arc<NodeChecks>,
    /// They live as long as the connection, whoever else waits for their time.
    sockets: Mutex<Vec<Weak<dyn AsyncUdpSocket>>>,
    held: Notify,
    open: AtomicBool,
}

impl Guard {
    pub(super) fn new(node: Arc<NodeChecks>) -> Arc<Self> {
        Arc::new(Self {
            checks: Mutex::default(),
            node,
            sockets: Mutex::default(),
            held: Notify::new(),
            open: AtomicBool::new(false),
        })
    }

    pub(super) fn checks(&self) -> MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The data channel is open.
    pub(super) fn opened(&self) {
        self.open.store(true, Ordering::Relaxed);
    }

    /// Whether the other side was heard and the data channel is not open yet.
    pub(super) fn is_opening(&self) -> bool {
        !self.open.load(Ordering::Relaxed) && self.checks().has_heard()
    }

    /// A socket of the connection. What it sends to unproven addresses goes by the checks.
    pub(super) fn wrap(
        self: &Arc<Self>,
        socket: Arc<dyn AsyncUdpSocket>,
    ) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let loopback = socket.local_addr()?.ip().is_loopback();
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.push(Arc::downgrade(&socket));
        Ok(Arc::new(GuardedSocket {
            guard: self.clone(),
            number: sockets.len() - 1,
            loopback,
            socket,
        }))
    }

    /// Sends what is held, each packet when its time has come. Ends with the connection.
    pub(super) async fn pace(self: Arc<Self>) {
        loop {
            let due = self.checks().due(&self.node, Instant::now());
            match due {
                Some(Ok(due)) => {
                    let socket = self.socket(due.socket);
                    let Some(socket) = socket.and_then(|socket| socket.upgrade()) else {
                        continue;
                    };
                    // A check that is not sent is one that is lost: another follows.
                    let _ = socket.send_to(&due.contents, due.destination).await;
                }
                Some(Err(at)) => tokio::time::sleep_until(at.into()).await,
                None => self.held.notified().await,
            }
        }
    }

    fn socket(&self, number: usize) -> Option<Weak<dyn AsyncUdpSocket>> {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.get(number).cloned()
    }
}

#[derive(Debug)]
struct GuardedSocket {
    guard: Arc<Guard>,
    number: usize,
    loopback: bool,
    socket: Arc<dyn AsyncUdpSocket>,
}

impl GuardedSocket {
    /// Whether a packet is to be sent now.
    fn passes(&self, to: SocketAddr, contents: &[u8]) -> bool {
        // Between loopback and the network there is no way.
        if self.loopback != to.ip().is_loopback() {
            return false;
        }
        let verdict = self.guard.checks().judge(self.number, to, contents);
        if verdict == Verdict::Held {
            self.guard.held.notify_one();
        }
        verdict == Verdict::Now
    }
}

impl AsyncUdpSocket for GuardedSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let to = transmit.destination;
        // Segments go to one address, and are of one kind: many at once are data.
        let first = match transmit.segment_size {
            Some(size) => &transmit.contents[..size.min(transmit.contents.len())],
            None => transmit.contents,
        };
        if !self.passes(to, first) {
            return Poll::Ready(Ok(transmit.contents.len()));
        }
        let sent = ready!(self.socket.poll_send(cx, transmit));
        self.guard.checks().sent(to, first);
        Poll::Ready(sent)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.socket.poll_recv(cx, bufs, meta))?;
        for (buffer, meta) in bufs.iter().zip(meta.iter_mut()).take(count) {
            let datagrams = &buffer[..meta.len];
            let heard = datagrams
                .chunks(meta.stride.max(1))
                .filter(|datagram| may_be_stun(datagram))
                .all(|datagram| self.guard.checks().received(meta.addr, datagram));
            if !heard {
                meta.len = 0;
            }
        }
        Poll::Ready(Ok(count))
    }

    fn max_gso_segments(&self) -> usize {
        self.socket.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.socket.max_gro_segments()
    }
}

/// Whether a datagram is of STUN or TURN, and not of DTLS (RFC 7983).
fn may_be_stun(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(0..=3 | 64..=127))
}
