//! Running other programs: what failed is named, and quiet runs show their output only then.

use std::io::Read;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How many lines of a quiet program's output are shown when it fails.
const SHOWN_LINES: usize = 60;

/// Runs with output on the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    succeeded(command, status)
}

/// Runs and returns standard output; standard error is shown only when the program fails.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", line(command)))?;
    if !output.status.success() {
        show_tail(&[output.stdout.as_slice(), &output.stderr].concat());
        succeeded(command, output.status)?;
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed bytes that are not UTF-8", line(command)))
}

/// Runs and shows nothing unless the program fails.
pub fn quiet(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// True when the program starts and exits 0 within `limit`; nothing is shown.
pub fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let started = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return false };
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if started.elapsed() < limit => {
                std::thread::sleep(Duration::from_millis(50));
            }
            _ => {
                // Its exit no longer matters: it is ended and reaped, and the answer is no.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// `cargo` of the toolchain that built this program, without the variables that `cargo run` adds:
/// with them a build script's inputs would differ from those of a plain `cargo build`.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_cargo_variables(&mut command);
    command.current_dir(crate::paths::root());
    command
}

/// An example of one of our crates, built for speed; arguments that are added are its own.
pub fn example(package: &str, name: &str) -> Command {
    let mut cargo = cargo();
    cargo.args(["run", "--quiet", "--release", "--package", package]);
    cargo.args(["--example", name, "--"]);
    cargo
}

/// Removes what an outer `cargo run` put into the environment.
pub fn without_cargo_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let of_cargo_run = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || ["CARGO", "LD_LIBRARY_PATH", "RUST_RECURSION_COUNT"].contains(&text);
        if of_cargo_run {
            command.env_remove(&name);
        }
    }
}

/// `npm` in a folder of the checkout.
pub fn npm(folder: &Path) -> Command {
    // On Windows it is a script, which is not found without its extension.
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.current_dir(folder);
    command
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

fn show_tail(bytes: &[u8]) {
    let mut text = String::new();
    // Reading from a slice cannot fail, and bytes that are not UTF-8 leave the text empty.
    let _ = String::from_utf8_lossy(bytes)
        .as_bytes()
        .read_to_string(&mut text);
    let lines: Vec<&str> = text.lines().collect();
    for line in &lines[lines.len().saturating_sub(SHOWN_LINES)..] {
        eprintln!("{line}");
    }
}
