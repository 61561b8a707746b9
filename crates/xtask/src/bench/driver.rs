//! Comparisons that a driver in `tests/bench` runs, which prints a line of JSON for each run: they are
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

/// One comparison, and by which names the driver gives its figures.
pub struct Group {
    pub name: &'static str,
    pub title: &'static str,
    /// What is downloaded unless `--size` says otherwise, in MiB.
    pub size: u64,
    pub figures: &'static [(&'static str, Metric)],
}

/// Runs `tests/bench/{name}.mjs`.
pub fn run(
    name: &str,
    groups: &[Group],
    brackish: &Path,
    options: &Options,
    report: &mut Report,
) -> Result<()> {
    let workspace = Workspace::new(name)?;
    let script = format!("tests/bench/{name}.mjs");
    let mut tables: Vec<Table> = groups
        .iter()
        .map(|group| {
            let metrics: Vec<Metric> = group.figures.iter().map(|(_, metric)| *metric).collect();
            let size = options.size_or(group.size) >> 20;
            Table::new(format!("{size} MiB, {}", group.title), &metrics)
        })
        .collect();
    let sizes: serde_json::Map<String, Value> = groups
        .iter()
        .map(|group| (group.name.to_owned(), options.size_or(group.size).into()))
        .collect();
    let mut driver = Command::new("node")
        .arg(paths::root().join(&script))
        .arg(json!({ "runs": options.runs, "sizes": sizes }).to_string())
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
        take(&run, groups, &mut tables, report)?;
    }
    if !driver.wait()?.success() {
        bail!("{script} failed");
    }
    for table in tables {
        report.add(table);
    }
    Ok(())
}

/// Enters what one run gave.
fn take(run: &Value, groups: &[Group], tables: &mut [Table], report: &mut Report) -> Result<()> {
    if let Some(versions) = run["versions"].as_object() {
        for (program, version) in versions {
            report.version(program, version.as_str().unwrap_or_default().to_owned());
        }
        return Ok(());
    }
    let at = groups
        .iter()
        .position(|group| run["group"] == group.name)
        .context("the driver names an unknown comparison")?;
    let name = run["name"].as_str().context("a run without a name")?;
    let ours = run["ours"] == true;
    if let Some(reason) = run["failure"].as_str() {
        tables[at].add_failure(name, ours, reason.to_owned());
        return Ok(());
    }
    let figures: Vec<Option<f64>> = groups[at]
        .figures
        .iter()
        .map(|(key, _)| run[key].as_f64())
        .collect();
    tables[at].add(name, ours, &figures);
    Ok(())
}
