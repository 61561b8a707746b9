//! Fetching the piece layers of a torrent of version 2 from peers (BEP 52), a run of hashes at a time. Each run comes with
//! a proof, so that one who lies is known by its first answer.

use std::collections::VecDeque;
use std::time::Duration;

use brackish_wire::merkle::{Hash, HashRequest};
use brackish_wire::metainfo::{AnswerError, Verifier};

use crate::{ConnectionId, Timestamp};

/// Requests of one peer that are under way: each is answered by up to 16 KiB, so that this is a few hundred KiB on
/// their way.
const MAX_ASKED: usize = 16;

/// A request that is not answered for this long is asked of another peer.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(crate) struct LayerFetch {
    /// The file whose layer is asked for next.
    next_file: usize,
    /// Requests of that before it which are still to be sent.
    waiting: VecDeque<HashRequest>,
    asked: Vec<Asked>,
}

#[derive(Debug)]
struct Asked {
    request: HashRequest,
    peer: ConnectionId,
    at: Timestamp,
}

/// What came of hashes that a peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Layers {
    /// Nobody asked for them.
    Unasked,
    /// They are true.
    Taken,
    /// They are not.
    Wrong(AnswerError),
}

impl LayerFetch {
    /// The next hashes to ask of a peer.
    pub fn next_request(
        &mut self,
        verifier: &Verifier,
        peer: ConnectionId,
        now: Timestamp,
    ) -> Option<HashRequest> {
        let asked = self.asked.iter().filter(|asked| asked.peer == peer);
        if asked.count() >= MAX_ASKED {
            return None;
        }
        if let Some(late) = self.late(now) {
            (late.peer, late.at) = (peer, now);
            return Some(late.request);
        }
        let v2 = verifier.info().v2()?;
        while self.waiting.is_empty() && self.next_file < v2.files().len() {
            if !verifier.layers().is_complete(v2, self.next_file) {
                self.waiting = v2.layer_requests(self.next_file).into();
            }
            self.next_file += 1;
        }
        let request = self.waiting.pop_front()?;
        self.asked.push(Asked {
            request,
            peer,
            at: now,
        });
        Some(request)
    }

    /// Hashes came.
    pub fn received(
        &mut self,
        verifier: &mut Verifier,
        peer: ConnectionId,
        request: &HashRequest,
        hashes: &[Hash],
    ) -> Layers {
        let Some(at) = self.position(peer, request) else {
            return Layers::Unasked;
        };
        self.asked.swap_remove(at);
        match verifier.accept(request, hashes) {
            Ok(()) => Layers::Taken,
            Err(error) => {
                self.waiting.push_front(*request);
                Layers::Wrong(error)
            }
        }
    }

    /// The peer refuses: whether it was asked.
    pub fn rejected(&mut self, peer: ConnectionId, request: &HashRequest) -> bool {
        let at = self.position(peer, request);
        if let Some(at) = at {
            let asked = self.asked.swap_remove(at);
            self.waiting.push_front(asked.request);
        }
        at.is_some()
    }

    /// The peer is gone: what it was asked for is asked of others.
    pub fn released(&mut self, peer: ConnectionId) {
        let waiting = &mut self.waiting;
        self.asked.retain(|asked| {
            if asked.peer == peer {
                waiting.push_front(asked.request);
            }
            asked.peer != peer
        });
    }

    /// Whether every request was answered.
    pub fn is_done(&self, verifier: &Verifier) -> bool {
        let files = verifier.info().v2().map_or(0, |v2| v2.files().len());
        self.waiting.is_empty() && self.asked.is_empty() && self.next_file >= files
    }

    fn late(&mut self, now: Timestamp) -> Option<&mut Asked> {
        self.asked
            .iter_mut()
            .find(|asked| now.since(asked.at) >= TIMEOUT)
    }

    fn position(&self, peer: ConnectionId, request: &HashRequest) -> Option<usize> {
        self.asked
            .iter()
            .position(|asked| asked.peer == peer && asked.request == *request)
    }
}
