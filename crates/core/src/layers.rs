//! Fetching the piece layers of a torrent of version 2 from peers (BEP 52), a run of hashes at a time. Each run comes with
//! a proof, so that a peer that lies is known by its first answer; one that keeps silent is not waited for.

use std::collections::VecDeque;

use brackish_wire::merkle::{Hash, HashRequest};
use brackish_wire::metainfo::{AnswerError, Verifier};

use crate::asking::Asking;
use crate::{ConnectionId, Timestamp};

/// Requests of one peer that are under way: each is answered by up to 16 KiB, so that this is a few hundred KiB on
/// their way.
const MAX_ASKED: usize = 16;

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
    asking: Asking,
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
        let asked = self
            .asked
            .iter()
            .filter(|asked| asked.asking.waits_for(peer, now));
        if asked.count() >= MAX_ASKED {
            return None;
        }
        let v2 = verifier.info().v2()?;
        while self.waiting.is_empty() && self.next_file < v2.files().len() {
            if !verifier.layers().is_complete(v2, self.next_file) {
                self.waiting = v2.layer_requests(self.next_file).into();
            }
            self.next_file += 1;
        }
        if let Some(request) = self.waiting.pop_front() {
            let asking = Asking::default();
            self.asked.push(Asked { request, asking });
        }
        let mut asked = self.asked.iter_mut();
        let next = asked.find(|asked| asked.asking.may_ask(peer, 0, now))?;
        next.asking.ask(peer, now);
        Some(next.request)
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
        match verifier.accept(request, hashes) {
            Ok(()) => {
                self.asked.swap_remove(at);
                Layers::Taken
            }
            Err(error) => {
                self.forget(peer, request);
                Layers::Wrong(error)
            }
        }
    }

    /// The peer refuses: whether it was asked.
    pub fn rejected(&mut self, peer: ConnectionId, request: &HashRequest) -> bool {
        self.forget(peer, request)
    }

    /// The peer is gone: what it was asked for is asked of others.
    pub fn released(&mut self, peer: ConnectionId) {
        for asked in &mut self.asked {
            asked.asking.forget(peer);
        }
    }

    /// Whether every request was answered.
    pub fn is_done(&self, verifier: &Verifier) -> bool {
        let files = verifier.info().v2().map_or(0, |v2| v2.files().len());
        self.waiting.is_empty() && self.asked.is_empty() && self.next_file >= files
    }

    fn forget(&mut self, peer: ConnectionId, request: &HashRequest) -> bool {
        let at = self.position(peer, request);
        if let Some(asked) = at.and_then(|at| self.asked.get_mut(at)) {
            asked.asking.forget(peer);
        }
        at.is_some()
    }

    fn position(&self, peer: ConnectionId, request: &HashRequest) -> Option<usize> {
        self.asked
            .iter()
            .position(|asked| asked.request == *request && asked.asking.was_asked(peer))
    }
}
