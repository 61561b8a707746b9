//! What the tests share.

use brackish_sim::{Behaviour, Failure, Report, Scenario};

/// Plays a scenario; fails the test with its seed where it fails.
pub fn play<T>(played: Result<T, Failure>) -> T {
    played.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Plays a scenario; every honest node must have everything at its end.
#[allow(dead_code)] // Each test crate uses its own share.
pub fn assert_all_complete(scenario: Scenario) -> Report {
    let report = play(scenario.run());
    for (index, node) in report.nodes.iter().enumerate() {
        assert!(
            node.complete || node.behaviour != Behaviour::Honest,
            "node {index} has {} pieces",
            node.verified
        );
    }
    report
}
