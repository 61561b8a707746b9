//! The store on real files.

mod ownership;
mod pool;
mod wanted;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brackish_core::{
    AddTorrent, Config, Existing, Input, JobId, Output, Presence, Select, Session, Source,
    StorageError, Timestamp, TorrentId,
};
use brackish_wire::metainfo::{Info, InfoBuilder, PieceLayers, Verifier};
use brackish_wire::{Bitfield, PeerId, PieceHash, PieceHashers, PieceIndex};
use bytes::Bytes;

use super::files::failure;
use super::map::{Place, StorageMap};
use super::names::Asking;
use super::ownership::{Access, Notice, Refusal, StoreError, WriteOptions};
use super::*;
use crate::config::Allocation;
use crate::outline::{Outline, Version};

const BLOCK: usize = 16 << 10;

/// Longest time for a worker to answer.
const PATIENCE: Duration = Duration::from_secs(30);

fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect()
}

const VERSIONS: [Version; 3] = [Version::V1, Version::V2, Version::Hybrid];

/// The hash of the first piece with these bytes.
fn hash_of(hashers: &PieceHashers, data: &[u8]) -> PieceHash {
    let mut hasher = hashers.hasher(hashers.layout().piece(0).unwrap());
    hasher.update(data);
    hasher.finish()
}

/// What tells right pieces from wrong ones of one file called `file` with these bytes.
fn verifier_of(data: &[u8], piece_length: u32, version: Version) -> Verifier {
    let builder = InfoBuilder::single_file("file", data.len() as u64, piece_length);
    let outline = Outline::new(builder, version).unwrap();
    let hashers = outline.hashers().unwrap();
    let pieces = data.chunks(piece_length as usize);
    let hash = |(piece, data): (PieceIndex, &[u8])| {
        let mut hasher = hashers.hasher(piece);
        hasher.update(data);
        hasher.finish()
    };
    let hashes: Vec<_> = hashers.layout().pieces().zip(pieces).map(hash).collect();
    let (info, layers) = outline.build(&hashes).unwrap();
    Verifier::new(Arc::new(info), layers)
}

/// The info of one file called `file` with these bytes.
fn info_of(data: &[u8], piece_length: u32) -> Arc<Info> {
    verifier_of(data, piece_length, Version::V1).info().clone()
}

fn look(info: &Arc<Info>, directory: &Path) -> Result<Presence, StoreError> {
    look_in(&store_in(info, directory), &unproven(info))
}

fn look_in(files: &Files, verifier: &Verifier) -> Result<Presence, StoreError> {
    files.begin(verifier)?;
    presence::look(files, verifier)
}

/// A verifier of a torrent without piece layers.
fn unproven(info: &Info) -> Verifier {
    let again = Info::from_bytes(info.raw().clone()).unwrap();
    Verifier::new(Arc::new(again), PieceLayers::default())
}

fn store(info: &Info, place: Place, allocation: Allocation) -> Files {
    let access = Access::Write(WriteOptions::default());
    Files::new(
        Layout::new(info, &place, Asking::Try),
        access,
        allocation,
        Arc::default(),
    )
}

/// Opens a store of which these files are wanted and no piece is right.
fn prepare(files: &Files, info: &Info, wanted: &Bitfield) -> Result<Vec<Notice>, StoreError> {
    files.begin(&unproven(info))?;
    files.settle(wanted, &Bitfield::new(info.lengths().piece_count()))
}

/// Has every file that has bytes take its own name.
fn complete(files: &Files) -> Vec<Notice> {
    let all: Vec<usize> = (0..files.layout().files().len()).collect();
    files.put_in_place(&all).unwrap()
}

fn store_in(info: &Info, directory: &Path) -> Files {
    store(
        info,
        Place::Directory(directory.to_path_buf()),
        Allocation::Sparse,
    )
}

fn all(info: &Info) -> Bitfield {
    Bitfield::full(info.files().len() as u32)
}

fn folder_info(files: &[(&str, u64)], piece_length: u32) -> Info {
    let paths = files
        .iter()
        .map(|(path, length)| (path.split('/').map(str::to_owned).collect(), *length));
    let builder = InfoBuilder::multi_file("folder", paths.collect(), piece_length);
    let pieces = builder.lengths().unwrap().piece_count();
    builder.build(&vec![[0; 20]; pieces as usize]).unwrap()
}

fn maybe(presence: Result<Presence, StoreError>) -> Vec<u32> {
    match presence.unwrap() {
        Presence::Nothing => Vec::new(),
        Presence::Maybe(pieces) => pieces.ones().collect(),
    }
}

