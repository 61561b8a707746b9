//! One WebSocket to a tracker, and how long the tracker has been silent.

use brackish_wire::tracker::ws::ServerMessage;
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, WebSocket};

use crate::host::milliseconds;

/// What happens on a WebSocket.
pub enum Signal {
    /// It is open.
    Open,
    /// A text message came in.
    Message(String),
    /// It is closed, or could not be opened.
    Closed,
}

/// How a tracker answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// It has answered.
    Given,
    /// Nothing has come since this time, in milliseconds; it was asked then, or its socket was to be opened.
    Awaited(f64),
    /// It sent something that is no answer.
    Garbled,
    /// The page was told that none comes.
    Missed,
}

/// A WebSocket, until dropped.
pub struct Socket {
    socket: WebSocket,
    url: String,
    /// What it said of the last thing that it was asked.
    answer: Answer,
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
            url: url.to_owned(),
            answer: Answer::Awaited(milliseconds()),
            _handlers: handlers,
        })
    }

    /// Sends a message. One sent to a socket that is closing is lost, as it would be a moment later.
    pub fn send(&mut self, text: &str) {
        if self.answer == Answer::Given {
            self.answer = Answer::Awaited(milliseconds());
        }
        let _ = self.socket.send_with_str(text);
    }

    /// Takes note of a message.
    pub fn heard(&mut self, text: &str) {
        match ServerMessage::parse(text) {
            Ok(_) => self.answer = Answer::Given,
            Err(_) if matches!(self.answer, Answer::Awaited(_)) => self.answer = Answer::Garbled,
            Err(_) => {}
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        self.socket.ready_state() == WebSocket::OPEN
    }

    /// Where it is connected to.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the tracker answers.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// The page was told that no answer comes.
    pub fn missed(&mut self) {
        self.answer = Answer::Missed;
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
