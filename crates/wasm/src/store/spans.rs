//! Where a run of a torrent's bytes lies in its files.

use std::ops::Range;

use brackish_wire::metainfo::{FileEntry, FileKind};

/// The part of a run that lies in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file's place in the torrent's list.
    pub file: usize,
    /// Bytes from the start of the file.
    pub offset: u64,
    /// The bytes of the run.
    pub range: Range<usize>,
    /// Padding (BEP 47): zeros that are not stored.
    pub padding: bool,
}

/// The parts of the run of `length` bytes at `offset` of the torrent, in order. Files of no length
/// have none.
pub fn spans(
    files: &[FileEntry],
    offset: u64,
    length: usize,
) -> impl Iterator<Item = Span> + use<'_> {
    let end = offset + length as u64;
    let first = files.partition_point(|file| file.offset + file.length <= offset);
    files
        .iter()
        .enumerate()
        .skip(first)
        .take_while(move |(_, file)| file.offset < end)
        .filter(|(_, file)| file.length > 0)
        .map(move |(index, file)| {
            let from = file.offset.max(offset);
            let to = (file.offset + file.length).min(end);
            Span {
                file: index,
                offset: from - file.offset,
                range: (from - offset) as usize..(to - offset) as usize,
                padding: file.kind == FileKind::Padding,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(offset: u64, length: u64, kind: FileKind) -> FileEntry {
        FileEntry {
            path: vec![brackish_wire::metainfo::Name::new(offset.to_string().as_bytes()).unwrap()],
            length,
            offset,
            kind,
            executable: false,
            hidden: false,
        }
    }

    fn files() -> Vec<FileEntry> {
        vec![
            file(0, 10, FileKind::File),
            file(10, 0, FileKind::File),
            file(10, 6, FileKind::Padding),
            file(16, 20, FileKind::File),
        ]
    }

    #[test]
    fn a_run_across_files_is_cut_at_their_ends_and_padding_is_marked() {
        let files = files();
        let found: Vec<Span> = spans(&files, 8, 20).collect();
        assert_eq!(
            found,
            [
                Span {
                    file: 0,
                    offset: 8,
                    range: 0..2,
                    padding: false
                },
                Span {
                    file: 2,
                    offset: 0,
                    range: 2..8,
                    padding: true
                },
                Span {
                    file: 3,
                    offset: 0,
                    range: 8..20,
                    padding: false
                },
            ]
        );
    }

    #[test]
    fn a_run_that_begins_where_a_file_ends_has_nothing_of_it() {
        let files = files();
        let found: Vec<usize> = spans(&files, 10, 6).map(|span| span.file).collect();
        assert_eq!(found, [2]);
    }

    #[test]
    fn every_byte_of_every_run_is_in_exactly_one_file() {
        let files = files();
        for offset in 0..36 {
            for length in 1..=(36 - offset) {
                let mut next = 0;
                for span in spans(&files, offset as u64, length) {
                    assert_eq!(span.range.start, next);
                    next = span.range.end;
                }
                assert_eq!(next, length, "run of {length} at {offset}");
            }
        }
    }
}
