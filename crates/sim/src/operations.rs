//! The session as a sequence of operations: any bytes are read as inputs in any order, and after
//! each of them the rules of `checks` must hold. A body for fuzzers.

use std::time::Duration;

use brackish_core::{ConnectionId, Input, SocketId, Via};
use brackish_wire::message::{Handshake, Message, Reserved};
use brackish_wire::{BLOCK_LENGTH, PeerId};
use bytes::BytesMut;

use crate::link::{EndIndex, EndState};
use crate::misbehaviour::{any_message, corrupted};
use crate::node::address_of;
use crate::scenario::{Fault, Holds, Kind, NodeIndex, NodeSpec, Scenario, StoreSpec};
use crate::world::World;

/// The one node.
const NODE: NodeIndex = 0;

/// A torrent of six pieces of four blocks, the last ones shorter.
const PIECE: u32 = 4 * BLOCK_LENGTH;
const TOTAL: u64 = 6 * PIECE as u64 - 20_000;

/// Peers have one of so many ids.
const IDS: u8 = 8;

/// Silence after which no connection may be left: longer than every time-out of the session.
const SILENCE: Duration = Duration::from_secs(200);

/// Runs one session through the operations that `data` spells; gives the number of pieces that it
/// verified.
///
/// # Panics
///
/// Where the session breaks a rule; that is what is looked for.
pub fn play_operations(data: &[u8]) -> u32 {
    let mut script = Script(data);
    let mut world = World::new(scenario(&mut script));
    pass(&mut world, Duration::ZERO);
    while !script.0.is_empty() {
        operate(&mut world, &mut script);
        if let Some(problem) = world.problem.take() {
            panic!("{problem}");
        }
    }
    // Twice, as new ones may be made in the first silence: those too must end.
    for _ in 0..2 {
        let ends = (0..world.ends.len() as u32).map(EndIndex);
        let mut open: Vec<EndIndex> = ends.filter(|end| world.is_open(*end)).collect();
        pass(&mut world, SILENCE);
        open.retain(|end| world.is_open(*end));
        assert_eq!(open, [], "connections outlast every time-out");
    }
    let session = world.session(NODE);
    let verified =
        session.and_then(|(session, torrent)| Some(session.verified(torrent)?.count_ones()));
    world
        .scenario
        .faults
        .push((Duration::ZERO, Fault::Leave(NODE)));
    let last = world.scenario.faults.len() - 1;
    world.strike(last);
    if let Some(problem) = world.problem.take() {
        panic!("{problem}");
    }
    verified.unwrap_or(0)
}

/// What is left of the input.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// The next byte; 0 at the end.
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound.max(1)
    }

    /// Up to 255 bytes, their number first.
    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

fn scenario(script: &mut Script<'_>) -> Scenario {
    let mut scenario = Scenario::new(u64::from(script.byte()), TOTAL, PIECE);
    scenario.trackers = script.below(3);
    let kind = [Kind::Hybrid, Kind::Page, Kind::Tcp][script.below(3)];
    let mut node = NodeSpec::leech(kind).knows(&[7, 8, 9]);
    match script.below(4) {
        0 => node.magnet = true,
        1 => node.holds = Holds::Everything,
        2 => {
            node.holds = Holds::Some {
                claimed: vec![0, 2, 4],
                intact: vec![0, 4],
            }
        }
        _ => {}
    }
    if script.below(2) == 0 {
        node.store = slow();
    }
    if script.below(3) == 0 {
        node.tune = |config| {
            config.store_budget = 32 * 1024;
            config.request_budget = 64 * 1024;
            config.connections_per_torrent = 3;
            config.connections = 4;
        };
    }
    scenario.add(node);
    scenario
}

fn slow() -> StoreSpec {
    StoreSpec {
        delay: Duration::from_millis(20),
        rate: Some(1_000_000),
        capacity: None,
    }
}

fn pass(world: &mut World, time: Duration) {
    let until = world.now.since(brackish_core::Timestamp::ZERO) + time;
    if let Err(failure) = world.run_until(until) {
        panic!("{failure}");
    }
}

