//! What peer exchange (BEP 11) remembers: who of the peers that can be dialled came and left, in
//! one log for all, and how far in it each peer has been told.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use crate::Timestamp;

/// Comings and goings kept. A peer that has been told of none for longer is told anew who is here.
const MAX_LOG: usize = 500;

/// A peer that speaks `ut_pex`, seen from us.
#[derive(Debug)]
pub(crate) struct Exchanger {
    /// Its id for the extension.
    pub extension: u8,
    pub sent_at: Option<Timestamp>,
    /// Up to where in the log it has been told; `None` before the first message.
    pub told: Option<u64>,
    pub heard_at: Option<Timestamp>,
}

impl Exchanger {
    pub fn new(extension: u8) -> Self {
        Self {
            extension,
            sent_at: None,
            told: None,
            heard_at: None,
        }
    }
}

/// Who came and left, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// How many entries were dropped at the front.
    dropped: u64,
    entries: VecDeque<Change>,
}

/// A peer that can be dialled at this address came or left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub address: SocketAddr,
    pub came: bool,
}

impl Log {
    pub fn push(&mut self, address: SocketAddr, came: bool) {
        if self.entries.len() >= MAX_LOG {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(Change { address, came });
    }

    /// The place behind the last entry.
    pub fn end(&self) -> u64 {
        self.dropped + self.entries.len() as u64
    }

    /// What happened from a place on; `None` where that is no longer known.
    pub fn since(&self, place: u64) -> Option<impl Iterator<Item = Change> + '_> {
        let skipped = usize::try_from(place.checked_sub(self.dropped)?).ok()?;
        Some(self.entries.iter().skip(skipped).copied())
    }
}

/// From how far an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// The same machine.
    Machine,
    /// The same network.
    Network,
    /// Everywhere.
    Internet,
}

impl Scope {
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            ip if ip.is_loopback() => Self::Machine,
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Self::Network,
            IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Self::Network,
            _ => Self::Internet,
        }
    }

    /// Of a peer, by the address of its connection; one without may be anywhere.
    pub fn of_peer(address: Option<SocketAddr>) -> Self {
        address.map_or(Self::Internet, |address| Self::of(address.ip()))
    }
}
