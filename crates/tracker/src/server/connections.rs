//! How many connections there are, in all and from each address, and whether one more is welcome.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::outbox::lock;

/// See the module's own documentation.
#[derive(Debug)]
pub(super) struct Connections {
    max: usize,
    max_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One counted connection; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Ticket {
    connections: Arc<Connections>,
    address: IpAddr,
}

impl Connections {
    pub(super) fn new(max: usize, max_per_address: usize) -> Self {
        Self {
            max,
            max_per_address,
            open: Mutex::default(),
        }
    }

    pub(super) fn total(&self) -> usize {
        lock(&self.open).total
    }

    /// Counts a connection, unless there are too many. `exempt` ones (those of a proxy that stands
    /// for many clients) count in the total alone.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, exempt: bool) -> Option<Ticket> {
        let mut open = lock(&self.open);
        if open.total >= self.max {
            return None;
        }
        let from_address = open.by_address.get(&address).copied().unwrap_or(0);
        if from_address >= self.max_per_address && !exempt {
            return None;
        }
        open.by_address.insert(address, from_address + 1);
        open.total += 1;
        Some(Ticket {
            connections: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut open = lock(&self.connections.open);
        open.total -= 1;
        if let Entry::Occupied(mut entry) = open.by_address.entry(self.address) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}
