//! Whose the files are that stand where a torrent's are to be.

use std::path::PathBuf;

use super::*;

const PIECE: usize = 32 << 10;

/// A torrent of a folder with these files of `pattern` bytes one after the other.
struct Torrent {
    verifier: Verifier,
    data: Vec<u8>,
    place: tempfile::TempDir,
}

impl Torrent {
    fn new(files: &[(&str, usize)]) -> Self {
        let data = pattern(files.iter().map(|(_, length)| length).sum());
        let paths = files
            .iter()
            .map(|(path, length)| (path.split('/').map(str::to_owned).collect(), *length as u64));
        let builder = InfoBuilder::multi_file("folder", paths.collect(), PIECE as u32);
        let outline = Outline::new(builder, Version::V1).unwrap();
        let hashers = outline.hashers().unwrap();
        let hash = |(piece, data): (PieceIndex, &[u8])| {
            let mut hasher = hashers.hasher(piece);
            hasher.update(data);
            hasher.finish()
        };
        let pieces = hashers.layout().pieces().zip(data.chunks(PIECE));
        let hashes: Vec<_> = pieces.map(hash).collect();
        let (info, layers) = outline.build(&hashes).unwrap();
        Self {
            verifier: Verifier::new(Arc::new(info), layers),
            data,
            place: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("folder").join(name)
    }

    fn put(&self, name: &str, data: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }

    fn store(&self, options: WriteOptions) -> Files {
        self.store_with(Access::Write(options))
    }

    fn store_with(&self, access: Access) -> Files {
        let place = Place::Directory(self.place.path().to_path_buf());
        let layout = Layout::new(self.verifier.info(), &place, Asking::Try);
        Files::new(layout, access, Allocation::Sparse, Arc::default())
    }

    /// Opens the store and checks what is there, as a session does: the pieces that are right.
    fn check(&self, files: &Files) -> Result<Bitfield, StoreError> {
        let lengths = self.verifier.info().lengths();
        let mut verified = Bitfield::new(lengths.piece_count());
        files.begin(&self.verifier)?;
        let Presence::Maybe(maybe) = presence::look(files, &self.verifier)? else {
            return Ok(verified);
        };
        for piece in maybe.ones().filter_map(|piece| lengths.piece(piece)) {
            let mut data = vec![0; lengths.piece_size(piece) as usize];
            files.read(lengths.piece_offset(piece), &mut data).unwrap();
            let start = lengths.piece_offset(piece) as usize;
            if data == self.data[start..start + data.len()] {
                verified.set(piece.get());
            }
        }
        Ok(verified)
    }

    /// Checks what is there and brings it in order; all files are wanted.
    fn settle(&self, files: &Files) -> Result<(Bitfield, Vec<Notice>), StoreError> {
        let verified = self.check(files)?;
        let notices = files.settle(&all(self.verifier.info()), &verified)?;
        Ok((verified, notices))
    }

    /// Downloads what is missing.
    fn download(&self, options: WriteOptions) -> Result<Vec<Notice>, StoreError> {
        let files = self.store(options);
        let (verified, mut notices) = self.settle(&files)?;
        for piece in verified.zeros() {
            let start = piece as usize * PIECE;
            let end = self.data.len().min(start + PIECE);
            let block = Bytes::copy_from_slice(&self.data[start..end]);
            files.write(start as u64, &[block]).unwrap();
        }
        notices.extend(complete(&files));
        let mut back = vec![0; self.data.len()];
        files.read(0, &mut back).unwrap();
        assert!(back == self.data);
        Ok(notices)
    }

    /// Asserts that the folder holds the torrent's files, `others`, and nothing else.
    fn assert_complete(&self, others: &[&str]) {
        let info = self.verifier.info();
        let mut expected = Vec::new();
        for file in info.files() {
            let (start, length) = (file.offset as usize, file.length as usize);
            let names: Vec<_> = file.path.iter().map(|name| name.text()).collect();
            let path = names.join("/");
            let there = fs::read(self.path(&path)).unwrap();
            assert!(there == self.data[start..start + length], "{path}");
            expected.push(path);
        }
        expected.extend(others.iter().map(|other| (*other).to_owned()));
        expected.sort();
        assert_eq!(self.names(), expected);
    }

    /// The names of all files in the target folder, without the torrent's own folder.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.place.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let below = path.strip_prefix(self.place.path()).unwrap();
                let below = below.strip_prefix("folder").unwrap_or(below);
                names.push(below.to_str().unwrap().to_owned());
            }
        }
        names.sort();
        names
    }

    fn aside(&self, name: &str) -> String {
        let hash = self.verifier.info().info_hash().to_string();
        format!("{name}.before-{}", &hash[..8])
    }
}

