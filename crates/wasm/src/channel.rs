//! One data channel as the session's ordered byte stream with credit. The channel itself is here
//! where the browser can transfer it into a Worker; where it cannot, the page keeps it and relays
//! through a `MessagePort`: ArrayBuffers are payload, and numbers coming from the page are credit.

use std::cell::Cell;
use std::rc::Rc;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, MessagePort, RtcDataChannel, RtcDataChannelState, RtcDataChannelType};

/// Bytes that may wait in a channel's send buffer until its rate is known.
const ROOM: usize = 512 * 1024;

/// The least: a slow path always has the next blocks, and a request waits a second or two behind
/// them at 100 kB/s.
const LEAST_ROOM: usize = 128 * 1024;

/// The most: a fast path stays busy while this thread hashes or writes.
const MOST_ROOM: usize = 1024 * 1024;

/// Seconds of sending that are to wait. A path takes them while this thread has its hands full.
const ROOM_SECONDS: f64 = 0.25;

/// Most bytes of one message. 64 KiB is what a peer takes that does not say (RFC 8841), and fewer,
/// larger messages cost a browser less.
pub const MESSAGE: usize = 64 * 1024;

/// What happens on a channel.
pub enum Signal {
    /// It is open.
    Open,
    /// A message came in.
    Message(ArrayBuffer),
    /// The transport took bytes.
    Taken,
    /// It is closed, or the remote side broke the rules.
    Closed(&'static str),
}

/// A channel, until dropped.
pub struct Channel {
    transport: Transport,
    /// Bytes sent and not yet told to the session as taken.
    outstanding: usize,
    /// Bytes that may be in the send buffer.
    room: usize,
    /// Bytes taken since the room was last measured.
    lately: usize,
    _handlers: Vec<Closure<dyn FnMut(JsValue)>>,
}

enum Transport {
    Transferred(RtcDataChannel),
    /// With the bytes that the page has said its channel took since last asked.
    Relayed(MessagePort, Rc<Cell<usize>>),
}

impl Channel {
    /// A channel that was transferred. `signal` is called for whatever happens on it from now on;
    /// one that is open already says so at once.
    pub fn transferred(channel: RtcDataChannel, signal: Rc<dyn Fn(Signal)>) -> Self {
        channel.set_binary_type(RtcDataChannelType::Arraybuffer);
        channel.set_buffered_amount_low_threshold(low(ROOM));
        let handlers = vec![
            handler(&signal, |_| Signal::Open),
            handler(&signal, message),
            handler(&signal, |_| Signal::Taken),
            handler(&signal, |_| {
                Signal::Closed("the peer closed the data channel")
            }),
        ];
        channel.set_onopen(handlers.first().map(as_function));
        channel.set_onmessage(handlers.get(1).map(as_function));
        channel.set_onbufferedamountlow(handlers.get(2).map(as_function));
        channel.set_onclose(handlers.get(3).map(as_function));
        Self {
            transport: Transport::Transferred(channel),
            outstanding: 0,
            room: ROOM,
            lately: 0,
            _handlers: handlers,
        }
    }

    /// A channel that stays on the page, behind a port. The page tells `true` when it is open and
    /// `false` when it is closed.
    pub fn relayed(port: MessagePort, signal: Rc<dyn Fn(Signal)>) -> Self {
        let credit = Rc::new(Cell::new(0));
        let taken = credit.clone();
        let handlers = vec![Closure::new(move |event: JsValue| {
            let data = event.unchecked_into::<MessageEvent>().data();
            if let Some(bytes) = data.as_f64() {
                taken.set(taken.get() + bytes as usize);
                signal(Signal::Taken);
            } else if let Some(open) = data.as_bool() {
                signal(match open {
                    true => Signal::Open,
                    false => Signal::Closed("the peer closed the data channel"),
                });
            } else {
                signal(payload(data));
            }
        })];
        port.set_onmessage(handlers.first().map(as_function));
        Self {
            transport: Transport::Relayed(port, credit),
            outstanding: 0,
            room: ROOM,
            lately: 0,
            _handlers: handlers,
        }
    }

    /// Whether a transferred channel was open when it came: then its `open` event has passed.
    pub fn is_open(&self) -> bool {
        match &self.transport {
            Transport::Transferred(channel) => channel.ready_state() == RtcDataChannelState::Open,
            Transport::Relayed(..) => false,
        }
    }

