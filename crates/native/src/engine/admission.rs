//! Which sockets that come are taken while descriptors are short: one address cannot take them all.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::rc::Rc;

/// Sockets of one address that are always taken, while there is any left.
const MIN_PER_ADDRESS: usize = 4;

/// The sockets that came and are open, counted by who opened them.
#[derive(Debug)]
pub(super) struct Admission {
    most: usize,
    open: Rc<RefCell<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A socket that was taken; it counts until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted {
    open: Rc<RefCell<Open>>,
    address: IpAddr,
}

impl Admission {
    /// Takes `most` sockets at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            open: Rc::default(),
        }
    }

    /// Takes a socket of `address`, or `None`. Once half of the places are taken, one address (IPv6:
    /// one /64) has an eighth of them at most; loopback has no such bound.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Admitted> {
        let mut open = self.open.borrow_mut();
        let group = group(address);
        let count = open.by_address.get(&group).copied().unwrap_or(0);
        let greedy = count >= (self.most / 8).max(MIN_PER_ADDRESS) && !group.is_loopback();
        if open.all >= self.most || greedy && open.all >= self.most / 2 {
            return None;
        }
        open.all += 1;
        *open.by_address.entry(group).or_default() += 1;
        Some(Admitted {
            open: self.open.clone(),
            address: group,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.open.borrow_mut();
        open.all -= 1;
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// An address as it is counted: of IPv6, its network of 64 bits.
fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) if !ip.is_loopback() => {
            let network = u128::from(ip) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_has_an_eighth_once_half_is_taken() {
        let admission = Admission::new(80);
        let mut greedy: Vec<_> = (0..200)
            .filter_map(|_| admission.admit(ip("192.0.2.1")))
            .collect();
        assert_eq!(greedy.len(), 40);
        let others: Vec<_> = (1..=40)
            .filter_map(|host| admission.admit(ip(&format!("198.51.100.{host}"))))
            .collect();
        assert_eq!(others.len(), 40);
        assert!(admission.admit(ip("203.0.113.1")).is_none());
        greedy.truncate(30);
        assert!(admission.admit(ip("192.0.2.1")).is_none());
        assert!(admission.admit(ip("203.0.113.1")).is_some());
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_and_loopback_has_no_bound() {
        let admission = Admission::new(80);
        let network: Vec<_> = (0..200)
            .filter_map(|host| admission.admit(ip(&format!("2001:db8::{host:x}"))))
            .collect();
        assert_eq!(network.len(), 40);
        drop(network);
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let local: Vec<_> = (0..200).filter_map(|_| admission.admit(ip(own))).collect();
            assert_eq!(local.len(), 80, "{own}");
        }
    }
}
