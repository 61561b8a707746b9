//! Suggestions (BEP 6): a seed tells each peer that it serves which piece to ask for next, so that
//! peers who choose by themselves do not all fetch the same pieces from it, and the swarm has every
//! piece after the seed has sent little more than one copy. And the advice of others, taken.

use brackish_wire::message::Message;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::Session;
use crate::connection::{Has, Peer};
use crate::rarity::Rarity;
use crate::{ConnectionId, TorrentId};

/// Suggestions that a peer has and has not begun to follow: the next piece and one more, so that
/// it never waits for advice.
const AHEAD: usize = 2;

/// Suggestions that a peer has begun to follow and not finished. One that never finishes gets no
/// more.
const MAX_BEGUN: usize = 32;

/// The next piece is one of so many: nearly in the torrent's order, so that who watches or reads it
/// from the beginning soon can, and not so strictly that two seeds send the same.
const STRETCH: usize = 16;

/// Pieces looked at for that: bounds the time in a torrent of very many.
const MAX_STEPS: u32 = 4096;

/// Suggestions of a peer that are kept; the oldest go first.
const MAX_ADVICE: usize = 16;

/// A piece that a peer was told to ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suggested {
    pub piece: u32,
    pub begun: bool,
}

impl Session {
    /// Keeps a peer that we serve as a seed in suggestions.
    pub(super) fn suggest(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(id.into()) else {
            return;
        };
        let Some(torrent_id) = connection.torrent else {
            return;
        };
        let Some(torrent) = self.torrents.get(&torrent_id).filter(|t| t.is_complete()) else {
            return;
        };
        if torrent.content.as_ref().is_some_and(|c| c.spread.is_none()) {
            self.survey(torrent_id);
        }
        let giver_waits = self.giver_waits(torrent_id);
        let (Some(connection), Some(content)) = (
            self.connections.get_mut(id.into()),
            self.torrents
                .get_mut(&torrent_id)
                .and_then(|t| t.content.as_mut()),
        ) else {
            return;
        };
        let (Some(peer), Some(spread)) = (connection.peer.as_mut(), content.spread.as_mut()) else {
            return;
        };
        // Who is super-seeded to sees nothing else anyway.
        let served = !peer.am_choking && peer.interested && peer.leaving.is_none();
        if !peer.fast || !served || peer.shown.is_some() {
            return;
        }
        if giver_waits && peer.is_hoarder() {
            return;
        }
        let mut chosen = Vec::new();
        while peer.suggested.iter().filter(|s| !s.begun).count() < AHEAD
            && peer.suggested.len() < MAX_BEGUN
        {
            let wanted = |piece: &u32| {
                !peer.has_piece(*piece) && !peer.suggested.iter().any(|s| s.piece == *piece)
            };
            let next = &mut content.next_to_spread;
            let Some(piece) = next_to_spread(spread, next, wanted, &mut self.cx.rng) else {
                break;
            };
            spread.increment(piece, &mut self.cx.rng);
            peer.suggested.push(Suggested {
                piece,
                begun: false,
            });
            chosen.push(piece);
        }
        for piece in chosen {
            self.say(id, &Message::Suggest(piece));
        }
    }

    /// Counts how far each piece has spread among the peers.
    pub(super) fn survey(&mut self, torrent_id: TorrentId) {
        let Some(torrent) = self.torrents.get_mut(&torrent_id) else {
            return;
        };
        let Some(content) = torrent.content.as_mut() else {
            return;
        };
        let mut spread = Rarity::new(content.lengths.piece_count(), &mut self.cx.rng);
        for id in &torrent.active {
            let peer = self
                .connections
                .get((*id).into())
                .and_then(|c| c.peer.as_ref());
            if let Some(Has::Known {
                pieces,
                counted: true,
            }) = peer.map(|peer| &peer.has)
            {
                for piece in pieces.ones() {
                    spread.increment(piece, &mut self.cx.rng);
                }
            }
        }
        content.spread = Some(spread);
    }

    /// A peer that is served asks for a piece: if that was suggested, the next one is due.
    pub(super) fn followed(&mut self, id: ConnectionId, piece: u32) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        let suggested = peer.suggested.iter_mut().find(|s| s.piece == piece);
        if let Some(suggested) = suggested.filter(|s| !s.begun) {
            suggested.begun = true;
            self.suggest(id);
            self.end_turn_of_hoarder(id);
        }
    }

    /// A peer advises us to ask it for a piece.
    pub(super) fn heard_suggestion(&mut self, id: ConnectionId, piece: u32) {
        let Some(connection) = self.connections.get_mut(id.into()) else {
            return;
        };
        let Some(peer) = connection.peer.as_mut() else {
            return;
        };
        if peer.has_piece(piece) && !peer.advice.contains(&piece) {
            if peer.advice.len() >= MAX_ADVICE {
                peer.advice.pop_front();
            }
            peer.advice.push_back(piece);
            self.fill(id);
        }
    }
}

/// The piece to spread next of those that are wanted: one of the rarest, and of these one of the
/// first in the torrent from `next` on, which follows the pieces that have been spread as far.
fn next_to_spread(
    spread: &Rarity,
    next: &mut u32,
    wanted: impl Fn(&u32) -> bool,
    rng: &mut impl Rng,
) -> Option<u32> {
    let rarest = spread.order().find(&wanted)?;
    let least = spread.availability(rarest);
    let count = spread.len();
    let steps = count.min(MAX_STEPS);
    let ahead = |step: u32| (*next + step) % count;
    let as_rare = |piece: &u32| spread.availability(*piece) == least;
    // None in reach: the next search goes on from there.
    let passed = (0..steps).find(|step| as_rare(&ahead(*step)));
    let from = ahead(passed.unwrap_or(steps));
    let first: Vec<u32> = (0..steps)
        .map(|step| (from + step) % count)
        .filter(|piece| as_rare(piece) && wanted(piece))
        .take(STRETCH)
        .collect();
    if spread.order().next().is_some_and(|piece| as_rare(&piece)) {
        *next = from;
    }
    first.choose(rng).copied().or(Some(rarest))
}

impl Peer {
    /// What was suggested to it is void: it is not served any more.
    pub fn forget_suggestions(&mut self, spread: Option<&mut Rarity>, rng: &mut impl Rng) {
        let suggested = std::mem::take(&mut self.suggested);
        if let Some(spread) = spread {
            for suggestion in suggested {
                spread.decrement(suggestion.piece, rng);
            }
        }
    }
}
