//! WebRTC, behind two small traits: a stack makes connections of one data channel each, given and
//! giving whole SDPs. The engine knows nothing else of it, so that another stack can take the
//! place of the `webrtc` crate.

mod addresses;
mod candidates;
mod checks;
mod guard;
pub(crate) mod ice;
pub(crate) mod pace;
mod runtime;
mod stack;
mod stun;

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::future::LocalBoxFuture;

use ice::IceServers;

/// A connection, and the SDP that the other side is to get.
pub(crate) type Made = (Rc<dyn Channel>, String);

/// Makes WebRTC connections.
pub(crate) trait Stack {
    /// A connection with its SDP, all candidates in it: an answer to `offer`, or an offer.
    fn make<'a>(&'a self, offer: Option<&'a str>) -> LocalBoxFuture<'a, Result<Made, RtcError>>;
    /// The most sockets that a connection takes.
    fn sockets(&self) -> usize;
}

/// A connection with its one data channel, ordered and reliable.
pub(crate) trait Channel {
    /// Completes a connection that was made with an offer.
    fn apply_answer<'a>(&'a self, sdp: &'a str) -> LocalBoxFuture<'a, Result<(), RtcError>>;
    /// What happens next. After `Closed` it may not be called.
    fn next(&self) -> LocalBoxFuture<'_, ChannelEvent>;
    /// What has happened already, if anything.
    fn try_next(&self) -> Option<ChannelEvent>;
    /// Sends a message once fewer than `window` bytes are unacknowledged, or once none of them has
    /// been acknowledged for as long as `patience`.
    fn send(
        &self,
        message: BytesMut,
        window: usize,
        patience: Duration,
    ) -> LocalBoxFuture<'_, Result<(), RtcError>>;
    /// Bytes sent that the other side has not acknowledged.
    fn unacknowledged(&self) -> LocalBoxFuture<'_, Result<usize, RtcError>>;
    /// The longest message that the other side takes, in bytes.
    fn max_message(&self) -> usize;
    /// The round-trip time, where the stack measures it.
    fn round_trip(&self) -> LocalBoxFuture<'_, Option<Duration>>;
    /// Ends the connection and tells the other side.
    fn close(&self) -> LocalBoxFuture<'_, ()>;
}

/// Something that happened on a channel.
#[derive(Debug)]
pub(crate) enum ChannelEvent {
    /// It can carry bytes from now on.
    Open,
    /// A message came.
    Message(Bytes),
    /// It ended; in words, why.
    Closed(String),
}

/// Why a connection was not made, or does not carry.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RtcError {
    #[error("WebRTC: {0}")]
    Stack(#[from] webrtc::error::Error),
    #[error("WebRTC: no candidates were gathered in time")]
    Gathering,
    #[error("WebRTC: the connection ended")]
    Ended,
}

/// The stack in use, with sockets on the addresses in `bind`; on all if there is none in it.
pub(crate) fn stack(ice_servers: IceServers, bind: Vec<IpAddr>) -> io::Result<Rc<dyn Stack>> {
    Ok(Rc::new(stack::WebRtcStack::new(ice_servers, bind)))
}

#[cfg(test)]
mod tests;
