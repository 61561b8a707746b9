//! A folder for one suite's files, in memory where the machine has such a file system, so that no
//! disk is measured, or on a disk where one is. It goes away with its value.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::interrupt;
use crate::paths;

/// File systems in memory, the first that can be written to wins.
const IN_MEMORY: [&str; 2] = ["/dev/shm", "/run/shm"];

/// An empty folder of this process.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    pub fn new(suite: &str) -> Result<Workspace> {
        let name = format!("brackish-bench-{suite}-{}", std::process::id());
        let bases = IN_MEMORY
            .iter()
            .map(PathBuf::from)
            .filter(|base| base.is_dir())
            .chain([std::env::temp_dir()]);
        for base in bases {
            let root = base.join(&name);
            if fs::create_dir_all(&root).is_ok() {
                interrupt::add_folder(root.clone());
                return Ok(Workspace { root });
            }
        }
        anyhow::bail!("no folder for {name} can be made")
    }

    /// On the disk that holds the build folder.
    pub fn on_disk(suite: &str) -> Result<Workspace> {
        let root = paths::target().join(format!("brackish-bench-{suite}-{}", std::process::id()));
        fs::create_dir_all(&root).with_context(|| format!("cannot make {}", root.display()))?;
        interrupt::add_folder(root.clone());
        Ok(Workspace { root })
    }

    pub fn path(&self) -> &Path {
        &self.root
    }

    /// An empty folder of this name, without what was there before.
    pub fn empty_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What cannot be removed now is left for whoever looks there next.
        let _ = fs::remove_dir_all(&self.root);
    }
}
