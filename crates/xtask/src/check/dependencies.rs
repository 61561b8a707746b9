//! Who may use whom: the table of ARCHITECTURE, held against what Cargo says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The brackish crates that each may name. A crate that is not listed may name any.
const ALLOWED: [(&str, &[&str]); 7] = [
    (
        "brackish",
        &[
            "brackish-native",
            "brackish-tracker",
            "brackish-wire",
            "brackish-core",
        ],
    ),
    ("brackish-native", &["brackish-core", "brackish-wire"]),
    ("brackish-wasm", &["brackish-core", "brackish-wire"]),
    (
        "brackish-sim",
        &["brackish-core", "brackish-tracker", "brackish-wire"],
    ),
    ("brackish-tracker", &["brackish-wire"]),
    ("brackish-core", &["brackish-wire"]),
    ("brackish-wire", &[]),
];

/// Crates that do input and output, read clocks or draw randomness from the system: never below a
/// sans-IO crate. `rand` without its system generators is only arithmetic on the seed it is given.
const IMPURE: [&str; 10] = [
    "async-std",
    "getrandom",
    "hyper",
    "js-sys",
    "mio",
    "reqwest",
    "socket2",
    "tokio",
    "wasm-bindgen",
    "web-sys",
];

/// The crates that must be pure, with all that they are built from.
const PURE: [&str; 2] = ["brackish-wire", "brackish-core"];

/// Native drivers have no place in a page, and the browser's none in a native program.
const FORBIDDEN: [(&str, &[&str]); 2] = [
    ("brackish-wasm", &["tokio", "webrtc", "mio", "socket2"]),
    ("brackish-native", &["web-sys", "brackish-wasm"]),
];

/// One sentence for each rule that is broken.
pub fn violations() -> Result<Vec<String>> {
    let text =
        process::output(process::cargo().args(["metadata", "--format-version", "1", "--quiet"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
    let graph = Graph::read(&metadata)?;
    let mut violations = graph.broken_layers();
    violations.extend(impure()?);
    violations.extend(graph.forbidden());
    Ok(violations)
}

/// Names of the crates that each crate is built from, normal dependencies only.
struct Graph {
    direct: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn read(metadata: &Value) -> Result<Graph> {
        let mut names = BTreeMap::new();
        for package in list(&metadata["packages"])? {
            names.insert(text(&package["id"])?, text(&package["name"])?);
        }
        let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"])? {
            let name = names
                .get(&text(&node["id"])?)
                .context("a node without a package")?;
            let uses = direct.entry(name.clone()).or_default();
            for dependency in list(&node["deps"])? {
                let normal = list(&dependency["dep_kinds"])?
                    .iter()
                    .any(|kind| kind["kind"].is_null());
                let used = names.get(&text(&dependency["pkg"])?);
                if let (true, Some(used)) = (normal, used) {
                    uses.insert(used.clone());
                }
            }
        }
        Ok(Graph { direct })
    }

    fn broken_layers(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, allowed) in ALLOWED {
            for used in self.direct.get(name).into_iter().flatten() {
                let ours = used == "brackish" || used.starts_with("brackish-");
                if ours && !allowed.contains(&used.as_str()) {
                    broken.push(format!("{name} must not use {used}"));
                }
            }
        }
        broken
    }

    fn forbidden(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (name, forbidden) in FORBIDDEN {
            let direct = self.direct.get(name);
            for used in forbidden {
                if direct.is_some_and(|direct| direct.contains(*used)) {
                    broken.push(format!("{name} must not use {used}"));
                }
            }
        }
        broken
    }
}

/// What each sans-IO crate is really built from. Cargo's metadata would not do: it unites the
/// features that all crates of the workspace ask for, and so shows what only others use.
fn impure() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for name in PURE {
        let arguments = ["tree", "--quiet", "--edges", "normal", "--prefix", "none"];
        let tree = process::output(process::cargo().args(arguments).args(["--package", name]))?;
        let used: BTreeSet<&str> = tree
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        for used in used.into_iter().filter(|used| IMPURE.contains(used)) {
            broken.push(format!("{name} is sans-IO, but is built from {used}"));
        }
    }
    Ok(broken)
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value
        .as_array()
        .context("cargo metadata: a list is missing")
}

fn text(value: &Value) -> Result<String> {
    Ok(value
        .as_str()
        .context("cargo metadata: a name is missing")?
        .to_owned())
}
