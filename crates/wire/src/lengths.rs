//! How a torrent's bytes are divided into pieces and blocks: every size and offset is computed here once, and a
//! piece index that is out of range cannot exist.

use std::fmt;

/// The length of a block in bytes: what travels in one `piece` message. The last block of a piece may be shorter.
pub const BLOCK_LENGTH: u32 = 16 * 1024;

/// The longest piece accepted: 512 MiB. Real torrents stay at or below 256 MiB; above this a piece could not be held
/// or hashed as one unit by a page, and `begin + length` has room to spare in 32 bits.
pub const MAX_PIECE_LENGTH: u32 = 1 << 29;

/// The most pieces accepted: 4 million, which is 80 MiB of hashes. It bounds bitfields (512 KiB) and picker tables.
pub const MAX_PIECES: u32 = 1 << 22;

/// The index of a piece that the torrent has. Only [`Lengths`] can make one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceIndex(u32);

/// A stretch of a piece: what `request`, `cancel` and `reject` carry (BEP 3, BEP 6). Unchecked; see
/// [`Lengths::validate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRequest {
    /// Index of the piece.
    pub piece: u32,
    /// Where the stretch begins in the piece, in bytes.
    pub begin: u32,
    /// How long it is, in bytes.
    pub length: u32,
}

/// The lengths of one torrent: total and piece length, and all that follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lengths {
    total: u64,
    piece_length: u32,
    piece_count: u32,
}

/// A total and a piece length that no torrent can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LengthsError {
    /// There is nothing to share.
    #[error("the torrent has no bytes")]
    Empty,
    /// The piece length is zero or above [`MAX_PIECE_LENGTH`].
    #[error("a piece length of {0} bytes is not between 1 and {MAX_PIECE_LENGTH}")]
    PieceLength(u64),
    /// There would be more than [`MAX_PIECES`] pieces.
    #[error("{total} bytes in pieces of {piece_length} bytes are more than {MAX_PIECES} pieces")]
    TooManyPieces {
        /// Bytes in the torrent.
        total: u64,
        /// Bytes in a piece.
        piece_length: u32,
    },
}

impl Lengths {
    /// `total` bytes (at least 1) in pieces of `piece_length` bytes (1 to [`MAX_PIECE_LENGTH`]).
    pub fn new(total: u64, piece_length: u32) -> Result<Self, LengthsError> {
        if total == 0 {
            return Err(LengthsError::Empty);
        }
        if piece_length == 0 || piece_length > MAX_PIECE_LENGTH {
            return Err(LengthsError::PieceLength(piece_length.into()));
        }
        match u32::try_from(total.div_ceil(piece_length.into())) {
            Ok(piece_count) if piece_count <= MAX_PIECES => Ok(Self {
                total,
                piece_length,
                piece_count,
            }),
            _ => Err(LengthsError::TooManyPieces {
                total,
                piece_length,
            }),
        }
    }

    /// Bytes in the torrent.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes in every piece but the last.
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// How many pieces there are: at least one.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// The piece of that index, if the torrent has it.
    pub fn piece(&self, index: u32) -> Option<PieceIndex> {
        (index < self.piece_count).then_some(PieceIndex(index))
    }

    /// Every piece, in order.
    pub fn pieces(
        &self,
    ) -> impl DoubleEndedIterator<Item = PieceIndex> + ExactSizeIterator + use<> {
        (0..self.piece_count).map(PieceIndex)
    }

    /// The piece that holds the byte at `offset` of the torrent.
    pub fn piece_at(&self, offset: u64) -> Option<PieceIndex> {
        (offset < self.total).then(|| PieceIndex((offset / u64::from(self.piece_length)) as u32))
    }

    /// Bytes in this piece.
    pub fn piece_size(&self, piece: PieceIndex) -> u32 {
        let rest = self.total.saturating_sub(self.piece_offset(piece));
        rest.min(self.piece_length.into()) as u32
    }

