//! The `file tree` of version 2 (BEP 52): folders are dictionaries within dictionaries, and a file is one that has its
//! properties under an empty key.

use super::MetainfoError;
use super::fields::{Fields, Place};
use super::files::{self, FileEntry, FileKind};
use super::path::{self, Name};
use crate::bencode::{self, BencodeError};
use crate::merkle::Hash;

/// The most memory that the paths of all files may take. A folder's name stands in the tree once and in the path of each
/// file under it, so that a small tree could have paths without bound. A hundred thousand files ten folders deep have half
/// as much.
const MAX_PATH_MEMORY: usize = 64 * 1024 * 1024;

/// The files in the order of the tree, which is that of the torrent's bytes.
pub(super) struct FileTree {
    /// Each file, its offset not yet known, with the root of its hashes unless it is empty.
    pub(super) files: Vec<(FileEntry, Option<Hash>)>,
    /// The tree is one file and not a folder of files.
    pub(super) single_file: bool,
}

/// A dictionary that the walk is inside of.
#[derive(Default)]
struct Level<'a> {
    last_key: Option<&'a [u8]>,
    /// It has the properties of a file.
    is_file: bool,
    /// Its key is a component of the path: one like `.` is none.
    named: bool,
}

/// Reads `info.file tree`, which has been scanned.
pub(super) fn read_tree(raw: &[u8]) -> Result<FileTree, MetainfoError> {
    let wrong = |error| MetainfoError::Field {
        field: FIELD.into(),
        error,
    };
    bencode::dict_entries(raw).map_err(wrong)?;
    let mut tree = FileTree {
        files: Vec::new(),
        single_file: false,
    };
    let mut path: Vec<Name> = Vec::new();
    let mut memory = 0usize;
    let mut levels = vec![Level::default()];
    let mut position = 1;
    // No deeper than bencode may be nested.
    while let Some(level) = levels.last_mut() {
        if raw.get(position) == Some(&b'e') {
            position += 1;
            if level.named {
                path.pop();
            }
            levels.pop();
            continue;
        }
        let (key, value_at) = bencode::string(raw, position).map_err(wrong)?;
        if level.last_key.is_some_and(|last| last >= key) {
            return Err(refused(&path, key, "its keys are not in order"));
        }
        level.last_key = Some(key);
        let value = raw.get(value_at..).unwrap_or_default();
        bencode::dict_entries(value).map_err(wrong)?;
        if level.is_file {
            return Err(refused(&path, key, "it is both a file and a folder"));
        }
        if !key.is_empty() {
            let component = Name::new(key);
            levels.push(Level {
                named: component.is_some(),
                ..Level::default()
            });
            path.extend(component);
            position = value_at + 1;
            continue;
        }
        let length = bencode::prefix_len(value).map_err(wrong)?;
        let properties = value.get(..length).unwrap_or_default();
        position = value_at + length;
        let place = Place::TreeFile(tree.files.len());
        let fields = Fields::read(properties, &FILE_FIELDS, place)?;
        level.is_file = true;
        let depth = levels.len();
        if depth == 1 {
            return Err(refused(&path, key, "it names no file"));
        }
        let mut file = path.clone();
        path::limit_depth(&mut file);
        if file.is_empty() {
            file.push(Name::of_text("_"));
        }
        memory += file.iter().map(Name::memory).sum::<usize>();
        if memory > MAX_PATH_MEMORY {
            return Err(refused(&path, key, "all paths together are too long"));
        }
        tree.files.push(read_file(&fields, file)?);
        tree.single_file = tree.files.len() == 1 && depth == 2;
    }
    Ok(tree)
}

const FIELD: &str = "info.file tree";

const FILE_FIELDS: [&str; 4] = ["attr", "length", "pieces root", "symlink path"];

fn read_file(
    fields: &Fields<'_, 4>,
    path: Vec<Name>,
) -> Result<(FileEntry, Option<Hash>), MetainfoError> {
    let (kind, executable, hidden) = files::attributes(fields)?;
    if kind == FileKind::Padding {
        return Err(refused(&path, b"", "a file tree has no padding files"));
    }
    let length = files::read_length(fields)?;
    let root = match length {
        0 => None,
        _ => Some(read_root(fields)?),
    };
    let entry = FileEntry {
        path,
        length,
        offset: 0,
        kind,
        executable,
        hidden,
    };
    Ok((entry, root))
}

fn read_root(fields: &Fields<'_, 4>) -> Result<Hash, MetainfoError> {
    let raw = fields.required_string("pieces root")?;
    let wrong = |reason| fields.wrong("pieces root", BencodeError::Form(reason));
    let root = raw
        .try_into()
        .map_err(|_| wrong(format!("a SHA-256 has 32 bytes, not {}", raw.len())))?;
    if root == [0; 32] {
        return Err(wrong("it is zero, which is no file's root".into()));
    }
    Ok(root)
}

fn refused(path: &[Name], key: &[u8], reason: &'static str) -> MetainfoError {
    let mut shown = path::joined(path);
    if !key.is_empty() {
        shown.push('/');
        shown.push_str(&String::from_utf8_lossy(key));
    }
    MetainfoError::Path {
        field: FIELD.into(),
        path: shown.trim_start_matches('/').chars().take(200).collect(),
        reason,
    }
}