#[test]
fn a_write_over_several_files_reads_back_and_makes_every_file() {
    let place = tempfile::tempdir().unwrap();
    let info = folder_info(
        &[
            ("a", 10),
            ("empty", 0),
            ("b/c", 1),
            ("b/d", 50_000),
            ("e", 0),
        ],
        32 << 10,
    );
    let files = store_in(&info, place.path());
    prepare(&files, &info, &all(&info)).unwrap();
    let data = pattern(50_011);
    files
        .write(
            0,
            &[
                Bytes::copy_from_slice(&data[..20_000]),
                Bytes::copy_from_slice(&data[20_000..]),
            ],
        )
        .unwrap();
    let mut back = vec![0; data.len()];
    files.read(0, &mut back).unwrap();
    assert!(back == data);
    complete(&files);
    for (name, range) in [
        ("a", 0..10),
        ("empty", 0..0),
        ("b/c", 10..11),
        ("b/d", 11..50_011),
        ("e", 0..0),
    ] {
        assert!(
            fs::read(place.path().join("folder").join(name)).unwrap() == data[range],
            "{name}"
        );
    }
}

#[test]
fn a_padding_file_is_not_stored_and_reads_as_zeros() {
    let place = tempfile::tempdir().unwrap();
    let raw = b"d5:filesld6:lengthi3e4:pathl1:aeed4:attr1:p6:lengthi5e4:pathl4:.pad1:5eed6:lengthi2e4:pathl1:beee\
        4:name6:folder12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae";
    let info = Info::from_bytes(Bytes::from_static(raw)).unwrap();
    let files = store_in(&info, place.path());
    prepare(&files, &info, &all(&info)).unwrap();
    files
        .write(0, &[Bytes::from_static(b"0123456789")])
        .unwrap();
    let mut back = [1; 10];
    files.read(0, &mut back).unwrap();
    assert_eq!(&back, b"012\0\0\0\0\089");
    complete(&files);
    let mut names: Vec<_> = fs::read_dir(place.path().join("folder"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn space_is_set_aside_only_where_that_is_asked() {
    for (allocation, length) in [(Allocation::Full, 1 << 20), (Allocation::Sparse, 0)] {
        let place = tempfile::tempdir().unwrap();
        let info = folder_info(&[("a", 1 << 20)], 32 << 10);
        let files = store(
            &info,
            Place::Directory(place.path().to_path_buf()),
            allocation,
        );
        prepare(&files, &info, &all(&info)).unwrap();
        let unfinished = &files.layout().files()[0].temporary;
        let found = fs::metadata(unfinished).map_or(0, |metadata| metadata.len());
        assert_eq!(found, length, "{allocation:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_that_leads_out_of_the_folder_is_refused_and_one_inside_is_followed() {
    let place = tempfile::tempdir().unwrap();
    let (inside, outside) = (place.path().join("inside"), place.path().join("outside"));
    fs::create_dir_all(inside.join("folder/real")).unwrap();
    fs::create_dir_all(&outside).unwrap();
    let info = folder_info(&[("link/file", 4)], 32 << 10);
    let link = inside.join("folder/link");

    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let error = store_in(&info, &inside)
        .write(0, &[Bytes::from_static(b"data")])
        .unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    assert!(fs::read_dir(&outside).unwrap().next().is_none());

    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(inside.join("folder/real"), &link).unwrap();
    let files = store_in(&info, &inside);
    files.write(0, &[Bytes::from_static(b"data")]).unwrap();
    complete(&files);
    assert_eq!(fs::read(inside.join("folder/real/file")).unwrap(), b"data");

    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(inside.join("nowhere"), &link).unwrap();
    assert!(
        store_in(&info, &inside)
            .write(0, &[Bytes::from_static(b"data")])
            .is_err()
    );
}

#[test]
fn mapped_files_are_read_where_they_are_and_never_written() {
    let place = tempfile::tempdir().unwrap();
    let (one, other) = (place.path().join("x/one"), place.path().join("y/other"));
    for (path, data) in [(&one, b"aaa"), (&other, b"bbb")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }
    let info = folder_info(&[("1", 3), ("2", 3)], 32 << 10);
    let map = StorageMap::new(vec![one, other]);
    let files = store(&info, Place::Map(map), Allocation::Sparse);
    let mut back = [0; 6];
    files.read(0, &mut back).unwrap();
    assert_eq!(&back, b"aaabbb");
    assert!(files.write(0, &[Bytes::from_static(b"cccccc")]).is_err());
}

#[test]
fn a_file_that_ends_early_is_an_error_that_names_it() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), b"short").unwrap();
    let info = info_of(&pattern(100), 32 << 10);
    let files = store_in(&info, place.path());
    files.begin(&unproven(&info)).unwrap();
    let error = files.read(0, &mut [0; 100]).unwrap_err();
    assert!(
        error.to_string().contains("file: the file is shorter"),
        "{error}"
    );
}

#[test]
fn pieces_are_present_as_far_as_files_reach() {
    let place = tempfile::tempdir().unwrap();
    let info = folder_info(&[("a", 40_000), ("b", 40_000), ("c", 40_000)], 16 << 10);
    let info = Arc::new(info);
    assert!(matches!(look(&info, place.path()), Ok(Presence::Nothing)));
    fs::create_dir_all(place.path().join("folder")).unwrap();
    fs::write(place.path().join("folder/a"), pattern(40_000)).unwrap();
    fs::write(place.path().join("folder/c"), pattern(20_000)).unwrap();
    // a: bytes to 40,000; b is not there; c: bytes from 80,000 to 100,000.
    assert_eq!(maybe(look(&info, place.path())), [0, 1, 5]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_hole_is_absent_unless_the_piece_is_of_zeros() {
    let place = tempfile::tempdir().unwrap();
    let length = 64 << 16;
    let file = fs::File::create(place.path().join("file")).unwrap();
    file.set_len(length).unwrap();
    let mut data = pattern(length as usize);
    let look = |data: &[u8], version| {
        let verifier = verifier_of(data, 1 << 16, version);
        look_in(&store_in(verifier.info(), place.path()), &verifier)
    };
    for version in VERSIONS {
        assert!(matches!(look(&data, version), Ok(Presence::Nothing)));
    }
    data[3 << 16..4 << 16].fill(0);
    for version in VERSIONS {
        assert_eq!(maybe(look(&data, version)), [3]);
    }
    super::system::write_all_at(&file, &data[10 << 16..(10 << 16) + 100], 10 << 16).unwrap();
    for version in VERSIONS {
        assert_eq!(maybe(look(&data, version)), [3, 10]);
    }
}

#[test]
fn a_folder_where_a_file_should_be_is_an_error_that_names_it() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("file")).unwrap();
    let info = info_of(&pattern(100), 32 << 10);
    let error = look(&info, place.path()).unwrap_err().into_storage();
    assert!(error.to_string().contains("file"), "{error}");
}

/// A folder of a program, `bin/tool`, and a link to it with this path and target.
#[cfg(unix)]
fn with_link(path: &str, target: &str) -> Arc<Info> {
    let list = |path: &str| {
        let names = path.split('/');
        let names: String = names.map(|name| format!("{}:{name}", name.len())).collect();
        format!("l{names}e")
    };
    let mut raw = format!(
        "d5:filesld4:attr1:x6:lengthi3e4:path{}ed4:attr1:l6:lengthi0e4:path{}12:symlink path{}ee\
         4:name6:folder12:piece lengthi16384e6:pieces20:",
        list("bin/tool"),
        list(path),
        list(target),
    )
    .into_bytes();
    raw.extend([1; 20]);
    raw.push(b'e');
    Arc::new(Info::from_bytes(raw.into()).unwrap())
}

#[cfg(unix)]
#[test]
fn a_link_and_a_program_are_what_the_torrent_says() {
    use std::os::unix::fs::PermissionsExt;

    let place = tempfile::tempdir().unwrap();
    let info = with_link("doc/deep/run", "bin/tool");
    let files = store_in(&info, place.path());
    prepare(&files, &info, &all(&info)).unwrap();
    files.write(0, &[Bytes::from_static(b"abc")]).unwrap();
    complete(&files);
    let link = place.path().join("folder/doc/deep/run");
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("../../bin/tool"));
    assert_eq!(fs::read(&link).unwrap(), b"abc");
    let program = fs::metadata(place.path().join("folder/bin/tool")).unwrap();
    assert_eq!(program.permissions().mode() & 0o100, 0o100);
    // What is there already is left alone.
    files.settle(&all(&info), &Bitfield::full(1)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_link_is_not_made_through_one_that_leads_out_of_the_folder() {
    let place = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.join("doc")).unwrap();
    let info = with_link("doc/run", "bin/tool");
    let files = store_in(&info, place.path());
    let error = prepare(&files, &info, &all(&info))
        .unwrap_err()
        .into_storage();
    assert!(
        error.to_string().contains("leads out of the folder"),
        "{error}"
    );
    assert!(fs::read_dir(outside.path()).unwrap().next().is_none());
}

#[test]
fn a_full_disk_is_told_apart_and_names_the_file() {
    let full = failure(
        Path::new("/some/file"),
        &std::io::ErrorKind::StorageFull.into(),
    );
    assert_eq!(
        full,
        StorageError::Full {
            place: "/some/file".into()
        }
    );
    let other = failure(
        Path::new("/some/file"),
        &std::io::ErrorKind::PermissionDenied.into(),
    );
    assert!(matches!(other, StorageError::Failed { place, .. } if place == "/some/file"));
}

#[test]
fn bytes_in_memory_are_read_without_waiting_and_others_are_left() {
    let place = tempfile::tempdir().unwrap();
    let info = info_of(&pattern(100_000), 32 << 10);
    let files = store_in(&info, place.path());
    files.write(0, &[Bytes::from(pattern(100_000))]).unwrap();
    let mut back = vec![0; 50_000];
    // Some file systems cannot do it; what is read must be right.
    if files.read_immediately(1000, &mut back) {
        assert!(back == pattern(100_000)[1000..51_000]);
    }
    files.close();
    assert!(
        !files.read_immediately(1000, &mut back),
        "a file that is not open needs the disk"
    );
}
