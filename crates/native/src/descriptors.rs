//! Descriptors: how many files and sockets the process may have open, and what each kind gets of
//! them. 256, a Mac's default, are enough for everything, with fewer peers.

/// Descriptors that are asked for; the second is what every macOS does (`OPEN_MAX`), some of which
/// refuse more although they name no maximum. The usual 1024 are fewer than the sockets of 400 WebRTC
/// connections.
#[cfg(unix)]
const WANTED: [u64; 2] = [16384, 10240];

/// What a system without such a limit counts as.
const UNLIMITED: usize = 16384;

/// Most files of torrents kept open: opening one again costs little.
const MAX_FILES: usize = 256;

/// Fewest files kept open: several are read and written at once by each thread.
const MIN_FILES: usize = 16;

/// What each kind may have open. A quarter is left to the HTTP port of `share`, an eighth to trackers,
/// web seeds, threads and standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// Files of torrents.
    pub(crate) files: usize,
    /// TCP connections with peers, dials included.
    pub(crate) tcp: usize,
    /// Sockets of WebRTC connections: TCP peers cannot use these up.
    pub(crate) webrtc: usize,
}

impl Descriptors {
    /// Raises the limit of the process as far as the system lets it, and shares it out. A system that
    /// refuses only serves fewer peers.
    pub(crate) fn raised() -> Self {
        Self::of(raise())
    }

    /// The shares of so many descriptors.
    pub(crate) fn of(limit: usize) -> Self {
        Self {
            files: (limit / 4).clamp(MIN_FILES, MAX_FILES),
            tcp: (limit / 16 * 3).max(4),
            webrtc: (limit / 16 * 3).max(4),
        }
    }
}

#[cfg(unix)]
fn raise() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    for most in WANTED {
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
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(UNLIMITED, |current| {
        usize::try_from(current).unwrap_or(UNLIMITED)
    })
}

#[cfg(not(unix))]
fn raise() -> usize {
    UNLIMITED
}

/// Whether an error says that the process, or the system, has too many files and sockets open.
pub(crate) fn are_short(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    let short = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    #[cfg(unix)]
    let is_short = |code: i32| short.iter().any(|errno| errno.raw_os_error() == code);
    // WSAEMFILE and ERROR_TOO_MANY_OPEN_FILES.
    #[cfg(not(unix))]
    let is_short = |code: i32| matches!(code, 10024 | 4);
    error.raw_os_error().is_some_and(is_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_fits_into_a_macs_256_with_a_quarter_for_the_page() {
        for limit in [256, 1024, 16384] {
            let shares = Descriptors::of(limit);
            let all = shares.files + shares.tcp + shares.webrtc;
            assert!(all + limit / 4 + limit / 8 <= limit, "{shares:?}");
            assert!(shares.tcp >= 48 && shares.files >= 64, "{shares:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_full_table_is_told_from_other_errors() {
        let of = |errno: rustix::io::Errno| std::io::Error::from(errno);
        assert!(are_short(&of(rustix::io::Errno::MFILE)));
        assert!(are_short(&of(rustix::io::Errno::NFILE)));
        assert!(!are_short(&of(rustix::io::Errno::NOENT)));
    }
}
