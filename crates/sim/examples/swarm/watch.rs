//! One swarm, second by second: where its time goes.

use std::time::Duration;

use brackish_sim::{Bound, World};

use crate::case::Case;

/// Prints each second how much of all uploads is in use, and how far the peers are.
pub fn watch(case: &Case) -> Result<(), String> {
    let scenario = case.scenario();
    let bound = Bound::of(&scenario).time.as_secs_f64();
    let rates = scenario.nodes.iter().map(|node| node.link.up.unwrap_or(0));
    let full: u64 = rates.sum();
    let origin = scenario.nodes[0].link.up.unwrap_or(0);
    let total = scenario.total as f64;
    let mut world = World::new(scenario);
    let mut before = (0, 0);
    println!("bound {bound:.1} s\n   s  full %  origin %  slowest %  median %  done  wasted %");
    for second in 1.. {
        world
            .run_until(Duration::from_secs(second))
            .map_err(|failure| failure.to_string())?;
        let report = world.report();
        let sent: u64 = report.nodes.iter().map(|node| node.uploaded).sum();
        let mut got: Vec<u64> = report.nodes[case.seeds..]
            .iter()
            .map(|node| node.downloaded - node.wasted)
            .collect();
        got.sort_unstable();
        let done = report.nodes.iter().filter(|n| n.finished.is_some()).count();
        let share = |part: u64, of: u64| part as f64 * 100.0 / of.max(1) as f64;
        println!(
            "{second:>4}  {:>6.1}  {:>8.1}  {:>9.1}  {:>8.1}  {done:>4}  {:>8.2}",
            share(sent - before.0, full),
            share(report.nodes[0].uploaded - before.1, origin),
            got[0] as f64 * 100.0 / total,
            got[got.len() / 2] as f64 * 100.0 / total,
            report.wasted * 100.0,
        );
        before = (sent, report.nodes[0].uploaded);
        if done == report.nodes.len() {
            return Ok(());
        }
    }
    Ok(())
}
