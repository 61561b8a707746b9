//! Chooses between the names that a file may have.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Asking;
use super::system::FileSystem;

/// The longest path that is taken without asking the system, in bytes. Systems allow 1,024 or more.
pub(super) const PLAIN_PATH: usize = 900;

/// The paths that a file may have.
#[derive(Debug)]
pub(super) struct Choice {
    /// By the torrent's own names, made safe.
    pub(super) own: PathBuf,
    /// By the bytes that the torrent has, where they differ from that and are names at all.
    pub(super) raw: Option<PathBuf>,
    /// By names that every system can have and tell apart, where they differ from the torrent's own.
    pub(super) portable: Option<PathBuf>,
    /// Where the file goes if all of these are too long.
    pub(super) short: PathBuf,
}

/// Chooses a path for one file after the other, in the torrent's order.
pub(super) struct Chooser<'a, F: FileSystem> {
    system: F,
    /// The folder of the torrents.
    directory: &'a Path,
    /// Where names are tried, if they may be.
    trial: Option<PathBuf>,
    tried: bool,
    /// The paths of all files by the torrent's own names.
    own: BTreeSet<&'a Path>,
    /// The paths chosen so far, by what paths have in common that a system may take for one.
    chosen: BTreeMap<String, Vec<PathBuf>>,
}

impl<'a, F: FileSystem> Chooser<'a, F> {
    /// Chooses for the files of these paths below `directory`. `trial` is a folder that may be made
    /// for a moment.
    pub(super) fn new(
        system: F,
        directory: &'a Path,
        own: impl Iterator<Item = &'a Path>,
        trial: PathBuf,
        asking: Asking,
    ) -> Self {
        Self {
            system,
            directory,
            trial: (asking == Asking::Try).then_some(trial),
            tried: false,
            own: own.collect(),
            chosen: BTreeMap::new(),
        }
    }

    /// The path of the next file.
    pub(super) fn choose(&mut self, choice: Choice) -> PathBuf {
        let Choice {
            own,
            raw,
            portable,
            short,
        } = choice;
        if cfg!(windows) {
            // What the system does not refuse, it may change without a word, or take for a stream
            // of another file.
            return portable.unwrap_or(own);
        }
        let raw = raw.filter(|raw| self.is_there_by_its_bytes(raw, &own));
        let path = if let Some(raw) = raw {
            raw
        } else if own.as_os_str().len() > PLAIN_PATH && self.is_too_long(&own) {
            short
        } else {
            match portable {
                Some(portable) if !self.stays(&own, &portable) => portable,
                _ => own,
            }
        };
        let twins = self.chosen.entry(folded(&path)).or_default();
        twins.push(path.clone());
        path
    }

    /// Whether a file has a name here that no torrent's file gets: it was made by its owner.
    fn is_there_by_its_bytes(&self, raw: &Path, own: &Path) -> bool {
        self.system.look(own).is_err() && !self.own.contains(raw) && self.system.look(raw).is_ok()
    }

    fn is_too_long(&self, path: &Path) -> bool {
        let looked = self.system.look(path);
        looked.is_err_and(|error| error.kind() == io::ErrorKind::InvalidFilename)
    }

    /// Whether the file has the torrent's own name here.
    fn stays(&mut self, own: &Path, portable: &Path) -> bool {
        let twins = self.chosen.get(&folded(own)).cloned().unwrap_or_default();
        match self.system.look(own) {
            Ok(here) => {
                let is_there = |path: &Path| self.lists_all(path);
                let is_own = |twin: &PathBuf| match self.system.look(twin) {
                    // Two names that are both listed are hard links of one file.
                    Ok(there) => there != here || is_there(own) && is_there(twin),
                    Err(_) => true,
                };
                twins.iter().all(is_own)
            }
            Err(error) if is_refusal(&error) => false,
            Err(_) if self.system.look(portable).is_ok() => false,
            Err(_) => !self.is_refused(own) && !twins.iter().any(|twin| self.is_one(twin, own)),
        }
    }

    /// Whether each folder on the way to a path lists the very name in it.
    fn lists_all(&self, path: &Path) -> bool {
        let ways = path.ancestors();
        let mut below = ways.take_while(|way| *way != self.directory);
        below.all(|way| self.system.lists(way))
    }

    /// Whether the system refuses a name of this path.
    fn is_refused(&mut self, path: &Path) -> bool {
        let Some(trial) = self.trial() else {
            return false;
        };
        let below = path.strip_prefix(self.directory).unwrap_or(path);
        below.iter().any(|name| {
            let made = self.system.make(&trial.join("names").join(name));
            made.is_err_and(|error| is_refusal(&error))
        })
    }

    /// Whether the system takes two paths for one.
    fn is_one(&mut self, first: &Path, second: &Path) -> bool {
        let Some(trial) = self.trial().map(|trial| trial.join("twins")) else {
            return false;
        };
        let below = |path: &Path| trial.join(path.strip_prefix(self.directory).unwrap_or(path));
        let (first, second) = (below(first), below(second));
        let is_one = self.system.make(&first).is_ok()
            && match (self.system.look(&first), self.system.look(&second)) {
                (Ok(first), Ok(second)) => first == second,
                _ => false,
            };
        self.system.remove(&trial);
        is_one
    }

    /// The folder in which names are tried, if they may be. It is removed at the end.
    fn trial(&mut self) -> Option<PathBuf> {
        self.tried = true;
        self.trial.clone()
    }
}

impl<F: FileSystem> Drop for Chooser<'_, F> {
    fn drop(&mut self) {
        if let Some(trial) = self.trial.take().filter(|_| self.tried) {
            self.system.remove(&trial);
        }
    }
}

