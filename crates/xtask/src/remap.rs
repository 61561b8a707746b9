//! Panic messages name source files. Their paths are shortened to what says something on every
//! machine, so that what is built tells nothing of the machine that built it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::paths;

/// Between flags, as cargo wants it: a path may have spaces.
const SEPARATOR: char = '\u{1f}';

/// The value of `CARGO_ENCODED_RUSTFLAGS` that shortens paths, besides the flags that are asked for by
/// this variable or `RUSTFLAGS` already.
pub fn rustflags() -> String {
    let encoded = std::env::var("CARGO_ENCODED_RUSTFLAGS").ok();
    let plain = std::env::var("RUSTFLAGS").ok();
    let mut flags: Vec<String> = match (encoded, plain) {
        (Some(encoded), _) => encoded.split(SEPARATOR).map(str::to_owned).collect(),
        (None, Some(plain)) => plain.split_whitespace().map(str::to_owned).collect(),
        (None, None) => Vec::new(),
    };
    flags.retain(|flag| !flag.is_empty());
    flags.extend(
        folders()
            .into_iter()
            .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())),
    );
    flags.join(&SEPARATOR.to_string())
}

/// Fails if what was built names a folder of this machine.
pub fn check(built: &Path) -> Result<()> {
    let content = std::fs::read(built).with_context(|| paths::shown(built))?;
    for (folder, _) in folders() {
        // With what is below it, since a short name alone may be there by chance.
        for below in ["crates", "registry", "release"] {
            let path = folder.join(below).join("").to_string_lossy().into_owned();
            if content
                .windows(path.len())
                .any(|part| part == path.as_bytes())
            {
                bail!("{} has the path {path} in it", paths::shown(built));
            }
        }
    }
    Ok(())
}

/// The folders that hold sources, with their names in what is built. rustc takes the last that fits.
fn folders() -> Vec<(PathBuf, &'static str)> {
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let cargo_home = cargo_home.map(|cargo_home| (cargo_home, "cargo"));
    // Build scripts leave sources in the target folder, which may be elsewhere.
    [(paths::target(), "target"), (paths::root(), "brackish")]
        .into_iter()
        .chain(cargo_home)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_folder_of_this_machine_is_refused() {
        let folder = std::env::temp_dir().join(format!("brackish-remap-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let built = folder.join("binary");
        std::fs::write(&built, b"\0cargo/registry/src/lib.rs\0").unwrap();
        assert!(check(&built).is_ok());
        let named = format!("\0{}/crates/wire/src/lib.rs\0", paths::root().display());
        std::fs::write(&built, named).unwrap();
        assert!(check(&built).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn flags_shorten_the_path_of_the_checkout() {
        let root = paths::root();
        let expected = format!("--remap-path-prefix={}=brackish", root.display());
        assert!(rustflags().split(SEPARATOR).any(|flag| flag == expected));
    }
}
