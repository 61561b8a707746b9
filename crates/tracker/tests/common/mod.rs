//! A tracker machine under a clock that the test moves, spoken to in the protocol's own JSON.

#![allow(dead_code)] // Each test file uses its part.

pub mod net;

use std::time::Duration;

use brackish_tracker::{Asker, CloseReason, Output, SocketId, Tracker, TrackerConfig};
use brackish_wire::tracker::Event;
use brackish_wire::tracker::ws::{ClientMessage, Offer, OfferId, ServerMessage};
use brackish_wire::{InfoHash, PeerId};

pub const SWARM: InfoHash = InfoHash(*b"\xff\x00 a swarm's name: \xe9");

pub struct Bench {
    pub tracker: Tracker,
    pub now: Duration,
    /// What was sent since it was last looked at.
    pub sent: Vec<(SocketId, String)>,
    pub closed: Vec<(SocketId, CloseReason)>,
}

pub fn peer(number: u64) -> PeerId {
    let mut id = *b"-XX0001-\x00\xff          ";
    id[12..].copy_from_slice(&number.to_be_bytes());
    PeerId(id)
}

pub fn offer_id(number: u64) -> OfferId {
    OfferId(peer(number).0)
}

/// An announce of a leecher without offers; tests change what they are about.
pub struct Announce {
    pub info_hash: InfoHash,
    pub peer_id: PeerId,
    pub left: Option<u64>,
    pub event: Event,
    pub numwant: Option<u32>,
    pub offers: Vec<(OfferId, String)>,
}

impl Announce {
    pub fn of(peer_id: PeerId) -> Self {
        let (left, event) = (Some(1), Event::None);
        Self {
            info_hash: SWARM,
            peer_id,
            left,
            event,
            numwant: None,
            offers: Vec::new(),
        }
    }

    pub fn seeding(self) -> Self {
        Self {
            left: Some(0),
            ..self
        }
    }

    pub fn event(self, event: Event) -> Self {
        Self { event, ..self }
    }

    pub fn swarm(self, info_hash: InfoHash) -> Self {
        Self { info_hash, ..self }
    }

    /// With offers numbered from `first`.
    pub fn offers(self, first: u64, count: u64) -> Self {
        let offers = (first..first + count)
            .map(|n| (offer_id(n), format!("offer {n}\r\n")))
            .collect();
        Self { offers, ..self }
    }

    pub fn to_json(&self) -> String {
        let offers = self.offers.iter();
        ClientMessage::Announce {
            info_hash: self.info_hash,
            peer_id: self.peer_id,
            numwant: self.numwant,
            uploaded: 0,
            downloaded: 0,
            left: self.left,
            event: self.event,
            tracker_id: None,
            offers: offers
                .map(|(offer_id, sdp)| Offer {
                    offer_id: *offer_id,
                    sdp: sdp.as_str().into(),
                })
                .collect(),
        }
        .to_json()
    }
}

pub fn answer(peer_id: PeerId, to_peer_id: PeerId, offer_id: OfferId) -> String {
    let sdp = "an answer".into();
    ClientMessage::Answer {
        info_hash: SWARM,
        peer_id,
        to_peer_id,
        offer_id,
        sdp,
    }
    .to_json()
}

impl Bench {
    pub fn new() -> Self {
        Self::with(TrackerConfig::default())
    }

    pub fn with(config: TrackerConfig) -> Self {
        let tracker = Tracker::new(config, [3; 32]);
        Self {
            tracker,
            now: Duration::from_secs(1),
            sent: Vec::new(),
            closed: Vec::new(),
        }
    }

    pub fn say(&mut self, socket: u64, text: &str) {
        self.tracker
            .handle_message(SocketId(socket), text, self.now);
        self.drain();
    }

    pub fn announce(&mut self, socket: u64, announce: &Announce) {
        self.say(socket, &announce.to_json());
    }

    pub fn close(&mut self, socket: u64) {
        self.tracker.handle_closed(SocketId(socket));
        self.drain();
    }

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        while self.tracker.poll_timeout().is_some_and(|at| at <= self.now) {
            self.tracker.handle_timeout(self.now);
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.tracker.poll_output() {
            match output {
                Output::Send { socket, text } => self.sent.push((socket, text)),
                Output::Close { socket, reason } => self.closed.push((socket, reason)),
            }
        }
    }

    /// What was sent to a socket since the last look at anything.
    pub fn take(&mut self, socket: u64) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        sent.filter(|(to, _)| *to == SocketId(socket))
            .map(|(_, text)| text)
            .collect()
    }

    pub fn take_all(&mut self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.sent)
            .into_iter()
            .map(|(to, text)| (to.0, text))
            .collect()
    }

    /// Seeders, leechers and completed downloads, as a scrape has them.
    pub fn counts(&mut self) -> (u32, u32, u32) {
        let (_, entry) = self.tracker.scrape(&[SWARM])[0];
        (entry.complete, entry.incomplete, entry.downloaded)
    }
}

/// The reason, if the message is a failure.
pub fn failure(text: &str) -> Option<String> {
    match ServerMessage::parse(text) {
        Ok(ServerMessage::Failure { reason, .. }) => Some(reason.into_owned()),
        _ => None,
    }
}

/// Who offers, and under which name, if the message is an offer.
pub fn offer(text: &str) -> Option<(PeerId, OfferId)> {
    match ServerMessage::parse(text) {
        Ok(ServerMessage::Offer {
            peer_id, offer_id, ..
        }) => Some((peer_id, offer_id)),
        _ => None,
    }
}

pub fn is_answer(text: &str) -> bool {
    matches!(ServerMessage::parse(text), Ok(ServerMessage::Answer { .. }))
}

pub fn asker(remote: &str) -> Asker {
    Asker {
        remote: remote.parse().unwrap(),
        local: "192.0.2.1".parse().unwrap(),
    }
}
