//! Which pieces a peer has, one bit a piece, in the layout of the `bitfield` message (BEP 3): the highest bit of the
//! first byte is piece 0, and the spare bits at the end are zero.

use std::fmt;

/// A set of piece indices below a fixed length.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bitfield {
    bytes: Box<[u8]>,
    len: u32,
    ones: u32,
}

/// Bytes that are no bitfield of the expected length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BitfieldError {
    /// The number of bytes does not fit the number of pieces.
    #[error("a bitfield for {pieces} pieces has {expected} bytes, not {actual}")]
    Length {
        /// Pieces in the torrent.
        pieces: u32,
        /// Bytes that it should have.
        expected: usize,
        /// Bytes that it has.
        actual: usize,
    },
    /// A bit after the last piece is set.
    #[error("a bitfield for {pieces} pieces has a spare bit set")]
    SpareBit {
        /// Pieces in the torrent.
        pieces: u32,
    },
}

impl Bitfield {
    /// No piece of `len`.
    pub fn new(len: u32) -> Self {
        Self {
            bytes: vec![0; byte_len(len)].into(),
            len,
            ones: 0,
        }
    }

    /// Every piece of `len`.
    pub fn full(len: u32) -> Self {
        let mut bytes = vec![0xff; byte_len(len)];
        if let Some(last) = bytes.last_mut() {
            *last &= !spare_mask(len);
        }
        Self {
            bytes: bytes.into(),
            len,
            ones: len,
        }
    }

    /// Reads the payload of a `bitfield` message for a torrent of `len` pieces.
    pub fn from_bytes(bytes: &[u8], len: u32) -> Result<Self, BitfieldError> {
        if bytes.len() != byte_len(len) {
            return Err(BitfieldError::Length {
                pieces: len,
                expected: byte_len(len),
                actual: bytes.len(),
            });
        }
        if bytes.last().is_some_and(|last| last & spare_mask(len) != 0) {
            return Err(BitfieldError::SpareBit { pieces: len });
        }
        let ones = bytes.iter().map(|byte| byte.count_ones()).sum();
        Ok(Self {
            bytes: bytes.into(),
            len,
            ones,
        })
    }

    /// The payload of a `bitfield` message.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the piece is in the set. False for an index that is out of range.
    pub fn get(&self, index: u32) -> bool {
        self.bytes
            .get(index as usize / 8)
            .is_some_and(|byte| byte & bit(index) != 0)
    }

    /// Puts the piece in the set. True if it was not there; false if it was or is out of range.
    pub fn set(&mut self, index: u32) -> bool {
        if index >= self.len {
            return false;
        }
        match self.bytes.get_mut(index as usize / 8) {
            Some(byte) if *byte & bit(index) == 0 => {
                *byte |= bit(index);
                self.ones += 1;
                true
            }
            _ => false,
        }
    }

    /// Takes the piece out of the set. True if it was there.
    pub fn clear(&mut self, index: u32) -> bool {
        match self.bytes.get_mut(index as usize / 8) {
            Some(byte) if *byte & bit(index) != 0 => {
                *byte &= !bit(index);
                self.ones -= 1;
                true
            }
            _ => false,
        }
    }

    /// How many pieces are in the set; takes constant time.
    pub fn count_ones(&self) -> u32 {
        self.ones
    }

    /// How many pieces there could be.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether every piece is in the set.
    pub fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// Whether no piece is in the set.
    pub fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// The pieces in the set, in order.
    pub fn ones(&self) -> impl Iterator<Item = u32> + '_ {
        Bits {
            bytes: &self.bytes,
            invert: 0,
            byte: 0,
            rest: 0,
            len: self.len,
        }
    }

    /// The pieces not in the set, in order.
    pub fn zeros(&self) -> impl Iterator<Item = u32> + '_ {
        Bits {
            bytes: &self.bytes,
            invert: 0xff,
            byte: 0,
            rest: 0,
            len: self.len,
        }
    }

    /// Whether `other` has a piece that this set lacks: whether its owner is worth our interest.
    pub fn lacks_any_of(&self, other: &Bitfield) -> bool {
        self.bytes
            .iter()
            .zip(&other.bytes)
            .any(|(ours, theirs)| theirs & !ours != 0)
    }
}

