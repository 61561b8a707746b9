//! Probes for what is lost at the end of a burst on a data channel. Nothing comes after it that would
//! tell the other side, and SCTP waits for its timer, a whole second at least (RFC 9260, 6.3.1).
//! Keep-alives have the loss told at once, as TCP's probes do (RFC 8985, 7).

use std::future::pending;
use std::time::Duration;

use bytes::BytesMut;

use crate::rtc::{Channel, RtcError};

/// The message of BEP 3 that says nothing.
const KEEP_ALIVE: [u8; 4] = [0; 4];

/// As many reports of what is missing let SCTP send it again before its timer (RFC 9260, 7.2.4).
const PROBES: u32 = 3;

/// Between probes, so that each goes in a packet of its own.
const SPACING: Duration = Duration::from_millis(2);

/// For a channel on which nothing waits to be sent, whole messages having gone: probes each time
/// that nothing was acknowledged for as long as `patience`, until everything is. Ends with the
/// channel alone.
pub(super) async fn probe(channel: &dyn Channel, patience: Duration) -> RtcError {
    let mut before = usize::MAX;
    let mut probes = 0;
    loop {
        let wait = if probes == 0 { patience } else { SPACING };
        tokio::time::sleep(wait).await;
        let unacknowledged = match channel.unacknowledged().await {
            Ok(unacknowledged) => unacknowledged,
            Err(error) => return error,
        };
        if unacknowledged == 0 || probes == PROBES {
            // Nothing is lost, or it is up to the timer.
            return pending().await;
        }
        if unacknowledged < before {
            (before, probes) = (unacknowledged, 0);
            continue;
        }
        let message = BytesMut::from(&KEEP_ALIVE[..]);
        if let Err(error) = channel.send(message, usize::MAX, patience).await {
            return error;
        }
        before = unacknowledged + KEEP_ALIVE.len();
        probes += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;

    use super::*;
    use crate::rtc::ChannelEvent;

    const PATIENCE: Duration = Duration::from_millis(20);

    /// A channel whose other side has stopped, or goes on with so many bytes each time it is asked.
    #[derive(Default)]
    struct Acknowledging {
        unacknowledged: Cell<usize>,
        each_time: usize,
        sent: RefCell<Vec<u8>>,
    }

    impl Channel for Acknowledging {
        fn apply_answer<'a>(&'a self, _: &'a str) -> LocalBoxFuture<'a, Result<(), RtcError>> {
            async { Ok(()) }.boxed_local()
        }
        fn next(&self) -> LocalBoxFuture<'_, ChannelEvent> {
            pending().boxed_local()
        }
        fn try_next(&self) -> Option<ChannelEvent> {
            None
        }
        fn send(
            &self,
            message: BytesMut,
            _: usize,
            _: Duration,
        ) -> LocalBoxFuture<'_, Result<(), RtcError>> {
            self.unacknowledged
                .set(self.unacknowledged.get() + message.len());
            self.sent.borrow_mut().extend_from_slice(&message);
            async { Ok(()) }.boxed_local()
        }
        fn unacknowledged(&self) -> LocalBoxFuture<'_, Result<usize, RtcError>> {
            let left = self.unacknowledged.get().saturating_sub(self.each_time);
            self.unacknowledged.set(left);
            async move { Ok(left) }.boxed_local()
        }
        fn max_message(&self) -> usize {
            usize::MAX
        }
        fn round_trip(&self) -> LocalBoxFuture<'_, Option<Duration>> {
            async { None }.boxed_local()
        }
        fn close(&self) -> LocalBoxFuture<'_, ()> {
            async {}.boxed_local()
        }
    }

    /// What was sent in a good while after `bytes` were.
    fn probed(bytes: usize, each_time: usize) -> Vec<u8> {
        let channel = Acknowledging {
            unacknowledged: Cell::new(bytes),
            each_time,
            ..Acknowledging::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let _ = tokio::time::timeout(PATIENCE * 20, probe(&channel, PATIENCE)).await;
        });
        channel.sent.into_inner()
    }

    #[test]
    fn bytes_that_nobody_acknowledges_are_followed_by_three_keep_alives() {
        assert_eq!(probed(5_000, 0), [0u8; 12]);
    }

    #[test]
    fn nothing_follows_bytes_that_are_acknowledged() {
        assert_eq!(probed(0, 0), [0u8; 0]);
        assert_eq!(probed(5_000, 1_000), [0u8; 0]);
    }
}
