//! What the session wants done, done.

use std::rc::Rc;
use std::sync::Arc;

use brackish_core::{ConnectionId, Input, JobId, Output, SocketId, TorrentId};
use brackish_wire::metainfo::Verifier;
use brackish_wire::tracker::AnnounceRequest;
use brackish_wire::{Bitfield, PieceIndex};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

use super::driver::{Driver, Link, Shared};
use super::greeting;
use super::store::Store;
use super::webrtc::{self, RtcLink};
use crate::storage::names::Asking;
use crate::storage::ownership::Access;
use crate::storage::{Files, Job, Layout};
use crate::trackers::websocket::{self, SocketEvent};

impl Driver {
    /// Does one output, or begins it.
    pub(super) fn perform(&mut self, output: Output) {
        match output {
            Output::Transmit { connection, data } => self.transmit(connection, data),
            Output::Read {
                job,
                torrent,
                piece,
                begin,
                length,
            } => {
                if let Some(files) = self.torrents.files(torrent) {
                    self.jobs
                        .read(job, torrent, files.clone(), (piece, begin, length));
                }
            }
            Output::Write {
                job,
                torrent,
                piece,
                begin,
                data,
            } => {
                if let Some(files) = self.torrents.files(torrent).cloned() {
                    let job = Job::Write {
                        job,
                        torrent,
                        files,
                        piece,
                        begin,
                        data,
                    };
                    self.of_piece(torrent, piece, job);
                }
            }
            Output::Hash {
                job,
                torrent,
                piece,
            } => {
                if let Some(files) = self.torrents.files(torrent).cloned() {
                    let job = Job::Hash {
                        job,
                        torrent,
                        files,
                        piece,
                    };
                    self.of_piece(torrent, piece, job);
                }
            }
            Output::Dial {
                connection,
                address,
            } => {
                if let Some(driver) = self.me.upgrade() {
                    let task = spawn_local(greeting::dial(driver, connection, address));
                    self.connections
                        .insert(connection, Link::Dialling(task.abort_handle()));
                }
            }
            Output::MakeOffer { connection } => self.make_channel(connection, None),
            Output::MakeAnswer { connection, offer } => self.make_channel(connection, Some(offer)),
            Output::ApplyAnswer { connection, answer } => {
                if let Some(Link::Rtc(link)) = self.connections.get(&connection) {
                    link.answer(answer);
                }
            }
            Output::Hold { connection, held } => {
                if let Some(Link::Tcp(link)) = self.connections.get(&connection) {
                    link.hold(held);
                }
            }
            Output::Close { connection } => match self.connections.remove(&connection) {
                Some(Link::Dialling(task)) => task.abort(),
                Some(Link::Tcp(link)) => link.close(),
                Some(Link::Rtc(link)) => link.close(),
                None => {}
            },
            Output::OpenStorage {
                torrent,
                info,
                piece_layers,
                wanted,
            } => self.open_storage(torrent, Verifier::new(info, piece_layers), wanted),
            Output::WantFiles {
                torrent,
                files: wanted,
            } => {
                let store = self.torrents.store_mut(torrent);
                let job = store.and_then(|store| store.want(torrent, wanted, &self.session));
                if let Some(job) = job {
                    self.jobs.of_torrent(job);
                }
            }
            Output::CloseStorage { torrent } => {
                if let Some(store) = self
                    .torrents
                    .get_mut(torrent)
                    .and_then(|entry| entry.store.take())
                {
                    self.jobs.close(torrent, &store.files);
                }
            }
            Output::Fetch {
                job,
                torrent,
                url,
                range,
                file_length,
            } => self.fetch(job, torrent, url, range, file_length),
            Output::PauseFetch { job, paused } => self.pause_fetch(job, paused),
            Output::CancelFetch { job } => self.cancel_fetch(job),
            Output::OpenSocket { socket, url } => self.open_socket(socket, url),
            Output::SendSocket { socket, text } => self.send_socket(socket, text),
            Output::CloseSocket { socket } => _ = self.sockets.remove(&socket),
            Output::Announce {
                job,
                url,
                request,
                tracker_id,
            } => self.announce(job, url, request, tracker_id),
        }
    }

