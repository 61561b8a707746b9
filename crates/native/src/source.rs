//! From what a person gives, a magnet link, a path or a URL, to what a node can add.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use brackish_wire::InfoHash;
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::{Metainfo, MetainfoError};
use tokio::io::AsyncReadExt;

use crate::reach::Reach;
use crate::trackers::http;

/// Most bytes of a `.torrent`: the hashes of the most pieces that a torrent may have are 80 MiB.
const MAX_TORRENT: usize = 100 << 20;

/// Longest time to fetch a `.torrent`.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

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

/// Reads a magnet link, the `.torrent` at an `http:` or `https:` URL, or a `.torrent` file. Must run
/// on a tokio runtime with I/O and time enabled.
pub async fn load(text: &str) -> Result<Source, SourceError> {
    let scheme = text
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase())
        .unwrap_or_default();
    match scheme.as_str() {
        "magnet" => {
            text.parse()
                .map(Source::Magnet)
                .map_err(
                    |error: brackish_wire::magnet::MagnetError| SourceError::Magnet {
                        link: text.to_owned(),
                        reason: error.to_string(),
                    },
                )
        }
        "http" | "https" => parse(text, &fetch(text).await?),
        _ => parse(text, &read(Path::new(text)).await?),
    }
}

fn parse(place: &str, bytes: &[u8]) -> Result<Source, SourceError> {
    let metainfo = Metainfo::from_bytes(bytes);
    metainfo
        .map(Source::Metainfo)
        .map_err(|error| SourceError::Metainfo {
            place: place.to_owned(),
            error,
        })
}

async fn fetch(url: &str) -> Result<Vec<u8>, SourceError> {
    let fail = |reason| SourceError::Fetch {
        url: url.to_owned(),
        reason,
    };
    match tokio::time::timeout(FETCH_TIMEOUT, http::get(url, MAX_TORRENT, Reach::Anywhere)).await {
        Err(_) => Err(fail("no answer in time".to_owned())),
        Ok(Err(http::HttpError::TooLarge { limit })) => Err(SourceError::TooLarge {
            place: url.to_owned(),
            limit,
        }),
        Ok(Err(error)) => Err(fail(error.to_string())),
        Ok(Ok(answer)) if !answer.status.is_success() => {
            Err(fail(format!("HTTP status {}", answer.status)))
        }
        Ok(Ok(answer)) => Ok(answer.body.into()),
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    let fail = |error: io::Error| SourceError::Read {
        path: path.to_path_buf(),
        error,
    };
    let file = tokio::fs::File::open(path).await.map_err(fail)?;
    let mut bytes = Vec::new();
    file.take(MAX_TORRENT as u64 + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(fail)?;
    if bytes.len() > MAX_TORRENT {
        return Err(SourceError::TooLarge {
            place: path.display().to_string(),
            limit: MAX_TORRENT,
        });
    }
    Ok(bytes)
}
