//! The engine's thread and its main task: commands, timer, answers of the pool, shutdown.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brackish_core::{Config, Session, Source};
use brackish_wire::PeerId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::driver::{Driver, Shared, Ways, timestamp};
use super::{Choice, Command, Started, greeting, listen};
use crate::config::NodeConfig;
use crate::descriptors::Descriptors;
use crate::node::NodeError;
use crate::rtc::ice::IceServers;
use crate::rtc::{self, Stack};
use crate::storage::Pool;

/// How often figures are renewed.
const STATS_INTERVAL: Duration = Duration::from_millis(250);

/// How often some of the files that are shared are looked at, for changes.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// Longest time for trackers to be told and files to be written at the end.
const SHUTDOWN_TIME: Duration = Duration::from_secs(3);

/// How often the end is looked for, while shutting down.
const SHUTDOWN_TICK: Duration = Duration::from_millis(10);

/// How long the engine sleeps when the session has no timer; a command or a socket wakes it.
const IDLE: Duration = Duration::from_secs(3600);

/// Readiness is asked of the system after this many turns of tasks, so that no socket waits long
/// behind busy ones. Tokio's own 61 suits turns that are shorter than a read of 256 KiB.
const EVENT_INTERVAL: u32 = 16;

/// What the thread starts from.
pub(super) struct Setup {
    pub(super) config: NodeConfig,
    pub(super) ice_servers: IceServers,
    pub(super) peer_id: PeerId,
    pub(super) seed: [u8; 32],
}

/// The body of the engine's thread.
pub(super) fn thread(
    setup: Setup,
    inbox: mpsc::Receiver<Command>,
    ready: oneshot::Sender<Result<Started, NodeError>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .event_interval(EVENT_INTERVAL)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Who gave up waiting needs no answer.
            let _ = ready.send(Err(NodeError::System(error)));
            return;
        }
    };
    LocalSet::new().block_on(&runtime, async move {
        match prepare(setup) {
            Ok((driver, started)) => {
                if ready.send(Ok(started)).is_ok() {
                    run(driver, inbox).await;
                }
            }
            Err(error) => _ = ready.send(Err(error)),
        }
    });
}

fn prepare(setup: Setup) -> Result<(Shared, Started), NodeError> {
    let descriptors = Descriptors::raised();
    let Setup {
        config,
        ice_servers,
        peer_id,
        seed,
    } = setup;
    let (tcp_port, listeners) = match config.tcp {
        true => listen::listen(config.port, &config.bind)
            .map(|(port, listeners)| (Some(port), listeners))?,
        false => (None, Vec::new()),
    };
    let stack: Option<Rc<dyn Stack>> = match config.webrtc {
        true => Some(rtc::stack(ice_servers, config.bind.clone()).map_err(NodeError::System)?),
        false => None,
    };
    let pool = Arc::new(Pool::start().map_err(NodeError::System)?);
    let mut session_config = Config::new(peer_id);
    session_config.listen_port = tcp_port;
    session_config.tcp = config.tcp;
    session_config.webrtc = config.webrtc;
    session_config.connections_per_torrent = config.connections_per_torrent;
    // A WebRTC connection takes at least one socket.
    let most = descriptors.tcp + descriptors.webrtc;
    session_config.connections = config.connections.min(most);
    let origin = Instant::now();
    let mut session = Session::new(session_config, seed, timestamp(origin));
    session.set_limits(config.limits, timestamp(origin));
    let driver = Rc::new_cyclic(|me| {
        RefCell::new(Driver::new(
            session,
            origin,
            pool,
            config.allocation,
            Ways {
                stack,
                bind: config.bind,
                descriptors,
            },
            me,
        ))
    });
    for listener in listeners {
        spawn_local(greeting::accept(driver.clone(), listener));
    }
    Ok((driver, Started { tcp_port, peer_id }))
}

