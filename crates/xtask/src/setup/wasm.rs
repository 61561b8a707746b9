//! A Rust toolchain that can build for wasm32.
//!
//! The first that works: the target installed in the current toolchain; Debian's `rustc-web` with
//! the standard library built from its source; `rustup target add`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{apt, installing, present};
use crate::process;

/// The target that browsers load.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// Debian 12's second Rust, kept current for its browsers, with what it needs for wasm.
const DEBIAN_PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-llvm",
    "lld-22",
];

/// The oldest minor version of Rust 1 that the workspace builds with (`rust-version`).
const OLDEST_MINOR: u32 = 90;

/// How long `rustup` may try to reach its server.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Which toolchain builds for wasm32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toolchain {
    /// The one that built this program.
    Current,
    /// `/usr/bin/cargo` and `/usr/bin/rustc` of Debian.
    Debian,
}

impl Toolchain {
    /// A `cargo` command line up to and including its subcommand, with the target chosen.
    pub fn cargo(self, subcommand: &str) -> Command {
        match self {
            Toolchain::Current => {
                let mut command = process::cargo();
                command.args([subcommand, "--target", TARGET]);
                command
            }
            Toolchain::Debian => {
                let mut command = Command::new("/usr/bin/cargo");
                process::without_cargo_variables(&mut command);
                command
                    .current_dir(crate::paths::root())
                    .env_remove("RUSTUP_TOOLCHAIN")
                    .env("RUSTC", "/usr/bin/rustc")
                    // `-Z build-std` is unstable, and this compiler is Debian's stable one.
                    .env("RUSTC_BOOTSTRAP", "1")
                    .args([subcommand, "--target", TARGET])
                    .args(["-Z", "build-std=std,panic_abort"])
                    // Sorts and number formats of a fifth the size: nothing hot is in them.
                    .args(["-Z", "build-std-features=optimize_for_size"]);
                command
            }
        }
    }
}

/// Finds or installs a toolchain.
pub fn ensure() -> Result<Toolchain> {
    if let Some(found) = find() {
        present("wasm toolchain", found_in(found));
        return Ok(found);
    }
    if process::succeeds_within(
        Command::new("rustup").arg("--version"),
        Duration::from_secs(10),
    ) {
        installing(TARGET, "rustup target add");
        let mut add = Command::new("rustup");
        process::without_cargo_variables(&mut add);
        add.args(["target", "add", TARGET]);
        if process::succeeds_within(&mut add, RUSTUP_LIMIT) && current_has_target() {
            return Ok(Toolchain::Current);
        }
    }
    if apt::possible() {
        apt::install(&DEBIAN_PACKAGES)?;
        if debian_has_target() {
            return Ok(Toolchain::Debian);
        }
    }
    bail!(
        "no Rust toolchain here can build for {TARGET}: run `rustup target add {TARGET}`, \
         or on Debian 12 `sudo apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// A toolchain that is there already.
pub fn find() -> Option<Toolchain> {
    if current_has_target() {
        Some(Toolchain::Current)
    } else if debian_has_target() {
        Some(Toolchain::Debian)
    } else {
        None
    }
}

fn found_in(toolchain: Toolchain) -> &'static str {
    match toolchain {
        Toolchain::Current => "the current Rust toolchain",
        Toolchain::Debian => "/usr/bin/rustc with its standard library's source",
    }
}

fn current_has_target() -> bool {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(crate::paths::root())
        .args(["--print", "target-libdir", "--target", TARGET]);
    process::output(&mut rustc).is_ok_and(|folder| Path::new(folder.trim()).exists())
}

fn debian_has_target() -> bool {
    let rustc = Path::new("/usr/bin/rustc");
    if !rustc.exists() || !Path::new("/usr/bin/cargo").exists() {
        return false;
    }
    let recent = process::output(Command::new(rustc).arg("--version"))
        .ok()
        .and_then(|text| minor_version(&text))
        .is_some_and(|minor| minor >= OLDEST_MINOR);
    recent
        && process::output(Command::new(rustc).args(["--print", "sysroot"])).is_ok_and(|sysroot| {
            Path::new(sysroot.trim())
                .join("lib/rustlib/src/rust/library/Cargo.toml")
                .exists()
        })
}

/// `rustc 1.96.0 (...)` is 96.
fn minor_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(1)?;
    let mut parts = version.split('.');
    (parts.next()? == "1").then(|| parts.next()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::minor_version;

    #[test]
    fn a_compiler_s_minor_version_is_read_from_what_it_prints() {
        assert_eq!(
            minor_version("rustc 1.96.0 (ac68faa20 2026-05-25)"),
            Some(96)
        );
        assert_eq!(minor_version("rustc 2.0.0"), None);
        assert_eq!(minor_version("rustc"), None);
    }
}
