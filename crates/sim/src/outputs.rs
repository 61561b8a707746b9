//! What a session asks for, done, and what it says, noted.

use brackish_core::{Event, Input, Output, Timestamp};

use crate::misbehaviour;
use crate::node::{Answer, node_of};
use crate::scenario::{Behaviour, NodeIndex};
use crate::world::{Happening, StoreJob, World};

impl World {
    /// Does what a session asks for until it asks for nothing, then reads its events and sees when
    /// it wants to be woken.
    pub(crate) fn drain(&mut self, node: NodeIndex) {
        loop {
            let Some(running) = &mut self.nodes[node].running else {
                return;
            };
            if let Some(output) = running.session.poll_output() {
                self.put_out(node, output);
            } else if let Some(answer) = running.answers.pop_front() {
                self.answer(node, answer);
            } else {
                break;
            }
        }
        self.read_events(node);
        let Some(running) = &mut self.nodes[node].running else {
            return;
        };
        if let Some(due) = running.session.poll_timeout()
            && running.timer.is_none_or(|timer| due < timer)
        {
            // A timer in the past is due now; time does not run backwards.
            let due = due.max(self.now);
            running.timer = Some(due);
            self.queue.push(due, Happening::Wake(node));
        }
    }

    fn put_out(&mut self, node: NodeIndex, output: Output) {
        match output {
            Output::Dial {
                connection,
                address,
            } => {
                self.trace.add(1 << 32 | connection.to_u64());
                self.check_new(node, connection);
                self.dial(node, connection, address);
            }
            Output::MakeOffer { connection } => {
                self.trace.add(2 << 32 | connection.to_u64());
                self.check_new(node, connection);
                self.make_offer(node, connection);
            }
            Output::MakeAnswer { connection, offer } => {
                self.trace.add(3 << 32 | connection.to_u64());
                self.check_new(node, connection);
                self.make_answer(node, connection, &offer);
            }
            Output::ApplyAnswer { connection, answer } => {
                self.trace.add(4 << 32 | connection.to_u64());
                if let Some(end) = self.check_pending(node, connection) {
                    self.apply_answer(end, &answer);
                }
            }
            Output::Transmit { connection, data } => {
                self.trace
                    .add((5 << 32 | data.len() as u64) ^ connection.to_u64() << 40);
                if let Some(end) = self.check_transmit(node, connection, &data) {
                    for data in self.as_sent(node, data) {
                        self.transmit(end, data);
                    }
                }
            }
            // Ends here take whatever comes: sessions have to do with those that cannot be held.
            Output::Hold { .. } => {}
            Output::Close { connection } => {
                self.trace.add(6 << 32 | connection.to_u64());
                if let Some(end) = self.check_close(node, connection) {
                    self.close(end);
                }
            }
            Output::OpenStorage { torrent, .. } => {
                let result = self.nodes[node].store.open(&self.content);
                self.store(node, 0, StoreJob::Answer(Answer::Opened(torrent, result)));
            }
            // The one file of the torrent is always there.
            Output::WantFiles { .. } | Output::CloseStorage { .. } => {}
            Output::Read {
                job,
                piece,
                begin,
                length,
                ..
            } => {
                self.check_job(node, job, length as usize);
                self.store(
                    node,
                    length as usize,
                    StoreJob::Read(job, piece, begin, length),
                );
            }
            Output::Write {
                job,
                piece,
                begin,
                data,
                ..
            } => {
                self.check_write(node, job, data.len());
                self.store(node, data.len(), StoreJob::Write(job, piece, begin, data));
            }
            Output::Hash { job, piece, .. } => {
                self.check_job(node, job, 0);
                let size = self.content.lengths.piece_size(piece) as usize;
                self.store(node, size, StoreJob::Hash(job, piece));
            }
            Output::OpenSocket { socket, url } => self.open_socket(node, socket, &url),
            Output::SendSocket { socket, text } => {
                self.trace.add(7 << 32 | text.len() as u64);
                if let Some(socket) = self.check_socket(node, socket) {
                    self.send_socket(node, socket, text);
                }
            }
            Output::CloseSocket { socket } => {
                let running = self.nodes[node].running.as_mut();
                if let Some(socket) = running.and_then(|r| r.sockets.remove(&socket)) {
                    let tracker = self.sockets.get(&socket).map_or(0, |s| s.tracker);
                    let delay = self.tracker_delay(node, tracker);
                    self.push(delay, Happening::SocketLeaves(socket));
                }
            }
            Output::Announce {
                job, url, request, ..
            } => self.announce_later(node, job, &url, request),
            // No torrent here has a web seed.
            Output::Fetch { .. } | Output::PauseFetch { .. } | Output::CancelFetch { .. } => {}
        }
    }

