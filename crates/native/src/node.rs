//! The handle of a running node.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use brackish_core::Limits;
use brackish_wire::PeerId;

use crate::config::NodeConfig;
use crate::engine::{self, Command, EngineHandle, Started};
use crate::torrent::{Add, AddError, Torrent};

/// A running node: an engine thread, its peers and its torrents. When it and the handles of its
/// torrents are dropped, it ends without telling the trackers; see [`Node::shutdown`].
#[derive(Debug)]
pub struct Node {
    engine: Arc<EngineHandle>,
    started: Started,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another program accepts connections on the port.
    #[error("TCP port {port} is in use")]
    PortInUse {
        /// The port that was asked for.
        port: u16,
    },
    /// The port cannot be listened on.
    #[error("cannot accept peers on TCP port {port}: {error}")]
    Listen {
        /// The port that was asked for; 0 where the choice was the system's.
        port: u16,
        /// What the system says.
        error: io::Error,
    },
    /// An address to speak to peers from is not one of this machine.
    #[error("cannot bind to {address}: {error}")]
    Bind {
        /// The address that was asked for.
        address: IpAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Something that cannot be an ICE server.
    #[error("ICE server {url}: {reason}")]
    IceServer {
        /// The URL as given.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system gave no thread or no random numbers.
    #[error("cannot start the engine: {0}")]
    System(io::Error),
}

impl Node {
    /// Starts a node: its threads run and its port is open when this returns. On Unix the limit of
    /// open descriptors of the process is raised, as far as the system lets it.
    pub async fn start(config: NodeConfig) -> Result<Self, NodeError> {
        let (engine, started) = engine::start(config).await?;
        Ok(Self {
            engine: Arc::new(engine),
            started,
        })
    }

    /// The TCP port on which peers are accepted.
    pub fn tcp_port(&self) -> Option<u16> {
        self.started.tcp_port
    }

    /// Who the node is to peers and trackers.
    pub fn peer_id(&self) -> PeerId {
        self.started.peer_id
    }

    /// Takes part in a torrent from now on. Host names of peers in a magnet link are looked up
    /// first.
    pub async fn add(&self, add: Add) -> Result<Torrent, AddError> {
        Torrent::add(&self.engine, add).await
    }

    /// Limits the rates of all torrents together from now on.
    pub async fn set_limits(&self, limits: Limits) {
        // A node that is gone sends nothing.
        let torrent = None;
        let _ = self.engine.send(Command::Limit { torrent, limits }).await;
    }

    /// Leaves every torrent: trackers are told, what was received is written, connections are
    /// closed. Takes at most about three seconds, whatever the trackers do.
    pub async fn shutdown(self) {
        let (done, is_done) = tokio::sync::oneshot::channel();
        if self.engine.send(Command::Shutdown { done }).await.is_ok() {
            // An engine that is gone has nothing left to do.
            let _ = is_done.await;
        }
    }
}
