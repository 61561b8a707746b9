//! From what a person gives, a magnet link, a path or a URL, to what a node can add.

use std::path::PathBuf;

use brackish_wire::InfoHash;
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::{Metainfo, MetainfoError};

/// What is known of a torrent.
#[derive(Clone, Debug)]
pub enum Source {
    /// A whole `.torrent`.
    Metainfo(Metainfo),
    /// A magnet link (BEP 9): the rest comes from peers.
    Magnet(Magnet),
}

/// Why a source gave no torrent.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text begins as a magnet link and is none.
    #[error("{link}: {reason}")]
    Magnet {
        /// The text.
        link: String,
        /// In words.
        reason: String,
    },
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// What was read is not a torrent.
    #[error("{place}: {error}")]
    Metainfo {
        /// The file or URL.
        place: String,
        /// What is wrong.
        error: MetainfoError,
    },
    /// The file is larger than a torrent can be.
    #[error("{place}: larger than a .torrent may be ({limit} bytes)")]
    TooLarge {
        /// The file or URL.
        place: String,
        /// The most that is read.
        limit: usize,
    },
    /// The URL gave nothing.
    #[error("{url}: {reason}")]
    Fetch {
        /// The URL.
        url: String,
        /// In words.
        reason: String,
    },
}

impl Source {
    /// The info-hash of the torrent.
    pub fn info_hash(&self) -> InfoHash {
        match self {
            Self::Metainfo(metainfo) => metainfo.info.info_hash(),
            Self::Magnet(magnet) => magnet.info_hash,
        }
    }
}
