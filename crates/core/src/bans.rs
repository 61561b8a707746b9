//! Who sent bad data and is not spoken to again, in one torrent.
//!
//! A peer id is no proof of anything: whoever lies may use that of an honest peer. So a ban goes by the
//! host where the bad data came from. Where no address tells hosts apart it goes by the id, for an
//! hour, and does not end a connection that is there.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use brackish_wire::PeerId;

use crate::Timestamp;
use crate::host::Host;

/// Bans of each kind that are remembered; the oldest is forgotten for a new one.
const MAX_BANS: usize = 1000;

/// For how long a ban by id holds.
const ID_LAPSES: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct Bans {
    hosts: VecDeque<Host>,
    /// Peers on loopback, where many share an address: those that were dialled, by their port.
    ports: VecDeque<SocketAddr>,
    /// Peers by their id: those of which no address is known, and those that came from loopback, by a
    /// port of the moment.
    ids: VecDeque<(PeerId, Option<IpAddr>, Timestamp)>,
}

/// What is known of a peer that may be banned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    pub id: PeerId,
    /// Where it is, if that is known.
    pub address: Option<SocketAddr>,
    /// It was dialled there, so that the port is its own.
    pub dialled: bool,
}

impl Suspect {
    /// What a ban by id goes by besides, where one does.
    fn id_scope(&self) -> Option<Option<IpAddr>> {
        match self.address {
            None => Some(None),
            Some(address) if address.ip().is_loopback() && !self.dialled => {
                Some(Some(address.ip()))
            }
            Some(_) => None,
        }
    }
}

impl Bans {
    /// The peer sent bad data.
    pub fn ban(&mut self, peer: &Suspect, now: Timestamp) {
        match peer.address {
            Some(address) if address.ip().is_loopback() => push(&mut self.ports, address),
            Some(address) => push(&mut self.hosts, Host::of(address.ip())),
            None => {}
        }
        if let Some(scope) = peer.id_scope() {
            push(&mut self.ids, (peer.id, scope, now));
        }
    }

    /// Whether what is at this address is not to be spoken to.
    pub fn has_address(&self, address: SocketAddr) -> bool {
        self.hosts.contains(&Host::of(address.ip())) || self.ports.contains(&address)
    }

    /// Whether a peer that has just told its id is not to be spoken to for that.
    pub fn has_id(&self, peer: &Suspect, now: Timestamp) -> bool {
        let Some(scope) = peer.id_scope() else {
            return false;
        };
        let mut ids = self.ids.iter();
        ids.any(|(id, of, since)| *id == peer.id && *of == scope && now.since(*since) < ID_LAPSES)
    }

    /// The same of a peer that signalling names, whose address is not known yet.
    pub fn has_web_peer(&self, id: PeerId, now: Timestamp) -> bool {
        let peer = Suspect {
            id,
            address: None,
            dialled: false,
        };
        self.has_id(&peer, now)
    }
}

fn push<T: PartialEq>(list: &mut VecDeque<T>, ban: T) {
    if list.contains(&ban) {
        return;
    }
    if list.len() >= MAX_BANS {
        list.pop_front();
    }
    list.push_back(ban);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspect(id: u8, address: Option<&str>, dialled: bool) -> Suspect {
        Suspect {
            id: PeerId([id; 20]),
            address: address.map(|address| address.parse().unwrap()),
            dialled,
        }
    }

    fn refused(bans: &Bans, peer: &Suspect, now: Timestamp) -> bool {
        peer.address
            .is_some_and(|address| bans.has_address(address))
            || bans.has_id(peer, now)
    }

    #[test]
    fn a_ban_goes_by_host_and_not_by_id_where_the_address_tells_hosts_apart() {
        let (mut bans, now) = (Bans::default(), Timestamp::ZERO);
        bans.ban(&suspect(1, Some("203.0.113.1:5000"), false), now);
        bans.ban(&suspect(2, Some("[2001:db8::1]:5000"), true), now);
        for (id, address, banned) in [
            (1, "203.0.113.2:5000", false),
            (9, "203.0.113.1:6000", true),
            (9, "[2001:db8::77]:1", true),
            (2, "[2001:db8:0:1::1]:5000", false),
        ] {
            let peer = suspect(id, Some(address), false);
            assert_eq!(refused(&bans, &peer, now), banned, "{address}");
        }
        assert!(!refused(&bans, &suspect(1, None, false), now));
    }

    #[test]
    fn on_loopback_a_ban_spares_other_ports_other_ids_and_other_addresses() {
        let (mut bans, now) = (Bans::default(), Timestamp::ZERO);
        bans.ban(&suspect(1, Some("127.0.0.1:5000"), true), now);
        bans.ban(&suspect(2, Some("127.0.0.1:40000"), false), now);
        for (id, address, dialled, banned) in [
            (1, "127.0.0.1:5000", true, true),
            (1, "127.0.0.1:5001", true, false),
            (2, "127.0.0.1:40001", false, true),
            (2, "127.0.0.1:5001", true, false),
            (2, "127.0.0.2:40001", false, false),
            (3, "127.0.0.1:40001", false, false),
        ] {
            let peer = suspect(id, Some(address), dialled);
            assert_eq!(refused(&bans, &peer, now), banned, "{id} {address}");
        }
    }

    #[test]
    fn a_ban_by_id_lapses_after_an_hour() {
        let (mut bans, now) = (Bans::default(), Timestamp::ZERO);
        let peer = suspect(1, None, false);
        bans.ban(&peer, now);
        assert!(bans.has_web_peer(peer.id, now + Duration::from_secs(3599)));
        assert!(!bans.has_web_peer(peer.id, now + Duration::from_secs(3601)));
    }

    #[test]
    fn a_full_list_forgets_the_oldest() {
        let (mut bans, now) = (Bans::default(), Timestamp::ZERO);
        for host in 0..=MAX_BANS {
            let address = format!("10.0.{}.{}:1", host / 250, host % 250);
            bans.ban(&suspect(1, Some(&address), false), now);
        }
        assert!(!bans.has_address("10.0.0.0:1".parse().unwrap()));
        assert!(bans.has_address("10.0.0.1:1".parse().unwrap()));
        assert!(bans.has_address("10.0.4.0:1".parse().unwrap()));
    }
}
