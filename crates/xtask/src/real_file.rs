//! A real file of at least 50 MB to share: a Debian package, kept in the user's cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// The least that counts as a big file.
const LEAST_BYTES: u64 = 50_000_000;

/// Packages of that size which Debian has had for years; the first that can be fetched is taken.
const PACKAGES: [&str; 3] = ["chromium", "firefox-esr", "rustc-web"];

/// A file that was fetched before, or is fetched now, or else a big program that is here anyway.
pub fn find() -> Result<PathBuf> {
    let folder = paths::cache().join("files");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if let Some(file) = big_file_in(&folder)? {
        return Ok(file);
    }
    for package in PACKAGES {
        let mut download = Command::new("apt-get");
        download.current_dir(&folder).args(["download", package]);
        if process::succeeds_within(&mut download, std::time::Duration::from_secs(300))
            && let Some(file) = big_file_in(&folder)?
        {
            println!("  fetched  {} (apt-get download)", file.display());
            return Ok(file);
        }
    }
    // Node is needed anyway, and its program is one file of about 100 MB.
    match paths::find_program("node")
        .map(fs::canonicalize)
        .transpose()?
    {
        Some(node) if fs::metadata(&node)?.len() >= LEAST_BYTES => Ok(node),
        _ => bail!("found no file of at least {LEAST_BYTES} bytes here: name one"),
    }
}

fn big_file_in(folder: &PathBuf) -> Result<Option<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.is_file() && entry.metadata()?.len() >= LEAST_BYTES {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files.into_iter().next())
}
