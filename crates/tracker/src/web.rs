//! Web peers: announces, offers and answers over WebSocket. A peer is in a swarm from its first
//! announce until `stopped` or the end of its socket, and only its own socket can speak for it.

use std::mem;
use std::time::Duration;

use brackish_wire::tracker::Event;
use brackish_wire::tracker::ws::{ClientMessage, Offer, OfferId, Sdp, ServerMessage, WsError};
use brackish_wire::{InfoHash, PeerId};

use crate::config::{MAX_MALFORMED_MESSAGES, MAX_OFFERS};
use crate::output::{CloseReason, Output, SocketId};
use crate::pool::{Among, Slot};
use crate::swarm::WebPeer;
use crate::tracker::{Refusal, Tracker, seconds, shrink};

/// What matters of an announce.
struct Announce<'a> {
    info_hash: InfoHash,
    peer_id: PeerId,
    numwant: Option<u32>,
    seeding: bool,
    event: Event,
    offers: Vec<Offer<'a>>,
}

/// An answer to an offer.
struct Answer<'a> {
    info_hash: InfoHash,
    peer_id: PeerId,
    to_peer_id: PeerId,
    offer_id: OfferId,
    sdp: Sdp<'a>,
}

impl Tracker {
    /// Handles a text message of a socket. The first one makes the socket known.
    pub fn handle_message(&mut self, socket: SocketId, text: &str, now: Duration) {
        self.handle_parsed(socket, ClientMessage::parse(text), now);
    }

    /// As [`handle_message`](Self::handle_message), for a driver that parses outside its lock.
    pub fn handle_parsed(
        &mut self,
        socket: SocketId,
        message: Result<ClientMessage<'_>, WsError>,
        now: Duration,
    ) {
        let state = self.sockets.entry(socket).or_default();
        if state.closing {
            return;
        }
        state.malformed = if message.is_ok() {
            0
        } else {
            state.malformed + 1
        };
        let (info_hash, handled) = match message {
            Ok(ClientMessage::Announce {
                info_hash,
                peer_id,
                numwant,
                left,
                event,
                offers,
                ..
            }) => {
                // A peer that does not know yet what it lacks has not got everything.
                let announce = Announce {
                    info_hash,
                    peer_id,
                    numwant,
                    seeding: left == Some(0),
                    event,
                    offers,
                };
                (Some(info_hash), self.announce(socket, announce, now))
            }
            Ok(ClientMessage::Answer {
                info_hash,
                peer_id,
                to_peer_id,
                offer_id,
                sdp,
            }) => {
                let answer = Answer {
                    info_hash,
                    peer_id,
                    to_peer_id,
                    offer_id,
                    sdp,
                };
                (Some(info_hash), self.answer(socket, answer, now))
            }
            Ok(ClientMessage::Scrape { info_hashes }) => {
                (None, self.web_scrape(socket, &info_hashes, now))
            }
            Err(error) => return self.handle_malformed(socket, &error.to_string()),
        };
        if let Err(refusal) = handled {
            self.fail(socket, info_hash, &refusal.to_string());
        }
    }

    /// The socket has ended, from whichever side: its peers leave their swarms.
    pub fn handle_closed(&mut self, socket: SocketId) {
        self.leave_all(socket);
        self.sockets.remove(&socket);
        shrink(&mut self.sockets);
    }

    fn announce(
        &mut self,
        socket: SocketId,
        announce: Announce<'_>,
        now: Duration,
    ) -> Result<(), Refusal> {
        self.counters.web_announces += 1;
        let Announce {
            info_hash, peer_id, ..
        } = announce;
        self.allow(socket, now)?;
        self.check_allowed(info_hash, Some(socket))?;
        if announce.event == Event::Stopped {
            self.stop(socket, info_hash, peer_id)?;
            self.reply(socket, info_hash);
            return Ok(());
        }
        let slot = self.join(socket, info_hash, peer_id, announce.seeding)?;
        let Some(swarm) = self.swarms.get_mut(&info_hash) else {
            return Ok(());
        };
        if announce.event == Event::Completed {
            swarm.count_download(&self.hasher, peer_id);
        }
        let slot = swarm.set_web_seeding(&self.hasher, slot, announce.seeding);
        self.reply(socket, info_hash);
        self.relay_offers(socket, slot, announce, now);
        Ok(())
    }

