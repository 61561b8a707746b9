//! A WebSocket to a tracker. Reconnecting is the session's business.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::header::AUTHORIZATION;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{in_words, refusal};
use crate::http::{self, Address, ConnectError, HttpError};
use crate::reach::{Reach, Trusted};

/// Longest time for a close frame to go out to a tracker that may read nothing: less than the session
/// waits before it opens the socket anew.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Most messages that wait to be sent. An announce is one, an answer is one: a tracker that leaves
/// so many unread does not work.
pub(crate) const MAX_WAITING: usize = 256;

/// Longest message taken, in bytes: an SDP is at most 64 KiB, and twice that in JSON.
const MAX_MESSAGE: usize = 256 << 10;

/// A ping goes out after this long without anything from the tracker.
const PING_AFTER: Duration = Duration::from_secs(45);

/// The socket counts as dead after this long without anything from the tracker.
const DEAD_AFTER: Duration = Duration::from_secs(90);

/// What happens on a socket.
pub(crate) enum SocketEvent<'a> {
    /// It is open.
    Opened,
    /// A text message came.
    Message(&'a str),
}

/// Connects to `url` and carries messages until `outgoing` is closed and sent, or the socket ends.
/// Gives the reason of the end, in words. `trusted` are servers that may be anywhere.
pub(crate) async fn run(
    url: &str,
    trusted: &Trusted,
    mut outgoing: mpsc::Receiver<String>,
    mut tell: impl FnMut(SocketEvent<'_>),
) -> String {
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, open(url, trusted)).await;
    let mut socket = match connected {
        Ok(Ok(socket)) => socket,
        Ok(Err(reason)) => return reason,
        Err(_) => return "no answer in time".to_owned(),
    };
    tell(SocketEvent::Opened);
    let mut heard = Instant::now();
    let mut pinged = false;
    loop {
        let due = heard + if pinged { DEAD_AFTER } else { PING_AFTER };
        tokio::select! {
            message = socket.next() => {
                (heard, pinged) = (Instant::now(), false);
                match message {
                    Some(Ok(Message::Text(text))) => tell(SocketEvent::Message(text.as_str())),
                    Some(Ok(Message::Close(frame))) => {
                        let reason = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                        return if reason.is_empty() { "closed by the tracker".to_owned() } else { reason };
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return describe(error),
                    None => return "closed by the tracker".to_owned(),
                }
            }
            text = outgoing.recv() => {
                let Some(text) = text else {
                    // The session wants it closed; how that goes matters to nobody.
                    let _ = tokio::time::timeout(CLOSE_TIMEOUT, socket.close(None)).await;
                    return "closed".to_owned();
                };
                if let Err(error) = socket.send(Message::text(text)).await {
                    return describe(error);
                }
            }
            () = tokio::time::sleep_until(due) => {
                if pinged {
                    return "nothing came from the tracker for too long".to_owned();
                }
                pinged = true;
                if let Err(error) = socket.send(Message::Ping(Default::default())).await {
                    return describe(error);
                }
            }
        }
    }
}

type Socket = tokio_tungstenite::WebSocketStream<Box<dyn http::Stream>>;

/// Opens the socket, or says why it cannot.
async fn open(url: &str, trusted: &Trusted) -> Result<Socket, String> {
    let in_words = |error: http::AddressError| error.to_string();
    let url = http::address::read(url).map_err(in_words)?;
    let address = Address::of(&url).map_err(in_words)?;
    let mut request = address
        .uri
        .clone()
        .into_client_request()
        .map_err(describe)?;
    if let Some(authorization) = &address.authorization {
        request
            .headers_mut()
            .insert(AUTHORIZATION, authorization.clone());
    }
    let anywhere = Reach::Announce(trusted).allows_inside(&url, &url, false);
    let stream = http::connect(&address, anywhere)
        .await
        .map_err(|error| match error {
            ConnectError::Io(error) => super::in_words(&error),
            ConnectError::Inside(inside) => refusal(HttpError::Inside(inside)),
            ConnectError::Proxy { .. } => error.to_string(),
        })?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let opened = client_async_with_config(request, stream, Some(config)).await;
    let (socket, _) = opened.map_err(describe)?;
    Ok(socket)
}

fn describe(error: Error) -> String {
    match error {
        Error::Io(error) => in_words(&error),
        Error::Http(response) => format!("HTTP status {}, not a WebSocket", response.status()),
        Error::ConnectionClosed | Error::AlreadyClosed => "closed by the tracker".to_owned(),
        error => error.to_string(),
    }
}
