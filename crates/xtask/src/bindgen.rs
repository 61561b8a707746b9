//! From cargo's wasm to what a page loads: wasm-bindgen's JavaScript beside it, then wasm-opt.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::setup::node;
use crate::{paths, process, stamp};

/// The name that the JavaScript and the wasm carry: `brackish.js`, `brackish_bg.wasm`.
const NAME: &str = "brackish";

/// How wasm-opt is asked to work. Speed over size: `-Oz` saves two percent of the compressed bytes
/// at most, and blocks pass through this code at tens of megabytes a second.
const OPTIMISE: &[&str] = &[
    "-O3",
    "--strip-debug",
    "--strip-producers",
    "--strip-target-features",
];

/// What every browser that can run the page has had for years, and what rustc emits by default.
const FEATURES: &[&str] = &[
    "--enable-bulk-memory",
    "--enable-bulk-memory-opt",
    "--enable-call-indirect-overlong",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// The folder with `brackish.js`, `brackish.d.ts` and `brackish_bg.wasm`, ready to be bundled.
pub fn folder() -> PathBuf {
    paths::target().join("web")
}

/// Brings the folder up to date with cargo's wasm. Returns whether it changed.
pub fn generate(wasm: &Path) -> Result<bool> {
    let folder = folder();
    let outputs =
        ["brackish.js", "brackish.d.ts", "brackish_bg.wasm"].map(|name| folder.join(name));
    let settings = [OPTIMISE, FEATURES].concat().join(" ");
    stamp::step_unless_fresh(
        "bindgen",
        &[wasm.to_path_buf()],
        &settings,
        &outputs,
        || {
            println!("  wasm-bindgen, wasm-opt {}", OPTIMISE.join(" "));
            fs::create_dir_all(&folder)?;
            Bindgen::new()
                .input_path(wasm)
                .out_name(NAME)
                .web(true)?
                .typescript(true)
                // The page says where its wasm is: a bundle has no use for a guess from its own URL.
                .omit_default_module_path(true)
                .remove_name_section(true)
                .remove_producers_section(true)
                .generate(&folder)
                .context("wasm-bindgen failed")?;
            optimise(&folder.join("brackish_bg.wasm"))
        },
    )
}

fn optimise(wasm: &Path) -> Result<()> {
    let optimised = wasm.with_extension("opt.wasm");
    let wasm_opt = node::build_tools().join("node_modules/binaryen/bin/wasm-opt");
    process::quiet(
        Command::new("node")
            .arg(wasm_opt)
            .arg(wasm)
            .args(OPTIMISE)
            .args(FEATURES)
            .arg("-o")
            .arg(&optimised),
    )?;
    fs::rename(&optimised, wasm).context("cannot put the optimised wasm in place")
}
