//! `cargo xtask size`: the bytes that a page loads, raw and as a server would compress them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::{build_web, paths};

/// Brotli's own defaults for files that are compressed once: best quality, 4 MiB window.
const BROTLI_QUALITY: u32 = 11;
const BROTLI_WINDOW: u32 = 22;
const BROTLI_BUFFER: usize = 64 * 1024;

#[derive(Clone, Copy, Default)]
struct Size {
    raw: usize,
    gzip: usize,
    brotli: usize,
}

/// Builds the page and prints a table of the package's files, and of the whole page.
pub fn run() -> Result<()> {
    build_web::run()?;
    println!(
        "{:<28} {:>10} {:>10} {:>10}",
        "bytes", "raw", "gzip", "brotli"
    );
    for folder in ["web/dist", "www/dist"] {
        let mut total = Size::default();
        for file in loaded_files(&paths::root().join(folder))? {
            let size = measure(&file)?;
            total.raw += size.raw;
            total.gzip += size.gzip;
            total.brotli += size.brotli;
            print(&paths::shown(&file), size);
        }
        print(&format!("{folder}, together"), total);
    }
    Ok(())
}

/// The files of a build that browsers load: no types, no source maps.
fn loaded_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|file| {
        let name = file.to_string_lossy();
        file.is_file() && !name.ends_with(".d.ts") && !name.ends_with(".map")
    });
    files.sort();
    Ok(files)
}

fn measure(file: &Path) -> Result<Size> {
    let contents = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&contents)?;
    let mut brotli =
        brotli::CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_QUALITY, BROTLI_WINDOW);
    brotli.write_all(&contents)?;
    Ok(Size {
        raw: contents.len(),
        gzip: gzip.finish()?.len(),
        brotli: brotli.into_inner().len(),
    })
}

fn print(name: &str, size: Size) {
    println!(
        "{name:<28} {:>10} {:>10} {:>10}",
        size.raw, size.gzip, size.brotli
    );
}
