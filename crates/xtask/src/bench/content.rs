//! What every client downloads: one file that nothing can compress, and torrents of it that differ
//! in their trackers alone.

use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha1::{Digest, Sha1};

use super::workspace::Workspace;

/// The file's name.
pub const NAME: &str = "content.bin";

/// As other programs choose for a gibibyte.
const PIECE_LENGTH: usize = 1 << 20;

/// A file in a folder of its own, and its hashes.
pub struct Content {
    pub folder: PathBuf,
    pub size: u64,
    info: Vec<u8>,
}

impl Content {
    /// Writes the file and hashes it. `seed` makes one file differ from another.
    pub fn make(workspace: &Workspace, name: &str, size: u64, seed: u64) -> Result<Content> {
        let folder = workspace.empty_folder(name)?;
        let mut file = BufWriter::new(File::create(folder.join(NAME))?);
        let mut random = XorShift(seed | 1);
        let mut piece = vec![0; PIECE_LENGTH];
        let mut hashes = Vec::new();
        let mut left = size;
        while left > 0 {
            let length = usize::try_from(left.min(PIECE_LENGTH as u64))?;
            random.fill(&mut piece[..length]);
            file.write_all(&piece[..length])?;
            hashes.extend_from_slice(&Sha1::digest(&piece[..length]));
            left -= length as u64;
        }
        file.flush()?;
        let mut info = format!(
            "d6:lengthi{size}e4:name{}:{NAME}12:piece lengthi{PIECE_LENGTH}e6:pieces{}:",
            NAME.len(),
            hashes.len()
        )
        .into_bytes();
        info.extend(hashes);
        info.push(b'e');
        Ok(Content { folder, size, info })
    }

    /// Writes a `.torrent` with this tracker, or with none.
    pub fn torrent(&self, path: &Path, tracker: Option<&str>) -> Result<()> {
        let mut bytes = b"d".to_vec();
        if let Some(url) = tracker {
            bytes.extend(format!("8:announce{}:{url}", url.len()).into_bytes());
        }
        bytes.extend(b"4:info");
        bytes.extend(&self.info);
        bytes.push(b'e');
        fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Whether a downloaded file is byte for byte the one that was seeded.
    pub fn is_same_as(&self, downloaded: &Path) -> Result<bool> {
        let mut ours = File::open(self.folder.join(NAME))?;
        let mut theirs =
            File::open(downloaded).with_context(|| format!("no {}", downloaded.display()))?;
        if theirs.metadata()?.len() != self.size {
            return Ok(false);
        }
        let mut expected = vec![0; PIECE_LENGTH];
        let mut found = vec![0; PIECE_LENGTH];
        let mut left = self.size;
        while left > 0 {
            let length = usize::try_from(left.min(PIECE_LENGTH as u64))?;
            ours.read_exact(&mut expected[..length])?;
            theirs.read_exact(&mut found[..length])?;
            if expected[..length] != found[..length] {
                return Ok(false);
            }
            left -= length as u64;
        }
        Ok(true)
    }
}

/// Marsaglia's generator: bytes that look random, at the speed of memory.
struct XorShift(u64);

impl XorShift {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            chunk.copy_from_slice(&self.0.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Content, NAME};
    use crate::bench::workspace::Workspace;

    #[test]
    fn a_download_is_the_same_only_if_every_byte_is() {
        let workspace = Workspace::new("content-test").unwrap();
        let content = Content::make(&workspace, "seed", (2 << 20) + 5, 7).unwrap();
        let copy = workspace.path().join("copy");
        let mut bytes = fs::read(content.folder.join(NAME)).unwrap();
        fs::write(&copy, &bytes).unwrap();
        assert!(content.is_same_as(&copy).unwrap());
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&copy, &bytes).unwrap();
        assert!(!content.is_same_as(&copy).unwrap());
        bytes.pop();
        fs::write(&copy, &bytes).unwrap();
        assert!(!content.is_same_as(&copy).unwrap());
    }
}
