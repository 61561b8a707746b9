//! A stream that is read no further than a handshake needs, with what came ahead kept.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Cipher, MseError};

/// Most bytes read at once, and so read ahead of what is needed.
const READ: usize = 1024;

pub(super) struct Stream<S> {
    stream: S,
    /// What came and was not taken.
    received: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            received: Vec::new(),
        }
    }

    pub(super) fn received(&self) -> &[u8] {
        &self.received
    }

    /// What came and was not taken, for whom the stream goes on to.
    pub(super) fn rest(self) -> Vec<u8> {
        self.received
    }

    /// Writes in one go, so that the parts do not show as packets.
    pub(super) async fn write(&mut self, parts: &[&[u8]]) -> Result<(), MseError> {
        self.stream.write_all(&parts.concat()).await?;
        Ok(())
    }

    /// Waits for more to come.
    pub(super) async fn more(&mut self) -> Result<(), MseError> {
        let mut more = [0; READ];
        let count = self.stream.read(&mut more).await?;
        if count == 0 {
            return Err(MseError::Closed);
        }
        self.received.extend(more.iter().take(count));
        Ok(())
    }

    /// Takes as many bytes as the array has.
    pub(super) async fn take<const N: usize>(&mut self) -> Result<[u8; N], MseError> {
        loop {
            if let Some((bytes, rest)) = self.received.split_first_chunk() {
                let bytes = *bytes;
                self.received = rest.to_vec();
                return Ok(bytes);
            }
            self.more().await?;
        }
    }

    /// The same, decrypted.
    pub(super) async fn decrypt<const N: usize>(
        &mut self,
        cipher: &mut Cipher,
    ) -> Result<[u8; N], MseError> {
        let mut bytes = self.take::<N>().await?;
        cipher.apply(&mut bytes);
        Ok(bytes)
    }

    /// Takes a length of two bytes, which must be within the limit, and as many bytes, decrypted.
    pub(super) async fn take_counted(
        &mut self,
        cipher: &mut Cipher,
        limit: usize,
    ) -> Result<Vec<u8>, MseError> {
        let length = usize::from(u16::from_be_bytes(self.decrypt(cipher).await?));
        if length > limit {
            return Err(MseError::TooLong);
        }
        while self.received.len() < length {
            self.more().await?;
        }
        let rest = self.received.split_off(length);
        let mut bytes = std::mem::replace(&mut self.received, rest);
        cipher.apply(&mut bytes);
        Ok(bytes)
    }

    /// Takes all up to a mark and the mark itself, before which at most `limit` bytes are.
    pub(super) async fn find(&mut self, mark: &[u8], limit: usize) -> Result<(), MseError> {
        loop {
            let mut places = self.received.windows(mark.len()).take(limit + 1);
            if let Some(at) = places.position(|bytes| bytes == mark) {
                self.received.drain(..at + mark.len());
                return Ok(());
            }
            if self.received.len() >= limit + mark.len() {
                return Err(MseError::NoMark);
            }
            self.more().await?;
        }
    }
}