    /// The peer's place in its swarm, where it is put if it is not there yet.
    fn join(
        &mut self,
        socket: SocketId,
        info_hash: InfoHash,
        peer_id: PeerId,
        seeding: bool,
    ) -> Result<Slot, Refusal> {
        if let Some(swarm) = self.swarms.get(&info_hash)
            && let Some(slot) = swarm.web.find(&self.hasher, &peer_id)
        {
            let own = swarm.web.get(slot).socket == socket;
            return if own {
                Ok(slot)
            } else {
                Err(Refusal::PeerIdTaken)
            };
        }
        let state = self.sockets.entry(socket).or_default();
        if state.is_in(info_hash) {
            return Err(Refusal::SecondPeerId);
        }
        if state.memberships.len() >= self.config.max_socket_swarms {
            return Err(Refusal::TooManySwarms);
        }
        let hasher = self.hasher.clone();
        let slot = self.swarm_with_room(info_hash)?.add_web(
            &hasher,
            WebPeer::new(peer_id, socket),
            seeding,
        );
        self.web_peers += 1;
        self.sockets
            .entry(socket)
            .or_default()
            .memberships
            .push((info_hash, peer_id));
        Ok(slot)
    }

    /// Takes the socket's peer out of a swarm. Saying so twice is no fault; saying it for the peer
    /// of another socket is.
    pub(crate) fn stop(
        &mut self,
        socket: SocketId,
        info_hash: InfoHash,
        peer_id: PeerId,
    ) -> Result<(), Refusal> {
        let Some(swarm) = self.swarms.get_mut(&info_hash) else {
            return Ok(());
        };
        let Some(slot) = swarm.web.find(&self.hasher, &peer_id) else {
            return Ok(());
        };
        if swarm.web.get(slot).socket != socket {
            return Err(Refusal::PeerIdTaken);
        }
        swarm.remove_web(&self.hasher, slot);
        self.web_peers -= 1;
        self.drop_if_empty(info_hash);
        if let Some(state) = self.sockets.get_mut(&socket) {
            state.forget(info_hash);
        }
        Ok(())
    }

    fn leave_all(&mut self, socket: SocketId) {
        let Some(state) = self.sockets.get_mut(&socket) else {
            return;
        };
        for (info_hash, peer_id) in mem::take(&mut state.memberships) {
            // Its own memberships are never refused.
            let _ = self.stop(socket, info_hash, peer_id);
        }
    }

