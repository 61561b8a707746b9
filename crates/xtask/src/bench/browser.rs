//! Pages: `tests/bench/browser.mjs` runs them and prints a line of JSON for each run, which is
//! tabulated here.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::options::Options;
use super::report::Report;
use super::table::{Metric, Table};
use super::workspace::Workspace;
use crate::paths;

/// What is downloaded unless `--size` says otherwise, in MiB.
const SIZE: u64 = 256;

/// One comparison, and by which names the driver gives its figures.
struct Group {
    name: &'static str,
    title: &'static str,
    figures: &'static [(&'static str, Metric)],
}

const RATE: (&str, Metric) = ("rate", Metric::higher("MB/s", 1));
const FIRST: (&str, Metric) = ("first", Metric::lower("first piece s", 2));
const LEECHER_CPU: (&str, Metric) = ("leecherCpu", Metric::lower("leecher's browser CPU s", 1));
const LONGEST_TASK: (&str, Metric) = ("longestTask", Metric::lower("longest task ms", 0));

const GROUPS: [Group; 4] = [
    Group {
        name: "channel",
        title: "data channel alone, 64 KiB messages (the ceiling)",
        figures: &[
            RATE,
            LEECHER_CPU,
            ("seedCpu", Metric::lower("sender's browser CPU s", 1)),
        ],
    },
    Group {
        name: "page",
        title: "page to page, two browsers",
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
        figures: &[
            RATE,
            ("leecherCpu", Metric::lower("browser CPU s", 1)),
            LONGEST_TASK,
        ],
    },
];

/// All comparisons.
pub fn run(brackish: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let workspace = Workspace::new("browser")?;
    let size = options.size_or(SIZE);
    let mut tables = GROUPS.map(|group| {
        let metrics: Vec<Metric> = group.figures.iter().map(|(_, metric)| *metric).collect();
        Table::new(format!("{} MiB, {}", size >> 20, group.title), &metrics)
    });
    let mut driver = Command::new("node")
        .arg(paths::root().join("tests/bench/browser.mjs"))
        .arg(json!({ "runs": options.runs, "size": size }).to_string())
        // Profiles with their stores are temporary files: in memory, no disk is measured.
        .env("BRACKISH_BINARY", brackish)
        .env("TMPDIR", workspace.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start node")?;
    let output = driver
        .stdout
        .take()
        .context("a driver without its output")?;
    for line in BufReader::new(output).lines() {
        let run: Value = serde_json::from_str(&line?).context("the driver printed no JSON")?;
        take(&run, &mut tables, report)?;
    }
    if !driver.wait()?.success() {
        bail!("tests/bench/browser.mjs failed");
    }
    for table in tables {
        report.add(table);
    }
    Ok(())
}

/// Enters what one run gave.
fn take(run: &Value, tables: &mut [Table], report: &mut Report) -> Result<()> {
    if let Some(versions) = run["versions"].as_object() {
        for (program, version) in versions {
            report.version(program, version.as_str().unwrap_or_default().to_owned());
        }
        return Ok(());
    }
    let at = GROUPS
        .iter()
        .position(|group| run["group"] == group.name)
        .context("the driver names an unknown comparison")?;
    let name = run["name"].as_str().context("a run without a name")?;
    let ours = run["ours"] == true;
    if let Some(reason) = run["failure"].as_str() {
        tables[at].add_failure(name, ours, reason.to_owned());
        return Ok(());
    }
    let figures: Vec<Option<f64>> = GROUPS[at]
        .figures
        .iter()
        .map(|(key, _)| run[key].as_f64())
        .collect();
    tables[at].add(name, ours, &figures);
    Ok(())
}