    /// Gives a job to a node's store.
    fn store(&mut self, node: NodeIndex, bytes: usize, job: StoreJob) {
        let now = self.now;
        let store = &mut self.nodes[node].store;
        if store.is_instant(now) {
            self.do_job(node, job);
        } else {
            let done = store.schedule(bytes, now);
            let life = self.nodes[node].life;
            self.queue
                .push(done, Happening::Stored(node, life, Box::new(job)));
        }
    }

    pub(crate) fn stored(&mut self, node: NodeIndex, life: u32, job: StoreJob) {
        if self.nodes[node].life == life && self.nodes[node].running.is_some() {
            self.do_job(node, job);
            self.drain(node);
        }
    }

    /// Does a job; its answer is given when the outputs at hand are done.
    fn do_job(&mut self, index: NodeIndex, job: StoreJob) {
        let node = &mut self.nodes[index];
        let answer = match job {
            StoreJob::Answer(answer) => answer,
            StoreJob::Read(job, piece, begin, length) => {
                let result = node.store.read(&self.content, piece, begin, length);
                node.seen.served += 1;
                match node.spec.behaviour {
                    Behaviour::Silent(after) if node.seen.served > after => return,
                    Behaviour::Corrupting(one_in) if self.rng.u32(..one_in.max(1)) == 0 => {
                        let wrong =
                            result.map(|data| misbehaviour::corrupted(&data, &mut self.rng));
                        Answer::Read(job, wrong)
                    }
                    _ => Answer::Read(job, result),
                }
            }
            StoreJob::Write(job, piece, begin, data) => {
                let result = node.store.write(&self.content, piece, begin, &data);
                Answer::Written(job, data.len(), result)
            }
            StoreJob::Hash(job, piece) => {
                Answer::Hashed(job, node.store.hash(&self.content, piece))
            }
        };
        if let Some(running) = &mut node.running {
            running.answers.push_back(answer);
        }
    }

    fn answer(&mut self, node: NodeIndex, answer: Answer) {
        let now = self.now;
        let Some(running) = &mut self.nodes[node].running else {
            return;
        };
        let input = match answer {
            Answer::Opened(torrent, result) => Input::StorageOpened { torrent, result },
            Answer::Read(job, result) => {
                running.end_job(job);
                Input::BlockRead { job, result }
            }
            Answer::Sent(connection, bytes) => Input::Sent { connection, bytes },
            Answer::Written(job, bytes, result) => {
                running.end_job(job);
                running.writing -= bytes;
                Input::BlockWritten { job, result }
            }
            Answer::Hashed(job, result) => {
                running.end_job(job);
                Input::PieceHashed { job, result }
            }
        };
        running.session.handle_input(input, now);
    }

    fn read_events(&mut self, index: NodeIndex) {
        loop {
            let Some(running) = &mut self.nodes[index].running else {
                return;
            };
            let Some(event) = running.session.poll_event() else {
                return;
            };
            self.read_event(index, event);
        }
    }

    fn read_event(&mut self, index: NodeIndex, event: Event) {
        let now = self.now;
        match event {
            Event::PieceVerified { piece, .. } => {
                self.trace.add(8 << 32 | u64::from(piece));
                self.check_verified(index, piece);
                if !self.nodes[index].is_origin() {
                    self.count_copy(piece);
                }
            }
            Event::PieceFailed { .. } => self.nodes[index].seen.failed_pieces += 1,
            Event::Finished { .. } => {
                self.check_complete(index);
                self.finished(index, now);
            }
            Event::PeerConnected {
                connection,
                peer_id,
                ..
            } => {
                self.check_connected(index, connection, peer_id);
            }
            Event::PeerDisconnected { connection, .. } => {
                self.check_disconnected(index, connection);
            }
            Event::PeerBanned { peer_id, .. } => {
                self.nodes[index].seen.banned.push(node_of(peer_id));
                self.check_ban(index, node_of(peer_id));
            }
            // No file of a simulated node changes.
            Event::FilesChanged { .. } | Event::FileGrew { .. } => {}
            Event::StorageFailed { error, .. } => {
                self.nodes[index].seen.storage_failed.get_or_insert(error);
                self.check_storage_failed(index);
                self.changed = true;
            }
            Event::Metadata { .. }
            | Event::Checked { .. }
            | Event::ReaderBegan { .. }
            | Event::ReaderStalled { .. }
            | Event::ReaderResumed { .. }
            | Event::TrackerAnnounced { .. }
            | Event::TrackerFailed { .. }
            | Event::Stalled { .. }
            | Event::Resumed { .. }
            | Event::WebSeedFailed { .. } => {}
        }
    }

    fn finished(&mut self, index: NodeIndex, now: Timestamp) {
        let node = &mut self.nodes[index];
        node.seen.finished.get_or_insert(now);
        self.changed = true;
        if let crate::scenario::Leave::Finished(after) = node.spec.leaves {
            self.push(after, Happening::Leave(index));
        }
    }
}
