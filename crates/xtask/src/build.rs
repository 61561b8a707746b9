//! `cargo xtask build`: the `brackish` binary with its page inside.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{build_web, paths, process, remap};

/// Builds the page, then the binary around it, and returns the binary's path.
pub fn run() -> Result<PathBuf> {
    build_web::run()?;
    binary()
}

/// Builds the binary around the page as it is.
pub fn binary() -> Result<PathBuf> {
    println!("  cargo build --release brackish");
    let arguments = ["build", "--quiet", "--release", "--package", "brackish"];
    process::run(
        process::cargo()
            .args(arguments)
            .env("CARGO_ENCODED_RUSTFLAGS", remap::rustflags()),
    )?;
    let binary = paths::target().join("release").join(if cfg!(windows) {
        "brackish.exe"
    } else {
        "brackish"
    });
    if !binary.exists() {
        bail!("cargo did not leave {}", binary.display());
    }
    remap::check(&binary)?;
    Ok(binary)
}
