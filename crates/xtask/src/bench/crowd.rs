//! Crowds: one seed and eight leechers that come at once, of nodes, of pages, and of both.

use std::path::Path;

use anyhow::Result;

use super::driver::{self, Group};
use super::options::Options;
use super::report::Report;
use super::table::Metric;

/// What is downloaded unless `--size` says otherwise, in MiB.
const SIZE: u64 = 64;

const FIGURES: [(&str, Metric); 3] = [
    ("last", Metric::lower("last finishes s", 1)),
    ("mean", Metric::lower("mean finish s", 1)),
    ("copies", Metric::lower("copies from the seed", 2)),
];

const GROUPS: [Group; 3] = [
    Group {
        name: "nodes",
        title: "a node seeds, eight nodes download",
        figures: &FIGURES,
    },
    Group {
        name: "pages",
        title: "a page seeds, eight pages download",
        figures: &FIGURES,
    },
    Group {
        name: "mixed",
        title: "a node seeds, four nodes and four pages download",
        figures: &FIGURES,
    },
];

/// All comparisons.
pub fn run(brackish: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let size = options.size_or(SIZE);
    driver::run("crowd", &GROUPS, size, brackish, options, report)
}
