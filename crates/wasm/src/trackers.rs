//! What the page is told of trackers beyond what the session says: those that a page cannot use, and those that take a
//! connection and answer nothing.

use brackish_core::{SocketId, TorrentId};

use crate::driver::Driver;
use crate::host::milliseconds;
use crate::socket::Answer;

/// Milliseconds that a tracker has for an answer, or for opening its socket. Public trackers take up to some two seconds.
const PATIENCE: f64 = 8_000.0;

impl Driver {
    /// Tells the page of trackers that do not answer and of torrents that have none. To be called every second or so.
    pub(crate) fn watch_trackers(&'static self) {
        let now = milliseconds();
        let mut silent: Vec<(SocketId, String, bool, Answer)> = Vec::new();
        for (id, socket) in self.sockets.borrow_mut().iter_mut() {
            let answer = socket.answer();
            let late = match answer {
                Answer::Awaited(since) => now - since > PATIENCE,
                Answer::Garbled => true,
                Answer::Given | Answer::Missed => false,
            };
            if late {
                silent.push((*id, socket.url().to_owned(), socket.is_open(), answer));
                socket.missed();
            }
        }
        for (id, url, open, answer) in silent {
            if !open {
                // The session goes on to another one and tries this one again later.
                self.close_socket(id, NO_CONNECTION.to_owned());
                continue;
            }
            let why = match answer {
                Answer::Garbled => "it sends what is no answer of a tracker",
                _ => NO_ANSWER,
            };
            for torrent in self.torrents_of(&url) {
                self.warn(torrent, "tracker", format!("{url}: {why}"));
            }
        }
        self.tell_without_tracker();
    }

    /// Whether a tracker was given up as one that answers nothing.
    pub(crate) fn is_silent(&self, url: &str) -> bool {
        let sockets = self.sockets.borrow();
        let mut of_url = sockets.values().filter(|socket| socket.url() == url);
        of_url.any(|socket| socket.answer() == Answer::Missed)
    }

    /// Trackers of a torrent that a page cannot use.
    pub(crate) fn unusable_trackers(&self, id: TorrentId) -> Vec<String> {
        let torrents = self.torrents.borrow();
        let urls = torrents
            .get(&id)
            .into_iter()
            .flat_map(|t| t.trackers.iter());
        urls.flatten()
            .filter(|url| !is_usable(url))
            .cloned()
            .collect()
    }

    fn tell_without_tracker(&self) {
        let mut without = Vec::new();
        for (id, torrent) in self.torrents.borrow_mut().iter_mut() {
            let usable = torrent.trackers.iter().flatten().any(|url| is_usable(url));
            if !usable && !torrent.no_tracker_told {
                torrent.no_tracker_told = true;
                without.push((*id, torrent.trackers.is_empty()));
            }
        }
        for (id, none) in without {
            let what = match none {
                true => "it names no tracker",
                false => "it names none but those for other programs (udp: and http:)",
            };
            let message = format!(
                "the torrent has no tracker that a page can use, so pages do not find each other: {what}; give one that \
                 begins with wss:"
            );
            self.warn(id, "no-tracker", message);
        }
    }

    fn torrents_of(&self, url: &str) -> Vec<TorrentId> {
        let torrents = self.torrents.borrow();
        let of_url = torrents
            .iter()
            .filter(|(_, torrent)| torrent.trackers.iter().flatten().any(|known| known == url));
        of_url.map(|(id, _)| *id).collect()
    }
}

/// Why a tracker is given up that does not open its socket.
const NO_CONNECTION: &str = "it does not answer to the connection";

/// Why a tracker counts as failed that does not answer.
pub const NO_ANSWER: &str = "it takes the connection and does not answer";

/// Why a tracker is not used.
pub const UNUSABLE: &str = "a page can use WebSocket trackers (ws:, wss:) alone";

fn is_usable(url: &str) -> bool {
    let scheme = url.split("://").next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("ws") || scheme.eq_ignore_ascii_case("wss")
}
