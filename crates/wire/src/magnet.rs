//! Magnet links (BEP 9): an info-hash and where to look for it, in one line. With the choice of files of BEP 53, and the
//! hashes of version 2 (BEP 52).

use crate::metainfo::Info;
use crate::percent;
use crate::{InfoHash, InfoHashError, InfoHashV2};
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The longest link read, in bytes. Real ones have up to a few thousand.
pub const MAX_LINK_LENGTH: usize = 64 * 1024;

/// The most trackers, web seeds, peers, sources and ranges of files read, each.
pub const MAX_VALUES: usize = 256;

/// What a magnet link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Magnet {
    /// The torrent (`xt`, `btih`); for one of version 2 alone, its hash cut short.
    pub info_hash: InfoHash,
    /// The torrent's hash of version 2 (`xt`, `btmh`), if the link has it.
    pub info_hash_v2: Option<InfoHashV2>,
    /// What to call it until its metadata has come (`dn`).
    pub name: Option<String>,
    /// Announce URLs (`tr`).
    pub trackers: Vec<String>,
    /// URLs of HTTP servers that have the files (`ws`, BEP 19).
    pub web_seeds: Vec<String>,
    /// Peers to try, as `host:port` (`x.pe`).
    pub peers: Vec<String>,
    /// URLs of the `.torrent` file (`xs`, then `as`).
    pub sources: Vec<String>,
    /// Indices of the files wanted (`so`, BEP 53). Empty means all.
    pub select: Vec<RangeInclusive<u32>>,
}

/// A text that is no usable magnet link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MagnetError {
    /// It does not begin with `magnet:?`.
    #[error("not a magnet link: it does not begin with \"magnet:?\"")]
    Scheme,
    /// It is longer than [`MAX_LINK_LENGTH`].
    #[error("the magnet link is too long ({0} bytes)")]
    TooLong(usize),
    /// It names no torrent.
    #[error("the magnet link has no info-hash (no \"xt=urn:btih:...\")")]
    NoInfoHash,
    /// Its info-hash is none.
    #[error("the magnet link's \"xt\": {0}")]
    InfoHash(#[from] InfoHashError),
}

impl Magnet {
    /// A link to a torrent, with nothing more.
    pub fn new(info_hash: InfoHash) -> Self {
        Self {
            info_hash,
            info_hash_v2: None,
            name: None,
            trackers: Vec::new(),
            web_seeds: Vec::new(),
            peers: Vec::new(),
            sources: Vec::new(),
            select: Vec::new(),
        }
    }

    /// A link to a torrent of version 2 alone, with nothing more.
    pub fn new_v2(info_hash: InfoHashV2) -> Self {
        Self {
            info_hash_v2: Some(info_hash),
            ..Self::new(info_hash.truncated())
        }
    }

    /// A link to this torrent, with its name and the hashes of all its versions.
    pub fn of(info: &Info) -> Self {
        Self {
            info_hash_v2: info.v2().map(|v2| v2.info_hash()),
            name: Some(info.name().to_owned()),
            ..Self::new(info.info_hash())
        }
    }

    /// Whether the link names a torrent of version 2 alone.
    pub fn is_v2_only(&self) -> bool {
        self.info_hash_v2
            .is_some_and(|hash| hash.truncated() == self.info_hash)
    }

    /// Whether file number `index` is wanted.
    pub fn selects(&self, index: u32) -> bool {
        self.select.is_empty() || self.select.iter().any(|range| range.contains(&index))
    }
}

/// Reads a link to a torrent of any version.
impl FromStr for Magnet {
    type Err = MagnetError;

    fn from_str(text: &str) -> Result<Self, MagnetError> {
        read(text)
    }
}

/// A link that reads back as the same.
impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut topics = Vec::new();
        if !self.is_v2_only() {
            topics.push(format!("xt={BTIH}{}", self.info_hash));
        }
        topics.extend(
            self.info_hash_v2
                .map(|hash| format!("xt={BTMH}{}", hash.to_multihash())),
        );
        let mut link = format!("magnet:?{}", topics.join("&"));
        let lists = [
            ("tr", &self.trackers),
            ("ws", &self.web_seeds),
            ("xs", &self.sources),
            ("x.pe", &self.peers),
        ];
        let values = lists
            .into_iter()
            .flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
        for (key, value) in self.name.iter().map(|name| ("dn", name)).chain(values) {
            link.push('&');
            link.push_str(key);
            link.push('=');
            percent::encode(value.as_bytes(), &mut link);
        }
        let ranges = self
            .select
            .iter()
            .map(|range| match (range.start(), range.end()) {
                (first, last) if first == last => first.to_string(),
                (first, last) => format!("{first}-{last}"),
            });
        let ranges = ranges.collect::<Vec<_>>().join(",");
        if !ranges.is_empty() {
            link.push_str("&so=");
            link.push_str(&ranges);
        }
        f.write_str(&link)
    }
}

