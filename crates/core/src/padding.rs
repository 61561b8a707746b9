//! Padding (BEP 47): zeros between files, which are neither fetched nor believed when a peer sends something else there.

use std::ops::Range;

use brackish_wire::metainfo::{FileKind, Info};
use brackish_wire::{BLOCK_LENGTH, PieceIndex};

/// Where a torrent's padding is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Padding {
    /// In bytes of the torrent; in order.
    stretches: Vec<Range<u64>>,
    /// Blocks of nothing but padding, by their piece; in order. Not those of pieces that are padding through and through:
    /// such a piece is fetched like any other.
    blocks: Vec<(u32, Range<u32>)>,
}

impl Padding {
    pub fn new(info: &Info) -> Self {
        let layout = info.layout();
        let padding = info.files().iter();
        let padding = padding.filter(|file| file.kind == FileKind::Padding && file.length > 0);
        let mut found = Self::default();
        for file in padding {
            let stretch = file.offset..file.offset + file.length;
            let first = layout.lengths().piece_at(stretch.start);
            let last = layout.lengths().piece_at(stretch.end - 1);
            if let (Some(first), Some(last)) = (first, last) {
                let pieces = (first.get()..=last.get()).filter_map(|piece| layout.piece(piece));
                for piece in pieces {
                    let begin = layout.piece_offset(piece);
                    let end = begin + u64::from(layout.piece_size(piece));
                    let inside = stretch.start.max(begin)..stretch.end.min(end);
                    found.add_blocks(piece, begin..end, inside);
                }
            }
            found.stretches.push(stretch);
        }
        found
    }

    fn add_blocks(&mut self, piece: PieceIndex, whole: Range<u64>, padding: Range<u64>) {
        if padding == whole || padding.is_empty() {
            return;
        }
        let block = u64::from(BLOCK_LENGTH);
        let first = (padding.start - whole.start).div_ceil(block);
        let end = if padding.end == whole.end {
            (whole.end - whole.start).div_ceil(block)
        } else {
            (padding.end - whole.start) / block
        };
        if first < end {
            self.blocks.push((piece.get(), first as u32..end as u32));
        }
    }

    /// The blocks of a piece that are nothing but padding.
    pub fn blocks(&self, piece: u32) -> impl Iterator<Item = u32> + '_ {
        let from = self.blocks.partition_point(|(of, _)| *of < piece);
        let of_piece = self.blocks.get(from..).unwrap_or_default().iter();
        of_piece
            .take_while(move |(of, _)| *of == piece)
            .flat_map(|(_, blocks)| blocks.clone())
    }

    /// Whether a stretch of the torrent is nothing but padding.
    pub fn covers(&self, offset: u64, length: u32) -> bool {
        let end = offset + u64::from(length);
        let stretch = self.from(offset).first();
        stretch.is_some_and(|stretch| stretch.start <= offset && end <= stretch.end)
    }

    /// Whether a stretch of the torrent has padding in it.
    pub fn touches(&self, offset: u64, length: u32) -> bool {
        let stretch = self.from(offset).first();
        stretch.is_some_and(|stretch| stretch.start < offset + u64::from(length))
    }

    /// Puts zeros where these bytes, which begin at an offset of the torrent, are padding.
    pub fn clear(&self, offset: u64, data: &mut [u8]) {
        let end = offset + data.len() as u64;
        for stretch in self.from(offset).iter().take_while(|s| s.start < end) {
            let from = stretch.start.max(offset) - offset;
            let to = stretch.end.min(end) - offset;
            data.get_mut(from as usize..to as usize)
                .unwrap_or_default()
                .fill(0);
        }
    }

    fn from(&self, offset: u64) -> &[Range<u64>] {
        let from = self.stretches.partition_point(|s| s.end <= offset);
        self.stretches.get(from..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use brackish_wire::PieceHash;
    use brackish_wire::metainfo::InfoBuilder;

    use super::*;

    /// Files of 20,000 and 70,000 bytes in pieces of 64 KiB, each padded to a whole one.
    fn info(hybrid: bool) -> Info {
        let files = [("a", 20_000), ("b", 70_000)];
        let files = files.map(|(name, length)| (vec![name.to_owned()], length));
        let builder = InfoBuilder::multi_file("n", files.to_vec(), 1 << 16);
        let builder = match hybrid {
            true => builder.hybrid().unwrap(),
            false => builder.v2_only().unwrap(),
        };
        let hashers = builder.piece_hashers();
        let hash = |piece| {
            let empty = hashers.hasher(piece).finish();
            PieceHash {
                sha1: empty.sha1.map(|_| [1; 20]),
                blocks: vec![[2; 32]; empty.blocks.len()],
            }
        };
        let hashes: Vec<PieceHash> = hashers.layout().pieces().map(hash).collect();
        builder.build(&hashes).unwrap().0
    }

    #[test]
    fn blocks_behind_the_end_of_a_file_are_padding() {
        let padding = Padding::new(&info(true));
        let blocks = |piece| padding.blocks(piece).collect::<Vec<_>>();
        assert_eq!(
            (blocks(0), blocks(1), blocks(2)),
            (vec![2, 3], vec![], vec![1, 2, 3])
        );
        assert!(padding.covers(32_768, 32_768) && padding.covers(20_000, 1));
        assert!(!padding.covers(16_384, 16_384) && !padding.covers(32_768, 32_769));
        let mut data = [7; 16_384];
        padding.clear(16_384, &mut data);
        assert!(data[..3616].iter().all(|byte| *byte == 7));
        assert!(data[3616..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn in_version_2_alone_there_is_none_to_fetch() {
        let padding = Padding::new(&info(false));
        assert!((0..3).all(|piece| padding.blocks(piece).next().is_none()));
    }
}