    fn transmit(&mut self, connection: ConnectionId, data: Bytes) {
        match self.connections.get(&connection) {
            Some(Link::Tcp(link)) => link.push(data),
            Some(Link::Rtc(link)) => link.push(data),
            Some(Link::Dialling(_)) | None => return,
        }
        // Several transmits of one connection usually follow each other.
        if self.dirty.last() != Some(&connection) {
            self.dirty.push(connection);
        }
    }

    fn make_channel(&mut self, connection: ConnectionId, offer: Option<String>) {
        let (Some(driver), Some(stack)) = (self.me.upgrade(), self.stack.clone()) else {
            return;
        };
        let is_webrtc = |link: &&Link| matches!(link, Link::Rtc(_));
        let there = self.connections.values().filter(is_webrtc).count();
        if (there + 1) * stack.sockets() > self.descriptors.webrtc {
            self.connections
                .insert(connection, Link::Rtc(Rc::default()));
            spawn_local(async move {
                let why = "WebRTC: as many sockets are open as the system lets there be";
                driver.borrow_mut().ended(connection, why.to_owned());
            });
            return;
        }
        let link = Rc::new(RtcLink::default());
        self.connections.insert(connection, Link::Rtc(link.clone()));
        spawn_local(webrtc::run(driver, connection, link, stack, offer));
    }

    fn open_storage(&mut self, torrent: TorrentId, verifier: Verifier, wanted: Bitfield) {
        let Some(entry) = self.torrents.get_mut(torrent) else {
            return;
        };
        let (access, handles) = (entry.access, self.handles.clone());
        let asking = match access {
            Access::Read => Asking::Look,
            Access::Write(_) => Asking::Try,
        };
        let layout = Layout::new(verifier.info(), &entry.place, asking);
        entry.notice(layout.notices());
        let files = Arc::new(Files::new(layout, access, self.allocation, handles));
        entry.store = Some(Store::new(files.clone(), wanted));
        self.jobs.of_torrent(Job::Open {
            torrent,
            files,
            verifier,
        });
    }

    /// A job that writes or hashes a piece, now or once the store is ready for it.
    fn of_piece(&mut self, torrent: TorrentId, piece: PieceIndex, job: Job) {
        let store = self.torrents.store_mut(torrent);
        if let Some(job) = store.and_then(|store| store.admit(job, &mut self.done)) {
            self.jobs.push(&self.pool, piece, job);
        }
    }

    fn open_socket(&mut self, socket: SocketId, url: String) {
        let Some(driver) = self.me.upgrade() else {
            return;
        };
        let (sender, outgoing) = mpsc::channel(websocket::MAX_WAITING);
        self.sockets.insert(socket, sender);
        let trusted = self.torrents.trusted_trackers();
        self.farewells += 1;
        spawn_local(async move {
            let tell = |event: SocketEvent<'_>| {
                driver.borrow_mut().input(match event {
                    SocketEvent::Opened => Input::SocketOpened { socket },
                    SocketEvent::Message(text) => Input::SocketMessage { socket, text },
                });
            };
            let reason = websocket::run(&url, &trusted, outgoing, tell).await;
            let mut driver = driver.borrow_mut();
            driver.sockets.remove(&socket);
            driver.farewells -= 1;
            driver.input(Input::SocketClosed { socket, reason });
        });
    }

    fn send_socket(&mut self, socket: SocketId, text: String) {
        let Some(sender) = self.sockets.get(&socket) else {
            return;
        };
        if sender.try_send(text).is_err() {
            // The tracker takes nothing any more: its task ends once the sender is gone, and the
            // session learns it there.
            self.sockets.remove(&socket);
        }
    }

    fn announce(
        &mut self,
        job: JobId,
        url: String,
        request: AnnounceRequest,
        tracker_id: Option<Vec<u8>>,
    ) {
        let Some(driver): Option<Shared> = self.me.upgrade() else {
            return;
        };
        let announcer = self.announcer.clone();
        let trusted = self.torrents.trusted_trackers();
        self.farewells += 1;
        spawn_local(async move {
            let result = announcer
                .announce(&url, &request, tracker_id.as_deref(), &trusted)
                .await;
            let mut driver = driver.borrow_mut();
            driver.farewells -= 1;
            driver.input(Input::Announced { job, result });
        });
    }
}