const BTIH: &str = "urn:btih:";
const BTMH: &str = "urn:btmh:";

/// Keys count in any case, and may be numbered (`tr.1`). What is not known is passed over.
fn read(text: &str) -> Result<Magnet, MagnetError> {
    let text = text.trim();
    if text.len() > MAX_LINK_LENGTH {
        return Err(MagnetError::TooLong(text.len()));
    }
    let query = match text.split_once('?') {
        Some((scheme, query)) if scheme.eq_ignore_ascii_case("magnet:") => query,
        _ => return Err(MagnetError::Scheme),
    };
    let mut magnet = Magnet::new(InfoHash([0; 20]));
    let mut topics = Topics::default();
    let mut acceptable = Vec::new();
    for (key, value) in percent::pairs(query) {
        let value = percent::decode_text(value);
        match unnumbered(&key.to_ascii_lowercase()) {
            "xt" => topics.read(&value),
            "dn" if magnet.name.is_none() && !value.is_empty() => magnet.name = Some(value),
            "tr" => add(&mut magnet.trackers, value),
            "ws" => add(&mut magnet.web_seeds, value),
            "x.pe" => add(&mut magnet.peers, value),
            "xs" => add(&mut magnet.sources, value),
            "as" => add(&mut acceptable, value),
            "so" => read_ranges(&value, &mut magnet.select),
            _ => {}
        }
    }
    (magnet.info_hash, magnet.info_hash_v2) = topics.hashes()?;
    acceptable
        .into_iter()
        .for_each(|source| add(&mut magnet.sources, source));
    Ok(magnet)
}

/// The first good hash of each version among the exact topics.
#[derive(Default)]
struct Topics {
    v1: Option<InfoHash>,
    v2: Option<InfoHashV2>,
    /// What was wrong with the last one that was not good.
    wrong: Option<InfoHashError>,
}

impl Topics {
    fn read(&mut self, value: &str) {
        let Some((urn, hash)) = value.split_at_checked(BTIH.len()) else {
            return;
        };
        if urn.eq_ignore_ascii_case(BTIH) && self.v1.is_none() {
            match hash.parse() {
                Ok(hash) => self.v1 = Some(hash),
                Err(error) => self.wrong = Some(error),
            }
        } else if urn.eq_ignore_ascii_case(BTMH) && self.v2.is_none() {
            match InfoHashV2::from_multihash(hash) {
                Ok(hash) => self.v2 = Some(hash),
                Err(error) => self.wrong = Some(error),
            }
        }
    }

    fn hashes(self) -> Result<(InfoHash, Option<InfoHashV2>), MagnetError> {
        match (self.v1, self.v2, self.wrong) {
            (Some(v1), v2, _) => Ok((v1, v2)),
            (None, Some(v2), _) => Ok((v2.truncated(), Some(v2))),
            (None, None, Some(error)) => Err(MagnetError::InfoHash(error)),
            (None, None, None) => Err(MagnetError::NoInfoHash),
        }
    }
}

/// `0,2,4-6`; what is no number or range is passed over.
fn read_ranges(value: &str, select: &mut Vec<RangeInclusive<u32>>) {
    for part in value.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse())
            && first <= last
            && select.len() < MAX_VALUES
        {
            select.push(first..=last);
        }
    }
}

fn add(values: &mut Vec<String>, value: String) {
    if values.len() < MAX_VALUES && !value.is_empty() && !values.contains(&value) {
        values.push(value);
    }
}

