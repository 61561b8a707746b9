//! One WebSocket: carries its messages to the tracker machine and the machine's to it, pings a
//! silent peer, and ends the socket when the peer is gone, too slow, or told to go.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use brackish_wire::tracker::ws::MAX_SDP_LENGTH;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Shared;
use super::connections::Ticket;
use super::inlet::{Inlet, TooMuchUnfinished};
use super::outbox::{End, Outbox};
use crate::SocketId;

/// The longest message: one offer of the longest SDP with room for its JSON, or ten of the usual.
const MAX_MESSAGE: usize = 2 * MAX_SDP_LENGTH;

/// What a socket's read buffer takes up for as long as it is open. Announces are a few KiB.
const READ_BUFFER: usize = 8 * 1024;

/// Messages read in one go before what waits for the socket is written, and others have their turn.
const READ_BATCH: usize = 16;

/// How long a socket that the server closes stays open for its peer to read the reason.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Bytes passed over at a time while a peer reads why its socket is closed.
const DISCARDED: usize = 1024;

/// The longest reason in a close frame, in characters: a frame has room for 123 bytes.
const MAX_REASON: usize = 100;

struct Connection {
    shared: Arc<Shared>,
    id: SocketId,
    outbox: Arc<Outbox>,
    socket: WebSocketStream<Inlet>,
    ticket: Ticket,
    /// When the peer was last heard.
    heard: Instant,
    /// When a message must be complete that has begun and not ended.
    complete_by: Option<Instant>,
    /// Whether a ping is under way since then.
    pinged: bool,
    /// Swapped with the outbox's own buffer, so that both are used again.
    batch: Vec<String>,
}

/// Serves a connection whose upgrade has been accepted, until its end. A page of this server's own
/// may bring swarms that are not on its list.
pub(super) async fn serve(
    shared: Arc<Shared>,
    stream: Inlet,
    ticket: Ticket,
    read_already: Bytes,
    of_own_page: bool,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let socket = WebSocketStream::from_partially_read(
        stream,
        read_already.into(),
        Role::Server,
        Some(config),
    )
    .await;
    let (id, outbox) = shared.open_socket(of_own_page);
    let connection = Connection {
        shared: Arc::clone(&shared),
        id,
        outbox,
        socket,
        ticket,
        heard: Instant::now(),
        complete_by: None,
        pinged: false,
        batch: Vec::new(),
    };
    // However the task ends, the machine learns that the socket is closed.
    let _closed = Closed { shared, id };
    connection.run().await;
}

struct Closed {
    shared: Arc<Shared>,
    id: SocketId,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.shared.close_socket(self.id);
    }
}

enum Wake {
    Message(Option<Result<Message, Error>>),
    Outbox,
    Silence,
}

impl Connection {
    async fn run(mut self) {
        let mut silence = pin!(sleep(self.shared.config.ping_after));
        loop {
            match poll_fn(|context| self.poll_wake(context, silence.as_mut())).await {
                Wake::Message(message) => {
                    if !self.read_batch(message).await {
                        return;
                    }
                }
                Wake::Outbox => {}
                Wake::Silence => {
                    let Some(next) = self.ping().await else {
                        return;
                    };
                    silence.as_mut().reset(next);
                }
            }
            if !self.write_batch().await {
                return;
            }
        }
    }

    fn poll_wake(&mut self, context: &mut Context<'_>, mut silence: Pin<&mut Sleep>) -> Poll<Wake> {
        if self.outbox.poll_filled(context.waker()) {
            return Poll::Ready(Wake::Outbox);
        }
        if let Poll::Ready(message) = self.socket.poll_next_unpin(context) {
            return Poll::Ready(Wake::Message(message));
        }
        match (self.socket.get_ref().is_within_message(), self.complete_by) {
            (true, None) => {
                let by = Instant::now() + self.shared.config.message_within;
                self.complete_by = Some(by);
                if by < silence.deadline() {
                    silence.as_mut().reset(by);
                }
            }
            (false, Some(_)) => self.complete_by = None,
            _ => {}
        }
        silence.poll(context).map(|()| Wake::Silence)
    }