fn allowed() -> WriteOptions {
    WriteOptions::default()
}

#[test]
fn a_file_with_no_right_piece_is_refused_and_nothing_is_changed() {
    let torrent = Torrent::new(&[("a", 100_000), ("b", 100_000)]);
    torrent.put("b", b"my own");
    let files = torrent.store(allowed());
    match torrent.settle(&files) {
        Err(StoreError::Refused(Refusal::Foreign { path })) => assert_eq!(path, torrent.path("b")),
        other => panic!("{other:?}"),
    }
    drop(files);
    assert_eq!(torrent.names(), ["b"]);
    assert_eq!(fs::read(torrent.path("b")).unwrap(), b"my own");
}

#[test]
fn a_foreign_file_among_ours_is_moved_aside() {
    let torrent = Torrent::new(&[("a", 100_000), ("b", 100_000)]);
    torrent.put("a", &torrent.data[..50_000]);
    torrent.put("b", b"my own");
    torrent.put(&torrent.aside("b"), b"an earlier one");
    let notices = torrent.download(allowed()).unwrap();
    let to = format!("{}-2", torrent.aside("b"));
    let moved = Notice::MovedAside {
        path: torrent.path("b"),
        to: torrent.path(&to),
    };
    assert_eq!(notices, [moved]);
    assert_eq!(fs::read(torrent.path(&to)).unwrap(), b"my own");
    torrent.assert_complete(&[&torrent.aside("b"), &to]);
}

