//! Copies of files that are cheap where the file system lets them be: a reflink shares the data,
//! else only what is asked for is copied, and holes stay holes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::Path;

use super::siblings;
use super::system;

/// Bytes copied at a time.
const CHUNK: u64 = 1 << 20;

/// Makes `temporary` a copy of `from` without any data of its own, `length` bytes long: false where
/// the file system cannot do that, and nothing was made.
pub(super) fn reflink(from: &Path, temporary: &Path, length: u64) -> io::Result<bool> {
    let source = File::open(from)?;
    begin(temporary, |copy| {
        Ok(system::reflink(&source, copy) && finish(&source, copy, length).is_ok())
    })
}

/// Makes `temporary` a file of `length` bytes that has what `from` has in `ranges`, and is empty
/// elsewhere.
pub(super) fn sparse(
    from: &Path,
    temporary: &Path,
    length: u64,
    ranges: &[Range<u64>],
) -> io::Result<()> {
    let source = File::open(from)?;
    begin(temporary, |copy| {
        copy_ranges(&source, copy, ranges)?;
        finish(&source, copy, length)?;
        Ok(true)
    })?;
    Ok(())
}

/// Copies `ranges` of one file to the same places of another, but for holes.
pub(super) fn copy_ranges(from: &File, to: &File, ranges: &[Range<u64>]) -> io::Result<()> {
    let length = from.metadata()?.len();
    let mut holes = system::holes(from, length).into_iter().peekable();
    for range in ranges {
        let mut at = range.start;
        let end = range.end.min(length);
        while at < end {
            while holes.next_if(|hole| hole.end <= at).is_some() {}
            let until = match holes.peek() {
                Some(hole) if hole.start <= at => {
                    at = hole.end.min(end);
                    continue;
                }
                Some(hole) => hole.start.min(end),
                None => end,
            };
            copy_range(from, to, at..until)?;
            at = until;
        }
    }
    Ok(())
}

fn copy_range(from: &File, to: &File, range: Range<u64>) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let copied = system::copy_range(from, to, at, range.end - at)?;
        if copied == 0 {
            break;
        }
        at += copied;
    }
    let mut chunk = Vec::new();
    while at < range.end {
        chunk.resize((range.end - at).min(CHUNK) as usize, 0);
        system::read_exact_at(from, &mut chunk, at)?;
        system::write_all_at(to, &chunk, at)?;
        at += chunk.len() as u64;
    }
    Ok(())
}

/// Makes a copy beside `temporary` and puts it there once it is whole: a process that is killed
/// leaves no half of one behind that would be taken for more.
fn begin(temporary: &Path, make: impl FnOnce(&File) -> io::Result<bool>) -> io::Result<bool> {
    let path = siblings::copy_of(temporary);
    if fs::symlink_metadata(&path).is_ok() {
        fs::remove_file(&path)?;
    }
    let mut options = OpenOptions::new();
    let copy = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    let made = make(&copy);
    drop(copy);
    if matches!(made, Ok(true)) {
        fs::rename(&path, temporary)?;
    } else {
        fs::remove_file(&path)?;
    }
    made
}

fn finish(source: &File, copy: &File, length: u64) -> io::Result<()> {
    copy.set_len(length)?;
    copy.set_permissions(source.metadata()?.permissions())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_ranges_asked_for_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to.part"));
        let data: Vec<u8> = (0..5_000_000u32).map(|at| (at % 251) as u8 + 1).collect();
        fs::write(&from, &data).unwrap();
        sparse(
            &from,
            &to,
            4_000_000,
            &[10..20, 100_000..3_000_000, 4_999_999..6_000_000],
        )
        .unwrap();
        let mut expected = vec![0; 4_000_000];
        expected[10..20].copy_from_slice(&data[10..20]);
        expected[100_000..3_000_000].copy_from_slice(&data[100_000..3_000_000]);
        assert!(fs::read(&to).unwrap() == expected);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn holes_are_not_filled() {
        use std::os::unix::fs::MetadataExt;

        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to.part"));
        let file = File::create(&from).unwrap();
        file.set_len(64 << 20).unwrap();
        system::write_all_at(&file, &[7; 4096], 32 << 20).unwrap();
        sparse(&from, &to, 64 << 20, std::slice::from_ref(&(0..64 << 20))).unwrap();
        assert!(fs::read(&to).unwrap() == fs::read(&from).unwrap());
        let allocated = fs::metadata(&to).unwrap().blocks() * 512;
        assert!(allocated < 1 << 20, "{allocated} bytes are allocated");
    }

    #[cfg(unix)]
    #[test]
    fn a_copy_keeps_who_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let place = tempfile::tempdir().unwrap();
        let (from, to) = (place.path().join("from"), place.path().join("to.part"));
        fs::write(&from, b"secret").unwrap();
        fs::set_permissions(&from, fs::Permissions::from_mode(0o600)).unwrap();
        sparse(&from, &to, 6, &[]).unwrap();
        assert_eq!(
            fs::metadata(&to).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
