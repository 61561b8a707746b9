//! Crowds: one seed and eight leechers that come at once, of nodes, of pages, and of both.

use std::path::Path;

use anyhow::Result;

use super::driver::{self, Group};
use super::options::Options;
use super::report::Report;
use super::table::Metric;

/// What nodes download, in MiB: with less, a crowd of nodes ends before it has become one.
const NODES_SIZE: u64 = 1024;

/// What a crowd with pages downloads, in MiB.
const PAGES_SIZE: u64 = 64;

const FIGURES: [(&str, Metric); 3] = [
    ("last", Metric::lower("last finishes s", 1)),
    ("mean", Metric::lower("mean finish s", 1)),
    ("copies", Metric::lower("copies from the seed", 2)),
];

const GROUPS: [Group; 3] = [
    Group {
        name: "nodes",
        title: "a node seeds, eight nodes download",
        size: NODES_SIZE,
        figures: &FIGURES,
    },
    Group {
        name: "pages",
        title: "a page seeds, eight pages download",
        size: PAGES_SIZE,
        figures: &FIGURES,
    },
    Group {
        name: "mixed",
        title: "a node seeds, four nodes and four pages download",
        size: PAGES_SIZE,
        figures: &FIGURES,
    },
];

/// All comparisons.
pub fn run(brackish: &Path, options: &Options, report: &mut Report) -> Result<()> {
    driver::run("crowd", &GROUPS, brackish, options, report)
}
