//! RC4 in both directions of a connection.

use bytes::{Bytes, BytesMut};
use rc4::{KeyInit, Rc4, StreamCipher};

use super::MseError;
use super::keys::HASH_LENGTH;

/// Bytes of a key stream that are thrown away, since the first ones tell of the key.
const DISCARDED: usize = 1024;

/// One direction.
pub(crate) struct Cipher(Rc4);

impl Cipher {
    pub(super) fn new(key: &[u8; HASH_LENGTH]) -> Result<Self, MseError> {
        let mut cipher = Rc4::new_from_slice(key).map_err(|_| MseError::Key)?;
        cipher.apply_keystream(&mut [0; DISCARDED]);
        Ok(Self(cipher))
    }

    /// Encrypts or decrypts what comes next in the stream, where it is.
    pub(crate) fn apply(&mut self, data: &mut [u8]) {
        self.0.apply_keystream(data);
    }

    /// The same for bytes that may be shared: they are copied only if they are.
    pub(crate) fn applied(&mut self, data: Bytes) -> Bytes {
        let mut own = data
            .try_into_mut()
            .unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        self.apply(&mut own);
        own.freeze()
    }
}

/// Both directions.
pub(crate) struct Ciphers {
    pub(crate) incoming: Cipher,
    pub(crate) outgoing: Cipher,
}