/// The main task, until the node is shut down or all its handles are gone.
async fn run(driver: Shared, mut inbox: mpsc::Receiver<Command>) {
    let (wake, pool) = {
        let driver = driver.borrow();
        (driver.wake.clone(), driver.pool.clone())
    };
    let mut watch = interval(WATCH_INTERVAL);
    watch.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stats = interval(STATS_INTERVAL);
    stats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let due = {
            let driver = driver.borrow();
            driver
                .armed()
                .map_or_else(|| Instant::now() + IDLE, |at| driver.instant(at))
        };
        tokio::select! {
            command = inbox.recv() => match command {
                Some(Command::Shutdown { done }) => {
                    shut_down(&driver, &pool).await;
                    // Who gave up waiting needs no answer.
                    let _ = done.send(());
                    return;
                }
                Some(command) => driver.borrow_mut().command(command),
                None => return,
            },
            () = pool.filled() => driver.borrow_mut().take_done(),
            () = wake.notified() => driver.borrow_mut().settle(),
            () = sleep_until(due.into()) => driver.borrow_mut().timeout(),
            _ = watch.tick() => driver.borrow_mut().watch_files(),
            _ = stats.tick() => driver.borrow().renew_stats(),
        }
    }
}

/// Leaves every torrent; waits for trackers and files, not longer than [`SHUTDOWN_TIME`].
async fn shut_down(driver: &Shared, pool: &Pool) {
    {
        let mut driver = driver.borrow_mut();
        let now = driver.now();
        driver.session.shut_down(now);
        driver.settle();
    }
    let end = Instant::now() + SHUTDOWN_TIME;
    let mut tick = interval(SHUTDOWN_TICK);
    while Instant::now() < end && !driver.borrow().is_quiet() {
        tick.tick().await;
        let mut driver = driver.borrow_mut();
        driver.take_done();
        if driver.armed().is_some_and(|at| at <= driver.now()) {
            driver.timeout();
        }
    }
    // Closed only now: until here the session may have had something written.
    pool.close();
    while Instant::now() < end && !pool.is_finished() {
        tick.tick().await;
    }
    driver.borrow_mut().torrents.clear();
}

impl Driver {
    fn command(&mut self, command: Command) {
        let now = self.now();
        // Whoever asked may be gone: an answer that is not wanted is dropped.
        match command {
            Command::Add {
                add,
                place,
                access,
                trusted,
                trusted_trackers,
                reply,
            } => {
                let info = match &add.source {
                    Source::Info { info, .. } => Some(info.clone()),
                    Source::Magnet { .. } => None,
                };
                let added = self.session.add_torrent(*add, now);
                // Before the session is settled: it may want the store at once.
                let added = added.map(|torrent| {
                    let torrents = &mut self.torrents;
                    torrents.register(torrent, (place, access), trusted, trusted_trackers, info)
                });
                let _ = reply.send(added);
            }
            Command::Remove { torrent, done } => {
                self.session.remove_torrent(torrent, now);
                self.settle();
                self.torrents.remove(torrent);
                let _ = done.send(());
            }
            Command::AddPeers { torrent, peers } => self.session.add_peers(torrent, &peers, now),
            Command::Limit { torrent, limits } => match torrent {
                Some(torrent) => self.session.set_torrent_limits(torrent, limits, now),
                None => self.session.set_limits(limits, now),
            },
            Command::Choose {
                torrent,
                choice,
                reply,
            } => {
                let session = &mut self.session;
                let chosen = match choice {
                    Choice::File(file, priority) => {
                        session.set_file_priority(torrent, file, priority, now)
                    }
                    Choice::Files(priorities) => {
                        session.set_file_priorities(torrent, &priorities, now)
                    }
                    Choice::Range(range, priority) => {
                        session.set_range_priority(torrent, range, priority, now)
                    }
                };
                // Who waits for the torrent to finish must not see that it had.
                self.settle();
                self.torrents.renew_stats(&self.session);
                let _ = reply.send(chosen);
            }
            Command::Peers { torrent, reply } => _ = reply.send(self.session.peer_stats(torrent)),
            Command::Trackers { torrent, reply } => {
                _ = reply.send(self.session.tracker_stats(torrent))
            }
            Command::WebSeeds { torrent, reply } => {
                _ = reply.send(self.session.web_seed_stats(torrent))
            }
            Command::Verified { torrent, reply } => {
                _ = reply.send(self.session.verified(torrent).cloned())
            }
            // Taken by the main task, which waits for it.
            Command::Shutdown { .. } => {}
        }
        self.settle();
    }

    fn renew_stats(&self) {
        self.torrents.renew_stats(&self.session);
    }

    /// Whether nothing is under way that a shutdown waits for.
    fn is_quiet(&self) -> bool {
        self.farewells == 0 && self.jobs.is_idle()
    }
}
