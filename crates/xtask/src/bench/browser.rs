//! Pages: the data channel alone, page to page, node to page, and adding a file to seed.

use std::path::Path;

use anyhow::Result;

use super::driver::{self, Group};
use super::options::Options;
use super::report::Report;
use super::table::Metric;

/// What is downloaded unless `--size` says otherwise, in MiB.
const SIZE: u64 = 256;

const RATE: (&str, Metric) = ("rate", Metric::higher("MB/s", 1));
const FIRST: (&str, Metric) = ("first", Metric::lower("first piece s", 2));
const LEECHER_CPU: (&str, Metric) = ("leecherCpu", Metric::lower("leecher's browser CPU s", 1));
const LONGEST_TASK: (&str, Metric) = ("longestTask", Metric::lower("longest task ms", 0));

const GROUPS: [Group; 4] = [
    Group {
        name: "channel",
        title: "data channel alone, 64 KiB messages (the ceiling)",
        size: SIZE,
        figures: &[
            RATE,
            LEECHER_CPU,
            ("seedCpu", Metric::lower("sender's browser CPU s", 1)),
        ],
    },
    Group {
        name: "page",
        title: "page to page, two browsers",
        size: SIZE,
        figures: &[
            RATE,
            FIRST,
            LEECHER_CPU,
            ("seedCpu", Metric::lower("seed's browser CPU s", 1)),
            LONGEST_TASK,
        ],
    },
    Group {
        name: "node",
        title: "node to page",
        size: SIZE,
        figures: &[
            RATE,
            FIRST,
            LEECHER_CPU,
            ("seedCpu", Metric::lower("seed CPU s", 1)),
            LONGEST_TASK,
        ],
    },
    Group {
        name: "seeding",
        title: "adding a file to seed in a page",
        size: SIZE,
        figures: &[
            RATE,
            ("leecherCpu", Metric::lower("browser CPU s", 1)),
            LONGEST_TASK,
        ],
    },
];

/// All comparisons.
pub fn run(brackish: &Path, options: &Options, report: &mut Report) -> Result<()> {
    driver::run("browser", &GROUPS, brackish, options, report)
}
