//! Debian packages: installed when this is Debian and we are root, otherwise named for the reader.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::{installing, present};
use crate::{paths, process};

/// Makes each program exist, from the Debian package beside its name.
pub fn ensure_programs(programs: &[(&str, &str)]) -> Result<()> {
    let mut missing = Vec::new();
    for (program, package) in programs {
        match paths::find_program(program) {
            Some(path) => present(program, &path.display().to_string()),
            None => missing.push(*package),
        }
    }
    install(&missing)
}

/// Installs each Debian package whose program was not found.
pub fn ensure_found(found: &[(&str, Option<PathBuf>)]) -> Result<()> {
    let mut missing = Vec::new();
    for (package, path) in found {
        match path {
            Some(path) => present(package, &path.display().to_string()),
            None => missing.push(*package),
        }
    }
    install(&missing)
}

/// Installs packages; an empty list is done already.
pub fn install(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if !possible() {
        bail!(
            "missing: {0}. This is not Debian as root, so install it yourself, for example: \
             sudo apt-get install {0} (on another system, its package of the same program)",
            packages.join(" ")
        );
    }
    installing(&packages.join(" "), "apt-get");
    if try_install(packages).is_ok() {
        return Ok(());
    }
    // The first attempt fails on a fresh machine, whose package lists are empty or old.
    process::quiet(apt_get().arg("update"))?;
    try_install(packages)
}

/// Whether packages can be installed here without asking anyone.
pub fn possible() -> bool {
    Path::new("/usr/bin/apt-get").exists() && is_root()
}

/// Whether this is the superuser.
pub fn is_root() -> bool {
    process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn try_install(packages: &[&str]) -> Result<()> {
    process::quiet(
        apt_get()
            .args(["install", "-y", "--no-install-recommends"])
            .args(packages),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