impl fmt::Debug for Bitfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitfield({} of {})", self.ones, self.len)
    }
}

/// Walks the bits that differ from `invert`, a byte at a time.
struct Bits<'a> {
    bytes: &'a [u8],
    invert: u8,
    /// Bytes already taken into `rest`.
    byte: u32,
    /// What is still to be given of the byte before `byte`.
    rest: u8,
    len: u32,
}

impl Iterator for Bits<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.rest == 0 {
            let (first, tail) = self.bytes.split_first()?;
            self.bytes = tail;
            self.rest = first ^ self.invert;
            self.byte += 1;
        }
        let lead = self.rest.leading_zeros();
        self.rest &= !(0x80 >> lead);
        let index = (self.byte - 1) * 8 + lead;
        (index < self.len).then_some(index)
    }
}

fn byte_len(len: u32) -> usize {
    len.div_ceil(8) as usize
}

fn bit(index: u32) -> u8 {
    0x80 >> (index % 8)
}

/// The bits of the last byte that stand for no piece.
fn spare_mask(len: u32) -> u8 {
    match len % 8 {
        0 => 0,
        used => 0xff >> used,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_piece_is_the_highest_bit_of_the_first_byte() {
        let mut bits = Bitfield::new(10);
        assert!(bits.set(0) && bits.set(9));
        assert_eq!(bits.as_bytes(), [0x80, 0x40]);
    }

    #[test]
    fn counts_follow_set_and_clear_and_ignore_what_is_out_of_range() {
        let mut bits = Bitfield::new(10);
        assert!(bits.is_empty() && !bits.get(3));
        assert!(bits.set(3));
        assert!(!bits.set(3));
        assert!(!bits.set(10) && !bits.set(15) && !bits.set(u32::MAX));
        assert_eq!(bits.count_ones(), 1);
        assert!(bits.get(3) && !bits.get(10) && !bits.get(u32::MAX));
        assert!(bits.clear(3) && !bits.clear(3) && !bits.clear(u32::MAX));
        assert!(bits.is_empty());
    }

    #[test]
    fn full_has_every_piece_and_no_spare_bit() {
        for len in 0..40 {
            let full = Bitfield::full(len);
            assert!(full.is_full());
            assert_eq!(Bitfield::from_bytes(full.as_bytes(), len), Ok(full.clone()));
            assert_eq!(full.ones().count() as u32, len);
            assert_eq!(full.zeros().count(), 0);
            assert_eq!(
                Bitfield::new(len).zeros().collect::<Vec<_>>(),
                (0..len).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn iterators_give_each_index_on_its_side_in_order() {
        let bits = Bitfield::from_bytes(&[0b1000_0001, 0, 0b0100_0000], 19).unwrap();
        assert_eq!(bits.ones().collect::<Vec<_>>(), [0, 7, 17]);
        let zeros: Vec<_> = bits.zeros().collect();
        assert_eq!(zeros.len(), 16);
        assert!(zeros.iter().all(|&index| !bits.get(index) && index < 19));
        assert!(zeros.is_sorted());
    }

    #[test]
    fn bytes_of_the_wrong_length_or_with_spare_bits_are_refused() {
        assert_eq!(
            Bitfield::from_bytes(&[0, 0x20], 10),
            Err(BitfieldError::SpareBit { pieces: 10 })
        );
        let wrong = |actual| {
            Err(BitfieldError::Length {
                pieces: 10,
                expected: 2,
                actual,
            })
        };
        assert_eq!(Bitfield::from_bytes(&[0], 10), wrong(1));
        assert_eq!(Bitfield::from_bytes(&[0; 3], 10), wrong(3));
    }

    #[test]
    fn a_peer_is_worth_interest_only_for_a_piece_we_lack() {
        let (mut ours, mut theirs) = (Bitfield::new(9), Bitfield::new(9));
        assert!(!ours.lacks_any_of(&theirs));
        theirs.set(8);
        assert!(ours.lacks_any_of(&theirs));
        ours.set(8);
        ours.set(1);
        assert!(!ours.lacks_any_of(&theirs));
    }
}
