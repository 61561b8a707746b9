//! Files that are not wanted, and become so.

use super::*;

/// A folder of three files of one piece and a half each.
fn three_files(place: &Path) -> (Vec<u8>, Files) {
    let size = 48 << 10;
    (pattern(3 * size as usize), store_in(&three(), place))
}

fn three() -> Info {
    let size = 48 << 10;
    folder_info(&[("a", size), ("b", size), ("c", size)], 32 << 10)
}

/// The pieces with these places, as verified.
fn right(pieces: std::ops::Range<usize>) -> Bitfield {
    let mut right = Bitfield::new(three().lengths().piece_count());
    for piece in pieces {
        right.set(piece as u32);
    }
    right
}

fn chosen(files: &[u32]) -> Bitfield {
    let mut wanted = Bitfield::new(3);
    for file in files {
        wanted.set(*file);
    }
    wanted
}

/// Writes pieces of the torrent, block by block.
fn write_pieces(files: &Files, data: &[u8], pieces: std::ops::Range<usize>) {
    for at in (pieces.start * 2..pieces.end * 2).map(|block| block * BLOCK) {
        let end = data.len().min(at + BLOCK);
        if at < end {
            let block = Bytes::copy_from_slice(&data[at..end]);
            files.write(at as u64, &[block]).unwrap();
        }
    }
}

fn names(place: &Path) -> Vec<String> {
    let mut names: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .filter(|name| place.join("folder").join(name).exists())
        .map(str::to_owned)
        .collect();
    let there = fs::read_dir(place).unwrap().map(|entry| entry.unwrap());
    let there = there.map(|entry| entry.file_name().into_string().unwrap());
    names.extend(there.filter(|name| name.ends_with(".parts")));
    names
}

#[test]
fn a_file_that_is_not_wanted_is_not_made_and_what_comes_of_it_is_read_back() {
    let around = tempfile::tempdir().unwrap();
    let place = &around.path().join("not made yet");
    let (data, files) = three_files(place);
    prepare(&files, &three(), &chosen(&[1])).unwrap();
    // The pieces of `b`: the first reaches into `a`, the last ends where `c` begins.
    write_pieces(&files, &data, 1..3);
    let mut back = vec![0; 64 << 10];
    files.read(32 << 10, &mut back).unwrap();
    assert!(back == data[32 << 10..96 << 10]);
    complete(&files);
    let there = names(place);
    assert_eq!(there.len(), 2, "{there:?}");
    assert_eq!(there[0], "b");
    assert!(fs::read(place.join("folder/b")).unwrap() == data[48 << 10..96 << 10]);
    let parts = fs::metadata(place.join(&there[1])).unwrap().len();
    assert!(parts <= 64 << 10, "{parts} bytes are kept");
}

#[test]
fn a_file_that_is_wanted_after_all_gets_what_was_kept_of_it() {
    for restarts in [false, true] {
        let place = tempfile::tempdir().unwrap();
        let (data, mut files) = three_files(place.path());
        prepare(&files, &three(), &chosen(&[1])).unwrap();
        write_pieces(&files, &data, 1..3);
        if restarts {
            files = three_files(place.path()).1;
            files.begin(&unproven(&three())).unwrap();
        }
        files.settle(&chosen(&[0, 1, 2]), &right(1..3)).unwrap();
        write_pieces(&files, &data, 0..1);
        write_pieces(&files, &data, 3..5);
        complete(&files);
        assert_eq!(names(place.path()), ["a", "b", "c"], "restarts: {restarts}");
        for (index, name) in ["a", "b", "c"].into_iter().enumerate() {
            let file = fs::read(place.path().join("folder").join(name)).unwrap();
            assert!(
                file == data[index * (48 << 10)..(index + 1) * (48 << 10)],
                "{name}"
            );
        }
    }
}

#[test]
fn a_kept_part_is_found_again_by_the_next_run() {
    let place = tempfile::tempdir().unwrap();
    let info = folder_info(
        &[("a", 48 << 10), ("b", 48 << 10), ("c", 48 << 10)],
        32 << 10,
    );
    let (data, files) = three_files(place.path());
    prepare(&files, &three(), &chosen(&[1])).unwrap();
    write_pieces(&files, &data, 1..3);
    drop(files);
    let files = three_files(place.path()).1;
    prepare(&files, &three(), &chosen(&[1])).unwrap();
    assert_eq!(
        maybe(super::presence::look(
            &files,
            &Verifier::new(Arc::new(info), PieceLayers::default())
        )),
        [1, 2]
    );
    let mut back = vec![0; 16 << 10];
    files.read(32 << 10, &mut back).unwrap();
    assert!(back == data[32 << 10..48 << 10]);
}

#[test]
fn a_block_of_an_unwanted_file_alone_makes_the_file() {
    let place = tempfile::tempdir().unwrap();
    let (data, files) = three_files(place.path());
    prepare(&files, &three(), &chosen(&[1])).unwrap();
    write_pieces(&files, &data, 1..2);
    write_pieces(&files, &data, 0..1);
    files.put_in_place(&[0]).unwrap();
    let there = fs::read(place.path().join("folder/a")).unwrap();
    assert!(there == data[..48 << 10]);
    let mut back = vec![0; 48 << 10];
    files.read(0, &mut back).unwrap();
    assert!(back == data[..48 << 10]);
}
