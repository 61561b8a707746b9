//! The files of a torrent: where each begins in the torrent's bytes, and under which safe path it is stored (BEP 3,
//! BEP 47).

use super::MetainfoError;
use super::fields::{Fields, Place};
use super::path::{self, MAX_COMPONENTS};
use crate::bencode;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// A file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path in the torrent, in components that are safe as file names and unlike any other file's, also where case
    /// does not count. Without the torrent's name if that is a folder; for a torrent of one file it is the name alone.
    pub path: Vec<String>,
    /// Its length in bytes.
    pub length: u64,
    /// Where it begins in the torrent, in bytes.
    pub offset: u64,
    /// What it is.
    pub kind: FileKind,
    /// Whether it may be run as a program (BEP 47, `x`).
    pub executable: bool,
    /// Whether it should be hidden (BEP 47, `h`).
    pub hidden: bool,
}

/// What a file of a torrent is (BEP 47).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// An ordinary file.
    File,
    /// Zeros that only align the next file with a piece: not to be stored. Its path may be another padding file's.
    Padding,
    /// A link, of length 0, to another path in the torrent.
    Symlink {
        /// Where it points: safe components from the torrent's folder.
        target: Vec<String>,
    },
}

/// Reads `info.files`.
pub(super) fn read_files(raw: &[u8]) -> Result<Vec<FileEntry>, MetainfoError> {
    let wrong = |error| MetainfoError::Field {
        field: "info.files".into(),
        error,
    };
    let mut files = Vec::new();
    let mut offset = 0u64;
    for (index, item) in bencode::list_items(raw).map_err(wrong)?.enumerate() {
        let file = read_file(item.map_err(wrong)?, index, offset)?;
        offset = offset
            .checked_add(file.length)
            .ok_or_else(|| MetainfoError::Range {
                field: Place::File(index).field("length"),
                value: i64::try_from(file.length).unwrap_or(i64::MAX),
            })?;
        files.push(file);
    }
    settle(&mut files)?;
    Ok(files)
}

/// Makes paths differ that a file system may take for one, and refuses files that would be folders as well.
pub(super) fn settle(files: &mut [FileEntry]) -> Result<(), MetainfoError> {
    tell_apart(files)?;
    refuse_file_as_folder(files)
}

/// Puts each file at its offset, files that are not empty at the beginning of a piece, with padding in front of them
/// where it is needed (BEP 47), and where `tail` at the end. `None` if they are too long for 64 bits.
pub(super) fn align(
    files: Vec<FileEntry>,
    piece_length: u32,
    tail: bool,
) -> Option<Vec<FileEntry>> {
    let last = files.iter().rposition(|file| file.length > 0);
    let mut aligned = Vec::with_capacity(files.len());
    let mut end = 0u64;
    for (index, mut file) in files.into_iter().enumerate() {
        file.offset = end;
        end = end.checked_add(file.length)?;
        let gap = end.checked_next_multiple_of(piece_length.into())? - end;
        aligned.push(file);
        if gap > 0 && (tail || Some(index) < last) {
            aligned.push(FileEntry {
                path: vec![".pad".into(), gap.to_string()],
                length: gap,
                offset: end,
                kind: FileKind::Padding,
                executable: false,
                hidden: false,
            });
            end = end.checked_add(gap)?;
        }
    }
    Some(aligned)
}

/// What `attr` says of a file, given the raw value of `symlink path`.
pub(super) fn attributes(attr: &[u8], symlink: Option<Vec<String>>) -> (FileKind, bool, bool) {
    let has = |flag| attr.contains(&flag);
    let kind = match symlink {
        _ if has(b'p') => FileKind::Padding,
        Some(target) if has(b'l') => FileKind::Symlink { target },
        _ => FileKind::File,
    };
    (kind, has(b'x'), has(b'h'))
}

const FILE_FIELDS: [&str; 5] = ["attr", "length", "path", "path.utf-8", "symlink path"];

