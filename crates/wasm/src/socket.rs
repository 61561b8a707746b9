//! One WebSocket to a tracker.

use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, WebSocket};

/// What happens on a WebSocket.
pub enum Signal {
    /// It is open.
    Open,
    /// A text message came in.
    Message(String),
    /// It is closed, or could not be opened.
    Closed,
}

/// A WebSocket, until dropped.
pub struct Socket {
    socket: WebSocket,
    _handlers: [Closure<dyn FnMut(JsValue)>; 3],
}

impl Socket {
    /// Opens one. Says in words what is wrong with the URL, or with opening it from this page.
    pub fn open(url: &str, signal: impl Fn(Signal) + Clone + 'static) -> Result<Self, String> {
        let socket = WebSocket::new(url).map_err(|error| crate::fault::thrown(&error).1)?;
        let opened = signal.clone();
        let closed = signal.clone();
        let handlers = [
            Closure::new(move |_| opened(Signal::Open)),
            Closure::new(move |event: JsValue| {
                // Binary messages are no part of the protocol.
                let data = event.unchecked_into::<MessageEvent>().data();
                if let Some(text) = data.as_string() {
                    signal(Signal::Message(text));
                }
            }),
            Closure::new(move |_| closed(Signal::Closed)),
        ];
        let [open, message, close] = &handlers;
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Ok(Self {
            socket,
            _handlers: handlers,
        })
    }

    /// Sends a message. One sent to a socket that is closing is lost, as it would be a moment later.
    pub fn send(&self, text: &str) {
        let _ = self.socket.send_with_str(text);
    }
}

impl Drop for Socket {
    /// Closes it once what was sent has gone.
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // Only a code or reason could make it throw, and none is given.
        let _ = self.socket.close();
    }
}
