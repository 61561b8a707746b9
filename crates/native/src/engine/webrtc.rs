//! WebRTC connections: signalled by the session, read into it, and written from its queue in joined
//! messages.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use brackish_core::{ConnectionId, Input};
use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, oneshot};

use super::driver::Shared;
use super::probe::probe;
use crate::rtc::pace::Pace;
use crate::rtc::{Channel, ChannelEvent, RtcError, Stack};

/// Bytes that wait in the driver; what the transport holds unacknowledged is bounded besides.
const ROOM: usize = 256 << 10;

/// Longest message sent. The overhead of a message is amortised by here, and every peer takes it.
const MAX_MESSAGE: usize = 64 << 10;

/// Most messages taken before others have their turn.
const MESSAGES_PER_TURN: usize = 32;

/// A WebRTC connection, and what waits to be sent on it.
#[derive(Default)]
pub(super) struct RtcLink {
    queue: RefCell<VecDeque<Bytes>>,
    wake: Notify,
    closed: Cell<bool>,
    close: Notify,
    answer: RefCell<Option<oneshot::Sender<String>>>,
}

impl RtcLink {
    pub(super) fn push(&self, data: Bytes) {
        self.queue.borrow_mut().push_back(data);
    }

    /// Something waits to be sent.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// The remote answer to the offer that was made.
    pub(super) fn answer(&self, sdp: String) {
        if let Some(waiting) = self.answer.borrow_mut().take() {
            // Who waited has ended.
            let _ = waiting.send(sdp);
        }
    }

    /// Ends the connection. What waits is dropped.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.close.notify_one();
    }

    /// The next message: what waits, joined up to `limit` bytes; `None` if nothing waits.
    fn next_message(&self, limit: usize) -> Option<BytesMut> {
        let mut queue = self.queue.borrow_mut();
        let waiting: usize = queue.iter().map(Bytes::len).sum();
        if waiting == 0 {
            return None;
        }
        let mut message = BytesMut::with_capacity(waiting.min(limit));
        while let Some(first) = queue.front_mut() {
            let free = limit - message.len();
            if free == 0 {
                break;
            }
            if first.len() > free {
                message.extend_from_slice(&first.split_to(free));
                break;
            }
            message.extend_from_slice(first);
            queue.pop_front();
        }
        Some(message)
    }
}

/// Makes, serves and ends one connection. Without an offer it makes one.
pub(super) async fn run(
    driver: Shared,
    connection: ConnectionId,
    link: Rc<RtcLink>,
    stack: Rc<dyn Stack>,
    offer: Option<String>,
) {
    let made = tokio::select! {
        made = stack.make(offer.as_deref()) => made,
        () = link.close.notified() => return,
    };
    let channel = match made {
        Ok((channel, sdp)) => {
            let (sender, answered) = oneshot::channel();
            if offer.is_none() {
                *link.answer.borrow_mut() = Some(sender);
            }
            driver
                .borrow_mut()
                .input(Input::LocalDescription { connection, sdp });
            let reason = tokio::select! {
                reason = serve(&driver, connection, &link, &*channel, offer.is_none().then_some(answered)) => Some(reason),
                () = link.close.notified() => None,
            };
            if let Some(reason) = reason {
                driver.borrow_mut().ended(connection, reason);
            }
            channel
        }
        Err(error) => return driver.borrow_mut().ended(connection, error.to_string()),
    };
    driver.borrow_mut().farewells += 1;
    channel.close().await;
    driver.borrow_mut().farewells -= 1;
}

/// Waits for the answer if one is due, then carries bytes until the connection ends. Gives the
/// reason.
async fn serve(
    driver: &Shared,
    connection: ConnectionId,
    link: &RtcLink,
    channel: &dyn Channel,
    answer: Option<oneshot::Receiver<String>>,
) -> String {
    if let Some(answer) = answer {
        let Ok(sdp) = answer.await else {
            return "no answer".to_owned();
        };
        if let Err(error) = channel.apply_answer(&sdp).await {
            return error.to_string();
        }
    }
    let open = Notify::new();
    tokio::select! {
        reason = read(driver, connection, link, channel, &open) => reason,
        error = write(driver, connection, link, channel, &open) => error.to_string(),
    }
}

/// Takes what happens on the channel until it ends.
async fn read(
    driver: &Shared,
    connection: ConnectionId,
    link: &RtcLink,
    channel: &dyn Channel,
    open: &Notify,
) -> String {
    let mut taken = 0;
    loop {
        let event = match channel.try_next() {
            Some(event) if taken < MESSAGES_PER_TURN => event,
            Some(event) => {
                taken = 0;
                tokio::task::yield_now().await;
                event
            }
            None => {
                taken = 0;
                channel.next().await
            }
        };
        taken += 1;
        if link.closed.get() {
            return String::new();
        }
        match event {
            ChannelEvent::Open => {
                driver.borrow_mut().input(Input::Opened {
                    connection,
                    room: ROOM,
                });
                open.notify_one();
            }
            ChannelEvent::Message(data) if data.is_empty() => {}
            ChannelEvent::Message(data) => driver.borrow_mut().received(connection, &data),
            ChannelEvent::Closed(reason) => return reason,
        }
    }
}

/// Sends what waits, never more than the pace allows unacknowledged.
async fn write(
    driver: &Shared,
    connection: ConnectionId,
    link: &RtcLink,
    channel: &dyn Channel,
    open: &Notify,
) -> RtcError {
    open.notified().await;
    let limit = channel.max_message().min(MAX_MESSAGE);
    let mut pace = Pace::new();
    loop {
        let Some(message) = link.next_message(limit.min(pace.message())) else {
            tokio::select! {
                () = link.wake.notified() => continue,
                error = probe(channel, pace.patience()) => return error,
            }
        };
        let bytes = message.len();
        let sent = channel.send(message, pace.window(), pace.patience());
        if let Err(error) = sent.await {
            return error;
        }
        if pace.sent(bytes) {
            pace.measured(channel.round_trip().await);
        }
        driver.borrow_mut().input(Input::Sent { connection, bytes });
    }
}
