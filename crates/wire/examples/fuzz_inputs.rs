//! Writes the valid inputs that fuzzing begins from, `FOLDER/<target>/<number>`, as `cargo xtask fuzz` wants them.

#[path = "../tests/fuzz/corpus.rs"]
mod corpus;

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = env::args_os()
        .nth(1)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("usage: fuzz_inputs FOLDER"))?;
    for (number, (target, input)) in corpus::inputs().into_iter().enumerate() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("valid-{number}")), input)?;
    }
    Ok(())
}
