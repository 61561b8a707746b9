//! `cargo xtask build-web`: everything that a page loads, each step only when its inputs changed.
//!
//! 1. `crates/wasm` by cargo, profile `wasm`, in a target folder of its own (`target/wasm`: it may
//!    be another compiler's), to `brackish_wasm.wasm`.
//! 2. wasm-bindgen and wasm-opt, to `target/web/{brackish.js, brackish.d.ts, brackish_bg.wasm}`.
//! 3. `npm run build` in `web/`, to `web/dist`.
//! 4. `npm run build` in `www/`, to `www/dist`.
//!
//! Both npm scripts find the folder of step 2 in `BRACKISH_WASM`, and are followed by the folder's
//! own `npm run check` (types).

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::setup::{node, wasm};
use crate::{bindgen, paths, process, remap, stamp};

/// Builds what changed.
pub fn run() -> Result<()> {
    let toolchain = wasm::ensure()?;
    node::ensure_web()?;
    bindgen::generate(&compile(toolchain)?)?;
    let web = paths::root().join("web");
    let www = paths::root().join("www");
    bundle(
        "web",
        &web,
        &["index.js", "index.d.ts", "worker.js", "brackish_bg.wasm"],
        &[],
    )?;
    bundle(
        "www",
        &www,
        &["index.html", "worker.js", "brackish_bg.wasm"],
        &[web],
    )?;
    Ok(())
}

/// The target folder of the wasm build.
pub fn target() -> PathBuf {
    paths::target().join("wasm")
}

/// A cargo command line for `crates/wasm` with this toolchain.
pub fn cargo(toolchain: wasm::Toolchain, subcommand: &str) -> std::process::Command {
    let mut command = toolchain.cargo(subcommand);
    command
        .args(["--package", "brackish-wasm", "--target-dir"])
        .arg(target())
        // wasm-bindgen reads from a section which features may be used; wasm-opt strips it later.
        .env("CARGO_PROFILE_WASM_STRIP", "none")
        .env("CARGO_ENCODED_RUSTFLAGS", remap::rustflags());
    command
}

fn compile(toolchain: wasm::Toolchain) -> Result<PathBuf> {
    println!("  cargo build brackish-wasm");
    process::run(cargo(toolchain, "build").args(["--quiet", "--profile", "wasm"]))?;
    let built = target().join(wasm::TARGET).join("wasm/brackish_wasm.wasm");
    if !built.exists() {
        bail!("cargo did not leave {}", built.display());
    }
    Ok(built)
}

/// Runs a folder's own build script when its sources, or what it is built from, changed.
fn bundle(name: &str, folder: &Path, results: &[&str], built_on: &[PathBuf]) -> Result<()> {
    if !folder.join("package.json").exists() {
        bail!("{} has no package.json", paths::shown(folder));
    }
    let mut inputs = stamp::files_under(folder)?;
    for other in built_on {
        inputs.extend(stamp::files_under(other)?);
    }
    inputs.extend(
        ["brackish.js", "brackish.d.ts", "brackish_bg.wasm"]
            .map(|file| bindgen::folder().join(file)),
    );
    let outputs: Vec<PathBuf> = results
        .iter()
        .map(|result| folder.join("dist").join(result))
        .collect();
    stamp::step_unless_fresh(&format!("bundle-{name}"), &inputs, "", &outputs, || {
        for script in ["build", "check"] {
            println!("  npm run {script} in {name}/");
            process::quiet(
                process::npm(folder)
                    .args(["run", "--silent", "--if-present", script])
                    .env("BRACKISH_WASM", bindgen::folder()),
            )
            .with_context(|| format!("`npm run {script}` in {name}/ failed"))?;
        }
        match outputs.iter().find(|output| !output.exists()) {
            Some(missing) => bail!("`npm run build` did not leave {}", paths::shown(missing)),
            None => Ok(()),
        }
    })?;
    Ok(())
}
