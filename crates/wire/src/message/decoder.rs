//! Takes messages from a byte stream. A frame that is whole in the input is borrowed from it; only the frame that the
//! end of an input cuts is buffered.

use super::{Message, MessageError};

const PREFIX: usize = 4;

/// How much of the buffer is kept between cut frames: room for the usual block, so that a steady download does not
/// allocate, and a large frame does not stay. A connection whose inputs end with a frame keeps none: most of a
/// session's connections carry a `have` now and then, and a buffer for each would be what the session is made of.
const KEPT_CAPACITY: usize = 32 * 1024;

/// Decodes the messages that follow the handshake.
#[derive(Debug)]
pub struct Decoder {
    max_frame: u32,
    /// The frame that was cut, with its prefix, as far as it has come. Grows with what arrives, never with what a
    /// prefix claims.
    cut: Vec<u8>,
    /// The frame in `cut` has been given out.
    given: bool,
    /// Something of the input at hand went into `cut`, or will with the rest of its frame.
    cuts: bool,
    failed: Option<MessageError>,
}

impl Decoder {
    /// A decoder that refuses frames of more than `max_frame` bytes (without the prefix); see
    /// [`DEFAULT_MAX_FRAME`](super::DEFAULT_MAX_FRAME).
    pub fn new(max_frame: u32) -> Self {
        Self {
            max_frame,
            cut: Vec::new(),
            given: false,
            cuts: false,
            failed: None,
        }
    }

    /// Allows longer or shorter frames from the next one on: a bitfield's length is known only with the metadata.
    pub fn set_max_frame(&mut self, max_frame: u32) {
        self.max_frame = max_frame;
    }

    /// The longest frame that is taken, in bytes without the prefix.
    pub fn max_frame(&self) -> u32 {
        self.max_frame
    }

    /// How many bytes of a frame that is not yet whole are held.
    pub fn buffered(&self) -> usize {
        if self.given { 0 } else { self.cut.len() }
    }

    /// Takes the next message from the front of `input` and moves `input` behind it. `None` when the input is used up;
    /// go on with the next input. After an error every call gives that error.
    #[inline]
    pub fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Message<'a>>, MessageError> {
        if self.cut.is_empty() && self.failed.is_none() {
            // The usual case: a frame that begins and ends in this input.
            if let Some((prefix, rest)) = input.split_first_chunk::<PREFIX>() {
                let length = self.checked(*prefix)?;
                if let Some((frame, rest)) = rest.split_at_checked(length) {
                    *input = rest;
                    return self.decode(frame).map(Some);
                }
            }
        }
        self.next_cut(input)
    }

    fn next_cut<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Message<'a>>, MessageError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.given {
            self.given = false;
            self.cut.clear();
            self.cut.shrink_to(KEPT_CAPACITY);
            return self.next(input);
        }
        if !self.fill(PREFIX, input) {
            self.settle();
            return Ok(None);
        }
        let Some(prefix) = self.cut.first_chunk().copied() else {
            return Ok(None);
        };
        let length = self.checked(prefix)?;
        if !self.fill(PREFIX + length, input) {
            return Ok(None);
        }
        self.given = true;
        match Message::decode(self.cut.get(PREFIX..).unwrap_or_default()) {
            Ok(message) => Ok(Some(message)),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// The input is used up. Where nothing of it was cut, the buffer goes.
    fn settle(&mut self) {
        if self.cut.is_empty() && !std::mem::take(&mut self.cuts) {
            self.cut = Vec::new();
        }
    }

    /// Moves bytes from the input until `cut` has `wanted`. False if the input does not have enough.
    fn fill(&mut self, wanted: usize, input: &mut &[u8]) -> bool {
        let missing = wanted.saturating_sub(self.cut.len());
        let (taken, rest) = input.split_at(missing.min(input.len()));
        self.cut.extend_from_slice(taken);
        self.cuts |= !taken.is_empty();
        *input = rest;
        taken.len() == missing
    }

    fn checked(&mut self, prefix: [u8; PREFIX]) -> Result<usize, MessageError> {
        let length = u32::from_be_bytes(prefix);
        if length > self.max_frame {
            let error = MessageError::TooLong {
                length,
                limit: self.max_frame,
            };
            self.failed = Some(error);
            return Err(error);
        }
        Ok(length as usize)
    }

    #[inline]
    fn decode<'a>(&mut self, frame: &'a [u8]) -> Result<Message<'a>, MessageError> {
        Message::decode(frame).inspect_err(|&error| self.failed = Some(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::DEFAULT_MAX_FRAME;

    fn read(decoder: &mut Decoder, mut input: &[u8]) -> usize {
        let mut messages = 0;
        while let Ok(Some(_)) = decoder.next(&mut input) {
            messages += 1;
        }
        messages
    }

    #[test]
    fn the_buffer_stays_while_inputs_are_cut_and_goes_when_they_are_whole() {
        let mut decoder = Decoder::new(DEFAULT_MAX_FRAME);
        let mut block = vec![0; 4 + 9 + 16384];
        block[..5].copy_from_slice(&[0, 0, 0x40, 9, 7]);
        let have = [0, 0, 0, 5, 4, 0, 0, 0, 1];
        for cut in [5000, 9000, 16000] {
            assert_eq!(read(&mut decoder, &block[..cut]), 0);
            assert_eq!(read(&mut decoder, &block[cut..]), 1);
            assert!(decoder.cut.capacity() >= block.len(), "the next may be cut");
        }
        assert_eq!(read(&mut decoder, &have), 1);
        assert_eq!(decoder.cut.capacity(), 0);
        assert_eq!(read(&mut decoder, &have[..3]), 0);
        assert_eq!(read(&mut decoder, &have[3..]), 1);
    }
}
