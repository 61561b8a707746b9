//! Why a download does not go on.

use std::time::Duration;

use crate::Timestamp;

/// How long a download is without a source before that is told: most find one sooner.
const PATIENCE: Duration = Duration::from_secs(5);

/// The same where peers have what is missing and send nothing: a peer that is choked by a full seed
/// waits for its turn, which comes every 30 s at the latest with most clients.
const TURN: Duration = Duration::from_secs(30);

/// Why a download does not go on: what is known of its sources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StallReason {
    /// Neither a tracker, nor a peer, nor a web seed is known, so that peers can only come by
    /// themselves.
    #[error("no tracker, peer or web seed is known that could be asked")]
    NothingKnown,
    /// No peer is connected and no web seed works.
    #[error(
        "no source is left: no peer is connected ({known_peers} known){}",
        web_seed.as_ref().map(|fault| format!(", web seed {fault}")).unwrap_or_default()
    )]
    NoSource {
        /// TCP addresses of peers that are known.
        known_peers: usize,
        /// The URL of a web seed that failed, and why.
        web_seed: Option<String>,
    },
    /// Every source that had something sent bad data, and is not asked any more.
    #[error("every known source sent bad data ({sources})")]
    BadData {
        /// Peers banned and web seeds dropped for it.
        sources: u32,
    },
    /// Peers are connected, and none of them gives the metadata of a magnet link.
    #[error("none of the connected peers ({peers}) gives the metadata")]
    NoMetadata {
        /// Connected peers.
        peers: usize,
    },
    /// No connected peer and no web seed has any of the wanted pieces that are missing.
    #[error("nobody has piece {piece}, one of {pieces} that are missing ({peers} peers connected)")]
    NobodyHas {
        /// The first piece that is wanted and missing.
        piece: u32,
        /// Pieces that are wanted and missing.
        pieces: u32,
        /// Connected peers.
        peers: usize,
    },
    /// Peers have what is missing, and send nothing.
    #[error("{peers} connected peers have what is missing, and none sends it")]
    NotServed {
        /// Connected peers that have something wanted.
        peers: usize,
    },
    /// The places of files that a magnet link names (BEP 53) are none of the torrent's.
    #[error("so= in the link names none of the torrent's {files} files, numbered 0 to {}", files.saturating_sub(1))]
    NoSuchFile {
        /// Files in the torrent.
        files: usize,
    },
}

impl StallReason {
    /// The reason in one word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingKnown => "nothing_known",
            Self::NoSource { .. } => "no_source",
            Self::BadData { .. } => "bad_data",
            Self::NoMetadata { .. } => "no_metadata",
            Self::NobodyHas { .. } => "nobody_has",
            Self::NotServed { .. } => "not_served",
            Self::NoSuchFile { .. } => "no_such_file",
        }
    }

    fn patience(&self) -> Duration {
        match self {
            Self::NoSuchFile { .. } => Duration::ZERO,
            Self::NotServed { .. } => TURN,
            _ => PATIENCE,
        }
    }
}

/// How a torrent's download has stood.
#[derive(Debug, Default)]
pub(crate) struct Stall {
    /// Why it does not go on, and since when it is so.
    current: Option<(StallReason, Timestamp)>,
    told: bool,
}

/// What is to be told of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Stalled(StallReason),
    Resumed,
}

impl Stall {
    /// The reason, once it was told.
    pub fn reason(&self) -> Option<&StallReason> {
        let told = self.current.as_ref().filter(|_| self.told);
        told.map(|(reason, _)| reason)
    }

    /// The download stands so now.
    pub fn watch(&mut self, reason: Option<StallReason>, now: Timestamp) -> Option<Change> {
        let Some(reason) = reason else {
            self.current = None;
            return std::mem::take(&mut self.told).then_some(Change::Resumed);
        };
        match &mut self.current {
            Some((known, since)) if known.code() == reason.code() => {
                let due = !self.told && now.since(*since) >= reason.patience();
                *known = reason.clone();
                self.told |= due;
                due.then_some(Change::Stalled(reason))
            }
            Some(_) if self.told && reason.patience() > PATIENCE => {
                // There is a source again, which may or may not serve.
                self.current = Some((reason, now));
                self.told = false;
                Some(Change::Resumed)
            }
            Some(_) if self.told => {
                // It has stood still all the time.
                self.current = Some((reason.clone(), now));
                Some(Change::Stalled(reason))
            }
            Some((known, _)) => {
                *known = reason;
                None
            }
            None => {
                self.told = reason.patience().is_zero();
                self.current = Some((reason.clone(), now));
                self.told.then_some(Change::Stalled(reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_told_once_after_a_while_and_so_is_its_end() {
        let mut stall = Stall::default();
        let reason = |peers| StallReason::NoMetadata { peers };
        let at = |seconds| Timestamp::ZERO + Duration::from_secs(seconds);
        assert_eq!(stall.watch(Some(reason(1)), at(10)), None);
        assert_eq!(stall.watch(Some(reason(2)), at(14)), None);
        assert_eq!(stall.reason(), None);
        let told = stall.watch(Some(reason(3)), at(15));
        assert_eq!(told, Some(Change::Stalled(reason(3))));
        assert_eq!(stall.watch(Some(reason(4)), at(16)), None);
        assert_eq!(stall.reason(), Some(&reason(4)));
        let other = StallReason::NothingKnown;
        let told = stall.watch(Some(other.clone()), at(17));
        assert_eq!(told, Some(Change::Stalled(other)));
        assert_eq!(stall.watch(None, at(18)), Some(Change::Resumed));
        assert_eq!(stall.watch(None, at(19)), None);
    }

    #[test]
    fn what_ends_soon_is_not_told() {
        let mut stall = Stall::default();
        let reason = StallReason::NothingKnown;
        assert_eq!(stall.watch(Some(reason), Timestamp::ZERO), None);
        assert_eq!(stall.watch(None, Timestamp::ZERO + PATIENCE), None);
    }
}
