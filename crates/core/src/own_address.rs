//! Where we are on the network, by what the peers that we dialled say (`yourip`, BEP 10).

use std::net::IpAddr;

/// Addresses that are counted; a host has a few.
const MAX_CLAIMS: usize = 16;

/// So many peers must agree.
const QUORUM: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct OwnAddress {
    claims: Vec<(IpAddr, u32)>,
    best: Option<IpAddr>,
}

impl OwnAddress {
    /// A peer says that we are at this address. True where what is believed changes by it.
    pub fn told(&mut self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        let of = |ip: IpAddr| move |claim: &(IpAddr, u32)| claim.0 == ip;
        let best = self
            .best
            .and_then(|best| self.claims.iter().find(|c| of(best)(c)));
        let best = best.map(|(_, count)| *count);
        let at = self.claims.iter().position(of(ip));
        if at.is_none() && self.claims.len() < MAX_CLAIMS {
            self.claims.push((ip, 0));
        }
        let claim = match at {
            Some(at) => self.claims.get_mut(at),
            None => self.claims.last_mut().filter(|claim| claim.0 == ip),
        };
        let Some((_, count)) = claim else {
            return false;
        };
        *count = count.saturating_add(1);
        let count = *count;
        let wins = count >= QUORUM && best.is_none_or(|best| count > best);
        wins && self.best.replace(ip) != Some(ip)
    }

    /// Where most say that we are.
    pub fn get(&self) -> Option<IpAddr> {
        self.best
    }
}
