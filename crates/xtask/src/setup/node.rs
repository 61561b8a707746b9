//! Node itself (version 20 or newer must be there) and the npm packages of each folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{installing, present};
use crate::{paths, process, stamp};

/// The oldest Node that the build scripts and tests run on.
const OLDEST_NODE: u32 = 20;

/// What building the page needs: wasm-opt, and the packages of `web/` and `www/`.
pub fn ensure_web() -> Result<()> {
    for folder in [
        build_tools(),
        paths::root().join("web"),
        paths::root().join("www"),
    ] {
        ensure_packages(&folder)?;
    }
    Ok(())
}

/// The folder whose packages are tools of the build alone.
pub fn build_tools() -> PathBuf {
    paths::root().join("crates/xtask/node")
}

/// Installs what a folder's lock file names, unless that was done already.
pub fn ensure_packages(folder: &Path) -> Result<()> {
    let manifest = folder.join("package.json");
    if !manifest.exists() {
        return Ok(());
    }
    check_node()?;
    let shown = paths::shown(folder);
    let lock = folder.join("package-lock.json");
    let mut inputs = vec![manifest];
    if lock.exists() {
        inputs.push(lock.clone());
    }
    let installed = stamp::step_unless_fresh(
        &format!("npm-{}", shown.replace('/', "-")),
        &inputs,
        "",
        &[folder.join("node_modules")],
        || {
            installing(&format!("npm packages of {shown}"), "npm ci");
            let subcommand = if lock.exists() { "ci" } else { "install" };
            process::quiet(process::npm(folder).args([
                subcommand,
                // No package that we use needs its install script, and none should run unasked.
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
            ]))
        },
    )?;
    if !installed {
        present("npm packages of", &shown);
    }
    Ok(())
}

fn check_node() -> Result<()> {
    let version = process::output(Command::new("node").arg("--version"))
        .context("Node is missing: install Node 20 or newer with npm")?;
    let major = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        Some(major) if major >= OLDEST_NODE => Ok(()),
        _ => bail!(
            "Node {} is too old: version {OLDEST_NODE} or newer is needed",
            version.trim()
        ),
    }
}
