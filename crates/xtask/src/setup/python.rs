//! A Python virtual environment with libtorrent: a native client that speaks WebTorrent too.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::{apt, installing, present};
use crate::{paths, process};

/// The version that the protocol facts were read from.
const LIBTORRENT: &str = "libtorrent==2.1.1";

/// The environment's interpreter.
pub fn interpreter() -> PathBuf {
    paths::cache().join("python/bin/python")
}

/// Makes the environment, and returns its interpreter.
pub fn ensure() -> Result<PathBuf> {
    let interpreter = interpreter();
    if has_libtorrent(&interpreter) {
        present("libtorrent", &interpreter.display().to_string());
        return Ok(interpreter);
    }
    if process::quiet(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_err() {
        apt::install(&["python3", "python3-venv"])?;
    }
    installing(LIBTORRENT, "pip, in a virtual environment");
    let folder = paths::cache().join("python");
    process::quiet(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )
    .context("cannot make a Python virtual environment")?;
    process::quiet(
        Command::new(&interpreter).args(["-m", "pip", "install", "--quiet", LIBTORRENT]),
    )?;
    Ok(interpreter)
}

fn has_libtorrent(interpreter: &PathBuf) -> bool {
    interpreter.exists()
        && process::output(
            Command::new(interpreter)
                .args(["-c", "import libtorrent; print(libtorrent.__version__)"]),
        )
        .is_ok_and(|version| LIBTORRENT.ends_with(version.trim_end().trim_end_matches(".0")))
}
