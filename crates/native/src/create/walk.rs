//! Finds the files that a torrent is made of, with what the torrent says of each.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use brackish_wire::metainfo::NewFile;

use super::{CreateError, Links, default_name};
use crate::outline::Found;
use crate::storage::names::bytes_of;

/// Most folders within each other that are walked. A torrent keeps no more, and a followed link
/// that leads back up ends here.
pub(super) const MAX_DEPTH: usize = 100;

/// What was found below the paths given.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) found: Vec<Found>,
    pub(super) left_out: Vec<CreateError>,
    pub(super) skipped_links: usize,
}

/// A walk through the paths given.
struct Walk<'a> {
    links: Links,
    skip_unreadable: bool,
    /// The paths given, resolved, each with its name in the torrent.
    roots: &'a [(PathBuf, Vec<u8>)],
    walked: Walked,
}

/// The files at and below `paths`, sorted by name below each. The first component of each path in
/// the torrent is the name of the path given.
pub(super) fn walk_all(
    paths: &[PathBuf],
    links: Links,
    skip_unreadable: bool,
) -> Result<Walked, CreateError> {
    let mut roots: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut names: BTreeMap<Vec<u8>, &PathBuf> = BTreeMap::new();
    for path in paths {
        let name = default_name(std::slice::from_ref(path))?;
        if let Some(first) = names.insert(name.clone(), path) {
            return Err(CreateError::SameName {
                first: first.clone(),
                second: path.clone(),
            });
        }
        let resolved = fs::canonicalize(path).map_err(|error| read_error(path, error))?;
        roots.push((resolved, name));
    }
    let mut walk = Walk {
        links,
        skip_unreadable,
        roots: &roots,
        walked: Walked::default(),
    };
    for (path, (_, name)) in paths.iter().zip(&roots) {
        // The user named this path, so a link is followed here whatever `links` says.
        let metadata = fs::metadata(path).map_err(|error| read_error(path, error))?;
        walk.visit(path, &metadata, &mut vec![name.clone()])?;
    }
    Ok(walk.walked)
}

impl Walk<'_> {
    /// Adds the file, or all files below the folder. `metadata` is that of the path itself or, of a
    /// link that is followed, of what it leads to.
    fn visit(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        components: &mut Vec<Vec<u8>>,
    ) -> Result<(), CreateError> {
        if metadata.is_symlink() {
            return self.visit_link(path, components);
        }
        if metadata.is_file() {
            // Opened so that a file that cannot be read is refused now, not after others were hashed.
            if let Err(error) = fs::File::open(path) {
                return self.leave_out(read_error(path, error));
            }
            self.walked.found.push(Found {
                path: path.to_path_buf(),
                file: NewFile {
                    path: components.clone(),
                    length: metadata.len(),
                    executable: is_executable(metadata),
                    link: None,
                },
            });
            return Ok(());
        }
        if !metadata.is_dir() {
            return self.leave_out(CreateError::NotAFile {
                path: path.to_path_buf(),
            });
        }
        if components.len() > MAX_DEPTH {
            return Err(CreateError::TooDeep {
                path: path.to_path_buf(),
            });
        }
        let entries = fs::read_dir(path).and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut names = match entries {
            Ok(names) => names,
            Err(error) => return self.leave_out(read_error(path, error)),
        };
        names.sort();
        for name in names {
            self.visit_entry(&path.join(&name), &name, components)?;
        }
        Ok(())
    }

    /// Visits what is called `name` in the folder of these components.
    fn visit_entry(
        &mut self,
        path: &Path,
        name: &OsStr,
        components: &mut Vec<Vec<u8>>,
    ) -> Result<(), CreateError> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.leave_out(read_error(path, error)),
        };
        let Some(name) = bytes_of(name) else {
            return Err(CreateError::Name {
                path: path.to_path_buf(),
            });
        };
        components.push(name);
        let visited = self.visit(path, &metadata, components);
        components.pop();
        visited
    }

    fn visit_link(
        &mut self,
        path: &Path,
        components: &mut Vec<Vec<u8>>,
    ) -> Result<(), CreateError> {
        if self.links == Links::Skip {
            self.walked.skipped_links += 1;
            return Ok(());
        }
        let target = fs::read_link(path).map_err(|error| read_error(path, error))?;
        let leads_to = match fs::canonicalize(path) {
            Ok(leads_to) => leads_to,
            Err(error) => {
                return self.leave_out(CreateError::Link {
                    path: path.to_path_buf(),
                    target,
                    error,
                });
            }
        };
        if self.links == Links::Follow {
            return match fs::metadata(path) {
                Ok(metadata) => self.visit(path, &metadata, components),
                Err(error) => self.leave_out(read_error(path, error)),
            };
        }
        let Some(resolved) = self.in_torrent(&leads_to) else {
            return Err(CreateError::OutwardLink {
                path: path.to_path_buf(),
                target,
            });
        };
        let folder = components
            .split_last()
            .map_or(&[][..], |(_, folder)| folder);
        let link = joined(folder, &target).unwrap_or(resolved);
        self.walked.found.push(Found {
            path: path.to_path_buf(),
            file: NewFile {
                path: components.clone(),
                length: 0,
                executable: false,
                link: Some(link),
            },
        });
        Ok(())
    }

    /// Where a resolved path is in the torrent, if it is at or below one of the paths given.
    fn in_torrent(&self, resolved: &Path) -> Option<Vec<Vec<u8>>> {
        self.roots.iter().find_map(|(root, name)| {
            let below = resolved.strip_prefix(root).ok()?;
            let below = below
                .components()
                .map(|component| bytes_of(component.as_os_str()));
            std::iter::once(Some(name.clone())).chain(below).collect()
        })
    }

    /// Leaves something out that cannot be read, or refuses it.
    fn leave_out(&mut self, error: CreateError) -> Result<(), CreateError> {
        if self.skip_unreadable {
            self.walked.left_out.push(error);
            Ok(())
        } else {
            Err(error)
        }
    }
}

/// Where a relative link leads from a folder of the torrent, as it is written: a link to a link
/// stays one. `None` if the way leads through what is above the torrent's folder.
fn joined(folder: &[Vec<u8>], target: &Path) -> Option<Vec<Vec<u8>>> {
    let mut path = folder.to_vec();
    for component in target.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => path.push(bytes_of(name)?),
            // The first is the name of the path given, which may be elsewhere than its neighbours.
            Component::ParentDir if path.len() > 1 => {
                path.pop();
            }
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn read_error(path: &Path, error: io::Error) -> CreateError {
    CreateError::Read {
        path: path.to_path_buf(),
        error,
    }
}

/// Whether the owner of the file may run it.
fn is_executable(metadata: &Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        metadata.permissions().mode() & 0o100 != 0
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        false
    }
}
