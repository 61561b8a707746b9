//! Reading Blobs in larger parts than peers ask for: each read of a Blob crosses processes and
//! takes a good part of a millisecond, however little it gives.

use std::collections::VecDeque;

use bytes::Bytes;

/// Bytes read at once: 32 blocks.
pub const CHUNK: u32 = 512 * 1024;

/// Chunks kept, 8 MiB: a few peers, each in a piece of its own, do not push out each other's.
const KEPT: usize = 16;

/// The chunks read last, by their offset in the torrent. Only verified data is read by peers, and
/// that does not change.
#[derive(Default)]
pub struct ReadAhead {
    chunks: VecDeque<(u64, Bytes)>,
}

impl ReadAhead {
    /// The chunk at this offset, if it is kept; then it is kept on.
    pub fn get(&mut self, offset: u64) -> Option<Bytes> {
        let found = self.chunks.iter().position(|(start, _)| *start == offset)?;
        let chunk = self.chunks.remove(found)?;
        let data = chunk.1.clone();
        self.chunks.push_back(chunk);
        Some(data)
    }

    /// Keeps a chunk; the one not used for longest goes.
    pub fn put(&mut self, offset: u64, data: Bytes) {
        if self.chunks.len() >= KEPT {
            self.chunks.pop_front();
        }
        self.chunks.push_back((offset, data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chunk_not_used_for_longest_goes_first() {
        let mut cache = ReadAhead::default();
        for offset in 0..KEPT as u64 {
            cache.put(offset, Bytes::new());
        }
        assert!(cache.get(0).is_some());
        cache.put(99, Bytes::new());
        assert!(cache.get(0).is_some());
        assert!(cache.get(1).is_none());
        assert!(cache.get(99).is_some());
    }
}
