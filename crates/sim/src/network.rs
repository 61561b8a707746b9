//! TCP connections made and ended, and bytes carried over all connections.

use std::time::Duration;

use brackish_core::{ConnectionId, Input, Via};
use bytes::Bytes;

use crate::link::{End, EndIndex, EndState, transfer_time};
use crate::node::{Answer, address_of, ip_of};
use crate::scenario::{Discipline, Nat, NodeIndex};
use crate::world::{Happening, World};

/// Bytes of a message that need not wait for its turn: haves, requests, cancels, interest.
const SMALL: usize = 256;

/// When a dial to an address where nobody answers fails.
const NO_ANSWER: Duration = Duration::from_secs(5);

impl World {
    /// A new end of a node's session.
    pub(crate) fn new_end(
        &mut self,
        node: NodeIndex,
        id: ConnectionId,
        delay: Duration,
    ) -> Option<EndIndex> {
        let index = EndIndex(u32::try_from(self.ends.len()).ok()?);
        let owner = &mut self.nodes[node];
        let room = owner.spec.link.room;
        owner.running.as_mut()?.ends.insert(id, index);
        self.ends.push(End::new(node, id, room, delay));
        Some(index)
    }

    pub(crate) fn path_delay(&self, a: NodeIndex, b: NodeIndex) -> Duration {
        self.nodes[a].spec.link.delay + self.nodes[b].spec.link.delay
    }

    pub(crate) fn dial(
        &mut self,
        node: NodeIndex,
        id: ConnectionId,
        address: std::net::SocketAddr,
    ) {
        let target = crate::node::node_at(address).filter(|node| *node < self.nodes.len());
        let delay = target.map_or(Duration::ZERO, |target| self.path_delay(node, target));
        let Some(end) = self.new_end(node, id, delay) else {
            return;
        };
        match target {
            Some(target) if self.nodes[target].spec.link.nat == Nat::Open => {
                self.push(delay, Happening::DialArrived(end, target));
            }
            _ => self.push(NO_ANSWER, Happening::Ended(end)),
        }
    }

    pub(crate) fn dial_arrived(&mut self, from: EndIndex, to: NodeIndex) {
        let (now, delay, dialler) = {
            let end = self.end(from);
            if end.state == EndState::Gone {
                return;
            }
            let (delay, dialler) = (end.delay, end.node);
            (self.now, delay, dialler)
        };
        if self.severed(dialler, to).is_some() {
            return self.push(NO_ANSWER, Happening::Ended(from));
        }
        let mut address = address_of(dialler);
        address.set_port(self.rng.u16(32768..));
        let target = &mut self.nodes[to];
        let room = target.spec.link.room;
        let listens = target.spec.kind.tcp();
        let accepted = target
            .running
            .as_mut()
            .filter(|_| listens)
            .and_then(|r| r.session.accept(Via::Tcp, Some(address), room, now).ok());
        let Some(id) = accepted else {
            return self.push(delay, Happening::Ended(from));
        };
        let Some(near) = self.new_end(to, id, delay) else {
            return;
        };
        self.tie(from, near);
        self.end(near).state = EndState::Open;
        self.push(delay, Happening::Opened(from));
        self.drain(to);
    }

    /// Makes two ends one connection.
    pub(crate) fn tie(&mut self, a: EndIndex, b: EndIndex) {
        for (near, far) in [(a, b), (b, a)] {
            let down = self.nodes[self.ends[far.0 as usize].node].downlink.rate;
            let end = self.end(near);
            end.far = Some(far);
            end.set_window(down);
        }
    }

    pub(crate) fn opened(&mut self, index: EndIndex) {
        let end = self.end(index);
        if end.state != EndState::Pending {
            return;
        }
        end.state = EndState::Open;
        let (node, connection, room) = (end.node, end.id, end.room);
        self.give(node, Input::Opened { connection, room });
    }

    /// The far side or the network ended a connection, or one could not be made.
    pub(crate) fn ended(&mut self, index: EndIndex) {
        let end = self.end(index);
        if end.state == EndState::Gone {
            return;
        }
        end.end();
        let (node, connection) = (end.node, end.id);
        if let Some(running) = &mut self.nodes[node].running {
            running.ends.remove(&connection);
        }
        let reason = "the network ended it".to_owned();
        self.give(node, Input::Closed { connection, reason });
    }

    /// A session ends a connection.
    pub(crate) fn close(&mut self, index: EndIndex) {
        let end = self.end(index);
        let delay = end.delay;
        end.end();
        self.end_far(index, delay);
    }

    pub(crate) fn transmit(&mut self, index: EndIndex, data: Bytes) {
        let end = &mut self.ends[index.0 as usize];
        let node = &mut self.nodes[end.node];
        let fair = node.uplink.discipline == Discipline::Fair;
        if fair && data.len() <= SMALL && end.queued == 0 {
            let bytes = data.len();
            let (connection, delay) = (end.id, end.delay);
            end.express(data);
            node.uplink.debt += transfer_time(bytes, node.uplink.rate);
            if let Some(running) = &mut node.running {
                running.answers.push_back(Answer::Sent(connection, bytes));
            }
            return self.push(delay, Happening::Arrived(index, bytes as u32));
        }
        end.transmit(data);
        let (node, listed) = (end.node, end.listed);
        let fifo = self.nodes[node].uplink.discipline == Discipline::Fifo;
        if fifo || !listed {
            self.end(index).listed = true;
            self.nodes[node].uplink.ready.push_back(index);
            self.send_next(node);
        }
    }