/// The key without the number that tells it from others of its name.
fn unnumbered(key: &str) -> &str {
    match key.rsplit_once('.') {
        Some((name, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36";

    #[test]
    fn everything_in_a_link_is_read() {
        let link = format!(
            "magnet:?xt=urn:btih:{HEX}&dn=Leaves+of%20Grass&tr=udp%3A%2F%2Ftracker.example%3A80&tr.1=http%3A%2F%2Fa.example%2F%3Fk%3D1%2B1\
             &ws=http://web.example/a&x.pe=10.0.0.1:6881&x.pe=%5B::1%5D:6881&xs=http://x.example/a.torrent&as=http://y.example/a.torrent&so=0,2,4-6&zz=1&flag"
        );
        let magnet: Magnet = link.parse().unwrap();
        assert_eq!(magnet.info_hash.to_string(), HEX);
        assert_eq!(magnet.name.as_deref(), Some("Leaves of Grass"));
        assert_eq!(
            magnet.trackers,
            ["udp://tracker.example:80", "http://a.example/?k=1+1"]
        );
        assert_eq!(magnet.web_seeds, ["http://web.example/a"]);
        assert_eq!(magnet.peers, ["10.0.0.1:6881", "[::1]:6881"]);
        assert_eq!(
            magnet.sources,
            ["http://x.example/a.torrent", "http://y.example/a.torrent"]
        );
        assert_eq!(magnet.select, [0..=0, 2..=2, 4..=6]);
        assert!(magnet.selects(5) && !magnet.selects(3));
    }

    #[test]
    fn what_is_written_reads_back_as_the_same() {
        let mut magnet = Magnet::new(HEX.parse().unwrap());
        assert_eq!(magnet.to_string().parse(), Ok(magnet.clone()));
        magnet.name = Some("ä & b = 100 % + \u{1f98a}".into());
        magnet.trackers = vec![
            "wss://a.example/announce?x=1&y=+".into(),
            "udp://[::1]:1".into(),
        ];
        magnet.web_seeds = vec!["http://w.example/ä".into()];
        magnet.sources = vec!["http://x.example/".into()];
        magnet.peers = vec!["[2001:db8::1]:1".into()];
        magnet.select = vec![1..=1, 3..=9];
        assert_eq!(magnet.to_string().parse(), Ok(magnet));
    }

    #[test]
    fn base32_hashes_and_any_case_are_read() {
        let magnet: Magnet = "MAGNET:?XT.1=URN:BTIH:2JDU5BWJLMM3RPH5XEV4CLE5IRTHZ6RW&DN=x"
            .parse()
            .unwrap();
        assert_eq!(magnet.info_hash.to_string(), HEX);
        assert_eq!(magnet.name.as_deref(), Some("x"));
    }

    #[test]
    fn a_hybrid_link_is_read_with_both_hashes_in_either_order() {
        let v2 = format!("urn:btmh:1220{}", "ab".repeat(32));
        for link in [
            format!("magnet:?xt=urn:btih:{HEX}&xt={v2}"),
            format!("magnet:?xt={v2}&xt=urn:btih:{HEX}"),
            format!("magnet:?xt=urn:btmh:12&xt={v2}&xt=urn:btih:12&xt=urn:btih:{HEX}"),
        ] {
            let magnet: Magnet = link.parse().unwrap();
            assert_eq!(magnet.info_hash.to_string(), HEX);
            assert_eq!(magnet.info_hash_v2, Some(InfoHashV2([0xab; 32])));
            let again = format!("magnet:?xt=urn:btih:{HEX}&xt={v2}");
            assert_eq!(magnet.to_string(), again);
            assert!(!magnet.is_v2_only());
        }
        let half_wrong = format!("magnet:?xt=urn:btih:{HEX}&xt=urn:btmh:1220ab");
        assert_eq!(half_wrong.parse::<Magnet>().unwrap().info_hash_v2, None);
    }

    #[test]
    fn a_link_of_version_2_alone_is_read() {
        let link = format!("magnet:?xt=urn:btmh:1220{}&dn=x", "ab".repeat(32));
        let magnet: Magnet = link.parse().unwrap();
        assert_eq!(magnet.info_hash, InfoHash([0xab; 20]));
        assert_eq!(magnet.to_string(), link);
        let made = Magnet {
            name: Some("x".into()),
            ..Magnet::new_v2(InfoHashV2([0xab; 32]))
        };
        assert_eq!(made, magnet);
        assert!(magnet.is_v2_only());
        let version_1 = format!("magnet:?xt=urn:btih:{HEX}");
        let magnet: Magnet = version_1.parse().unwrap();
        assert!(!magnet.is_v2_only());
        assert_eq!(
            "magnet:?xt=urn:btmh:1220ab".parse::<Magnet>(),
            Err(MagnetError::InfoHash(InfoHashError::Multihash))
        );
    }

    #[test]
    fn a_text_that_is_no_link_says_what_is_wrong() {
        for text in ["", "magnet:", "http://a.example/?xt=1", "magnet", "\u{e9}?"] {
            assert_eq!(text.parse::<Magnet>(), Err(MagnetError::Scheme));
        }
        for text in [
            "magnet:?",
            "magnet:?dn=a",
            "magnet:?xt=urn:sha1:abc",
            "magnet:?xt=",
            "magnet:?xt=é",
        ] {
            assert_eq!(text.parse::<Magnet>(), Err(MagnetError::NoInfoHash));
        }
        assert!(matches!(
            "magnet:?xt=urn:btih:12".parse::<Magnet>(),
            Err(MagnetError::InfoHash(_))
        ));
        let long = format!(
            "magnet:?xt=urn:btih:{HEX}&dn={}",
            "a".repeat(MAX_LINK_LENGTH)
        );
        assert!(matches!(
            long.parse::<Magnet>(),
            Err(MagnetError::TooLong(_))
        ));
    }

    #[test]
    fn no_list_grows_without_bound() {
        let many: String = (0..2000).map(|n| format!("&tr=a{n}&so={n}")).collect();
        let magnet: Magnet = format!("magnet:?xt=urn:btih:{HEX}{many}").parse().unwrap();
        assert_eq!(
            (magnet.trackers.len(), magnet.select.len()),
            (MAX_VALUES, MAX_VALUES)
        );
    }
}
