//! The connections of the session: which data channel each has, and the message that is being
//! filled for it. Blocks and their headers come one by one and go out joined, up to the length of
//! a message, because a browser charges by the message.

use std::rc::Rc;

use brackish_core::{ConnectionId, Input, Table};

use js_sys::ArrayBuffer;

use crate::channel::{Channel, MESSAGE, Signal};
use crate::driver::Driver;
use crate::host::now;

/// Most messages that are kept of a channel that is not open yet. What a peer says before it has
/// heard anything is its handshake, its extensions and its pieces.
const EARLY_MESSAGES: usize = 32;

/// The connections by their number.
#[derive(Default)]
pub struct Connections {
    known: Table<u64, Connection>,
    /// Those that have a message under construction, or sent one since the session last asked.
    busy: Vec<u64>,
}

struct Connection {
    id: ConnectionId,
    channel: Option<Channel>,
    opened: bool,
    /// What came before it was open: a browser may hand over a message first, and say `open`, and
    /// let anything be sent, a moment later.
    early: Vec<ArrayBuffer>,
    message: Vec<u8>,
    busy: bool,
}

impl Connections {
    /// Takes note of a connection that the page is asked to make.
    pub fn add(&mut self, id: ConnectionId) {
        self.known.insert(
            id.to_u64(),
            Connection {
                id,
                channel: None,
                opened: false,
                early: Vec::new(),
                message: Vec::new(),
                busy: false,
            },
        );
    }

    /// The session's identity of a connection that it has not closed.
    pub fn id(&self, number: u64) -> Option<ConnectionId> {
        Some(self.known.get(&number)?.id)
    }
}

impl Driver {
    /// Gives a connection its channel, made by `make` with the function to call for its events.
    pub fn attach(&'static self, number: u64, make: impl FnOnce(Rc<dyn Fn(Signal)>) -> Channel) {
        let channel = make(Rc::new(move |signal| self.signal(number, signal)));
        let open = channel.is_open();
        // A connection that the session has closed meanwhile is closed with its channel.
        let Some(connection) = self.replace_channel(number, channel) else {
            self.host.close_connection(number as f64);
            return;
        };
        if open {
            self.signal_open(connection, number);
        }
    }

    /// Adds to the message for a peer, and sends what is full.
    pub fn transmit(&'static self, id: ConnectionId, data: &[u8]) {
        let number = id.to_u64();
        let mut connections = self.connections.borrow_mut();
        let Connections { known, busy } = &mut *connections;
        let Some(connection) = known.get_mut(&number) else {
            return;
        };
        if !connection.busy {
            connection.busy = true;
            busy.push(number);
        }
        let mut rest = data;
        while !rest.is_empty() {
            let free = MESSAGE - connection.message.len().min(MESSAGE);
            let (part, after) = rest.split_at(free.min(rest.len()));
            connection.message.extend_from_slice(part);
            rest = after;
            if connection.message.len() < MESSAGE {
                break;
            }
            if let Err(reason) = connection.send() {
                drop(connections);
                self.broken(number, reason);
                break;
            }
        }
    }

    /// Sends every message under construction, and tells the session what the channels took.
    /// Whether the session was told anything.
    pub fn send_messages(&'static self) -> bool {
        let busy = std::mem::take(&mut self.connections.borrow_mut().busy);
        let mut told = false;
        for number in busy {
            let mut connections = self.connections.borrow_mut();
            let Some(connection) = connections.known.get_mut(&number) else {
                continue;
            };
            connection.busy = false;
            let sent = connection.send();
            drop(connections);
            match sent {
                Ok(()) => told |= self.settle(number),
                Err(reason) => {
                    self.broken(number, reason);
                    told = true;
                }
            }
        }
        told
    }

    /// Gives every connection the room that its path has taken in the last `seconds`.
    pub fn measure_rooms(&'static self, seconds: f64) {
        let mut measured = Vec::new();
        for (_, connection) in self.connections.borrow_mut().known.iter_mut() {
            let room = connection
                .channel
                .as_mut()
                .and_then(|channel| channel.measure_room(seconds));
            measured.extend(room.map(|room| (connection.id, room)));
        }
        for (connection, room) in measured {
            self.input(Input::Room { connection, room });
        }
    }

    /// Ends a connection as the session wants.
    pub fn close_connection(&self, id: ConnectionId) {
        let closed = self.connections.borrow_mut().known.remove(&id.to_u64());
        if closed.is_some() {
            self.host.close_connection(id.to_u64() as f64);
        }
    }

    /// A connection ended or could not be made.
    pub fn connection_lost(&'static self, number: u64, reason: String) {
        self.broken(number, reason);
        self.pump();
    }

    fn signal(&'static self, number: u64, signal: Signal) {
        let Some(id) = self.connections.borrow().id(number) else {
            return;
        };
        match signal {
            Signal::Open => self.signal_open(id, number),
            Signal::Message(message) => {
                let early = match self.connections.borrow_mut().known.get_mut(&number) {
                    Some(connection) if !connection.opened => Some(connection.hold(&message)),
                    _ => None,
                };
                match early {
                    None => self.received(id, &message),
                    Some(true) => {}
                    Some(false) => {
                        self.connection_lost(number, "too much came before it was open".to_owned());
                    }
                }
            }
            Signal::Taken => {
                if self.settle(number) {
                    self.pump();
                }
            }
            Signal::Closed(reason) => self.connection_lost(number, reason.to_owned()),
        }
    }

    fn signal_open(&'static self, connection: ConnectionId, number: u64) {
        let (room, early) = match self.connections.borrow_mut().known.get_mut(&number) {
            Some(known) if !known.opened => {
                let Some(channel) = &known.channel else {
                    return;
                };
                known.opened = true;
                (channel.credit(), std::mem::take(&mut known.early))
            }
            _ => return,
        };
        self.input(Input::Opened { connection, room });
        for message in early {
            self.received(connection, &message);
        }
    }

    /// Tells the session what the channel has taken, if anything.
    fn settle(&self, number: u64) -> bool {
        let taken = match self.connections.borrow_mut().known.get_mut(&number) {
            Some(Connection {
                id,
                channel: Some(channel),
                ..
            }) => (*id, channel.taken()),
            _ => return false,
        };
        let (connection, bytes) = taken;
        if bytes == 0 {
            return false;
        }
        self.session
            .borrow_mut()
            .handle_input(Input::Sent { connection, bytes }, now());
        true
    }

    fn broken(&self, number: u64, reason: String) {
        let closed = self.connections.borrow_mut().known.remove(&number);
        if let Some(closed) = closed {
            self.host.close_connection(number as f64);
            self.session.borrow_mut().handle_input(
                Input::Closed {
                    connection: closed.id,
                    reason,
                },
                now(),
            );
        }
    }

    fn replace_channel(&self, number: u64, channel: Channel) -> Option<ConnectionId> {
        let mut connections = self.connections.borrow_mut();
        let connection = connections.known.get_mut(&number)?;
        connection.channel = Some(channel);
        Some(connection.id)
    }
}

impl Connection {
    /// Keeps a message that came before the channel was open; `false` when it is one too many.
    fn hold(&mut self, message: &ArrayBuffer) -> bool {
        self.early.push(message.clone());
        self.early.len() <= EARLY_MESSAGES
    }

    fn send(&mut self) -> Result<(), String> {
        if self.message.is_empty() {
            return Ok(());
        }
        let sent = match &mut self.channel {
            Some(channel) => channel.send(&self.message),
            None => Ok(()),
        };
        self.message.clear();
        sent
    }
}
