//! Rules on source text: sans-IO crates name no clock, socket, file, thread or global randomness;
//! no file names a folder of somebody's machine; files over the limit are listed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::{paths, process};

/// A file has one subject: above this many lines it surely has more.
const LONGEST_FILE: usize = 600;

/// The folders whose code must read no clock and touch no machine.
const SANS_IO: [&str; 2] = ["crates/wire/src", "crates/core/src"];

/// What that code must not name.
const IMPURE: [&str; 16] = [
    "Instant::now",
    "SystemTime",
    "std::time::Instant",
    "std::fs",
    "std::thread",
    "std::process",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "tokio::",
    "web_sys",
    "js_sys",
    "thread_rng",
    "RandomState",
    "getrandom",
    "std::env::",
];

/// Folders that exist on one machine only.
const MACHINE_FOLDERS: [&str; 4] = ["/home/", "/root/", "/Users/", "C:\\Users\\"];

/// Kinds of file that hold text that we wrote.
const TEXT: [&str; 13] = [
    "rs", "toml", "ts", "mts", "js", "mjs", "json", "html", "css", "md", "py", "sh", "yml",
];

/// One line for each broken rule.
pub fn violations() -> Result<Vec<String>> {
    let mut violations = Vec::new();
    for file in tracked_files()? {
        let name = file.to_string_lossy().replace('\\', "/");
        let Ok(contents) = fs::read_to_string(paths::root().join(&file)) else {
            continue;
        };
        if name.ends_with("package-lock.json") {
            violations.extend(registry_hosts(&name, &contents));
            continue;
        }
        if SANS_IO.iter().any(|folder| name.starts_with(folder)) {
            violations.extend(impurities(&name, &contents));
        }
        // This file has to name what it looks for.
        if !name.ends_with("check/sources.rs") {
            violations.extend(machine_paths(&name, &contents));
        }
        let lines = contents.lines().count();
        let written = [".rs", ".ts", ".mjs"]
            .iter()
            .any(|kind| name.ends_with(kind));
        if written && lines > LONGEST_FILE {
            violations.push(format!(
                "{name} has {lines} lines; {LONGEST_FILE} is the limit"
            ));
        }
    }
    Ok(violations)
}

/// Text files that are in the repository, or would be: ignored ones are nobody's source.
fn tracked_files() -> Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(paths::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listing = process::output(&mut git).context("cannot list the repository's files")?;
    Ok(listing
        .lines()
        .map(PathBuf::from)
        .filter(|file| has_text(file))
        .collect())
}

fn has_text(file: &Path) -> bool {
    file.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| TEXT.contains(&extension))
}

fn impurities(name: &str, contents: &str) -> Vec<String> {
    code_lines(contents)
        .flat_map(|(number, line)| {
            IMPURE
                .iter()
                .filter(move |word| line.contains(**word))
                .map(move |word| format!("{name}:{number} is sans-IO, but names {word}"))
        })
        .collect()
}

fn machine_paths(name: &str, contents: &str) -> Vec<String> {
    contents
        .lines()
        .enumerate()
        .filter(|(_, line)| MACHINE_FOLDERS.iter().any(|folder| line.contains(folder)))
        .map(|(index, _)| format!("{name}:{} names a folder of one machine", index + 1))
        .collect()
}

fn registry_hosts(name: &str, contents: &str) -> Vec<String> {
    contents
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("\"resolved\": \"http"))
        .map(|(index, _)| format!("{name}:{} names a registry's host", index + 1))
        .collect()
}

/// Lines with their numbers, without comments, and without the test module at a file's end: tests
/// may read clocks.
fn code_lines(contents: &str) -> impl Iterator<Item = (usize, &str)> {
    contents
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or(line)))
}

#[cfg(test)]
mod tests {
    use super::{code_lines, impurities, machine_paths, registry_hosts};

    #[test]
    fn a_clock_in_sans_io_code_is_found_and_one_in_a_comment_or_test_is_not() {
        let code = "fn a() { Instant::now(); }\n// SystemTime\n#[cfg(test)]\nmod t { SystemTime }";
        assert_eq!(impurities("a.rs", code).len(), 1);
        assert_eq!(code_lines(code).count(), 2);
    }

    #[test]
    fn a_folder_of_one_machine_is_found_with_its_line() {
        let folder = format!("{}someone/x", "/ho".to_owned() + "me/");
        assert_eq!(
            machine_paths("a.md", &format!("fine\n{folder}")),
            ["a.md:2 names a folder of one machine"]
        );
    }

    #[test]
    fn a_lock_file_with_a_registry_s_host_is_found() {
        let with = "\"resolved\": \"https://registry.example/a.tgz\"";
        assert_eq!(registry_hosts("package-lock.json", with).len(), 1);
        assert!(registry_hosts("package-lock.json", "\"resolved\": \"../web\"").is_empty());
    }
}
