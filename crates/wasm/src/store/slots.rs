//! Where the pieces of a torrent's files lie in the store.
//!
//! A browser charges a site for the length of its files, holes included. So a piece is not written at its own offset:
//! each stored file grows by whole pieces, in the order in which they come, and a log says which piece has which slot.
//! What is stored costs what it is long, wherever in the torrent it belongs.

use std::ops::Range;

use brackish_core::Table;
use brackish_wire::metainfo::{FileKind, Info};

/// Bytes of one record of the log: the file's place in the torrent's list and the piece, both little-endian.
const RECORD: usize = 8;

/// The slots of one torrent.
#[derive(Debug, Default)]
pub struct Slots {
    files: Table<usize, FileSlots>,
    /// Every slot in the order in which they were given, as it is saved.
    log: Vec<u8>,
    /// Bytes of the log that are saved.
    saved: usize,
}

#[derive(Debug, Default)]
struct FileSlots {
    /// Where in the stored file the part of each piece begins.
    places: Table<u32, u64>,
    /// Where the next slot begins.
    end: u64,
}

impl Slots {
    /// The slots of an earlier visit. A record that cannot be right, and all after it, are left out.
    pub fn read(info: &Info, log: &[u8]) -> Self {
        let mut slots = Self::default();
        for record in log.chunks_exact(RECORD) {
            let (file, piece) = record.split_at(RECORD / 2);
            let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).ok();
            let (Some(file), Some(piece)) = (number(file), number(piece)) else {
                break;
            };
            let file = file as usize;
            if part(info, file, piece).is_empty() || slots.find(file, piece).is_some() {
                break;
            }
            slots.place(info, file, piece);
        }
        slots.saved = slots.log.len();
        slots
    }

    /// Where in the stored file the part of a piece begins, if it has a slot.
    pub fn find(&self, file: usize, piece: u32) -> Option<u64> {
        self.files.get(&file)?.places.get(&piece).copied()
    }

    /// As [`find`](Self::find), with a new slot if it has none.
    pub fn place(&mut self, info: &Info, file: usize, piece: u32) -> u64 {
        if let Some(place) = self.find(file, piece) {
            return place;
        }
        let part = part(info, file, piece);
        let slots = self.files.get_or_insert_with(file, FileSlots::default);
        let place = slots.end;
        slots.places.insert(piece, place);
        slots.end += part.end - part.start;
        // A torrent has fewer files than a u32 counts: its list is held in memory.
        self.log.extend_from_slice(&(file as u32).to_le_bytes());
        self.log.extend_from_slice(&piece.to_le_bytes());
        place
    }

    /// The stretches of the stored file that make up the whole file, in order; `None` while a piece has no slot.
    pub fn stretches(&self, info: &Info, file: usize) -> Option<Vec<Range<u64>>> {
        let entry = info.files().get(file)?;
        let mut stretches: Vec<Range<u64>> = Vec::new();
        for (piece, part) in parts(info, file, 0..entry.length) {
            let place = self.find(file, piece)?;
            let end = place + (part.end - part.start);
            match stretches.last_mut() {
                Some(last) if last.end == place => last.end = end,
                _ => stretches.push(place..end),
            }
        }
        Some(stretches)
    }

    /// What of the log is not saved, and where in the log it begins.
    pub fn unsaved(&self) -> Option<(u64, &[u8])> {
        let rest = self.log.get(self.saved..).filter(|rest| !rest.is_empty())?;
        Some((self.saved as u64, rest))
    }

    /// All of the log is saved.
    pub fn was_saved(&mut self) {
        self.saved = self.log.len();
    }
}

/// The pieces that a stretch of a file lies in, and of each the bytes of the file that are both in it and in the stretch.
pub fn parts(
    info: &Info,
    file: usize,
    stretch: Range<u64>,
) -> impl Iterator<Item = (u32, Range<u64>)> + use<'_> {
    let length = u64::from(info.lengths().piece_length());
    let offset = info.files().get(file).map_or(0, |entry| entry.offset);
    let first = (offset + stretch.start) / length;
    let last = (offset + stretch.end).div_ceil(length);
    let pieces = first..if stretch.is_empty() { first } else { last };
    pieces.filter_map(move |piece| {
        let piece = u32::try_from(piece).ok()?;
        let part = part(info, file, piece);
        Some((
            piece,
            part.start.max(stretch.start)..part.end.min(stretch.end),
        ))
    })
}

