//! The pieces of a torrent as they travel. Where a torrent has the hashes of version 1 they are those of its [`Lengths`];
//! in one of version 2 alone the last piece of each file ends with the file (BEP 52).

use crate::{BLOCK_LENGTH, Bitfield, BlockRequest, Lengths, PieceIndex};
use std::sync::Arc;

/// Where each piece begins and how long it is. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    lengths: Lengths,
    /// The pieces that end before [`Lengths`] has it, and their sizes; in order.
    short: Arc<[(PieceIndex, u32)]>,
}

/// Every piece is as long as [`Lengths`] has it.
impl From<Lengths> for Layout {
    fn from(lengths: Lengths) -> Self {
        Self {
            lengths,
            short: Arc::default(),
        }
    }
}

impl Layout {
    /// Pieces of which some are shorter than `lengths` has them: in order, sizes from 1 on.
    pub(crate) fn with_short_pieces(lengths: Lengths, short: Vec<(PieceIndex, u32)>) -> Self {
        Self {
            lengths,
            short: short.into(),
        }
    }

    /// The lengths with the gaps behind short pieces: what offsets are counted in.
    pub fn lengths(&self) -> Lengths {
        self.lengths
    }

    /// Bytes in all pieces together: what there is to fetch.
    pub fn total(&self) -> u64 {
        self.lengths.total() - self.gaps(|_| true)
    }

    /// Bytes in these pieces together.
    pub fn bytes_in(&self, pieces: &Bitfield) -> u64 {
        let whole = u64::from(pieces.count_ones()) * u64::from(self.lengths.piece_length());
        // The last piece may end before its length, and have a gap besides.
        let last = self.lengths.piece_count().checked_sub(1);
        let cut = last
            .filter(|last| pieces.get(*last))
            .and_then(|last| self.lengths.piece(last))
            .map_or(0, |last| {
                self.lengths.piece_length() - self.lengths.piece_size(last)
            });
        whole - u64::from(cut) - self.gaps(|piece| pieces.get(piece.get()))
    }

    /// How many pieces there are: at least one.
    pub fn piece_count(&self) -> u32 {
        self.lengths.piece_count()
    }

    /// Bytes in every piece that is not short.
    pub fn piece_length(&self) -> u32 {
        self.lengths.piece_length()
    }

    /// The piece of that index, if the torrent has it.
    pub fn piece(&self, index: u32) -> Option<PieceIndex> {
        self.lengths.piece(index)
    }

    /// Every piece, in order.
    pub fn pieces(
        &self,
    ) -> impl DoubleEndedIterator<Item = PieceIndex> + ExactSizeIterator + use<> {
        self.lengths.pieces()
    }

    /// Where this piece begins in the torrent, in bytes, gaps counted.
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        self.lengths.piece_offset(piece)
    }

    /// Bytes in this piece.
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        match self.short.binary_search_by_key(&piece, |&(short, _)| short) {
            Ok(at) => self.short.get(at).map_or(0, |&(_, size)| size),
            Err(_) => self.lengths.piece_size(piece),
        }
    }

    /// How many blocks this piece has.
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.piece_size(piece).div_ceil(BLOCK_LENGTH)
    }

    /// Block number `block` of this piece, if it has so many.
    pub fn block(&self, piece: PieceIndex, block: u32) -> Option<BlockRequest> {
        let begin = block.checked_mul(BLOCK_LENGTH)?;
        let rest = self.piece_size(piece).checked_sub(begin)?;
        (rest > 0).then(|| BlockRequest {
            piece: piece.get(),
            begin,
            length: rest.min(BLOCK_LENGTH),
        })
    }

    /// The piece that a stretch lies in: `None` if it is empty or leaves its piece.
    pub fn validate(&self, request: &BlockRequest) -> Option<PieceIndex> {
        let piece = self.lengths.piece(request.piece)?;
        let end = request.begin.checked_add(request.length)?;
        (request.length > 0 && end <= self.piece_size(piece)).then_some(piece)
    }

    /// The number of the block that a stretch is, within its piece: `None` unless it is exactly one block.
    pub fn block_number(&self, request: &BlockRequest) -> Option<(PieceIndex, u32)> {
        let piece = self.lengths.piece(request.piece)?;
        let number = request.begin / BLOCK_LENGTH;
        (self.block(piece, number)? == *request).then_some((piece, number))
    }

    /// Bytes of the gaps behind short pieces.
    fn gaps(&self, counts: impl Fn(PieceIndex) -> bool) -> u64 {
        let short = self.short.iter().filter(|(piece, _)| counts(*piece));
        short
            .map(|(piece, size)| u64::from(self.lengths.piece_size(*piece) - size))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_short_pieces_it_is_as_the_lengths_have_it() {
        let lengths = Lengths::new(100_000, 32_768).unwrap();
        let layout = Layout::from(lengths);
        assert_eq!((layout.total(), layout.lengths()), (100_000, lengths));
        for piece in lengths.pieces() {
            assert_eq!(layout.piece_size(piece), lengths.piece_size(piece));
            assert_eq!(layout.block_count(piece), lengths.block_count(piece));
            for number in 0..=lengths.block_count(piece) {
                let block = lengths.block(piece, number);
                assert_eq!(layout.block(piece, number), block);
                let validated = block.and_then(|block| layout.validate(&block));
                assert_eq!(validated, block.map(|_| piece));
            }
        }
    }

    #[test]
    fn a_short_piece_ends_where_its_file_does() {
        let lengths = Lengths::new(100_000, 32_768).unwrap();
        let second = lengths.piece(1).unwrap();
        let layout = Layout::with_short_pieces(lengths, vec![(second, 16_385)]);
        assert_eq!(layout.total(), 100_000 - 16_383);
        let all = Bitfield::full(layout.piece_count());
        assert_eq!(layout.bytes_in(&all), layout.total());
        let mut some = Bitfield::new(layout.piece_count());
        assert!(some.set(1) && some.set(3));
        assert_eq!(layout.bytes_in(&some), 16_385 + 1_696);
        assert_eq!(
            (layout.piece_size(second), layout.block_count(second)),
            (16_385, 2)
        );
        let request = |begin, length| BlockRequest {
            piece: 1,
            begin,
            length,
        };
        assert_eq!(layout.block(second, 1), Some(request(16_384, 1)));
        assert_eq!(layout.block(second, 2), None);
        assert_eq!(layout.validate(&request(16_384, 1)), Some(second));
        assert_eq!(layout.validate(&request(16_384, 2)), None);
        assert_eq!(layout.block_number(&request(16_384, 1)), Some((second, 1)));
        assert_eq!(layout.block_number(&request(16_384, 16_384)), None);
    }
}
