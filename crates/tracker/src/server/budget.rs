//! The memory that all connections together may hold in requests and messages that have begun and
//! not ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// See the module's own documentation.
///
/// Once the limit is reached, whoever holds more than an equal share of it and wants more is
/// refused, so that a few with long unfinished messages cannot keep others from sending short ones.
/// All together therefore hold at most twice the limit.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    held: AtomicUsize,
    holders: AtomicUsize,
}

/// What one connection holds of a [`Budget`]; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    held: usize,
}

impl Budget {
    /// `limit` in bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            held: AtomicUsize::new(0),
            holders: AtomicUsize::new(0),
        }
    }

    /// A share in which nothing is held.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            held: 0,
        }
    }
}

impl Share {
    /// Holds so many bytes from now on; `false` if these are too many.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        if bytes == self.held {
            return true;
        }
        let Budget {
            limit,
            held,
            holders,
        } = &*self.budget;
        let holders = match (self.held, bytes) {
            (0, _) => holders.fetch_add(1, Ordering::Relaxed) + 1,
            (_, 0) => holders.fetch_sub(1, Ordering::Relaxed) - 1,
            _ => holders.load(Ordering::Relaxed),
        };
        let grows = bytes > self.held;
        let all = match grows {
            true => held.fetch_add(bytes - self.held, Ordering::Relaxed) + bytes - self.held,
            false => held.fetch_sub(self.held - bytes, Ordering::Relaxed) + bytes - self.held,
        };
        self.held = bytes;
        !grows || all <= *limit || bytes <= limit / holders.max(1)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_only_those_below_an_equal_share_get_more() {
        let budget = Arc::new(Budget::new(1000));
        let mut shares: Vec<Share> = (0..4).map(|_| budget.share()).collect();
        assert!(shares[0].hold(900), "there is room");
        assert!(shares[1].hold(100));
        assert!(shares[2].hold(200), "a third of the limit is more");
        assert!(!shares[0].hold(901));
        assert!(!shares[1].hold(400));
        assert!(shares[1].hold(0));
        assert!(shares[0].hold(10), "less is always well");
        assert!(shares[3].hold(700));
        drop(shares);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
        assert_eq!(budget.holders.load(Ordering::Relaxed), 0);
    }
}
