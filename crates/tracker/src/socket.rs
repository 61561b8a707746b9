//! What the machine knows of one open WebSocket: the swarms it is in, under which peer id in each,
//! and how much it may still send.

use std::time::Duration;

use brackish_wire::{InfoHash, PeerId};

use crate::config::Rate;

/// See the module's own documentation.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    /// In no order. A socket has one peer id in each swarm.
    pub(crate) memberships: Vec<(InfoHash, PeerId)>,
    pub(crate) announces: Bucket,
    pub(crate) answers: Bucket,
    pub(crate) malformed: u32,
    /// May be in swarms that are not on the tracker's list.
    pub(crate) trusted: bool,
    /// Told to close: what it still sends is ignored.
    pub(crate) closing: bool,
}

impl Socket {
    pub(crate) fn is_in(&self, info_hash: InfoHash) -> bool {
        self.memberships
            .iter()
            .any(|&(member_of, _)| member_of == info_hash)
    }

    pub(crate) fn forget(&mut self, info_hash: InfoHash) {
        if let Some(position) = self
            .memberships
            .iter()
            .position(|&(member_of, _)| member_of == info_hash)
        {
            self.memberships.swap_remove(position);
        }
    }
}

/// A token bucket, kept as one time (the generic cell rate algorithm): when it would be full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Nanoseconds on the tracker's clock.
    full_at: u64,
}

impl Bucket {
    /// Takes a token; `false` if there is none.
    pub(crate) fn take(&mut self, rate: Rate, now: Duration) -> bool {
        let period = 1_000_000_000 / u64::from(rate.per_second.max(1));
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let full_at = self.full_at.max(now);
        if full_at - now > period.saturating_mul(u64::from(rate.burst.saturating_sub(1))) {
            return false;
        }
        self.full_at = full_at.saturating_add(period);
        true
    }

    /// Whether it is as if nothing had been taken yet.
    pub(crate) fn is_full(&self, now: Duration) -> bool {
        u128::from(self.full_at) <= now.as_nanos()
    }
}
