//! Swarms of two and three, in which everything that follows must work.

use brackish_sim::{Kind, NodeSpec, Scenario};

fn assert_all_complete(scenario: Scenario) -> brackish_sim::Report {
    let report = scenario.run().unwrap_or_else(|failure| panic!("{failure}"));
    assert!(report.nodes.iter().all(|node| node.complete));
    report
}

#[test]
fn a_tcp_peer_downloads_from_another_without_a_tracker() {
    let mut scenario = Scenario::new(1, 5_000_000, 1 << 16);
    scenario.tracker = false;
    let seed = scenario.add(NodeSpec::seed(Kind::Tcp));
    scenario.add(NodeSpec::leech(Kind::Tcp).knows(&[seed]));
    let report = assert_all_complete(scenario);
    assert_eq!(report.nodes[1].downloaded, 5_000_000);
}

#[test]
fn a_page_downloads_from_a_page_through_the_tracker() {
    let mut scenario = Scenario::new(2, 5_000_000, 1 << 16);
    scenario.add(NodeSpec::seed(Kind::Page));
    scenario.add(NodeSpec::leech(Kind::Page));
    let report = assert_all_complete(scenario);
    assert_eq!(report.nodes[1].downloaded_webrtc, 5_000_000);
}
