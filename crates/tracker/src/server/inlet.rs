//! A connection's bytes, watched as they pass: what has begun and not ended is held against the
//! budget of all connections, and an answer that nobody reads ends the connection.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::budget::Share;
use super::framing::Framing;
use super::stream::Stream;

/// See the module's own documentation.
#[derive(Debug)]
pub(super) struct Inlet {
    stream: Stream,
    share: Share,
    within: Within,
    /// How long an answer may wait for its client to take some of it. A WebSocket has its own
    /// time-outs.
    write_within: Duration,
    /// Runs while nothing can be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What the bytes are.
#[derive(Debug)]
enum Within {
    Requests {
        /// How many requests have been read to the end of their heads.
        whole: Arc<AtomicUsize>,
        /// How many there were when bytes were last read, and how many bytes have come since.
        known: usize,
        bytes: usize,
    },
    Messages(Framing),
}

/// Why a read fails when a connection may hold no more.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("all connections together hold too much that is unfinished")]
pub(super) struct TooMuchUnfinished;

impl Inlet {
    /// For requests; `whole` counts those whose heads are complete.
    pub(super) fn of_requests(
        stream: Stream,
        share: Share,
        whole: Arc<AtomicUsize>,
        write_within: Duration,
    ) -> Self {
        let within = Within::Requests {
            whole,
            known: 0,
            bytes: 0,
        };
        Self {
            stream,
            share,
            within,
            write_within,
            stalled: None,
        }
    }

    /// The same connection once it carries messages, of which some bytes have been read already.
    pub(super) fn into_messages(mut self, read_already: &[u8]) -> Self {
        let mut framing = Framing::default();
        framing.read(read_already);
        self.share.hold(framing.held());
        self.within = Within::Messages(framing);
        self.stalled = None;
        self
    }

    /// Reads what counts for nothing any more; how many bytes.
    pub(super) async fn discard(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.share.hold(0);
        self.stream.read(into).await
    }

    /// Whether a message has begun that has not ended.
    pub(super) fn is_within_message(&self) -> bool {
        matches!(&self.within, Within::Messages(framing) if framing.held() > 0)
    }

    /// Follows what was read; `false` if the connection holds too much now.
    fn follow(&mut self, read: &[u8]) -> bool {
        let held = match &mut self.within {
            Within::Requests {
                whole,
                known,
                bytes,
            } => {
                let whole = whole.load(Ordering::Relaxed);
                if whole != *known {
                    (*known, *bytes) = (whole, 0);
                }
                *bytes += read.len();
                *bytes
            }
            Within::Messages(framing) => {
                framing.read(read);
                framing.held()
            }
        };
        self.share.hold(held)
    }

    /// What a write gives, unless nothing could be written for too long.
    fn paced<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if matches!(self.within, Within::Messages(_)) {
            return written;
        }
        // What is answered has been read to its end.
        self.follow(&[]);
        if written.is_ready() {
            self.stalled = None;
        } else {
            let write_within = self.write_within;
            let stalled = self
                .stalled
                .get_or_insert_with(|| Box::pin(sleep(write_within)));
            ready!(stalled.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        written
    }
}

impl AsyncRead for Inlet {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let inlet = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut inlet.stream).poll_read(context, buffer))?;
        Poll::Ready(match inlet.follow(&buffer.filled()[before..]) {
            true => Ok(()),
            false => Err(io::Error::other(TooMuchUnfinished)),
        })
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let inlet = self.get_mut();
        let written = Pin::new(&mut inlet.stream).poll_write(context, bytes);
        inlet.paced(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inlet = self.get_mut();
        let written = Pin::new(&mut inlet.stream).poll_write_vectored(context, slices);
        inlet.paced(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let inlet = self.get_mut();
        let flushed = Pin::new(&mut inlet.stream).poll_flush(context);
        inlet.paced(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
