//! Other people's programs that benchmarks compare with, and the fuzzer, built once into the user's cache.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::{apt, installing, present};
use crate::{paths, process};

/// The client that native benchmarks race. It wants a system OpenSSL's headers and `cmake`.
pub const RQBIT: Tool = Tool {
    name: "rqbit",
    version: "9.1.0",
};

/// The tracker that tracker benchmarks race.
pub const AQUATIC: Tool = Tool {
    name: "aquatic_ws",
    version: "0.9.0",
};

/// What loads the trackers.
pub const LOAD_TEST: Tool = Tool {
    name: "aquatic_ws_load_test",
    version: "0.9.0",
};

/// The fuzzer.
const FUZZER: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.1",
};

/// A crate that installs one program of its own name, in the version that figures and tests were made with.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Where a program is after [`ensure`].
pub fn program(name: &str) -> PathBuf {
    folder().join("bin").join(name)
}

/// Builds these where they are missing or of another version; this takes many minutes the first time.
pub fn ensure(tools: &[Tool]) -> Result<()> {
    for tool in tools {
        if !tool.is_installed() && paths::find_program("cmake").is_none() && apt::possible() {
            apt::install(&["cmake"])?;
        }
        build(*tool)?;
    }
    Ok(())
}

/// `cargo-fuzz`, built where it is missing.
pub fn fuzzer() -> Result<PathBuf> {
    build(FUZZER)?;
    Ok(program(FUZZER.name))
}

impl Tool {
    /// Whether it is there in its version, as `cargo install` has noted.
    fn is_installed(self) -> bool {
        let notes = fs::read_to_string(folder().join(".crates.toml")).unwrap_or_default();
        program(self.name).exists() && notes.contains(&format!("\"{} {} ", self.name, self.version))
    }
}

fn build(tool: Tool) -> Result<()> {
    let Tool { name, version } = tool;
    if tool.is_installed() {
        present(name, &format!("{version} {}", program(name).display()));
        return Ok(());
    }
    installing(&format!("{name} {version}"), "cargo install; some minutes");
    let mut cargo = Command::new("cargo");
    process::without_cargo_variables(&mut cargo);
    cargo.args(["install", name, "--version", version, "--force", "--root"]);
    process::quiet(cargo.arg(folder()))
}

fn folder() -> PathBuf {
    paths::cache().join("tools")
}
