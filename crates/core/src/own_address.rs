//! Where we are on the network, by what the peers that we dialled say (`yourip`, BEP 10).

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Addresses that are counted; a host has a few.
const MAX_CLAIMS: usize = 16;

/// So many peers must agree.
const QUORUM: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct OwnAddress {
    claims: BTreeMap<IpAddr, u32>,
    best: Option<IpAddr>,
}

impl OwnAddress {
    /// A peer says that we are at this address. True where what is believed changes by it.
    pub fn told(&mut self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        if self.claims.len() >= MAX_CLAIMS && !self.claims.contains_key(&ip) {
            return false;
        }
        let count = self.claims.entry(ip).or_default();
        *count = count.saturating_add(1);
        let count = *count;
        let best = self.best.and_then(|best| self.claims.get(&best));
        let wins = count >= QUORUM && best.is_none_or(|best| count > *best);
        wins && self.best.replace(ip) != Some(ip)
    }

    /// Where most say that we are.
    pub fn get(&self) -> Option<IpAddr> {
        self.best
    }
}
