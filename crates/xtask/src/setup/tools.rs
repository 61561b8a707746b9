//! Other people's programs that benchmarks compare with, and the fuzzer, built once into the user's cache.

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

/// Builds what benchmarks miss; this takes many minutes the first time.
pub fn ensure() -> Result<()> {
    for name in CRATES {
        if !program(name).exists() && paths::find_program("cmake").is_none() && apt::possible() {
            apt::install(&["cmake"])?;
        }
        build(name)?;
    }
    Ok(())
}

/// `cargo-fuzz`, built where it is missing.
pub fn fuzzer() -> Result<PathBuf> {
    build("cargo-fuzz")?;
    Ok(program("cargo-fuzz"))
}

fn build(name: &str) -> Result<()> {
    if program(name).exists() {
        present(name, &program(name).display().to_string());
        return Ok(());
    }
    installing(name, "cargo install; some minutes");
    let mut cargo = Command::new("cargo");
    process::without_cargo_variables(&mut cargo);
    process::quiet(cargo.args(["install", name, "--root"]).arg(folder()))
}

fn folder() -> PathBuf {
    paths::cache().join("tools")
}
