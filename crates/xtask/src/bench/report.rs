//! What one suite found: shown as it comes, and written to `target/bench/SUITE.json` with the
//! machine and the versions that it was found with.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::options::Options;
use super::table::Table;
use crate::{paths, process};

/// Above this, something else was running: the figures are no good.
const QUIET_LOAD: f64 = 0.5;

/// The figures of one suite.
pub struct Report {
    suite: &'static str,
    machine: Value,
    date: String,
    runs: usize,
    load: f64,
    versions: serde_json::Map<String, Value>,
    tables: Vec<Table>,
}

impl Report {
    /// Looks at the machine, and says so when it is not quiet.
    pub fn begin(suite: &'static str, options: &Options) -> Result<Report> {
        let load = load()?;
        println!("\n==> {suite}, {} runs of each, interleaved", options.runs);
        if load > QUIET_LOAD {
            println!("    the load is {load:.2}: something else runs, and figures will be off");
        }
        let date = process::output(Command::new("date").arg("-u").arg("+%Y-%m-%d %H:%M"))?;
        Ok(Report {
            suite,
            machine: machine(),
            date: date.trim().to_owned(),
            runs: options.runs,
            load,
            versions: serde_json::Map::new(),
            tables: Vec::new(),
        })
    }

    /// Notes the version of a program that takes part.
    pub fn version(&mut self, program: &str, version: String) {
        println!("    {program} {version}");
        self.versions.insert(program.to_owned(), version.into());
    }

    /// Shows a table and keeps it.
    pub fn add(&mut self, table: Table) {
        println!("\n{}", table.markdown());
        self.tables.push(table);
    }

    /// Writes the file.
    pub fn finish(self) -> Result<()> {
        let folder = paths::target().join("bench");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{}.json", self.suite));
        let tables: Vec<Value> = self.tables.iter().map(Table::json).collect();
        let all = json!({
            "suite": self.suite,
            "date": self.date,
            "machine": self.machine,
            "load_before": self.load,
            "runs": self.runs,
            "versions": self.versions,
            "tables": tables,
        });
        fs::write(&file, format!("{all:#}\n"))
            .with_context(|| format!("cannot write {}", file.display()))?;
        let failures: usize = self.tables.iter().map(Table::failures).sum();
        if failures > 0 {
            println!("{failures} runs failed; the file says why");
        }
        let disturbances: usize = self.tables.iter().map(Table::disturbances).sum();
        if disturbances > 0 {
            println!("{disturbances} runs were disturbed by something else on this machine");
        }
        println!("written: {}", paths::shown(&file));
        Ok(())
    }
}

/// Processes that wanted to run, over the last minute.
fn load() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg").context("cannot read the machine's load")?;
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .context("the machine's load is no number")
}

fn machine() -> Value {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
    };
    let kernel = fs::read_to_string(Path::new("/proc/sys/kernel/osrelease")).unwrap_or_default();
    json!({
        "processor": field("/proc/cpuinfo", "model name"),
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory": field("/proc/meminfo", "MemTotal"),
        "kernel": kernel.trim(),
    })
}
