//! How many connections the HTTP port may take, by how many files and sockets the system lets a
//! process have open.

/// The most that is asked for. A node needs a few for each peer, a tracker one for each client.
const WANTED: u64 = 1 << 20;

/// What is asked for where a system refuses more without saying what it allows (macOS).
const COMMON: u64 = 10_240;

/// The most connections, for which a tracker takes about 1 GiB.
const MAX_CONNECTIONS: u64 = 50_000;

/// Descriptors that a tracker needs besides its connections.
const OTHERS: u64 = 64;

/// Connections of a tracker that is all that the process is.
pub fn connections_alone() -> usize {
    let limit = raise();
    bounded(limit.saturating_sub(OTHERS).max(limit / 2))
}

/// Connections of a page and tracker beside a node, whose peers and files need descriptors too.
pub fn connections_beside_peers() -> usize {
    bounded(raise() / 4)
}

fn bounded(connections: u64) -> usize {
    usize::try_from(connections.clamp(16, MAX_CONNECTIONS)).unwrap_or(usize::MAX)
}

/// Raises the limit as far as the system lets it, and says what it is now.
#[cfg(unix)]
pub fn raise() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    for most in [WANTED, COMMON] {
        let wanted = limit.maximum.map_or(most, |maximum| maximum.min(most));
        let raised = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        let enough = limit.current.is_none_or(|current| current >= wanted);
        if enough || setrlimit(Resource::Nofile, raised).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(WANTED)
}

/// Windows has no such limit on sockets.
#[cfg(not(unix))]
pub fn raise() -> u64 {
    WANTED
}