fn operate(world: &mut World, script: &mut Script<'_>) {
    match script.byte() % 20 {
        0 => {
            let tenths = u64::from(script.byte());
            pass(world, Duration::from_millis(tenths * tenths * 2));
        }
        1 | 2 => open(world, script),
        3 => accept(world, script),
        4 => receive(world, script, |script, _| script.bytes().to_vec()),
        5 | 6 => receive(world, script, handshake),
        7 | 8 => receive(world, script, message),
        9 | 10 => receive(world, script, |script, world| blocks(script, world, false)),
        11 => receive(world, script, |script, world| blocks(script, world, true)),
        12 => receive(world, script, |script, world| {
            let mut rng = fastrand::Rng::with_seed(u64::from(script.byte()));
            any_message(&world.content.lengths, &mut rng).to_vec()
        }),
        13 => {
            let Some((end, _)) = end(world, script) else {
                return;
            };
            world.ended(end);
        }
        14 => world.set_room(NODE, 1 << script.below(20)),
        15 => {
            let Some((_, connection)) = end(world, script) else {
                return;
            };
            let sdp = String::from_utf8_lossy(script.bytes()).into_owned();
            world.give(NODE, Input::LocalDescription { connection, sdp });
        }
        16 => tell(world, script),
        17 => {
            let store = &mut world.nodes[NODE].store;
            match script.below(8) {
                0 => store.broken = true,
                1 => store.spec = slow(),
                _ => store.spec = StoreSpec::FAST,
            }
        }
        18 => {
            let kill = script.below(2) == 0;
            let fault = if kill {
                Fault::Crash(NODE)
            } else {
                Fault::Leave(NODE)
            };
            for fault in [fault, Fault::Return(NODE)] {
                world.scenario.faults.push((Duration::ZERO, fault));
                let last = world.scenario.faults.len() - 1;
                world.strike(last);
            }
        }
        _ => {
            let now = world.now;
            let addresses = [script.byte(), script.byte()].map(|at| address_of(at.into()));
            if let Some(running) = &mut world.nodes[NODE].running {
                running.session.add_peers(running.torrent, &addresses, now);
            }
            world.drain(NODE);
        }
    }
}

/// Any end that ever was, those that are gone included.
fn end(world: &World, script: &mut Script<'_>) -> Option<(EndIndex, ConnectionId)> {
    let index = script.below(world.ends.len());
    let id = world.ends.get(index)?.id;
    Some((EndIndex(index as u32), id))
}

/// What is being dialled or signalled opens.
fn open(world: &mut World, script: &mut Script<'_>) {
    let pending = |end: &&crate::link::End| end.state == EndState::Pending;
    let count = world.ends.iter().filter(pending).count();
    let chosen = script.below(count);
    let index = world
        .ends
        .iter()
        .enumerate()
        .filter(|(_, end)| pending(end))
        .nth(chosen)
        .map(|(index, _)| EndIndex(index as u32));
    if let Some(index) = index {
        // Every other peer reads what it is sent.
        if script.below(2) == 0 {
            world.end(index).window = usize::MAX;
        }
        world.opened(index);
    }
}

fn accept(world: &mut World, script: &mut Script<'_>) {
    let via = [Via::Tcp, Via::WebRtc][script.below(2)];
    let address = address_of(usize::from(script.byte() % IDS) + 1);
    let now = world.now;
    let node = &mut world.nodes[NODE];
    let room = node.spec.link.room;
    let accepted = node.running.as_mut().and_then(|running| {
        let session = &mut running.session;
        session.accept(via, Some(address), room, now).ok()
    });
    if let Some(end) = accepted.and_then(|id| world.new_end(NODE, id, Duration::ZERO)) {
        let end = world.end(end);
        end.state = EndState::Open;
        end.window = usize::MAX;
    }
    world.drain(NODE);
}

