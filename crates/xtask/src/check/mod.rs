//! `cargo xtask check`: what can be judged without running anything.

mod dependencies;
mod sources;

use anyhow::{Result, bail};

use crate::stage::Counts;
use crate::{build_web, process, setup};

/// One check's name and what it found.
type Check = (&'static str, fn() -> Result<Vec<String>>);

/// Format, clippy for both targets, who may use whom, and the rules on source text.
pub fn run() -> Result<()> {
    match run_counted()?.failed {
        0 => Ok(()),
        failed => bail!("{failed} checks failed"),
    }
}

/// Runs every check, prints what each found, and counts them.
pub fn run_counted() -> Result<Counts> {
    let checks = checks();
    let failed = checks
        .iter()
        .filter(|(name, check)| !passed(name, check))
        .count();
    Ok(Counts {
        passed: (checks.len() - failed) as u64,
        failed: failed as u64,
        ..Counts::default()
    })
}

fn checks() -> Vec<Check> {
    vec![
        ("format", format),
        ("clippy, native", clippy_native),
        ("clippy, wasm", clippy_wasm),
        ("who uses whom", dependencies::violations),
        ("source rules", sources::violations),
    ]
}

fn passed(name: &str, check: &fn() -> Result<Vec<String>>) -> bool {
    match check() {
        Ok(violations) if violations.is_empty() => {
            println!("  ok       {name}");
            true
        }
        Ok(violations) => {
            println!("  FAILED   {name}");
            for violation in violations {
                println!("    {violation}");
            }
            false
        }
        Err(error) => {
            println!("  FAILED   {name}: {error:#}");
            false
        }
    }
}

fn format() -> Result<Vec<String>> {
    process::run(process::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Vec::new())
}

fn clippy_native() -> Result<Vec<String>> {
    let mut clippy = process::cargo();
    clippy.args(["clippy", "--quiet", "--workspace", "--all-targets"]);
    process::run(clippy.args(["--", "-D", "warnings"]))?;
    Ok(Vec::new())
}

/// The wasm crate's code is mostly for its own target, which the native run does not see. Debian's
/// toolchain has no clippy: there, the compiler's own warnings count.
fn clippy_wasm() -> Result<Vec<String>> {
    match setup::wasm::ensure()? {
        setup::wasm::Toolchain::Current => {
            let mut clippy = build_web::cargo(setup::wasm::Toolchain::Current, "clippy");
            process::run(clippy.args(["--quiet", "--", "-D", "warnings"]))?;
        }
        setup::wasm::Toolchain::Debian => {
            let mut check = build_web::cargo(setup::wasm::Toolchain::Debian, "check");
            // The profile of the real build, so that the standard library is not built twice over.
            check.args(["--quiet", "--profile", "wasm", "-Z", "warnings"]);
            process::run(check.env("CARGO_BUILD_WARNINGS", "deny"))?;
        }
    }
    Ok(Vec::new())
}