    /// Hands each offer to a different web peer. What a seeder offers goes to leechers alone: two
    /// seeders have nothing to give each other.
    fn relay_offers(&mut self, socket: SocketId, own: Slot, announce: Announce<'_>, now: Duration) {
        let Announce {
            info_hash,
            peer_id,
            numwant,
            offers,
            ..
        } = announce;
        let Some(swarm) = self.swarms.get_mut(&info_hash) else {
            return;
        };
        let wanted = numwant
            .map_or(MAX_OFFERS, |numwant| numwant as usize)
            .min(MAX_OFFERS)
            .min(offers.len());
        let mut chosen = mem::take(&mut self.chosen);
        chosen.clear();
        let among = if own.is_seeding() {
            Among::Leechers
        } else {
            Among::Everyone
        };
        let pool = &swarm.web;
        pool.sample(&mut self.random, wanted, among, Some(own), &mut chosen);
        for (&slot, Offer { offer_id, sdp }) in chosen.iter().zip(offers) {
            let peer = swarm.web.get_mut(slot);
            peer.note_offer(offer_id, socket, now);
            let message = ServerMessage::Offer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            };
            self.outputs.push_back(send(peer.socket, &message));
            self.counters.offers_relayed += 1;
        }
        self.chosen = chosen;
    }

    /// Hands an answer to the peer whose offer it answers. One that answers nothing is dropped
    /// without a word, for the offer may just have expired.
    fn answer(
        &mut self,
        socket: SocketId,
        answer: Answer<'_>,
        now: Duration,
    ) -> Result<(), Refusal> {
        let Answer {
            info_hash,
            peer_id,
            to_peer_id,
            offer_id,
            sdp,
        } = answer;
        let rate = self.config.answer_rate;
        if !self
            .sockets
            .entry(socket)
            .or_default()
            .answers
            .take(rate, now)
        {
            return Err(Refusal::TooFast);
        }
        let swarm = self.swarms.get_mut(&info_hash).ok_or(Refusal::NotInSwarm)?;
        let slot = swarm
            .web
            .find(&self.hasher, &peer_id)
            .ok_or(Refusal::NotInSwarm)?;
        if swarm.web.get(slot).socket != socket {
            return Err(Refusal::PeerIdTaken);
        }
        let offerer = swarm
            .web
            .find(&self.hasher, &to_peer_id)
            .map(|slot| swarm.web.get(slot).socket);
        let awaited =
            offerer.filter(|&offerer| swarm.web.get_mut(slot).take_offer(offer_id, offerer, now));
        match awaited {
            Some(offerer) => {
                let message = ServerMessage::Answer {
                    info_hash,
                    peer_id,
                    offer_id,
                    sdp,
                };
                self.outputs.push_back(send(offerer, &message));
                self.counters.answers_relayed += 1;
            }
            None => self.counters.answers_dropped += 1,
        }
        Ok(())
    }

    fn web_scrape(
        &mut self,
        socket: SocketId,
        info_hashes: &[InfoHash],
        now: Duration,
    ) -> Result<(), Refusal> {
        self.allow(socket, now)?;
        if info_hashes.is_empty() {
            return Err(Refusal::FullScrape);
        }
        let files = self.scrape(info_hashes);
        self.outputs
            .push_back(send(socket, &ServerMessage::Scrape { files }));
        Ok(())
    }

    fn allow(&mut self, socket: SocketId, now: Duration) -> Result<(), Refusal> {
        let rate = self.config.announce_rate;
        let allowed = self
            .sockets
            .entry(socket)
            .or_default()
            .announces
            .take(rate, now);
        if allowed {
            Ok(())
        } else {
            Err(Refusal::TooFast)
        }
    }

    fn reply(&mut self, socket: SocketId, info_hash: InfoHash) {
        let counts = self
            .swarms
            .get(&info_hash)
            .map(|swarm| swarm.counts())
            .unwrap_or_default();
        let message = ServerMessage::Announce {
            info_hash,
            interval: Some(seconds(self.config.web_interval)),
            min_interval: Some(seconds(self.config.min_interval)),
            complete: Some(counts.complete),
            incomplete: Some(counts.incomplete),
            tracker_id: None,
            warning: None,
        };
        self.outputs.push_back(send(socket, &message));
    }

    fn handle_malformed(&mut self, socket: SocketId, reason: &str) {
        self.fail(socket, None, reason);
        let state = self.sockets.entry(socket).or_default();
        if state.malformed >= MAX_MALFORMED_MESSAGES {
            state.closing = true;
            self.leave_all(socket);
            self.outputs.push_back(Output::Close {
                socket,
                reason: CloseReason::Malformed,
            });
        }
    }

    fn fail(&mut self, socket: SocketId, info_hash: Option<InfoHash>, reason: &str) {
        self.counters.failures += 1;
        self.outputs.push_back(send(
            socket,
            &ServerMessage::Failure {
                info_hash,
                reason: reason.into(),
            },
        ));
    }
}

fn send(socket: SocketId, message: &ServerMessage<'_>) -> Output {
    Output::Send {
        socket,
        text: message.to_json(),
    }
}