    /// Handles `message` and those that have arrived behind it; `false` at the socket's end.
    async fn read_batch(&mut self, message: Option<Result<Message, Error>>) -> bool {
        self.outbox.awake();
        self.heard = Instant::now();
        self.ticket.heard(self.heard.into_std());
        self.pinged = false;
        let mut message = message;
        for left in (0..READ_BATCH).rev() {
            match message {
                Some(Ok(Message::Text(text))) => {
                    self.complete_by = None;
                    self.shared.handle_text(self.id, &text);
                }
                // Some clients send their JSON as binary; what is no UTF-8 counts as malformed.
                Some(Ok(Message::Binary(bytes))) => {
                    self.complete_by = None;
                    self.shared
                        .handle_text(self.id, std::str::from_utf8(&bytes).unwrap_or_default());
                }
                // Pings and close frames are answered when the socket is next polled or flushed.
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.fail(&error).await;
                    return false;
                }
                None => return false,
            }
            if left == 0 {
                break;
            }
            match poll_fn(|context| Poll::Ready(self.socket.poll_next_unpin(context))).await {
                Poll::Ready(next) => message = next,
                Poll::Pending => break,
            }
        }
        true
    }

    /// Writes what waits, in one go; `false` at the socket's end.
    async fn write_batch(&mut self) -> bool {
        let end = self.outbox.take(&mut self.batch);
        if self.batch.is_empty() && end.is_none() {
            return self.flush().await;
        }
        self.shared.count_sent(self.batch.len());
        let written = async {
            for message in self.batch.drain(..) {
                self.socket.feed(Message::text(message)).await?;
            }
            self.socket.flush().await
        };
        let overflow = poll_fn(|context| match self.outbox.poll_overflow(context.waker()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        });
        let written = tokio::select! {
            biased;
            written = timeout(self.shared.config.write_within, written) => matches!(written, Ok(Ok(()))),
            () = overflow => false,
        };
        match end {
            _ if !written => false,
            None => true,
            Some(End::Overflow) => false,
            Some(End::Close { code, reason }) => {
                let _ = timeout(CLOSE_TIMEOUT, self.close(code, reason)).await;
                false
            }
        }
    }

    /// Writes the answers to pings and close frames.
    async fn flush(&mut self) -> bool {
        matches!(
            timeout(self.shared.config.write_within, self.socket.flush()).await,
            Ok(Ok(()))
        )
    }

    /// Ends the socket with a close frame, and waits for the peer's.
    async fn close(&mut self, code: u16, reason: String) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        if self.socket.close(Some(frame)).await.is_ok() {
            // Until the peer has closed too: dropping the connection earlier could take away
            // what it has not read yet.
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }

    /// Ends the socket after what is no message, with a close frame that says why.
    async fn fail(&mut self, error: &Error) {
        let Some(code) = close_code(error) else {
            return;
        };
        self.refuse(code, &error.to_string()).await;
    }

    /// Ends the socket within a message, of which nothing more is taken.
    async fn refuse(&mut self, code: CloseCode, reason: &str) {
        let reason = reason.chars().take(MAX_REASON).collect::<String>();
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        let closed = async {
            if self.socket.close(Some(frame)).await.is_err() {
                return;
            }
            // As above, but what comes is no frame any more.
            let stream = self.socket.get_mut();
            let _ = stream.shutdown().await;
            // On the heap, as every socket's task would be so much larger.
            let mut passed_over = vec![0; DISCARDED];
            while let Ok(1..) = stream.discard(&mut passed_over).await {}
        };
        let _ = timeout(CLOSE_TIMEOUT, closed).await;
    }

    /// After a silence: pings, or gives the peer up; says when to look again.
    async fn ping(&mut self) -> Option<Instant> {
        let config = &self.shared.config;
        let now = Instant::now();
        if let Some(by) = self.complete_by {
            if now < by {
                return Some(by);
            }
            let within = config.message_within.as_secs_f32();
            let reason = format!("a message was not complete within {within} s");
            self.refuse(CloseCode::Policy, &reason).await;
            return None;
        }
        if now < self.heard + config.ping_after {
            return Some(self.heard + config.ping_after);
        }
        if self.pinged {
            return None;
        }
        self.pinged = true;
        let pinged = timeout(
            self.shared.config.write_within,
            self.socket.send(Message::Ping(Bytes::new())),
        )
        .await;
        matches!(pinged, Ok(Ok(()))).then(|| now + config.pong_within)
    }
}

/// The code with which a socket is closed after an error, or `None` if nothing can be said any more.
fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        // There is nobody left.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(_) => Some(CloseCode::Size),
        Error::Io(error) => {
            let inner = error.get_ref();
            inner
                .is_some_and(|inner| inner.is::<TooMuchUnfinished>())
                .then_some(CloseCode::Again)
        }
        _ => None,
    }
}
