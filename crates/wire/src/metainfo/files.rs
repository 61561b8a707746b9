//! The files of a torrent: where each begins in the torrent's bytes, and its path (BEP 3, BEP 47).

use super::MetainfoError;
use super::fields::{Fields, Place};
use super::path::{self, Name};
use crate::bencode;
use std::collections::BTreeMap;
use std::ops::Bound;

/// A file of a torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path in the torrent, unlike any other file's (but other padding's), and no folder in another file's path.
    /// Without the torrent's name if that is a folder; for a torrent of one file it is the name alone.
    pub path: Vec<Name>,
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
        /// Where it points, from the torrent's folder. `None` if it leads out of that folder: it must not be made.
        target: Option<Vec<Name>>,
    },
}

impl FileEntry {
    /// The path as text, its components joined by `/`. Two files may have the same; see
    /// [`Info::text_paths`](super::Info::text_paths).
    pub fn path_text(&self) -> String {
        path::joined(&self.path)
    }

    /// Whether it is a link.
    pub fn is_link(&self) -> bool {
        matches!(self.kind, FileKind::Symlink { .. })
    }

    /// Whether it is to be stored: all but padding is.
    pub fn is_stored(&self) -> bool {
        self.kind != FileKind::Padding
    }
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

/// Gives a number to each file whose path is another's, or a folder in another's path.
pub(super) fn settle(files: &mut [FileEntry]) -> Result<(), MetainfoError> {
    let stored = files.iter_mut().filter(|file| file.is_stored());
    let mut paths: Vec<&mut Vec<Name>> = stored.map(|file| &mut file.path).collect();
    tell_apart(&mut paths, exact)
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
                path: padding_path(gap),
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

/// The path of padding of this length, as other programs name it.
fn padding_path(length: u64) -> Vec<Name> {
    vec![Name::of_text(".pad"), Name::of_text(&length.to_string())]
}

/// What `attr` says of a file: what it is, whether it may be run, whether it should be hidden. A link that names no target
/// is an ordinary file.
pub(super) fn attributes<const N: usize>(
    fields: &Fields<'_, N>,
) -> Result<(FileKind, bool, bool), MetainfoError> {
    let attr = fields.string("attr").unwrap_or_default();
    let has = |flag| attr.contains(&flag);
    let kind = match read_link(fields, attr)? {
        _ if has(b'p') => FileKind::Padding,
        Some(target) => FileKind::Symlink { target },
        None => FileKind::File,
    };
    Ok((kind, has(b'x'), has(b'h')))
}

/// The length of a file: none for a link, even for one that names no target.
pub(super) fn read_length<const N: usize>(fields: &Fields<'_, N>) -> Result<u64, MetainfoError> {
    let attr = fields.string("attr").unwrap_or_default();
    if attr.contains(&b'l') {
        return Ok(0);
    }
    fields.unsigned("length")
}

const FILE_FIELDS: [&str; 5] = ["attr", "length", "path", "path.utf-8", "symlink path"];

fn read_file(raw: &[u8], index: usize, offset: u64) -> Result<FileEntry, MetainfoError> {
    let fields = Fields::read(raw, &FILE_FIELDS, Place::File(index))?;
    let (kind, executable, hidden) = attributes(&fields)?;
    let length = read_length(&fields)?;
    let name = match fields.list("path.utf-8") {
        Some(_) => "path.utf-8",
        None => "path",
    };
    let path = match kind {
        FileKind::Padding if fields.list(name).is_none_or(|raw| raw == b"le") => {
            padding_path(length)
        }
        _ => read_path(&fields, name)?,
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

/// The path in the field `name`. One that names nothing is `_`.
fn read_path<const N: usize>(
    fields: &Fields<'_, N>,
    name: &str,
) -> Result<Vec<Name>, MetainfoError> {
    let wrong = |error| fields.wrong(name, error);
    let mut path = Vec::new();
    for item in bencode::list_items(fields.required(name)?).map_err(wrong)? {
        let component = bencode::byte_string(item.map_err(wrong)?).map_err(wrong)?;
        path.extend(Name::new(component));
        path::limit_depth(&mut path);
    }
    if path.is_empty() {
        path.push(Name::of_text("_"));
    }
    Ok(path)
}

/// Where `symlink path` leads, if the file is a link that names a target: a path from the torrent's folder, or `None` inside if it leads out
/// of it, by `..` or from the root of the file system.
fn read_link<const N: usize>(
    fields: &Fields<'_, N>,
    attr: &[u8],
) -> Result<Option<Option<Vec<Name>>>, MetainfoError> {
    const FIELD: &str = "symlink path";
    let raw = match fields.list(FIELD) {
        Some(raw) if attr.contains(&b'l') && raw != b"le" => raw,
        _ => return Ok(None),
    };
    let wrong = |error| fields.wrong(FIELD, error);
    let mut target = Some(Vec::new());
    for (index, item) in bencode::list_items(raw).map_err(wrong)?.enumerate() {
        let component = bencode::byte_string(item.map_err(wrong)?).map_err(wrong)?;
        if index == 0 && component.first() == Some(&b'/') {
            target = None;
        }
        for part in component.split(|byte| *byte == b'/') {
            let Some(path) = &mut target else { break };
            match part {
                b".." if path.pop().is_none() => target = None,
                _ => path.extend(Name::new(part)),
            }
        }
    }
    if let Some(path) = &mut target {
        path::limit_depth(path);
    }
    Ok(Some(target))
}

/// A path as bytes, each component with a zero after it: that sorts before every byte of a name, so that what is in a
/// folder comes right after the folder's own path.
fn exact(path: &[Name]) -> Vec<u8> {
    let mut key = Vec::new();
    for component in path {
        key.extend_from_slice(component.as_bytes());
        key.push(0);
    }
    key
}

/// Numbers each path whose `key` is that of one before it, or of a folder in another path. The others keep theirs.
pub(super) fn tell_apart(
    paths: &mut [&mut Vec<Name>],
    key: impl Fn(&[Name]) -> Vec<u8>,
) -> Result<(), MetainfoError> {
    /// A path that some file has.
    struct Taken {
        /// The file that keeps it.
        first: usize,
        /// The number that the next file of this path tries.
        next: u32,
    }
    let mut taken: BTreeMap<Vec<u8>, Taken> = BTreeMap::new();
    for (index, path) in paths.iter().enumerate() {
        let new = Taken {
            first: index,
            next: 2,
        };
        taken.entry(key(path)).or_insert(new);
    }
    let is_folder = |taken: &BTreeMap<Vec<u8>, Taken>, key: &[u8]| {
        let after = (Bound::Excluded(key), Bound::Unbounded);
        let mut next = taken.range::<[u8], _>(after);
        next.next().is_some_and(|(next, _)| next.starts_with(key))
    };
    // Numbers that turn out to be taken. Each path counts on from its last, so that honest torrents stay below one a
    // file; names made so that cutting them to length makes them alike would take time without bound.
    let mut failures_left = paths.len();
    for (index, path) in paths.iter_mut().enumerate() {
        let own = key(path);
        let (first, next) = taken.get(&own).map_or((index, 2), |t| (t.first, t.next));
        if first == index && !is_folder(&taken, &own) {
            continue;
        }
        let Some(name) = path.pop() else { continue };
        for number in next.. {
            path.push(name.numbered(number));
            let new = key(path);
            if !taken.contains_key(&new) && !is_folder(&taken, &new) {
                let there = Taken {
                    first: index,
                    next: 2,
                };
                taken.insert(new, there);
                if let Some(taken) = taken.get_mut(&own) {
                    taken.next = number + 1;
                }
                break;
            }
            if failures_left == 0 {
                return Err(MetainfoError::Path {
                    field: Place::Info.field("files"),
                    path: path::joined(path),
                    reason: "too many files have almost the same name",
                });
            }
            failures_left -= 1;
            path.pop();
        }
    }
    Ok(())
}
