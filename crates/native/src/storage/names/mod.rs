//! Between the names in a torrent and those of the file system.

mod choose;
mod system;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use brackish_wire::metainfo::{FileEntry, Info, Name};

use choose::{Choice, Chooser, PLAIN_PATH};
use system::Real;

/// The name as the system takes it: its own bytes where names are bytes, else its text.
pub(crate) fn os_name(name: &Name) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(name.as_bytes()).to_owned()
    }
    #[cfg(not(unix))]
    {
        OsString::from(name.text())
    }
}

/// The bytes that a torrent has for a name of the system. Where names are not bytes, they are UTF-8; `None` for a name
/// that is no Unicode.
pub(crate) fn bytes_of(name: &OsStr) -> Option<Vec<u8>> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        Some(name.as_bytes().to_vec())
    }
    #[cfg(not(unix))]
    {
        name.to_str().map(|name| name.as_bytes().to_vec())
    }
}

/// Where the files of a torrent are below a folder.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// The real path of each file, in the torrent's order.
    pub(crate) paths: Vec<PathBuf>,
    /// The files that have another name here than in the torrent.
    pub(crate) renamed: Vec<Renamed>,
}

/// A file that has another name here than in the torrent, since no system or not this one can have
/// it, or since the system takes it for another file's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Its path in the torrent, as text.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// What may be done to find out how files can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// Only looking at what is there.
    Look,
    /// Making files of the same names for a moment, in a folder of their own.
    Try,
}

/// Chooses a path below `directory` for each file. A file has the torrent's own name unless that is
/// not there and its [portable](Info::portable_paths) one is, or neither is and the system refuses
/// its own or takes it for another's. So the choice is the same at each start.
pub(crate) fn paths(info: &Info, directory: &Path, asking: Asking) -> Paths {
    let top: Option<&Name> = info.is_multi_file().then(|| info.file_name());
    let own: Vec<PathBuf> = info
        .files()
        .iter()
        .map(|file| below(directory, names_of(top, file).map(os_name)))
        .collect();
    // A torrent with too many names alike has its own everywhere.
    let portable = info.portable_paths().unwrap_or_default();
    let portable_top = top.map(|_| info.portable_file_name());
    let is_plain = |(file, own): (&FileEntry, &PathBuf)| {
        names_of(top, file).all(|name| name.raw() == name.as_bytes())
            && own.as_os_str().len() <= PLAIN_PATH
    };
    if portable_top.as_ref() == top
        && portable.iter().all(Option::is_none)
        && info.files().iter().zip(&own).all(is_plain)
    {
        return Paths {
            paths: own,
            renamed: Vec::new(),
        };
    }
    let folder = top.map(|top| directory.join(os_name(top)));
    let folder = folder.filter(|folder| folder.is_dir());
    let trial = folder.as_deref().unwrap_or(directory);
    let trial = trial.join(format!(".{}.names", info.info_hash()));
    let all = own.iter().map(PathBuf::as_path);
    let mut chooser = Chooser::new(Real, directory, all, trial, asking);
    let mut chosen = Paths::default();
    for (index, (file, own)) in info.files().iter().zip(&own).enumerate() {
        if !file.is_stored() {
            chosen.paths.push(own.clone());
            continue;
        }
        let other = portable.get(index).and_then(Option::as_deref);
        let other = (other.is_some() || portable_top.as_ref() != top).then(|| {
            let names = portable_top.iter().chain(other.unwrap_or(&file.path));
            below(directory, names.map(os_name))
        });
        let short = short(directory, top, index, file);
        let path = chooser.choose(Choice {
            own: own.clone(),
            raw: raw(directory, names_of(top, file)),
            portable: other,
            short,
        });
        if !has_own_names(directory, &path, names_of(top, file)) {
            chosen.renamed.push(Renamed {
                name: file.path_text(),
                path: path.clone(),
            });
        }
        chosen.paths.push(path);
    }
    chosen
}

/// Where a torrent is below `directory`, by what is there now: its folder, or its file if there is one
/// alone.
pub fn place_of(info: &Info, directory: &Path) -> PathBuf {
    let own = directory.join(os_name(info.file_name()));
    let stored = info.files().iter().position(FileEntry::is_stored);
    let paths = paths(info, directory, Asking::Look).paths;
    let first = stored.and_then(|index| paths.get(index));
    let below = first.and_then(|path| path.strip_prefix(directory).ok()?.iter().next());
    below.map_or(own, |name| directory.join(name))
}

/// The names on the way to a file, that of the torrent's folder first.
fn names_of<'a>(top: Option<&'a Name>, file: &'a FileEntry) -> impl Iterator<Item = &'a Name> {
    top.into_iter().chain(&file.path)
}

fn below(directory: &Path, names: impl Iterator<Item = OsString>) -> PathBuf {
    names.fold(directory.to_path_buf(), |path, name| path.join(name))
}

/// The path by the bytes that the torrent has, if they are names that differ from those made safe.
fn raw<'a>(directory: &Path, names: impl Iterator<Item = &'a Name>) -> Option<PathBuf> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let names: Vec<&Name> = names.collect();
        let differs = names.iter().any(|name| name.raw() != name.as_bytes());
        let unusable = |name: &&Name| name.raw().iter().any(|byte| matches!(byte, b'/' | 0));
        if !differs || names.iter().any(unusable) {
            return None;
        }
        let names = names.into_iter();
        Some(below(
            directory,
            names.map(|name| OsStr::from_bytes(name.raw()).to_owned()),
        ))
    }
    #[cfg(not(unix))]
    {
        let _ = (directory, names);
        None
    }
}

/// Where a file goes whose path is too long for the system: its name in a folder of its own.
fn short(directory: &Path, top: Option<&Name>, index: usize, file: &FileEntry) -> PathBuf {
    let folder = OsString::from(format!("long path {index}"));
    let names = top.map(os_name).into_iter().chain([folder]);
    below(directory, names.chain(file.path.last().map(os_name)))
}

/// Whether a path has the very names that the torrent has.
fn has_own_names<'a>(directory: &Path, path: &Path, names: impl Iterator<Item = &'a Name>) -> bool {
    let here = path.strip_prefix(directory).unwrap_or(path).iter();
    here.map(bytes_of)
        .eq(names.map(|name| Some(name.raw().to_vec())))
}
