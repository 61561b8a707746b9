//! Deterministic simulator of Brackish swarms.
//!
//! A [`Scenario`] says who takes part, over what links and stores, and what goes wrong when. A
//! [`World`] plays it: every node is a real [`brackish_core::Session`], the tracker is the real
//! [`brackish_tracker::Tracker`], and everything between them happens in one queue of events under
//! a virtual clock. One event goes to one node. All randomness comes of the scenario's seed, so the
//! same scenario gives the same trace, event by event; a [`Failure`] names the seed.
//!
//! At every step the world holds what the sessions ask for against the rules they are to keep
//! (safety); at the end every honest peer must have finished (liveness).
//!
//! ```
//! use brackish_sim::{Kind, NodeSpec, Scenario};
//!
//! let mut scenario = Scenario::new(7, 1 << 20, 1 << 16);
//! scenario.add(NodeSpec::seed(Kind::Hybrid));
//! scenario.add(NodeSpec::leech(Kind::Page));
//! scenario.add(NodeSpec::leech(Kind::Tcp));
//! let report = scenario.run().unwrap();
//! assert!(report.nodes.iter().all(|node| node.complete));
//! ```

mod checks;
mod content;
mod failure;
mod link;
mod misbehaviour;
mod network;
mod node;
mod operations;
mod outputs;
mod partition;
mod queue;
mod random;
mod report;
mod scenario;
mod signalling;
mod store;
mod swarm;
mod table;
mod trace;
mod trackers;
mod viewer;
mod world;

pub use failure::{Failure, Problem};
pub use operations::play_operations;
pub use random::{Chaos, random_scenario};
pub use report::{NodeReport, Report};
pub use scenario::{
    Behaviour, Discipline, Fault, Holds, Kind, Leave, LinkSpec, Nat, NodeIndex, NodeSpec, Scenario,
    StoreSpec, Version,
};
pub use swarm::{Bound, homogeneous, mixed};
pub use viewer::{Viewer, Viewing};
pub use world::World;
