//! Follows the frames of a WebSocket as their bytes come (RFC 6455, section 5.2), to know whether a
//! message has begun that has not ended, and how much memory it takes.

/// The longest head of a frame: two bytes, eight of length, four of mask.
const MAX_HEAD: usize = 14;

/// A head's second byte: seven bits of length, or where the length stands, and whether a mask follows.
const MASKED: u8 = 0x80;

/// See the module's own documentation.
#[derive(Debug, Default)]
pub(super) struct Framing {
    head: [u8; MAX_HEAD],
    /// Bytes of the head that have come.
    head_length: usize,
    /// Bytes of the frame's payload that have not come.
    payload_left: u64,
    /// What the frame takes up, for which memory is set aside as soon as its head is there.
    frame: usize,
    /// What the fragments of the message before this frame take up.
    fragments: usize,
}

impl Framing {
    /// Bytes that an unfinished message takes up; 0 between messages.
    pub(super) fn held(&self) -> usize {
        self.fragments.saturating_add(self.frame)
    }

    /// Follows what has come.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            if self.payload_left > 0 {
                let here = usize::try_from(self.payload_left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                bytes = &bytes[here..];
                self.payload_left -= here as u64;
            } else {
                bytes = &bytes[1..];
                self.head[self.head_length] = byte;
                self.head_length += 1;
                self.frame += 1;
                if !self.head_is_whole() {
                    continue;
                }
                self.payload_left = self.payload_length();
                let payload = usize::try_from(self.payload_left).unwrap_or(usize::MAX);
                self.frame = self.frame.saturating_add(payload);
            }
            if self.payload_left == 0 {
                self.end_frame();
            }
        }
    }

    fn head_is_whole(&self) -> bool {
        if self.head_length < 2 {
            return false;
        }
        let length = match self.head[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.head[1] & MASKED != 0 { 4 } else { 0 };
        self.head_length == 2 + length + mask
    }

    fn payload_length(&self) -> u64 {
        let number = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0, |number, &byte| number << 8 | u64::from(byte))
        };
        match self.head[1] & !MASKED {
            126 => number(&self.head[2..4]),
            127 => number(&self.head[2..10]),
            length => length.into(),
        }
    }

    fn end_frame(&mut self) {
        let (is_last, opcode) = (self.head[0] & 0x80 != 0, self.head[0] & 0x0f);
        let is_control = opcode >= 8;
        if !is_control {
            self.fragments = match is_last {
                true => 0,
                false => self.fragments.saturating_add(self.frame),
            };
        }
        (self.frame, self.head_length) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut frame = vec![first];
        match payload {
            0..126 => frame.push(MASKED | payload as u8),
            126..0x1_0000 => {
                frame.push(MASKED | 126);
                frame.extend((payload as u16).to_be_bytes());
            }
            _ => {
                frame.push(MASKED | 127);
                frame.extend((payload as u64).to_be_bytes());
            }
        }
        frame.extend([7; 4]);
        frame.resize(frame.len() + payload, 0xff);
        frame
    }

    #[test]
    fn messages_are_followed_however_their_bytes_are_cut() {
        for payload in [0, 1, 125, 126, 0xffff, 0x1_0000] {
            let whole = frame(0x81, payload);
            for step in [1, 2, 3, 7, whole.len()] {
                let mut framing = Framing::default();
                let (last, before) = whole.split_last().unwrap();
                for bytes in before.chunks(step) {
                    framing.read(bytes);
                    assert!(framing.held() > 0, "{payload} by {step}");
                }
                framing.read(&[*last]);
                assert_eq!(framing.held(), 0, "{payload} by {step}");
            }
        }
    }

    #[test]
    fn memory_is_held_as_soon_as_a_head_claims_it() {
        let mut framing = Framing::default();
        framing.read(&frame(0x82, 60_000)[..8]);
        assert_eq!(framing.held(), 60_008);
    }

    #[test]
    fn a_message_in_fragments_ends_with_the_last_of_them() {
        let mut framing = Framing::default();
        let (text, go_on, ping, last) = (
            frame(0x01, 10),
            frame(0x00, 20),
            frame(0x89, 5),
            frame(0x80, 0),
        );
        framing.read(&[text, go_on].concat());
        assert_eq!(framing.held(), 16 + 26);
        framing.read(&ping);
        assert_eq!(framing.held(), 16 + 26, "a ping within is no part of it");
        framing.read(&[last, ping].concat());
        assert_eq!(framing.held(), 0);
    }
}
