//! From what a person gives, a magnet link, a path or a URL, to what a node can add.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use brackish_wire::magnet::{Magnet, MagnetError};
use brackish_wire::metainfo::{Metainfo, MetainfoError};
use brackish_wire::{InfoHash, InfoHashV2, bencode};
use tokio::io::AsyncReadExt;
use url::Url;

use crate::http::{HttpClient, HttpError};
use crate::reach::Reach;

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

/// Reads what a person gives, with spaces around it or not: a magnet link, a bare info-hash (40 hexadecimal digits or 32 of
/// base32 for version 1, 64 hexadecimal for version 2), the `.torrent` at an `http:`, `https:` or `file:` URL, or the path
/// of a `.torrent` file. A file that is called like an info-hash is a file. Must run on a tokio runtime with I/O and time
/// enabled.
pub async fn load(text: &str) -> Result<Source, SourceError> {
    let trimmed = text.trim();
    let scheme = trimmed
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase())
        .unwrap_or_default();
    match scheme.as_str() {
        "magnet" => magnet(trimmed),
        "http" | "https" => fetch(trimmed).await,
        "file" => {
            let path = Url::parse(trimmed)
                .ok()
                .and_then(|url| url.to_file_path().ok());
            let path = path.ok_or_else(|| SourceError::Fetch {
                url: trimmed.to_owned(),
                reason: "not the URL of a file on this machine, as file:///path/to/it.torrent is"
                    .to_owned(),
            })?;
            parse(trimmed, &read(&path).await?)
        }
        _ => {
            // The path is taken as it is: a file's name may begin or end with a space.
            let path = Path::new(text);
            let is_file = tokio::fs::try_exists(path).await.unwrap_or(true);
            match bare_hash(trimmed).filter(|_| !is_file) {
                Some(link) => magnet(&link),
                None => parse(text, &read(path).await?),
            }
        }
    }
}

fn magnet(link: &str) -> Result<Source, SourceError> {
    link.parse()
        .map(Source::Magnet)
        .map_err(|error: MagnetError| SourceError::Magnet {
            link: link.to_owned(),
            reason: error.to_string(),
        })
}

/// The magnet link of a text that is nothing but an info-hash.
fn bare_hash(text: &str) -> Option<String> {
    if InfoHashV2::from_hex(text).is_ok() {
        return Some(format!("magnet:?xt=urn:btmh:1220{text}"));
    }
    let is_v1 = matches!(text.len(), 32 | 40) && text.parse::<InfoHash>().is_ok();
    is_v1.then(|| format!("magnet:?xt=urn:btih:{text}"))
}

fn parse(place: &str, bytes: &[u8]) -> Result<Source, SourceError> {
    match Metainfo::from_bytes(bytes) {
        Ok(metainfo) => Ok(Source::Metainfo(metainfo)),
        // A few programs write a magnet link into a `.torrent` file.
        Err(MetainfoError::Missing { field })
            if field == "info" && link_within(bytes).is_some() =>
        {
            magnet(&link_within(bytes).unwrap_or_default())
        }
        Err(error) => Err(SourceError::Metainfo {
            place: place.to_owned(),
            error,
        }),
    }
}

/// The magnet link of a `.torrent` file that has one in place of a torrent, as libtorrent reads it.
fn link_within(bytes: &[u8]) -> Option<String> {
    let raw = bencode::dict_entry(bytes, b"magnet-uri").ok()??;
    let link = bencode::byte_string(raw).ok()?;
    Some(String::from_utf8_lossy(link).into_owned())
}

async fn fetch(url: &str) -> Result<Source, SourceError> {
    let fail = |reason| SourceError::Fetch {
        url: url.to_owned(),
        reason,
    };
    let client = HttpClient::new(0);
    let answer = client.get(url, MAX_TORRENT, Reach::Download);
    match tokio::time::timeout(FETCH_TIMEOUT, answer).await {
        Err(_) => Err(fail("no answer in time".to_owned())),
        Ok(Err(HttpError::TooLarge { limit })) => Err(SourceError::TooLarge {
            place: url.to_owned(),
            limit,
        }),
        Ok(Err(HttpError::Elsewhere { url })) if url.starts_with("magnet:") => magnet(&url),
        Ok(Err(HttpError::Inside(inside))) => Err(fail(format!(
            "it redirects from outside into the local network ({}); give that URL itself if it is yours",
            inside.address()
        ))),
        Ok(Err(error)) => Err(fail(error.to_string())),
        Ok(Ok(answer)) if !answer.status.is_success() => {
            Err(fail(format!("HTTP status {}", answer.status)))
        }
        Ok(Ok(answer)) => parse(url, &answer.body),
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