    /// Where this piece begins in the torrent, in bytes.
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        u64::from(piece.0) * u64::from(self.piece_length)
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
            piece: piece.0,
            begin,
            length: rest.min(BLOCK_LENGTH),
        })
    }

    /// The piece that a stretch lies in: `None` if it is empty or leaves its piece.
    pub fn validate(&self, request: &BlockRequest) -> Option<PieceIndex> {
        let piece = self.piece(request.piece)?;
        let end = request.begin.checked_add(request.length)?;
        (request.length > 0 && end <= self.piece_size(piece)).then_some(piece)
    }

    /// The number of the block that a stretch is, within its piece: `None` unless it is exactly one block.
    pub fn block_number(&self, request: &BlockRequest) -> Option<(PieceIndex, u32)> {
        let piece = self.piece(request.piece)?;
        let number = request.begin / BLOCK_LENGTH;
        (self.block(piece, number)? == *request).then_some((piece, number))
    }
}

impl PieceIndex {
    /// The index, from 0.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_blocks_cover_every_byte_once() {
        for (total, piece_length) in [
            (1, 1),
            (1, 1 << 29),
            (100_000, 32_768),
            (98_304, 32_768),
            (50_001, 20_000),
        ] {
            let lengths = Lengths::new(total, piece_length).unwrap();
            let mut next = 0;
            for piece in lengths.pieces() {
                assert_eq!(lengths.piece_offset(piece), next);
                let mut inside = 0;
                for number in 0..lengths.block_count(piece) {
                    let block = lengths.block(piece, number).unwrap();
                    assert_eq!((block.piece, block.begin), (piece.get(), inside));
                    assert_eq!(lengths.validate(&block), Some(piece));
                    assert_eq!(lengths.block_number(&block), Some((piece, number)));
                    inside += block.length;
                }
                assert_eq!(lengths.block(piece, lengths.block_count(piece)), None);
                assert_eq!(inside, lengths.piece_size(piece));
                assert_eq!(lengths.piece_at(next), Some(piece));
                next += u64::from(inside);
            }
            assert_eq!(next, total);
            assert_eq!(lengths.piece_at(total), None);
            assert_eq!(lengths.piece(lengths.piece_count()), None);
        }
    }

    #[test]
    fn a_request_that_leaves_its_piece_is_not_valid() {
        let lengths = Lengths::new(100_000, 32_768).unwrap();
        let valid = |piece, begin, length| {
            lengths
                .validate(&BlockRequest {
                    piece,
                    begin,
                    length,
                })
                .is_some()
        };
        assert!(valid(0, 0, 32_768));
        assert!(valid(3, 1_600, 96));
        assert!(!valid(0, 0, 0));
        assert!(!valid(0, 1, 32_768));
        assert!(!valid(3, 0, 1_697));
        assert!(!valid(4, 0, 1));
        assert!(!valid(0, u32::MAX, u32::MAX));
        let block = |begin, length| {
            lengths
                .block_number(&BlockRequest {
                    piece: 0,
                    begin,
                    length,
                })
                .is_some()
        };
        assert!(block(16_384, 16_384));
        assert!(!block(16_383, 16_384));
        assert!(!block(16_384, 16_383));
    }

    #[test]
    fn lengths_that_no_torrent_can_have_are_refused() {
        assert_eq!(Lengths::new(0, 16_384), Err(LengthsError::Empty));
        assert_eq!(Lengths::new(1, 0), Err(LengthsError::PieceLength(0)));
        assert!(matches!(
            Lengths::new(1, MAX_PIECE_LENGTH + 1),
            Err(LengthsError::PieceLength(_))
        ));
        assert!(Lengths::new(u64::from(MAX_PIECES), 1).is_ok());
        assert!(matches!(
            Lengths::new(u64::from(MAX_PIECES) + 1, 1),
            Err(LengthsError::TooManyPieces { .. })
        ));
        assert!(matches!(
            Lengths::new(u64::MAX, MAX_PIECE_LENGTH),
            Err(LengthsError::TooManyPieces { .. })
        ));
    }
}
