//! Installs what is missing: quick when all is there, and plain about what it cannot install.

mod apt;
pub mod node;
pub mod python;
pub mod tools;
pub mod wasm;

use anyhow::{Context, Result, bail};

pub use self::apt::is_root;

use crate::paths;

/// The pieces in the order in which they are installed.
const PIECES: [&str; 7] = [
    "wasm", "web", "browsers", "clients", "python", "tests", "bench",
];

/// `cargo xtask setup [what...]`: everything, or the named pieces.
pub fn run(what: &[String]) -> Result<()> {
    for name in what {
        if !PIECES.contains(&name.as_str()) {
            bail!("unknown piece `{name}`; there are: {}", PIECES.join(" "));
        }
    }
    for piece in PIECES {
        if what.is_empty() || what.iter().any(|name| name == piece) {
            ensure(piece)?;
        }
    }
    Ok(())
}

/// Everything that `cargo xtask test` needs: all but the programs that only benchmarks run.
pub fn for_tests() -> Result<()> {
    for piece in PIECES.into_iter().filter(|piece| *piece != "bench") {
        ensure(piece)?;
    }
    Ok(())
}

/// One piece of [`PIECES`].
pub fn ensure(piece: &str) -> Result<()> {
    match piece {
        "wasm" => {
            wasm::ensure()?;
        }
        "web" => node::ensure_web()?,
        "browsers" => {
            apt::ensure_found(&[
                ("chromium", paths::chromium()),
                ("firefox-esr", paths::firefox()),
            ])
            .context(
                "BRACKISH_CHROMIUM and BRACKISH_FIREFOX may name browsers that are elsewhere",
            )?;
        }
        "clients" => apt::ensure_programs(&[
            ("aria2c", "aria2"),
            ("transmission-daemon", "transmission-daemon"),
            ("transmission-remote", "transmission-cli"),
            ("turnserver", "coturn"),
            ("ip", "iproute2"),
            ("openssl", "openssl"),
        ])?,
        "python" => {
            python::ensure()?;
        }
        "tests" => node::ensure_packages(&paths::root().join("tests"))?,
        "bench" => tools::ensure(&[tools::RQBIT, tools::AQUATIC, tools::LOAD_TEST])?,
        _ => {}
    }
    Ok(())
}

/// One line about something that was there already.
fn present(what: &str, detail: &str) {
    println!("  have     {what} {detail}");
}

/// One line before something is installed.
fn installing(what: &str, how: &str) {
    println!("  install  {what} ({how})");
}