fn read_file(raw: &[u8], index: usize, offset: u64) -> Result<FileEntry, MetainfoError> {
    let fields = Fields::read(raw, &FILE_FIELDS, Place::File(index))?;
    let name = if fields.get("path.utf-8").is_some() {
        "path.utf-8"
    } else {
        "path"
    };
    let path = read_path(&fields, name)?;
    let attr = fields.string("attr")?.unwrap_or_default();
    let symlink = match fields.get("symlink path") {
        Some(_) if attr.contains(&b'l') => Some(read_path(&fields, "symlink path")?),
        _ => None,
    };
    let (kind, executable, hidden) = attributes(attr, symlink);
    let length = match kind {
        FileKind::Symlink { .. } => 0,
        _ => fields.unsigned("length")?,
    };
    Ok(FileEntry {
        path,
        length,
        offset,
        kind,
        executable,
        hidden,
    })
}

/// The path in the field `name`.
pub(super) fn read_path<const N: usize>(
    fields: &Fields<'_, N>,
    name: &str,
) -> Result<Vec<String>, MetainfoError> {
    let wrong = |error| fields.wrong(name, error);
    let raw = fields.required(name)?;
    let unsafe_path = |reason| MetainfoError::Path {
        field: fields.place().field(name),
        path: shown(raw),
        reason,
    };
    let mut path = Vec::new();
    for item in bencode::list_items(raw).map_err(wrong)? {
        let component = bencode::byte_string(item.map_err(wrong)?).map_err(wrong)?;
        path.extend(path::safe_component(component).map_err(unsafe_path)?);
        if path.len() > MAX_COMPONENTS {
            return Err(unsafe_path("it has too many folders within each other"));
        }
    }
    if path.is_empty() {
        Err(unsafe_path("it names no file"))
    } else {
        Ok(path)
    }
}

/// A path as an error shows it, not too long.
fn shown(raw: &[u8]) -> String {
    let components = bencode::list_items(raw)
        .into_iter()
        .flatten()
        .map_while(Result::ok);
    let names = components
        .map_while(|item| bencode::byte_string(item).ok())
        .take(MAX_COMPONENTS);
    let path = names
        .map(String::from_utf8_lossy)
        .collect::<Vec<_>>()
        .join("/");
    path.chars().take(200).collect()
}

/// Gives files whose paths a file system may take for one a number each, in the torrent's order.
fn tell_apart(files: &mut [FileEntry]) -> Result<(), MetainfoError> {
    // Numbers that turn out to be taken. Each path counts on from its last, so that honest torrents stay below one a
    // file; names made so that cutting them to length makes them alike would take time without bound.
    let mut failures_left = files.len();
    // For each path taken, the number that the next file of this path tries first.
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    for (index, file) in files
        .iter_mut()
        .enumerate()
        .filter(|(_, file)| file.kind != FileKind::Padding)
    {
        let key = path::folded(&file.path);
        let Some(&next) = taken.get(&key) else {
            taken.insert(key, 2);
            continue;
        };
        let Some(name) = file.path.pop() else {
            continue;
        };
        for number in next.. {
            file.path.push(path::numbered(&name, number));
            if let Entry::Vacant(free) = taken.entry(path::folded(&file.path)) {
                free.insert(2);
                taken.insert(key, number + 1);
                break;
            }
            if failures_left == 0 {
                return Err(MetainfoError::Path {
                    field: Place::File(index).field("path"),
                    path: file.path.join("/"),
                    reason: "too many files have almost the same name",
                });
            }
            failures_left -= 1;
            file.path.pop();
        }
    }
    Ok(())
}

fn refuse_file_as_folder(files: &[FileEntry]) -> Result<(), MetainfoError> {
    let real = files.iter().filter(|file| file.kind != FileKind::Padding);
    let mut paths: Vec<_> = real.map(|file| (path::folded(&file.path), file)).collect();
    paths.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    for ((path, file), (next, _)) in paths.iter().zip(paths.iter().skip(1)) {
        if next.starts_with(path.as_str()) {
            return Err(MetainfoError::FileAsFolder {
                path: file.path.join("/"),
            });
        }
    }
    Ok(())
}