/// An end is given bytes, whatever its state.
fn receive(
    world: &mut World,
    script: &mut Script<'_>,
    what: impl FnOnce(&mut Script<'_>, &World) -> Vec<u8>,
) {
    let Some((_, connection)) = end(world, script) else {
        return;
    };
    let data = what(script, world);
    if !data.is_empty() {
        let data = &data;
        world.give(NODE, Input::Received { connection, data });
    }
}

fn handshake(script: &mut Script<'_>, world: &World) -> Vec<u8> {
    let features = script.byte();
    let mut reserved = Reserved::NONE;
    if features & 1 == 0 {
        reserved = reserved.with_fast();
    }
    if features & 2 == 0 {
        reserved = reserved.with_extension_protocol();
    }
    let handshake = Handshake {
        reserved,
        info_hash: world.content.info.info_hash(),
        // Never that of the node.
        peer_id: PeerId([1 + script.byte() % IDS; 20]),
    };
    handshake.encode().to_vec()
}

/// A message that makes some sense.
fn message(script: &mut Script<'_>, world: &World) -> Vec<u8> {
    let lengths = world.content.lengths.clone();
    let kind = script.byte();
    // One piece too far, now and then.
    let piece = script.below(lengths.piece_count() as usize + 1) as u32;
    let number = u32::from(script.byte());
    let known = lengths.piece(piece).and_then(|piece| {
        let count = lengths.block_count(piece);
        lengths.block(piece, number % count)
    });
    let request = known.unwrap_or(brackish_wire::BlockRequest {
        piece,
        begin: number << 12,
        length: BLOCK_LENGTH,
    });
    let bits = [number as u8 & 0xfc];
    let message = match kind % 14 {
        0 => Message::Choke,
        1 | 2 => Message::Unchoke,
        3 => Message::Interested,
        4 => Message::NotInterested,
        5 => Message::Have(piece),
        6 => Message::Bitfield(&bits),
        7 => Message::HaveAll,
        8 => Message::HaveNone,
        9 => Message::Request(request),
        10 => Message::Cancel(request),
        11 => Message::Reject(request),
        12 => Message::Suggest(piece),
        _ => {
            let payload = script.bytes();
            let id = number as u8 % 6;
            return encoded(&Message::Extended { id, payload });
        }
    };
    encoded(&message)
}

/// Every block of a piece.
fn blocks(script: &mut Script<'_>, world: &World, wrong: bool) -> Vec<u8> {
    let lengths = world.content.lengths.clone();
    let index = script.below(lengths.piece_count() as usize) as u32;
    let Some(piece) = lengths.piece(index) else {
        return Vec::new();
    };
    let mut rng = fastrand::Rng::with_seed(u64::from(index));
    let mut out = Vec::new();
    for request in (0..lengths.block_count(piece)).filter_map(|n| lengths.block(piece, n)) {
        let mut data = world.content.part(piece, request.begin, request.length);
        if wrong {
            data = corrupted(&data, &mut rng);
        }
        let begin = request.begin;
        let piece = index;
        let data = &data;
        out.extend(encoded(&Message::Piece { piece, begin, data }));
    }
    out
}

fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.to_vec()
}

/// A tracker says something: any text, or an offer or answer of a peer.
fn tell(world: &mut World, script: &mut Script<'_>) {
    let Some(running) = &world.nodes[NODE].running else {
        return;
    };
    let chosen = script.below(running.sockets.len());
    let Some(socket): Option<SocketId> = running.sockets.keys().nth(chosen).copied() else {
        return;
    };
    let kind = script.below(3);
    let peer = String::from_utf8_lossy(&[b'0' + script.byte() % IDS; 20]).into_owned();
    let given = String::from_utf8_lossy(script.bytes()).into_owned();
    let word = if kind == 0 { "offer" } else { "answer" };
    let text = if kind == 2 {
        given
    } else {
        // As trackers write bytes: each as the character of its number.
        let info_hash = world.content.info.info_hash().0;
        let hash: String = info_hash
            .iter()
            .map(|byte| format!("\\u{byte:04x}"))
            .collect();
        let sdp: String = given
            .chars()
            .filter(|c| c.is_ascii_alphanumeric())
            .collect();
        format!(
            "{{\"action\":\"announce\",\"info_hash\":\"{hash}\",\"peer_id\":\"{peer}\",\
             \"offer_id\":\"{peer}\",\"{word}\":{{\"type\":\"{word}\",\"sdp\":\"{sdp}\"}}}}"
        )
    };
    let text = &text;
    world.give(NODE, Input::SocketMessage { socket, text });
}
