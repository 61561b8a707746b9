//! Which files become complete as pieces are verified.

use brackish_wire::{Bitfield, PieceIndex};

use super::layout::Layout;

/// How far each file is verified from its beginning on.
#[derive(Debug)]
pub(crate) struct Completion {
    /// Of each file the first piece that is not known to be verified.
    next: Vec<u32>,
}

impl Completion {
    pub(crate) fn new(layout: &Layout) -> Self {
        let first = |slot| layout.pieces_of(slot).start;
        Self {
            next: layout.files().iter().map(first).collect(),
        }
    }

    /// A piece was verified: the files that have all their pieces now, among those that it reaches
    /// into.
    pub(crate) fn verified(
        &mut self,
        layout: &Layout,
        verified: &Bitfield,
        piece: PieceIndex,
    ) -> Vec<usize> {
        let lengths = layout.lengths();
        let (offset, size) = (lengths.piece_offset(piece), lengths.piece_size(piece));
        let mut complete = Vec::new();
        for segment in layout.segments(offset, u64::from(size)) {
            let Some(slot) = layout.files().get(segment.file).filter(|slot| slot.stored) else {
                continue;
            };
            let Some(next) = self.next.get_mut(segment.file) else {
                continue;
            };
            let pieces = layout.pieces_of(slot);
            let missing = |from: u32| (from..pieces.end).find(|piece| !verified.get(*piece));
            // At the end all are looked at again: a piece may have been lost meanwhile.
            match missing(*next).or_else(|| missing(pieces.start)) {
                Some(piece) => *next = piece,
                None => {
                    *next = pieces.end;
                    complete.push(segment.file);
                }
            }
        }
        complete
    }
}
