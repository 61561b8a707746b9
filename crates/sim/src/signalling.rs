//! WebRTC: descriptions that name an end of the world instead of candidates, and whether two ends
//! that have exchanged them connect.

use std::time::Duration;

use brackish_core::{ConnectionId, Input};

use crate::link::{EndIndex, EndState};
use crate::scenario::NodeIndex;
use crate::world::{Happening, World};

/// Gathering candidates.
const GATHERING: Duration = Duration::from_millis(80);

/// When ICE gives up.
const ICE_FAILS: Duration = Duration::from_secs(10);

/// What stands before an end's index in an offer, and in an answer.
const OFFER: &str = "v=0 sim offer ";
const ANSWER: &str = "v=0 sim answer ";

impl World {
    pub(crate) fn make_offer(&mut self, node: NodeIndex, id: ConnectionId) {
        if let Some(end) = self.new_end(node, id, Duration::ZERO) {
            self.describe_later(end);
        }
    }

    pub(crate) fn make_answer(&mut self, node: NodeIndex, id: ConnectionId, offer: &str) {
        let offering = self.end_named(offer, OFFER);
        let Some(end) = self.new_end(node, id, Duration::ZERO) else {
            return;
        };
        match offering {
            Some(offering) => {
                self.end(end).answers = Some(offering);
                self.describe_later(end);
            }
            // What cannot be read as a description is refused soon.
            None => self.push(GATHERING, Happening::Ended(end)),
        }
    }

    pub(crate) fn apply_answer(&mut self, offering: EndIndex, answer: &str) {
        let answering = self
            .end_named(answer, ANSWER)
            .filter(|end| self.ends[end.0 as usize].answers == Some(offering));
        let Some(answering) = answering else {
            return self.push(GATHERING, Happening::Ended(offering));
        };
        let nodes = [offering, answering].map(|end| self.ends[end.0 as usize].node);
        let nats = nodes.map(|node| self.nodes[node].spec.link.nat);
        if !nats[0].connects(nats[1]) || self.severed(nodes[0], nodes[1]).is_some() {
            self.push(ICE_FAILS, Happening::Ended(offering));
            self.push(ICE_FAILS, Happening::Ended(answering));
            return;
        }
        // A check and its answer, two for DTLS, one for SCTP.
        let round_trip = 2 * self.path_delay(nodes[0], nodes[1]);
        self.push(4 * round_trip, Happening::Connected(offering, answering));
    }

    /// The description of an end is made.
    pub(crate) fn described(&mut self, index: EndIndex) {
        let end = self.end(index);
        if end.state == EndState::Gone {
            return;
        }
        let (node, connection) = (end.node, end.id);
        let word = if end.answers.is_some() { ANSWER } else { OFFER };
        let sdp = format!("{word}{}", index.0);
        self.give(node, Input::LocalDescription { connection, sdp });
    }

    pub(crate) fn connected(&mut self, offering: EndIndex, answering: EndIndex) {
        let ends = [offering, answering];
        let pending = ends.map(|end| self.end(end).state == EndState::Pending);
        if pending != [true, true] {
            for (end, _) in ends
                .into_iter()
                .zip(pending)
                .filter(|(_, pending)| *pending)
            {
                self.push(ICE_FAILS, Happening::Ended(end));
            }
            return;
        }
        let nodes = ends.map(|end| self.end(end).node);
        let delay = self.path_delay(nodes[0], nodes[1]);
        for end in ends {
            self.end(end).delay = delay;
        }
        self.tie(offering, answering);
        self.push(delay, Happening::Opened(answering));
        self.opened(offering);
    }

    fn describe_later(&mut self, end: EndIndex) {
        let jitter = Duration::from_millis(self.rng.u64(..40));
        self.push(GATHERING + jitter, Happening::Described(end));
    }

    fn end_named(&self, description: &str, word: &str) -> Option<EndIndex> {
        let index = description.strip_prefix(word)?.parse().ok()?;
        ((index as usize) < self.ends.len()).then_some(EndIndex(index))
    }
}
