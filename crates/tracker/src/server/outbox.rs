//! The bounded queue between the tracker machine, which must never wait, and one socket's task,
//! which waits for its reader. A reader that lets the queue fill up loses its socket.

use std::mem;
use std::sync::Mutex;
use std::task::Waker;

/// Messages that may wait for one socket. A peer of many swarms gets offers in bursts, ten at a
/// time for each announce of another peer; this many are tens of seconds behind.
const MAX_MESSAGES: usize = 512;

/// Bytes that may wait for one socket: 512 offers of ordinary length (2 KiB), so that
/// nobody can tie up more by sending offers of 64 KiB.
const MAX_BYTES: usize = 1 << 20;

/// See the module's own documentation.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: Vec<String>,
    bytes: usize,
    end: Option<End>,
    /// Of the socket's task, while it sleeps.
    waker: Option<Waker>,
}

/// Why a socket is to be ended by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Send what waits, then a close frame.
    Close {
        /// As in RFC 6455, section 7.4.
        code: u16,
        /// In words.
        reason: String,
    },
    /// The reader is too slow: drop the connection.
    Overflow,
}

impl Outbox {
    /// Adds a message, or marks the socket to be dropped if its reader is too far behind.
    pub(super) fn push(&self, message: String) {
        let length = message.len();
        self.change(|queue| {
            if queue.end.is_some() {
                return;
            }
            if queue.messages.len() == MAX_MESSAGES || queue.bytes + length > MAX_BYTES {
                queue.messages = Vec::new();
                queue.end = Some(End::Overflow);
                return;
            }
            queue.bytes += length;
            queue.messages.push(message);
        });
    }

    /// Ends the socket after the messages that wait; later ones are ignored.
    pub(super) fn close(&self, code: u16, reason: String) {
        self.change(|queue| {
            if queue.end.is_none() {
                queue.end = Some(End::Close { code, reason });
            }
        });
    }

    /// Takes all that waits into `messages`, which must be empty, and says whether that is the end.
    pub(super) fn take(&self, messages: &mut Vec<String>) -> Option<End> {
        let mut queue = lock(&self.queue);
        queue.bytes = 0;
        mem::swap(messages, &mut queue.messages);
        queue.end.clone()
    }

    /// Whether there is something to take; if not, the task is woken when there is.
    pub(super) fn poll_filled(&self, waker: &Waker) -> bool {
        let mut queue = lock(&self.queue);
        if !queue.messages.is_empty() || queue.end.is_some() {
            return true;
        }
        queue.sleep(waker);
        false
    }

    /// Whether the reader was too slow; if not, the task is woken when it becomes so (and for less).
    pub(super) fn poll_overflow(&self, waker: &Waker) -> bool {
        let mut queue = lock(&self.queue);
        if queue.end == Some(End::Overflow) {
            return true;
        }
        queue.sleep(waker);
        false
    }

    /// The task is awake and will look by itself: nobody needs to wake it.
    pub(super) fn awake(&self) {
        lock(&self.queue).waker = None;
    }

    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = lock(&self.queue);
        change(&mut queue);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Queue {
    fn sleep(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(old) => old.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
    }
}

/// A thread that panicked while it held a lock leaves nothing half done here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
