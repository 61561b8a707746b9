//! Skipping a step whose inputs did not change: a hash of their names and contents, kept in target/.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha1::{Digest, Sha1};

use crate::paths;

/// Runs `step` unless a run with the same inputs ended well and every output is still there.
/// Returns whether it ran.
pub fn step_unless_fresh(
    name: &str,
    inputs: &[PathBuf],
    settings: &str,
    outputs: &[PathBuf],
    step: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    let stamp = paths::target().join("xtask").join(name);
    let fingerprint = fingerprint(inputs, settings)?;
    let fresh = fs::read_to_string(&stamp).is_ok_and(|text| text == fingerprint);
    if fresh && outputs.iter().all(|output| output.exists()) {
        return Ok(false);
    }
    step()?;
    if let Some(folder) = stamp.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&stamp, fingerprint).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(true)
}

/// Every file under a folder, sorted, without build results and installed packages.
pub fn files_under(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
        {
            let entry = entry?;
            let name = entry.file_name();
            let built = ["node_modules", "dist", "target", ".git"]
                .iter()
                .any(|skip| name == *skip);
            if built {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

fn fingerprint(inputs: &[PathBuf], settings: &str) -> Result<String> {
    let mut hash = Sha1::new();
    hash.update(settings.as_bytes());
    for input in inputs {
        let contents =
            fs::read(input).with_context(|| format!("cannot read {}", input.display()))?;
        // Lengths keep a name's end and a file's start from being taken for each other.
        let name = input.to_string_lossy();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((contents.len() as u64).to_le_bytes());
        hash.update(&contents);
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
