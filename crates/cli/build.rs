//! Puts the built web app, `www/dist`, into the binary: each file with its content type, a validator,
//! and a gzip copy where that is smaller. Without a built web app the table is empty.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The files that are taken, by extension, and what they are served as.
const KINDS: [(&str, &str); 7] = [
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("js", "text/javascript; charset=utf-8"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("wasm", "application/wasm"),
];

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let output = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let app = manifest.join("../../www/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A path that is not there makes cargo run this again, so an app that is built later is found.
    println!("cargo::rerun-if-changed={}", app.display());
    let mut table = String::from("[\n");
    for path in files(&app) {
        println!("cargo::rerun-if-changed={}", path.display());
        write_asset(&mut table, &path, &output);
    }
    table.push(']');
    fs::write(output.join("assets.rs"), table).expect("OUT_DIR can be written");
}

fn files(app: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(app) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

fn write_asset(table: &mut String, path: &Path, output: &Path) {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == extension) else {
        return;
    };
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let content = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // Copied, so that what the binary includes is what was compressed and hashed here.
    let plain = output.join(name);
    fs::write(&plain, &content).expect("OUT_DIR can be written");
    let compressed = gzip(&content);
    let gzip = (compressed.len() < content.len()).then(|| {
        let path = output.join(format!("{name}.gz"));
        fs::write(&path, compressed).expect("OUT_DIR can be written");
        path
    });
    let gzip = match gzip {
        Some(path) => format!("Some(include_bytes!({path:?}))"),
        None => "None".to_owned(),
    };
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let tag = hasher.finish();
    writeln!(
        table,
        "Asset {{ name: {name:?}, kind: {kind:?}, plain: include_bytes!({plain:?}), gzip: {gzip}, tag: \"{tag:016x}\" }},"
    )
    .expect("a String can be written");
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder
        .write_all(content)
        .and_then(|()| encoder.finish())
        .expect("memory can be written")
}
