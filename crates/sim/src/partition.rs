//! A network that falls in two and heals: what is on its way between the halves waits, as
//! retransmission has it, and nothing new connects. The trackers are in the first half.

use std::time::Duration;

use brackish_core::Timestamp;

use crate::scenario::NodeIndex;
use crate::world::{Happening, World};

/// Who is cut off from whom, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Partition {
    heals: Timestamp,
    /// Nodes in the second half, in parts of a thousand.
    share: u32,
    /// Decides who they are.
    salt: u64,
}

impl Partition {
    fn is_apart(&self, node: NodeIndex) -> bool {
        let mut place = fastrand::Rng::with_seed(self.salt ^ node as u64);
        place.u32(..1000) < self.share
    }
}

impl World {
    pub(crate) fn split(&mut self, share: u32, lasts: Duration) {
        self.partition = Some(Partition {
            heals: self.now + lasts,
            share,
            salt: self.rng.u64(..),
        });
    }

    fn partition(&self) -> Option<&Partition> {
        self.partition.as_ref().filter(|p| p.heals > self.now)
    }

    /// When two nodes that are apart can reach each other again.
    pub(crate) fn severed(&self, a: NodeIndex, b: NodeIndex) -> Option<Timestamp> {
        let partition = self.partition()?;
        (partition.is_apart(a) != partition.is_apart(b)).then_some(partition.heals)
    }

    /// When a node that is apart can reach the trackers again.
    pub(crate) fn severed_from_trackers(&self, node: NodeIndex) -> Option<Timestamp> {
        let partition = self.partition()?;
        partition.is_apart(node).then_some(partition.heals)
    }

    /// Tells the far end that a connection ended, as soon as it can be told.
    pub(crate) fn end_far(&mut self, near: crate::link::EndIndex, after: Duration) {
        let end = &self.ends[near.0 as usize];
        let Some(far) = end.far else {
            return;
        };
        let heals = self.severed(end.node, self.ends[far.0 as usize].node);
        let at = (self.now + after).max(heals.unwrap_or_default());
        self.queue.push(at, Happening::Ended(far));
    }
}