    /// Sends one message. Says in words why it cannot.
    pub fn send(&mut self, data: &[u8]) -> Result<(), String> {
        let sent = match &self.transport {
            Transport::Transferred(channel) => channel.send_with_u8_array(data),
            Transport::Relayed(port, _) => {
                let buffer = Uint8Array::from(data).buffer();
                port.post_message_with_transferable(&buffer, &js_sys::Array::of1(&buffer))
            }
        };
        sent.map_err(|error| crate::fault::thrown(&error).1)?;
        self.outstanding += data.len();
        Ok(())
    }

    /// Bytes that the session may have outstanding: those above the threshold of the send buffer.
    pub fn credit(&self) -> usize {
        self.room - low(self.room) as usize
    }

    /// Bytes that the transport has taken since last asked. What the send buffer holds up to its threshold counts as
    /// taken: no event tells when that goes, and the session waits for nothing that is never told.
    pub fn taken(&mut self) -> usize {
        let taken = match &self.transport {
            Transport::Transferred(channel) => {
                let held = channel.buffered_amount().saturating_sub(low(self.room));
                self.outstanding.saturating_sub(held as usize)
            }
            Transport::Relayed(_, credit) => credit.take().min(self.outstanding),
        };
        self.outstanding -= taken;
        self.lately += taken;
        taken
    }

    /// Measures the room anew by what was taken in the last `seconds`: the credit, when it changed.
    pub fn measure_room(&mut self, seconds: f64) -> Option<usize> {
        let taken = std::mem::take(&mut self.lately);
        let Transport::Transferred(channel) = &self.transport else {
            // The page's end of a relay asks for more by its own fixed threshold.
            return None;
        };
        let room = room(taken as f64 / seconds.max(0.001));
        // With nothing waiting the rate is that of the demand, which says nothing of the path.
        let waits = channel.buffered_amount() > 0;
        let changed = room > self.room || (room < self.room && waits);
        if !changed {
            return None;
        }
        channel.set_buffered_amount_low_threshold(low(room));
        self.room = room;
        Some(self.credit())
    }
}

/// The room for a path of so many bytes per second: a power of two, so that it does not change
/// with every measurement.
fn room(rate: f64) -> usize {
    ((rate * ROOM_SECONDS) as usize)
        .clamp(LEAST_ROOM, MOST_ROOM)
        .next_power_of_two()
}

/// The send buffer asks for more when it is down to this: half of the room, so that the path is not idle while the other
/// half comes.
fn low(room: usize) -> u32 {
    (room / 2) as u32
}

impl Drop for Channel {
    /// Ends the channel, and its events with it.
    fn drop(&mut self) {
        match &self.transport {
            Transport::Transferred(channel) => {
                channel.set_onopen(None);
                channel.set_onmessage(None);
                channel.set_onbufferedamountlow(None);
                channel.set_onclose(None);
                channel.close();
            }
            Transport::Relayed(port, _) => {
                port.set_onmessage(None);
                port.close();
            }
        }
    }
}

fn handler(
    signal: &Rc<dyn Fn(Signal)>,
    read: impl Fn(JsValue) -> Signal + 'static,
) -> Closure<dyn FnMut(JsValue)> {
    let signal = signal.clone();
    Closure::new(move |event| signal(read(event)))
}

fn as_function(closure: &Closure<dyn FnMut(JsValue)>) -> &js_sys::Function {
    closure.as_ref().unchecked_ref()
}

fn message(event: JsValue) -> Signal {
    payload(event.unchecked_into::<MessageEvent>().data())
}

/// A peer that sends text does not speak this protocol.
fn payload(data: JsValue) -> Signal {
    match data.dyn_into::<ArrayBuffer>() {
        Ok(buffer) => Signal::Message(buffer),
        Err(_) => Signal::Closed("the peer sent text on the data channel"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_follows_the_rate_of_the_path_within_bounds() {
        assert_eq!(room(0.0), LEAST_ROOM);
        assert_eq!(room(1_500_000.0), 512 * 1024);
        assert_eq!(room(50_000_000.0), MOST_ROOM);
    }
}
