//! The names that every system can have and tell apart: for drivers whose file system refuses a torrent's own name or
//! takes it for another's, and to tell the maker of a torrent how many of its names are not so.

use super::files::{self, FileEntry};
use super::path::{self, Name};
use super::{Info, MetainfoError};

impl Info {
    /// For each file, the path to use where a file system cannot have or tell apart its own: characters that Windows
    /// refuses and dots and spaces at the end become `_`, names of devices get a `_` in front, bytes that are no UTF-8
    /// become Latin-1, and paths that differ only in case get a number. `None` for a file whose own path is like that.
    /// The paths depend on the torrent alone, and are as different as the torrent's own.
    pub fn portable_paths(&self) -> Result<Vec<Option<Vec<Name>>>, MetainfoError> {
        portable_paths(self.files())
    }

    /// The torrent's [`file_name`](Self::file_name) in the same way.
    pub fn portable_file_name(&self) -> Name {
        portable(self.file_name())
    }

    /// How many files have a name that some systems cannot have or cannot tell from another's; all, where that is true
    /// of the torrent's folder.
    pub fn unportable_files(&self) -> usize {
        let stored = self.stored_files().count();
        if self.is_multi_file() && portable(self.file_name()) != *self.file_name() {
            return stored;
        }
        self.portable_paths()
            .map_or(stored, |paths| paths.iter().flatten().count())
    }
}

fn portable_paths(files: &[FileEntry]) -> Result<Vec<Option<Vec<Name>>>, MetainfoError> {
    let mut paths: Vec<Vec<Name>> = files
        .iter()
        .map(|file| file.path.iter().map(portable).collect())
        .collect();
    let stored = files.iter().zip(&mut paths);
    let mut stored: Vec<_> = stored.filter(|(file, _)| file.is_stored()).collect();
    // Those that keep all their names come first, so that none of the others gets a path of theirs.
    stored.sort_by_key(|(file, path)| **path != file.path);
    let mut stored: Vec<_> = stored.into_iter().map(|(_, path)| path).collect();
    files::tell_apart(&mut stored, folded)?;
    let same = |path: &[Name], own: &[Name]| {
        path.iter()
            .map(Name::as_bytes)
            .eq(own.iter().map(Name::as_bytes))
    };
    let changed = files
        .iter()
        .zip(paths)
        .map(|(file, path)| Some(path).filter(|path| file.is_stored() && !same(path, &file.path)));
    Ok(changed.collect())
}

/// What paths have in common that a file system may take for one: paths that differ only in case. Each component ends
/// with a zero, which sorts before every byte of a name.
fn folded(path: &[Name]) -> Vec<u8> {
    let mut key = String::new();
    for component in path {
        key.extend(component.text().chars().flat_map(char::to_lowercase));
        key.push('\0');
    }
    key.into_bytes()
}

/// The name with everything replaced that some system refuses.
fn portable(name: &Name) -> Name {
    let text = name.text();
    let mut portable = String::with_capacity(text.len() + 1);
    if is_device(&text) {
        portable.push('_');
    }
    let refused = |c| matches!(c, '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*');
    portable.extend(text.chars().map(|c| if refused(c) { '_' } else { c }));
    let mut bytes = portable.into_bytes();
    path::cut(&mut bytes, b"");
    for byte in bytes.iter_mut().rev() {
        match byte {
            b'.' | b' ' => *byte = b'_',
            _ => break,
        }
    }
    if bytes == name.as_bytes() {
        return name.clone();
    }
    Name::of_text(&String::from_utf8_lossy(&bytes))
}

/// Whether Windows takes the name, up to its first dot, for a device.
fn is_device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches(' ');
    let port = |prefix: &str| {
        let number = stem
            .get(..3)
            .filter(|start| start.eq_ignore_ascii_case(prefix))
            .and(stem.get(3..));
        number.is_some_and(|number| {
            let mut digits = number.chars();
            matches!(
                (digits.next(), digits.next()),
                (Some('0'..='9' | '¹' | '²' | '³'), None)
            )
        })
    };
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device))
        || port("com")
        || port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str) -> String {
        portable(&Name::of_text(name)).text()
    }

    #[test]
    fn ordinary_names_are_portable() {
        for name in [
            "a",
            "Füße – 日本.mp3",
            ".hidden",
            "a..b",
            "console",
            "com10",
            "lpt",
        ] {
            assert_eq!(text(name), name);
        }
    }

    #[test]
    fn names_that_windows_refuses_are_replaced() {
        assert_eq!(text("..\\x"), ".._x");
        assert_eq!(text("12:30.log"), "12_30.log");
        assert_eq!(text("what?.txt"), "what_.txt");
        assert_eq!(text("end. ."), "end___");
        assert_eq!(text("..."), "___");
        assert_eq!(text(&format!("{}b", ".".repeat(300))).len(), 255);
        for name in [
            "CON",
            "nul.txt",
            "Com1",
            "lpt9.tar.gz",
            "COM¹",
            "aux .x",
            "CONIN$",
        ] {
            assert_eq!(text(name), format!("_{name}"));
        }
        let latin = Name::new(b"caf\xe9").unwrap();
        assert_eq!(portable(&latin).as_bytes(), "café".as_bytes());
    }
}
