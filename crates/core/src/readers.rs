//! Readers: who reads which stretch of a torrent, from where on and how fast, by when each piece is
//! needed for that, and whether the reader had to wait.

use std::ops::Range;
use std::time::Duration;

use brackish_wire::{Bitfield, Lengths};

use crate::selection::touched;
use crate::{Event, ReaderId, Timestamp, TorrentId};

/// Readers of one torrent. A person watches one thing, a page may show a few.
pub(crate) const MAX_READERS: usize = 16;

/// Pieces ahead that have a time, over all readers: what is further on is fetched as the rest is.
const MAX_DUE: usize = 256;

/// How far ahead of a reader pieces are needed by a time.
const AHEAD: Duration = Duration::from_secs(20);

/// The same in bytes: at least so much, and two pieces, while the reader is slow or not yet known,
/// and at most so much, so that a fast one does not make the whole torrent urgent.
const MIN_AHEAD: u64 = 1 << 20;
const MAX_AHEAD: u64 = 32 << 20;

/// Bytes per second that a reader is taken to read at before it is known: a film of 4 Mbit/s.
const USUAL_RATE: f64 = 500_000.0;

/// A reader that reads slower than this is paused, or has read ahead.
const MIN_RATE: f64 = 20_000.0;

/// Time over which a reader's rate is measured, and the weight of each measurement.
const MEASURE: Duration = Duration::from_millis(500);
const SMOOTHING: f64 = 0.3;

/// A reader that waits for longer than this has stalled: shorter waits are not seen or heard.
const STALL: Duration = Duration::from_millis(200);

/// A piece with a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// How soon it is needed.
    pub needed_in: Duration,
    pub piece: u32,
}

#[derive(Debug)]
struct Reader {
    id: ReaderId,
    position: u64,
    end: u64,
    /// When it was opened, or jumped to where it reads now.
    since: Timestamp,
    /// It had its first byte since then.
    begun: bool,
    /// Since when the piece at its position is missing.
    waits: Option<Timestamp>,
    /// That it waits was told.
    stalled: bool,
    /// It waited since its rate was last measured.
    waited: bool,
    /// Bytes per second that it reads.
    rate: f64,
    measured: (Timestamp, u64),
}

/// The readers of one torrent.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    readers: Vec<Reader>,
    next: u32,
    /// The pieces ahead that are not here, the most urgent first.
    due: Vec<Due>,
}

impl Readers {
    pub fn is_empty(&self) -> bool {
        self.readers.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.readers.len() >= MAX_READERS
    }

    /// The pieces ahead of the readers that are not here, the most urgent first.
    pub fn due(&self) -> &[Due] {
        &self.due
    }

    /// Whether a reader waits.
    pub fn is_waiting(&self) -> bool {
        self.readers.iter().any(|reader| reader.waits.is_some())
    }

    /// What is being read, from each reader's position to its end.
    pub fn reading(&self) -> Vec<Range<u64>> {
        let ranges = self
            .readers
            .iter()
            .map(|reader| reader.position..reader.end);
        ranges.filter(|range| !range.is_empty()).collect()
    }

    pub fn open(&mut self, range: Range<u64>, now: Timestamp) -> ReaderId {
        let id = ReaderId(self.next);
        self.next = self.next.wrapping_add(1);
        self.readers.push(Reader {
            id,
            position: range.start,
            end: range.end,
            since: now,
            begun: false,
            waits: None,
            stalled: false,
            waited: false,
            rate: USUAL_RATE,
            measured: (now, range.start),
        });
        id
    }

    pub fn close(&mut self, id: ReaderId) -> bool {
        let before = self.readers.len();
        self.readers.retain(|reader| reader.id != id);
        self.readers.len() < before
    }

    /// A reader is at `position` now. Whether it jumped there; `None` if there is no such reader.
    pub fn advance(
        &mut self,
        id: ReaderId,
        position: u64,
        lengths: &Lengths,
        now: Timestamp,
    ) -> Option<bool> {
        let reader = self.readers.iter_mut().find(|reader| reader.id == id)?;
        let ahead = reader.position..=reader.ahead(lengths);
        let jumps = !ahead.contains(&position);
        reader.position = position.min(reader.end);
        if jumps {
            reader.since = now;
            reader.begun = false;
            reader.waits = None;
            reader.stalled = false;
            reader.waited = false;
            reader.measured = (now, reader.position);
        } else {
            reader.measure(now);
        }
        Some(jumps)
    }

    /// Works out anew what is needed by when.
    pub fn plan(&mut self, lengths: &Lengths, verified: &Bitfield) {
        let mut due = Vec::new();
        for reader in &self.readers {
            let ahead = reader.position..reader.ahead(lengths);
            let missing = touched(lengths, &ahead).filter(|piece| !verified.get(*piece));
            due.extend(missing.take(MAX_DUE).map(|piece| {
                let start = u64::from(piece) * u64::from(lengths.piece_length());
                let away = start.saturating_sub(reader.position) as f64;
                Due {
                    needed_in: Duration::from_secs_f64(away / reader.rate),
                    piece,
                }
            }));
        }
        due.sort_unstable();
        due.truncate(MAX_DUE);
        self.due = due;
    }

