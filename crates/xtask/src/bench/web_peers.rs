//! Native clients over WebRTC, which meet at our tracker: ours, libtorrent, and each with the other.

use std::path::Path;

use anyhow::Result;

use super::clients::Client;
use super::options::Options;
use super::report::Report;
use super::rotated;
use super::table::{Metric, Table};
use super::transfer::{Bench, Disk, Run, enter};

/// What is downloaded unless `--size` says otherwise, in MiB.
const SIZE: u64 = 256;

/// Seed and leecher.
const PAIRS: [(Client, Client); 4] = [
    (Client::Brackish, Client::Brackish),
    (Client::Libtorrent, Client::Libtorrent),
    (Client::Brackish, Client::Libtorrent),
    (Client::Libtorrent, Client::Brackish),
];

/// The one comparison.
pub fn run(brackish: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let bench = Bench::new("webrtc", brackish, options.size_or(SIZE))?;
    let (tracker, url) = bench.web_tracker()?;
    let title = format!("{} from node to node over WebRTC", bench.size());
    let mut table = Table::new(
        title,
        &[
            Metric::higher("MB/s", 1),
            Metric::higher("MB/s from first byte", 1),
            Metric::lower("CPU s/GiB", 1),
            Metric::lower("peak MiB", 0),
            Metric::lower("seed CPU s/GiB", 1),
            Metric::lower("seed peak MiB", 0),
        ],
    );
    let figures = |run: &Run| {
        [
            run.rate(),
            run.rate_from_first_byte(),
            run.cpu_per_gib(),
            run.peak(),
            run.seed_cpu_per_gib(),
            run.seed_peak(),
        ]
    };
    for round in 0..options.runs {
        for (from, to) in rotated(&PAIRS, round) {
            let seed = bench.web_seed(from, &url)?;
            let outcome = bench.download(&seed, to, Disk::Memory);
            let name = format!("{} to {}", from.name(), to.name());
            enter(
                &mut table,
                &name,
                from.is_ours() && to.is_ours(),
                outcome,
                figures,
            );
            seed.process.stop()?;
        }
    }
    tracker.stop()?;
    report.add(table);
    Ok(())
}