#[test]
fn right_bytes_of_a_file_that_is_moved_aside_are_kept() {
    // The piece that both files share is right, and no other of `b`.
    let torrent = Torrent::new(&[("a", PIECE + 10_000), ("b", 100_000)]);
    torrent.put("a", &torrent.data[..PIECE + 10_000]);
    let mut other = torrent.data[PIECE + 10_000..].to_vec();
    other[PIECE..].fill(7);
    torrent.put("b", &other);
    let files = torrent.store(allowed());
    let (verified, notices) = torrent.settle(&files).unwrap();
    assert_eq!(verified.ones().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(notices.len(), 1);
    let mut back = vec![0; 2 * PIECE];
    files.read(0, &mut back).unwrap();
    assert!(back == torrent.data[..2 * PIECE]);
    assert!(fs::read(torrent.path(&torrent.aside("b"))).unwrap() == other);
}

#[test]
fn with_overwrite_nothing_is_refused_or_moved() {
    let torrent = Torrent::new(&[("a", 100_000), ("b", 100_000), ("empty", 0)]);
    torrent.put("a", b"my own");
    torrent.put("empty", b"not empty");
    let overwrite = WriteOptions {
        overwrite: true,
        ..allowed()
    };
    let notices = torrent.download(overwrite).unwrap();
    assert!(
        notices
            .iter()
            .all(|notice| matches!(notice, Notice::Cut { .. })),
        "{notices:?}"
    );
    torrent.assert_complete(&[]);
}

#[test]
fn an_unfinished_download_goes_on_and_its_names_appear_at_the_end() {
    let torrent = Torrent::new(&[("a", 100_000), ("sub/b", 100_000), ("tiny", 5)]);
    let files = torrent.store(allowed());
    torrent.settle(&files).unwrap();
    let block = Bytes::copy_from_slice(&torrent.data[..PIECE]);
    files.write(0, &[block]).unwrap();
    drop(files);
    let names = torrent.names();
    assert!(names.len() == 1 && names[0].starts_with("a."), "{names:?}");
    let files = torrent.store(allowed());
    let verified = torrent.check(&files).unwrap();
    assert_eq!(verified.ones().collect::<Vec<_>>(), [0]);
    drop(files);
    assert_eq!(torrent.download(allowed()).unwrap(), []);
    torrent.assert_complete(&[]);
}

#[test]
fn an_existing_file_keeps_its_state_until_the_new_one_is_complete() {
    let torrent = Torrent::new(&[("a", 10 * PIECE)]);
    let mut old = torrent.data.clone();
    old[5 * PIECE + 3] ^= 1;
    old.extend(b"longer than it should be");
    torrent.put("a", &old);
    let files = torrent.store(allowed());
    let (verified, _) = torrent.settle(&files).unwrap();
    assert_eq!(verified.count_ones(), 9);
    let block = Bytes::copy_from_slice(&torrent.data[5 * PIECE..6 * PIECE]);
    files.write(5 * PIECE as u64, &[block]).unwrap();
    assert!(fs::read(torrent.path("a")).unwrap() == old);
    complete(&files);
    torrent.assert_complete(&[]);
}

#[test]
fn in_place_an_existing_file_is_changed_where_it_is() {
    let torrent = Torrent::new(&[("a", 10 * PIECE)]);
    let mut old = torrent.data.clone();
    old[5 * PIECE + 3] ^= 1;
    old.extend(b"longer than it should be");
    torrent.put("a", &old);
    let files = torrent.store(WriteOptions {
        in_place: true,
        ..allowed()
    });
    let (_, notices) = torrent.settle(&files).unwrap();
    assert!(matches!(notices[..], [Notice::Cut { .. }]), "{notices:?}");
    let block = Bytes::copy_from_slice(&torrent.data[5 * PIECE..6 * PIECE]);
    files.write(5 * PIECE as u64, &[block]).unwrap();
    drop(files);
    torrent.assert_complete(&[]);
}

#[test]
fn a_file_that_is_too_long_is_cut_if_it_is_ours() {
    let torrent = Torrent::new(&[("a", 100_000), ("empty", 0)]);
    let mut long = torrent.data.clone();
    long.extend(b"junk");
    torrent.put("a", &long);
    torrent.put("empty", b"not empty");
    let notices = torrent.download(allowed()).unwrap();
    let lengths = |notice: &Notice| match notice {
        Notice::Cut { was, length, .. } => (*was, *length),
        other => panic!("{other:?}"),
    };
    let cuts: Vec<_> = notices.iter().map(lengths).collect();
    assert_eq!(cuts, [(100_004, 100_000), (9, 0)]);
    torrent.assert_complete(&[]);
}

#[test]
fn a_small_file_is_ours_where_another_is_proven() {
    let small = [("a", 100), ("b", 100_000), ("c", 100)];
    let torrent = Torrent::new(&small);
    torrent.put("a", &[1; 100]);
    torrent.put("c", &[1; 100]);
    let files = torrent.store(allowed());
    let refused = torrent.settle(&files);
    assert!(matches!(
        refused,
        Err(StoreError::Refused(Refusal::Foreign { .. }))
    ));
    drop(files);
    torrent.put("b", &torrent.data[100..90_000]);
    assert_eq!(torrent.download(allowed()).unwrap(), []);
    torrent.assert_complete(&[]);
}

#[test]
fn a_file_without_data_is_nobodys() {
    let torrent = Torrent::new(&[("a", 100_000), ("b", 100_000)]);
    torrent.put("a", b"");
    let sparse = fs::File::create(torrent.path("b")).unwrap();
    if cfg!(target_os = "linux") {
        sparse.set_len(200_000).unwrap();
    }
    drop(sparse);
    assert_eq!(torrent.download(allowed()).unwrap(), []);
    torrent.assert_complete(&[]);
}

#[test]
fn a_file_that_comes_during_the_download_is_moved_aside() {
    let torrent = Torrent::new(&[("a", 100_000)]);
    let files = torrent.store(allowed());
    torrent.settle(&files).unwrap();
    for (piece, data) in torrent.data.chunks(PIECE).enumerate() {
        let block = Bytes::copy_from_slice(data);
        files.write((piece * PIECE) as u64, &[block]).unwrap();
    }
    torrent.put("a", b"my own");
    let notices = complete(&files);
    assert!(
        matches!(notices[..], [Notice::MovedAside { .. }]),
        "{notices:?}"
    );
    torrent.assert_complete(&[&torrent.aside("a")]);
}

#[test]
fn a_foreign_file_beside_an_unfinished_one_is_moved_aside() {
    let torrent = Torrent::new(&[("a", 100_000)]);
    let files = torrent.store(allowed());
    torrent.settle(&files).unwrap();
    let block = Bytes::copy_from_slice(&torrent.data[..PIECE]);
    files.write(0, &[block]).unwrap();
    drop(files);
    torrent.put("a", &[1; 100_000]);
    let notices = torrent.download(allowed()).unwrap();
    assert!(
        matches!(notices[..], [Notice::MovedAside { .. }]),
        "{notices:?}"
    );
    torrent.assert_complete(&[&torrent.aside("a")]);
}

#[test]
fn a_foreign_file_that_is_not_wanted_stays_and_is_never_written() {
    let torrent = Torrent::new(&[("a", 40_000), ("b", 100_000)]);
    torrent.put("b", &[1; 100_000]);
    let files = torrent.store(allowed());
    let verified = torrent.check(&files).unwrap();
    let mut wanted = Bitfield::new(2);
    wanted.set(0);
    assert_eq!(files.settle(&wanted, &verified).unwrap(), []);
    for piece in 0..2 {
        let block = Bytes::copy_from_slice(&torrent.data[piece * PIECE..(piece + 1) * PIECE]);
        files.write((piece * PIECE) as u64, &[block]).unwrap();
    }
    let mut back = vec![0; 2 * PIECE];
    files.read(0, &mut back).unwrap();
    assert!(back == torrent.data[..2 * PIECE]);
    files.put_in_place(&[0]).unwrap();
    assert!(fs::read(torrent.path("b")).unwrap() == [1; 100_000]);
    // Wanted after all, it is moved aside.
    let mut verified = Bitfield::new(5);
    verified.set(0);
    verified.set(1);
    let notices = files
        .settle(&all(torrent.verifier.info()), &verified)
        .unwrap();
    assert!(
        matches!(notices[..], [Notice::MovedAside { .. }]),
        "{notices:?}"
    );
}

#[test]
fn names_that_begin_with_a_dot_need_leave() {
    let info = info_named(".bashrc");
    let place = tempfile::tempdir().unwrap();
    let begin = |options| {
        let layout = Layout::new(
            &info,
            &Place::Directory(place.path().to_path_buf()),
            Asking::Try,
        );
        let access = Access::Write(options);
        let files = Files::new(layout, access, Allocation::Sparse, Arc::default());
        files.begin(&unproven(&info))
    };
    match begin(allowed()) {
        Err(StoreError::Refused(Refusal::Hidden { path })) => {
            assert_eq!(path, place.path().join(".bashrc"))
        }
        other => panic!("{other:?}"),
    }
    assert!(fs::read_dir(place.path()).unwrap().next().is_none());
    let allow_hidden = WriteOptions {
        allow_hidden: true,
        ..allowed()
    };
    begin(allow_hidden).unwrap();
}

fn info_named(name: &str) -> Info {
    let builder = InfoBuilder::single_file(name, 11, PIECE as u32);
    builder.build(&[[0; 20]]).unwrap()
}

#[test]
fn two_stores_never_write_one_torrent_into_one_folder() {
    let torrent = Torrent::new(&[("a", 100_000)]);
    let one = torrent.store(allowed());
    torrent.settle(&one).unwrap();
    let other = torrent.store(allowed());
    match torrent.settle(&other) {
        Err(StoreError::Refused(Refusal::InUse { process, .. })) => {
            assert_eq!(process, Some(std::process::id()))
        }
        other => panic!("{other:?}"),
    }
    drop(one);
    torrent.settle(&other).unwrap();
    drop(other);
    assert!(torrent.names().is_empty());
}

#[test]
fn what_is_only_read_must_have_its_length_and_is_not_changed() {
    let torrent = Torrent::new(&[("a", 100_000), ("empty", 0)]);
    torrent.put("a", &torrent.data);
    torrent.put("empty", b"not empty");
    let files = torrent.store_with(Access::Read);
    match torrent.check(&files) {
        Err(StoreError::Refused(Refusal::WrongLength {
            path,
            actual,
            expected,
        })) => {
            assert_eq!((path, actual, expected), (torrent.path("empty"), 9, 0))
        }
        other => panic!("{other:?}"),
    }
    fs::remove_file(torrent.path("empty")).unwrap();
    let files = torrent.store_with(Access::Read);
    let verified = torrent.check(&files).unwrap();
    assert!(verified.is_full());
    files
        .settle(&all(torrent.verifier.info()), &verified)
        .unwrap();
    assert!(files.write(0, &[Bytes::from_static(b"data")]).is_err());
    assert_eq!(torrent.names(), ["a"]);
}

#[test]
fn a_folder_in_place_of_the_file_of_parts_is_named() {
    let torrent = Torrent::new(&[("a", 100_000)]);
    let name = format!(".{}.parts", torrent.verifier.info().info_hash());
    fs::create_dir(torrent.place.path().join(&name)).unwrap();
    let error = torrent
        .settle(&torrent.store(allowed()))
        .unwrap_err()
        .into_storage();
    let text = error.to_string();
    assert!(text.contains(&name) && text.contains("folder"), "{text}");
}