    /// A piece is here.
    pub fn verified(&mut self, piece: u32) {
        self.due.retain(|due| due.piece != piece);
    }

    /// Sees which readers wait, and gives what is to be told of it.
    pub fn watch(
        &mut self,
        torrent: TorrentId,
        lengths: &Lengths,
        verified: &Bitfield,
        now: Timestamp,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for reader in &mut self.readers {
            let piece = lengths.piece_at(reader.position);
            let has_it = piece.is_none_or(|piece| verified.get(piece.get()));
            let (id, waits) = (reader.id, reader.waits);
            if !has_it && reader.position < reader.end {
                let waits = now.since(*reader.waits.get_or_insert(now));
                reader.waited = true;
                if reader.begun && !reader.stalled && waits >= STALL {
                    reader.stalled = true;
                    events.push(Event::ReaderStalled {
                        torrent,
                        reader: id,
                    });
                }
                continue;
            }
            if !std::mem::replace(&mut reader.begun, true) {
                events.push(Event::ReaderBegan {
                    torrent,
                    reader: id,
                    after: now.since(reader.since),
                });
            } else if reader.stalled {
                events.push(Event::ReaderResumed {
                    torrent,
                    reader: id,
                    after: waits.map_or(Duration::ZERO, |waits| now.since(waits)),
                });
            }
            reader.waits = None;
            reader.stalled = false;
        }
        events
    }
}

impl Reader {
    /// The end of what has a time.
    fn ahead(&self, lengths: &Lengths) -> u64 {
        let least = MIN_AHEAD.max(2 * u64::from(lengths.piece_length()));
        let ahead = (self.rate * AHEAD.as_secs_f64()) as u64;
        let ahead = ahead.clamp(least, MAX_AHEAD.max(least));
        self.position.saturating_add(ahead).min(self.end)
    }

    fn measure(&mut self, now: Timestamp) {
        let (since, from) = self.measured;
        let elapsed = now.since(since);
        if elapsed < MEASURE {
            return;
        }
        let sample = self.position.saturating_sub(from) as f64 / elapsed.as_secs_f64();
        // One that had to wait would have read faster; one that stands still is paused, or fills a
        // buffer that it will read from.
        let says_something = sample > 0.0 && !self.waited;
        if says_something || sample > self.rate {
            self.rate += SMOOTHING * (sample - self.rate);
            self.rate = self.rate.max(MIN_RATE);
        }
        self.waited = self.waits.is_some();
        self.measured = (now, self.position);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: u32 = 1 << 16;

    fn lengths() -> Lengths {
        Lengths::new(1 << 30, PIECE).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn the_pieces_ahead_are_due_in_the_order_in_which_they_are_read() {
        let lengths = lengths();
        let verified = Bitfield::new(lengths.piece_count());
        let mut readers = Readers::default();
        let id = readers.open(100 << 16..1 << 30, at(0));
        readers.plan(&lengths, &verified);
        let first: Vec<u32> = readers.due().iter().take(3).map(|due| due.piece).collect();
        assert_eq!(first, [100, 101, 102]);
        assert_eq!(readers.due()[0].needed_in, Duration::ZERO);
        assert_eq!(
            readers.advance(id, 500 << 16, &lengths, at(100)),
            Some(true)
        );
        readers.plan(&lengths, &verified);
        assert_eq!(readers.due()[0].piece, 500);
    }

    #[test]
    fn the_stretch_ahead_grows_with_the_rate_at_which_is_read() {
        let lengths = lengths();
        let verified = Bitfield::new(lengths.piece_count());
        let ahead = |rate: u64| {
            let mut readers = Readers::default();
            let id = readers.open(0..1 << 30, at(0));
            for tenth in 1..200 {
                readers.advance(id, tenth * rate / 10, &lengths, at(tenth * 100));
            }
            readers.plan(&lengths, &verified);
            readers.due().len()
        };
        assert!(ahead(10_000) < 20);
        assert!(ahead(1_000_000) > 140);
        assert_eq!(ahead(10_000_000), MAX_DUE);
    }

    #[test]
    fn a_first_byte_a_stall_and_its_end_are_told_once_each() {
        let lengths = lengths();
        let mut verified = Bitfield::new(lengths.piece_count());
        let mut readers = Readers::default();
        let id = readers.open(0..1 << 30, at(0));
        let mut told = Vec::new();
        for tenth in 1..100 {
            match tenth {
                3 => _ = verified.set(0),
                10 => _ = readers.advance(id, u64::from(PIECE), &lengths, at(tenth * 100)),
                20 => _ = verified.set(1),
                _ => {}
            }
            told.extend(readers.watch(TorrentId(0), &lengths, &verified, at(tenth * 100)));
        }
        assert!(matches!(
            told[..],
            [
                Event::ReaderBegan { after: first, .. },
                Event::ReaderStalled { .. },
                Event::ReaderResumed { after: stalled, .. },
            ] if first == Duration::from_millis(300) && stalled == Duration::from_secs(1)
        ));
    }
}
