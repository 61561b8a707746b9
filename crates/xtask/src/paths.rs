//! Where things are: the checkout, its target folder, and the user's cache for what is installed once.

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder of native build results.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// What is installed once per user and outlives a checkout: tools, the Python venv, demo files.
pub fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
        .unwrap_or_else(|| target().join("cache"));
    base.join("brackish")
}

/// A path as a person wants to read it: relative to the checkout where it is inside.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The first folder of `PATH` that holds an executable file of this name.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        .find(|candidate| candidate.is_file())
}

/// Chromium or one of its kin: what `BRACKISH_CHROMIUM` names, or the first on `PATH`.
pub fn chromium() -> Option<PathBuf> {
    chosen_program(
        "BRACKISH_CHROMIUM",
        &["chromium", "chromium-browser", "google-chrome"],
    )
}

/// Firefox: what `BRACKISH_FIREFOX` names, or the first on `PATH`.
pub fn firefox() -> Option<PathBuf> {
    chosen_program("BRACKISH_FIREFOX", &["firefox-esr", "firefox"])
}

fn chosen_program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    match std::env::var_os(variable) {
        Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
        None => names.iter().find_map(|name| find_program(name)),
    }
}