    /// Puts the next chunk on a node's uplink, if that is free.
    fn send_next(&mut self, node: NodeIndex) {
        let uplink = &mut self.nodes[node].uplink;
        if uplink.busy.is_some() {
            return;
        }
        let fair = uplink.discipline == Discipline::Fair;
        while let Some(index) = uplink.ready.pop_front() {
            let end = &mut self.ends[index.0 as usize];
            if !end.has_waiting() || (fair && !end.may_fly()) {
                end.listed = false;
                continue;
            }
            let bytes = end.launch(&mut self.rng);
            if !fair && end.has_waiting() {
                uplink.ready.push_back(index);
            }
            uplink.busy = Some((index, bytes));
            let time = transfer_time(bytes, uplink.rate) + std::mem::take(&mut uplink.debt);
            return self.push(time, Happening::Uplinked(node));
        }
    }

    pub(crate) fn uplinked(&mut self, node: NodeIndex) {
        let Some((index, bytes)) = self.nodes[node].uplink.busy.take() else {
            return;
        };
        let end = &mut self.ends[index.0 as usize];
        if end.state != EndState::Gone {
            end.queued -= bytes;
            let (connection, delay) = (end.id, end.delay);
            if self.nodes[node].uplink.discipline == Discipline::Fair {
                if end.has_waiting() {
                    self.nodes[node].uplink.ready.push_back(index);
                } else {
                    end.listed = false;
                }
            }
            self.fly(index, bytes, delay);
            self.give(node, Input::Sent { connection, bytes });
        }
        self.send_next(node);
    }

    /// A chunk is on its way, which takes `delay`: it comes when it is through the far downlink, where
    /// its place is kept from now on. That saves an event for each block, and holds up a chunk with
    /// a short way behind one with a long way by the difference at the most.
    fn fly(&mut self, index: EndIndex, bytes: usize, delay: Duration) {
        let near = &self.ends[index.0 as usize];
        let far = near.far.map(|far| self.ends[far.0 as usize].node);
        let Some(node) = far.filter(|_| bytes > SMALL) else {
            return self.push(delay, Happening::Arrived(index, bytes as u32));
        };
        if self.severed(node, near.node).is_some() {
            return self.push(delay, Happening::Arrived(index, bytes as u32));
        }
        let downlink = &mut self.nodes[node].downlink;
        let done = downlink.schedule(bytes, self.now + delay);
        self.queue.push(done, Happening::Delivered(index));
    }

    pub(crate) fn arrived(&mut self, index: EndIndex, bytes: usize) {
        let Some(far) = self.ends[index.0 as usize].far else {
            return;
        };
        let node = self.ends[far.0 as usize].node;
        if let Some(heals) = self.severed(node, self.ends[index.0 as usize].node) {
            return self
                .queue
                .push(heals, Happening::Arrived(index, bytes as u32));
        }
        let first = self.ends[index.0 as usize].flies_only(bytes);
        let downlink = &mut self.nodes[node].downlink;
        let done = downlink.schedule(bytes, self.now);
        if first && (done == self.now || bytes <= SMALL) {
            return self.deliver(index);
        }
        self.queue.push(done, Happening::Delivered(index));
    }

    pub(crate) fn deliver(&mut self, index: EndIndex) {
        let mut data = std::mem::take(&mut self.scratch);
        data.clear();
        let end = self.end(index);
        end.land(&mut data);
        let (sender, far) = (end.node, end.far);
        if !end.listed && end.has_waiting() {
            end.listed = true;
            self.nodes[sender].uplink.ready.push_back(index);
            self.send_next(sender);
        }
        if let Some(far) = far.filter(|far| self.is_open(*far))
            && !data.is_empty()
        {
            let far = self.end(far);
            let (node, connection) = (far.node, far.id);
            self.trace.add(data.len() as u64);
            self.give(
                node,
                Input::Received {
                    connection,
                    data: &data,
                },
            );
        }
        self.scratch = data;
    }

    /// Cuts each open connection with a chance in parts of a thousand.
    pub(crate) fn cut(&mut self, chance: u32) {
        for index in 0..self.ends.len() {
            let index = EndIndex(index as u32);
            let Some(far) = self.ends[index.0 as usize].far.filter(|far| index < *far) else {
                continue;
            };
            if self.is_open(index) && self.is_open(far) && self.rng.u32(..1000) < chance {
                self.push(Duration::ZERO, Happening::Ended(index));
                let late = Duration::from_millis(self.rng.u64(..2000));
                self.push(late, Happening::Ended(far));
            }
        }
    }

    pub(crate) fn set_room(&mut self, node: NodeIndex, room: usize) {
        self.nodes[node].spec.link.room = room;
        let Some(running) = &self.nodes[node].running else {
            return;
        };
        let ends: Vec<EndIndex> = running.ends.values().copied().collect();
        for index in ends {
            let end = self.end(index);
            if end.state == EndState::Open {
                end.room = room;
                let connection = end.id;
                self.give(node, Input::Room { connection, room });
            }
        }
    }

    /// Where the tracker sees a node.
    pub(crate) fn asker(&self, node: NodeIndex) -> brackish_tracker::Asker {
        brackish_tracker::Asker {
            remote: ip_of(node),
            local: std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
        }
    }
}
