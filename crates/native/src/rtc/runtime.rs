//! The runtime that the `webrtc` crate runs on: threads of its own, so that its cryptography never
//! holds up the engine. A connection stays on its thread, which the crate's authors measured to be
//! faster than letting it wander. Sockets get buffers that a burst of packets fits into, and send
//! to unproven addresses by the rules of [`Checks`](super::checks::Checks).

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

use super::guard::Guard;

/// Bytes that the system may hold for each UDP socket. With the usual 208 KiB most packets of a
/// burst are lost, and SCTP is slow to mend that.
const UDP_BUFFER: usize = 4 << 20;

/// Most threads: each carries about 100 MB/s.
const MAX_THREADS: usize = 4;

/// How often a connection that opens looks for what it has to send. The crate sends what a packet
/// made its handshakes write only at its next timer, which may be 200 ms away.
const LOOK_WHILE_OPENING: Duration = Duration::from_millis(10);

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The threads, started when the first connection is made.
#[derive(Debug)]
pub(super) struct Threads {
    threads: Mutex<Vec<Thread>>,
    count: usize,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Thread {
    handle: Handle,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Threads {
    pub(super) fn new() -> Self {
        // One core is left to the engine.
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let count = cores.saturating_sub(1).clamp(1, MAX_THREADS);
        Self {
            threads: Mutex::default(),
            count,
            next: AtomicUsize::new(0),
        }
    }

    /// A thread, in turn; `None` if the system has none to give.
    fn handle(&self) -> Option<Handle> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.count;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() <= turn
            && let Some(thread) = start()
        {
            threads.push(thread);
        }
        threads
            .get(turn)
            .or(threads.first())
            .map(|thread| thread.handle.clone())
    }
}

fn start() -> Option<Thread> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    let body = move || {
        // Ends when the sender is dropped.
        let _ = runtime.block_on(stopped);
    };
    thread::Builder::new()
        .name("brackish-rtc".to_owned())
        .spawn(body)
        .ok()?;
    Some(Thread {
        handle,
        _stop: stop,
    })
}

#[derive(Debug)]
struct Joined(tokio::task::JoinHandle<()>);

impl JoinHandle for Joined {
    fn detach(&self) {
        // Tokio's tasks run on when their handle is dropped.
    }

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

/// The runtime of one connection.
#[derive(Debug)]
pub(super) struct RtcRuntime {
    threads: Arc<Threads>,
    guard: Arc<Guard>,
}

impl RtcRuntime {
    pub(super) fn new(threads: Arc<Threads>, guard: Arc<Guard>) -> Self {
        Self { threads, guard }
    }
}

impl Runtime for RtcRuntime {
    fn spawn(&self, future: Task) -> Box<dyn JoinHandle> {
        match self.threads.handle() {
            Some(handle) => Box::new(Joined(handle.spawn(future))),
            // Without a thread of its own it shares the caller's.
            None => TokioRuntime.spawn(future),
        }
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        enlarge_buffers(&socket);
        self.guard.wrap(TokioRuntime.wrap_udp_socket(socket)?)
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        remote: SocketAddr,
    ) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        TokioRuntime.connect_tcp(remote)
    }

    fn resolve_host<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        Box::pin(async move {
            // Only the servers that the user named have their names resolved here.
            let addresses = TokioRuntime.resolve_host(host).await?;
            let mut checks = self.guard.checks();
            addresses.iter().for_each(|address| checks.trust(*address));
            Ok(addresses)
        })
    }

    fn sleep(&self, duration: Duration) -> Task {
        let longest = match self.guard.is_opening() {
            true => LOOK_WHILE_OPENING,
            false => Duration::MAX,
        };
        TokioRuntime.sleep(duration.min(longest))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn yield_now(&self) -> Task {
        TokioRuntime.yield_now()
    }

    fn name(&self) -> &'static str {
        "brackish"
    }
}

/// Asks for large buffers: past the system's limit where the process may, else up to it. A system
/// that gives less is only slower.
fn enlarge_buffers(socket: &UdpSocket) {
    #[cfg(target_os = "linux")]
    {
        use rustix::net::sockopt;
        let received = sockopt::set_socket_recv_buffer_size_force(socket, UDP_BUFFER);
        let sent = sockopt::set_socket_send_buffer_size_force(socket, UDP_BUFFER);
        if received.is_ok() && sent.is_ok() {
            return;
        }
    }
    let socket = SockRef::from(socket);
    let _ = socket.set_recv_buffer_size(UDP_BUFFER);
    let _ = socket.set_send_buffer_size(UDP_BUFFER);
}
