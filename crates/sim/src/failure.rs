//! How a run fails.

use std::fmt;

use brackish_core::Timestamp;

use crate::scenario::NodeIndex;

/// A run that broke a rule, with what is needed to see it again.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "seed {seed}, at {:.6} s after {steps} events: {problem}",
    at.as_micros() as f64 / 1e6
)]
pub struct Failure {
    /// The scenario's seed.
    pub seed: u64,
    /// When, from the start of the run.
    pub at: Timestamp,
    /// How many events had been played.
    pub steps: u64,
    /// Which rule.
    pub problem: Problem,
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Safety: a session asked for something that it may never ask for.
    Unsafe {
        /// Whose session.
        node: NodeIndex,
        /// What it did.
        what: String,
    },
    /// Liveness: honest nodes had not finished in time.
    Unfinished {
        /// Which, with their progress in words.
        nodes: Vec<(NodeIndex, String)>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe { node, what } => write!(f, "node {node} {what}"),
            Self::Unfinished { nodes } => {
                write!(f, "{} nodes did not finish:", nodes.len())?;
                for (node, progress) in nodes.iter().take(8) {
                    write!(f, " {node} ({progress})")?;
                }
                Ok(())
            }
        }
    }
}
