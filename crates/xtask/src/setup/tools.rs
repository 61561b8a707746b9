//! Other people's programs that benchmarks compare with, built once into the user's cache.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{apt, installing, present};
use crate::{paths, process};

/// Crates that install one program of their own name. rqbit wants a system OpenSSL's headers.
const CRATES: [&str; 3] = ["rqbit", "aquatic_ws", "aquatic_ws_load_test"];

/// Where a program is after [`ensure`].
pub fn program(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}

/// Builds what is missing; this takes many minutes the first time.
pub fn ensure() -> Result<()> {
    for name in CRATES {
        if program(name).exists() {
            present(name, &program(name).display().to_string());
            continue;
        }
        if paths::find_program("cmake").is_none() && apt::possible() {
            apt::install(&["cmake"])?;
        }
        installing(name, "cargo install; some minutes");
        let mut cargo = Command::new("cargo");
        process::without_cargo_variables(&mut cargo);
        process::quiet(cargo.args(["install", name, "--root"]).arg(folder()))?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    paths::cache().join("tools")
}