/// The bytes of a file that lie in a piece; none if it has none there, or is padding.
pub fn part(info: &Info, file: usize, piece: u32) -> Range<u64> {
    let length = u64::from(info.lengths().piece_length());
    let begin = u64::from(piece) * length;
    match info.files().get(file) {
        Some(entry) if entry.kind != FileKind::Padding => {
            let start = begin.clamp(entry.offset, entry.offset + entry.length);
            let end = (begin + length).clamp(entry.offset, entry.offset + entry.length);
            start - entry.offset..end - entry.offset
        }
        _ => 0..0,
    }
}

#[cfg(test)]
mod tests {
    use brackish_wire::metainfo::InfoBuilder;

    use super::*;

    const PIECE: u64 = 32 * 1024;

    /// Two files: the first ends in the middle of piece 2, the second begins there.
    fn info() -> Info {
        let files = [("a", 2 * PIECE + 100), ("b", 3 * PIECE)];
        let files = files.map(|(name, length)| (vec![name.to_owned()], length));
        let builder = InfoBuilder::multi_file("n", files.to_vec(), PIECE as u32);
        builder.build(&[[0; 20]; 6]).unwrap()
    }

    #[test]
    fn a_file_grows_by_the_pieces_that_come_whatever_their_place() {
        let info = info();
        let mut slots = Slots::default();
        assert_eq!(slots.place(&info, 1, 5), 0);
        // The last piece of b holds 100 bytes of it.
        assert_eq!(part(&info, 1, 5), 3 * PIECE - 100..3 * PIECE);
        assert_eq!(slots.place(&info, 1, 3), 100);
        assert_eq!(slots.place(&info, 1, 5), 0);
        assert_eq!(slots.place(&info, 0, 2), 0);
        assert_eq!(slots.place(&info, 0, 0), 100);
        assert_eq!(slots.find(0, 1), None);
    }

    #[test]
    fn a_whole_file_is_its_stretches_in_order_and_neighbours_are_joined() {
        let info = info();
        let mut slots = Slots::default();
        slots.place(&info, 0, 2);
        slots.place(&info, 0, 0);
        assert_eq!(slots.stretches(&info, 0), None);
        slots.place(&info, 0, 1);
        let expected = vec![100..100 + 2 * PIECE, 0..100];
        assert_eq!(slots.stretches(&info, 0), Some(expected));
    }

    #[test]
    fn the_log_gives_the_same_slots_again_and_a_bad_record_ends_it() {
        let info = info();
        let mut slots = Slots::default();
        for (file, piece) in [(1, 5), (0, 1), (1, 2)] {
            slots.place(&info, file, piece);
        }
        let (at, log) = slots.unsaved().unwrap();
        assert_eq!(at, 0);
        let again = Slots::read(&info, log);
        for (file, piece) in [(1, 5), (0, 1), (1, 2), (0, 0)] {
            assert_eq!(again.find(file, piece), slots.find(file, piece));
        }
        assert!(again.unsaved().is_none());
        // The same piece twice, a piece that the file does not have, a file that there is not.
        for bad in [[0, 1], [0, 4], [7, 0]] {
            let mut log = log.to_vec();
            log.extend(bad.iter().flat_map(|number: &u32| number.to_le_bytes()));
            log.extend([0; RECORD]);
            assert_eq!(Slots::read(&info, &log).find(0, 0), None);
        }
        slots.was_saved();
        assert!(slots.unsaved().is_none());
        slots.place(&info, 0, 0);
        assert_eq!(slots.unsaved().unwrap().0, 3 * RECORD as u64);
    }

    #[test]
    fn a_stretch_of_a_file_is_cut_at_its_pieces() {
        let info = info();
        let found: Vec<_> = parts(&info, 1, 10..PIECE).collect();
        assert_eq!(found, [(2, 10..PIECE - 100), (3, PIECE - 100..PIECE)]);
        assert_eq!(parts(&info, 1, 5..5).count(), 0);
    }
}
