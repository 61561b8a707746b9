//! Announces of swarms that are not served yet, which a page of this server's own may be about to
//! bring: it gives a link to its person a moment before the tracker has heard from it.

use std::mem;
use std::time::Duration;

use brackish_wire::InfoHash;
use brackish_wire::tracker::ws::ClientMessage;

use crate::{SocketId, Tracker};

/// How long an announce waits for its swarm before it is refused.
const WAIT: Duration = Duration::from_secs(2);

/// Announces that wait at once, each of at most 128 KiB; more are refused at once.
const MAX_HELD: usize = 64;

/// See the module's own documentation.
#[derive(Debug, Default)]
pub(super) struct Held(Vec<Announce>);

#[derive(Debug)]
struct Announce {
    socket: SocketId,
    info_hash: InfoHash,
    text: String,
    until: Duration,
}

impl Held {
    /// Keeps an announce of a swarm that is not served; `false` if it should be refused now. A socket
    /// has one of them.
    pub(super) fn hold(
        &mut self,
        tracker: &Tracker,
        socket: SocketId,
        info_hash: InfoHash,
        text: &str,
        now: Duration,
    ) -> bool {
        if tracker.check_allowed(info_hash, Some(socket)).is_ok()
            || self.0.len() >= MAX_HELD
            || self.0.iter().any(|held| held.socket == socket)
        {
            return false;
        }
        self.0.push(Announce {
            socket,
            info_hash,
            text: text.to_owned(),
            until: now + WAIT,
        });
        true
    }

    /// Has the tracker handle those whose swarm is there, and those that have waited long enough.
    pub(super) fn release(&mut self, tracker: &mut Tracker, now: Duration) {
        if self.0.is_empty() {
            return;
        }
        for held in mem::take(&mut self.0) {
            let served = tracker
                .check_allowed(held.info_hash, Some(held.socket))
                .is_ok();
            if served || now >= held.until {
                tracker.handle_parsed(held.socket, ClientMessage::parse(&held.text), now);
            } else {
                self.0.push(held);
            }
        }
    }

    /// Forgets that of a socket which has ended.
    pub(super) fn forget(&mut self, socket: SocketId) {
        self.0.retain(|held| held.socket != socket);
    }

    /// When the first has waited long enough.
    pub(super) fn next(&self) -> Option<Duration> {
        self.0.iter().map(|held| held.until).min()
    }
}