/// Whether an error means that there cannot be such a name, and not that something is not there or
/// may not be done.
fn is_refusal(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::AlreadyExists
            | io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::Interrupted
    )
}

/// What paths have in common that a system may take for one.
fn folded(path: &Path) -> String {
    path.to_string_lossy().to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// A file system that may not tell names apart by case, and may refuse colons.
    #[derive(Clone, Default)]
    struct Fake {
        ignores_case: bool,
        refuses_colons: bool,
        files: BTreeMap<PathBuf, (PathBuf, u64)>,
        made: Rc<Cell<u64>>,
    }

    impl Fake {
        fn key(&self, path: &Path) -> io::Result<PathBuf> {
            if self.refuses_colons && path.to_string_lossy().contains(':') {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Ok(match self.ignores_case {
                true => PathBuf::from(folded(path)),
                false => path.to_path_buf(),
            })
        }
    }

    impl FileSystem for Fake {
        fn look(&self, path: &Path) -> io::Result<(u64, u64)> {
            let there = self.files.get(&self.key(path)?);
            there
                .map(|(_, inode)| (1, *inode))
                .ok_or(io::ErrorKind::NotFound.into())
        }

        fn lists(&self, path: &Path) -> bool {
            self.files
                .values()
                .any(|(listed, _)| listed.starts_with(path))
        }

        fn make(&mut self, path: &Path) -> io::Result<()> {
            let key = self.key(path)?;
            self.made.set(self.made.get() + 1);
            if self.files.contains_key(&key) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            self.files
                .insert(key, (path.to_path_buf(), self.made.get()));
            Ok(())
        }

        fn remove(&mut self, folder: &Path) {
            let folder = self.key(folder).unwrap();
            self.files.retain(|path, _| !path.starts_with(&folder));
        }
    }

    /// The paths chosen for these files: own name, and the portable one if it is another.
    fn chosen(system: &Fake, files: &[(&str, Option<&str>)], asking: Asking) -> Vec<String> {
        let directory = Path::new("/d");
        let own: Vec<PathBuf> = files.iter().map(|(own, _)| directory.join(own)).collect();
        let paths = own.iter().map(PathBuf::as_path);
        let trial = directory.join(".trial");
        let mut chooser = Chooser::new(system.clone(), directory, paths, trial, asking);
        let choose = |(own, portable): &(&str, Option<&str>)| {
            let path = chooser.choose(Choice {
                own: directory.join(own),
                raw: None,
                portable: portable.map(|portable| directory.join(portable)),
                short: directory.join("short"),
            });
            let below = path.strip_prefix(directory).unwrap();
            below.to_string_lossy().into_owned()
        };
        files.iter().map(choose).collect()
    }

    const TWINS: [(&str, Option<&str>); 3] = [
        ("lib/xt_DSCP.c", None),
        ("Lib/xt_dscp.c", Some("Lib/xt_dscp (2).c")),
        ("lib/other", None),
    ];

    #[test]
    fn twins_have_their_own_names_where_the_system_tells_them_apart() {
        let system = Fake::default();
        let paths = chosen(&system, &TWINS, Asking::Try);
        assert_eq!(paths, ["lib/xt_DSCP.c", "Lib/xt_dscp.c", "lib/other"]);
    }

    #[test]
    fn a_twin_has_another_name_where_the_system_takes_both_for_one_at_each_start() {
        let mut system = Fake {
            ignores_case: true,
            ..Fake::default()
        };
        let expected = ["lib/xt_DSCP.c", "Lib/xt_dscp (2).c", "lib/other"];
        assert_eq!(chosen(&system, &TWINS, Asking::Try), expected);
        assert!(system.made.get() > 0);
        // The first is complete, then the second.
        system.make(Path::new("/d/lib/xt_DSCP.c")).unwrap();
        for asking in [Asking::Try, Asking::Look] {
            assert_eq!(chosen(&system, &TWINS, asking), expected);
        }
        system.make(Path::new("/d/lib/xt_dscp (2).c")).unwrap();
        for asking in [Asking::Try, Asking::Look] {
            assert_eq!(chosen(&system, &TWINS, asking), expected);
        }
    }

    #[test]
    fn hard_links_of_one_file_are_no_twins() {
        let mut system = Fake::default();
        for name in ["/d/lib/xt_DSCP.c", "/d/Lib/xt_dscp.c"] {
            let path = PathBuf::from(name);
            system.files.insert(path.clone(), (path, 7));
        }
        let paths = chosen(&system, &TWINS, Asking::Look);
        assert_eq!(paths, ["lib/xt_DSCP.c", "Lib/xt_dscp.c", "lib/other"]);
    }

    const COLONS: [(&str, Option<&str>); 2] = [("a:b", Some("a_b (2)")), ("a_b", None)];

    #[test]
    fn a_name_that_the_system_refuses_is_replaced() {
        let system = Fake {
            refuses_colons: true,
            ..Fake::default()
        };
        for asking in [Asking::Try, Asking::Look] {
            assert_eq!(chosen(&system, &COLONS, asking), ["a_b (2)", "a_b"]);
        }
        assert_eq!(
            chosen(&Fake::default(), &COLONS, Asking::Try),
            ["a:b", "a_b"]
        );
    }

    #[test]
    fn a_file_that_has_its_other_name_already_keeps_it() {
        let mut system = Fake::default();
        system.make(Path::new("/d/a_b (2)")).unwrap();
        assert_eq!(chosen(&system, &COLONS, Asking::Look), ["a_b (2)", "a_b"]);
        system.make(Path::new("/d/a:b")).unwrap();
        assert_eq!(chosen(&system, &COLONS, Asking::Look), ["a:b", "a_b"]);
    }
}
