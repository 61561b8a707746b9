//! `lt_donthave` (BEP 54), by which a peer takes back that it has a piece.

use super::ExtensionError;

/// The sender no longer has the piece of this index: unchecked, it may be any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DontHave(pub u32);

impl DontHave {
    /// The payload of a `lt_donthave` message.
    pub fn encode(&self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    /// Reads the payload of a `lt_donthave` message.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtensionError> {
        match payload.try_into() {
            Ok(index) => Ok(Self(u32::from_be_bytes(index))),
            Err(_) => Err(ExtensionError::DontHaveLength {
                length: payload.len(),
            }),
        }
    }
}
