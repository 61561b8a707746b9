//! Names of the files that a download keeps beside the torrent's own: unfinished files, copies on
//! their way to be such, files of others that were moved aside.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use brackish_wire::InfoHash;

use super::layout::Slot;

/// Longest file name that common file systems take, in bytes.
const MAX_NAME: usize = 255;

/// Ends the name of an unfinished file.
const UNFINISHED: &str = "part";

/// Ends the name of a copy that becomes an unfinished file once it is whole. As long as
/// [`UNFINISHED`], so that it fits wherever that one does.
const COPY: &str = "copy";

/// The first eight digits of an info-hash: enough to tell the torrents of one folder apart.
pub(super) fn short(info_hash: InfoHash) -> String {
    let mut text = info_hash.to_string();
    text.truncate(8);
    text
}

/// Gives each file that has bytes the path of its unfinished state: `NAME.INFOHASH8.part` in the
/// same folder. Names that the torrent has itself, also in another case, are avoided.
pub(super) fn name_temporaries(files: &mut [Slot], short: &str) {
    let mut taken: HashSet<String> = files.iter().map(|slot| folded(&slot.path)).collect();
    for (index, slot) in files.iter_mut().enumerate() {
        if !slot.stored || slot.length == 0 {
            continue;
        }
        let marks = std::iter::once(String::new()).chain((0..).map(|more| match more {
            0 => format!("-{index}"),
            more => format!("-{index}-{more}"),
        }));
        for mark in marks {
            let path = beside(&slot.path, &format!(".{short}{mark}.{UNFINISHED}"));
            let (name, copy) = (folded(&path), folded(&copy_of(&path)));
            if !taken.contains(&name) && !taken.contains(&copy) {
                taken.extend([name, copy]);
                slot.temporary = path;
                break;
            }
        }
    }
}

/// Where a copy is made that becomes the unfinished file at `temporary`.
pub(super) fn copy_of(temporary: &Path) -> PathBuf {
    temporary.with_extension(COPY)
}

/// The name for a file of another owner that is moved aside: `NAME.before-INFOHASH8`, and numbered
/// from the second on.
pub(super) fn aside(path: &Path, short: &str, number: u32) -> PathBuf {
    let mark = match number {
        0 | 1 => String::new(),
        number => format!("-{number}"),
    };
    beside(path, &format!(".before-{short}{mark}"))
}

/// The path with `suffix` after its name, which is cut if it would become too long.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(with_suffix(name, suffix))
}

fn with_suffix(name: &OsStr, suffix: &str) -> OsString {
    let room = MAX_NAME - suffix.len();
    let mut out = if name.len() <= room {
        name.to_os_string()
    } else {
        let text = name.to_string_lossy();
        let end = (0..=room).rfind(|end| text.is_char_boundary(*end));
        OsString::from(&text[..end.unwrap_or(0)])
    };
    out.push(suffix);
    out
}

fn folded(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporaries(names: &[&str]) -> Vec<PathBuf> {
        let slot = |name: &&str| Slot {
            path: Path::new("/folder").join(name),
            temporary: PathBuf::new(),
            offset: 0,
            length: 1,
            stored: true,
            executable: false,
            link: None,
            leads_out: false,
        };
        let mut slots: Vec<_> = names.iter().map(slot).collect();
        name_temporaries(&mut slots, "01234567");
        slots.into_iter().map(|slot| slot.temporary).collect()
    }

    #[test]
    fn a_temporary_name_is_beside_the_file() {
        let found = temporaries(&["sub/movie.bin"]);
        assert_eq!(found, [Path::new("/folder/sub/movie.bin.01234567.part")]);
    }

    #[test]
    fn temporary_names_avoid_the_names_of_the_torrent_and_each_other() {
        let names = [
            "A.bin",
            "a.BIN",
            "a.bin.01234567-1.COPY",
            "b",
            "b.01234567.part",
        ];
        let found = temporaries(&names);
        let mut all: Vec<_> = found.iter().map(|path| folded(path)).collect();
        all.extend(found.iter().map(|path| folded(&copy_of(path))));
        all.extend(
            names
                .iter()
                .map(|name| folded(&Path::new("/folder").join(name))),
        );
        let different: HashSet<_> = all.iter().collect();
        // Two of the torrent's own names differ in case alone.
        assert_eq!(different.len(), all.len() - 1, "{all:?}");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character_and_stays_unique() {
        let long = "é".repeat(127);
        let (one, other) = (format!("{long}1"), format!("{long}2"));
        let found = temporaries(&[&one, &other]);
        assert_ne!(found[0], found[1]);
        for path in &found {
            assert!(path.file_name().unwrap().len() <= MAX_NAME);
        }
        let moved = aside(&Path::new("/folder").join(&one), "01234567", 12);
        assert!(moved.file_name().unwrap().len() <= MAX_NAME);
        assert!(moved.to_string_lossy().ends_with(".before-01234567-12"));
    }
}
