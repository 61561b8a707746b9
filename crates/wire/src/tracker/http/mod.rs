//! HTTP trackers: announce (BEP 3, compact peers of BEP 23 and BEP 7, retry of BEP 31) and scrape (BEP 48), from the
//! peer's side and from the tracker's.

mod server;

pub use server::{
    AnnounceQuery, MAX_QUERY_LENGTH, QueryError, encode_announce_response, encode_scrape_response,
    failure, parse_announce_query, parse_scrape_query,
};

use super::{AnnounceRequest, AnnounceResponse, MAX_PEERS, MAX_SCRAPE, ScrapeEntry, add_peers};
use crate::bencode::{self, BencodeError};
use crate::compact;
use crate::{InfoHash, percent};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

/// The longest response worth reading from a tracker, in bytes: 1000 peers in dictionary form have about 100 KB.
pub const MAX_RESPONSE_LENGTH: usize = 1024 * 1024;

/// Seconds between announces when the tracker does not say.
pub const DEFAULT_INTERVAL: u32 = 1800;

/// Why an HTTP tracker cannot be asked, or what it said is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpTrackerError {
    /// The tracker's URL is not of `http` or `https`, or has characters that a URL cannot have.
    #[error("{url:?} is not an HTTP tracker's URL")]
    Url {
        /// The URL.
        url: String,
    },
    /// The tracker's URL has no scrape form (BEP 48).
    #[error("the tracker {url:?} cannot be scraped: its path does not end in \"announce\"")]
    NoScrape {
        /// The announce URL.
        url: String,
    },
    /// The tracker refuses.
    #[error("the tracker refuses: {reason}")]
    Failure {
        /// Its words.
        reason: String,
        /// What it says about asking again.
        retry: Option<Retry>,
    },
    /// The response is not the bencode that it should be.
    #[error("the tracker's response is malformed: {0}")]
    Response(#[from] BencodeError),
    /// A field of the response makes no sense.
    #[error("the tracker's response is malformed: field {field}")]
    Field {
        /// The field.
        field: &'static str,
    },
}

/// When to ask again after a failure (BEP 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// After so many minutes.
    Minutes(u32),
    /// Never.
    Never,
}

/// The URL of an announce: the tracker's with the request as its query. `tracker_id` is what the tracker gave last.
pub fn announce_url(
    base: &str,
    request: &AnnounceRequest,
    tracker_id: Option<&[u8]>,
) -> Result<String, HttpTrackerError> {
    let mut url = with_query(base)?;
    url.push_str("info_hash=");
    percent::encode(&request.info_hash.0, &mut url);
    url.push_str("&peer_id=");
    percent::encode(&request.peer_id.0, &mut url);
    let AnnounceRequest {
        port,
        uploaded,
        downloaded,
        left,
        key,
        ..
    } = request;
    // Writing to a String cannot fail.
    let _ = write!(
        url,
        "&port={port}&uploaded={uploaded}&downloaded={downloaded}&left={left}&compact=1&no_peer_id=1&key={key:08X}"
    );
    if let Some(event) = request.event.name() {
        let _ = write!(url, "&event={event}");
    }
    if let Some(numwant) = request.numwant {
        let _ = write!(url, "&numwant={numwant}");
    }
    if let Some(tracker_id) = tracker_id {
        url.push_str("&trackerid=");
        percent::encode(tracker_id, &mut url);
    }
    Ok(url)
}

/// Reads the body of an announce's response. What makes no sense in it is passed over, so that its peers can be used: a
/// number may be a text of digits, a missing or negative interval counts as [`DEFAULT_INTERVAL`], and where there are peers
/// a reason for a failure is a warning.
pub fn parse_announce_response(body: &[u8]) -> Result<AnnounceResponse, HttpTrackerError> {
    let body = body.trim_ascii_start();
    let mut response = AnnounceResponse {
        interval: DEFAULT_INTERVAL,
        ..AnnounceResponse::default()
    };
    for entry in bencode::dict_entries(body)? {
        let (key, value) = entry?;
        match key {
            b"interval" => response.interval = number(value).unwrap_or(DEFAULT_INTERVAL),
            b"min interval" => response.min_interval = number(value),
            b"complete" => response.complete = number(value),
            b"incomplete" => response.incomplete = number(value),
            b"tracker id" => {
                response.tracker_id = bencode::byte_string(value).ok().map(<[u8]>::to_vec)
            }
            b"warning message" => response.warning = text(value),
            b"peers" => read_peers(value, compact_v4, &mut response),
            b"peers6" => read_peers(value, compact_v6, &mut response),
            _ => {}
        }
    }
    if let Err(failure) = refuse_failure(body) {
        match failure {
            HttpTrackerError::Failure { reason, .. } if has_peers(&response) => {
                response.warning = Some(reason);
            }
            failure => return Err(failure),
        }
    }
    Ok(response)
}

fn has_peers(response: &AnnounceResponse) -> bool {
    !response.peers.is_empty() || !response.hosts.is_empty()
}

/// The URL that gives the figures of these swarms, at most [`MAX_SCRAPE`] of them: the announce URL with `announce` at
/// the beginning of its last part replaced by `scrape` (BEP 48).
pub fn scrape_url(
    announce_url: &str,
    info_hashes: &[InfoHash],
) -> Result<String, HttpTrackerError> {
    let no_scrape = || HttpTrackerError::NoScrape {
        url: announce_url.to_owned(),
    };
    let (path, query) = announce_url
        .split_once('?')
        .map_or((announce_url, None), |(path, query)| (path, Some(query)));
    let (folder, page) = path.rsplit_once('/').ok_or_else(no_scrape)?;
    let rest = page.strip_prefix("announce").ok_or_else(no_scrape)?;
    let mut scrape = format!("{folder}/scrape{rest}");
    if let Some(query) = query {
        scrape.push('?');
        scrape.push_str(query);
    }
    let mut url = with_query(&scrape)?;
    for (index, info_hash) in info_hashes.iter().take(MAX_SCRAPE).enumerate() {
        url.push_str(if index == 0 {
            "info_hash="
        } else {
            "&info_hash="
        });
        percent::encode(&info_hash.0, &mut url);
    }
    Ok(url)
}

/// Reads the body of a scrape's response, at most [`MAX_SCRAPE`] swarms of it.
pub fn parse_scrape_response(
    body: &[u8],
) -> Result<Vec<(InfoHash, ScrapeEntry)>, HttpTrackerError> {
    refuse_failure(body)?;
    let files =
        bencode::dict_entry(body, b"files")?.ok_or(HttpTrackerError::Field { field: "files" })?;
    let mut entries = Vec::new();
    for entry in bencode::dict_entries(files)?.take(MAX_SCRAPE) {
        let (name, figures) = entry?;
        let Ok(info_hash) = name.try_into() else {
            continue;
        };
        let mut swarm = ScrapeEntry::default();
        for figure in bencode::dict_entries(figures)? {
            let (key, value) = figure?;
            match key {
                b"complete" => swarm.complete = number(value).unwrap_or(0),
                b"incomplete" => swarm.incomplete = number(value).unwrap_or(0),
                b"downloaded" => swarm.downloaded = number(value).unwrap_or(0),
                _ => {}
            }
        }
        entries.push((InfoHash(info_hash), swarm));
    }
    Ok(entries)
}

/// The URL up to where its query goes on: behind `?`, or behind `&` if it has a query.
fn with_query(base: &str) -> Result<String, HttpTrackerError> {
    let scheme = base
        .split_once("://")
        .map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    let usable = match &scheme {
        Some((scheme, rest)) if scheme == "http" || scheme == "https" => {
            !rest.is_empty() && !rest.starts_with('/')
        }
        _ => false,
    };
    if !usable || base.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(HttpTrackerError::Url {
            url: base.to_owned(),
        });
    }
    let base = base.split_once('#').map_or(base, |(base, _)| base);
    let mut url = String::with_capacity(base.len() + 320);
    url.push_str(base);
    match base.split_once('?') {
        None => url.push('?'),
        Some((_, query)) if query.is_empty() || query.ends_with('&') => {}
        Some(_) => url.push('&'),
    }
    Ok(url)
}

/// Gives the tracker's refusal, if the body is one.
fn refuse_failure(body: &[u8]) -> Result<(), HttpTrackerError> {
    let Some(reason) = bencode::dict_entry(body, b"failure reason")? else {
        return Ok(());
    };
    let retry = bencode::dict_entry(body, b"retry in")?.and_then(|value| match number(value) {
        Some(minutes) => Some(Retry::Minutes(minutes)),
        None => (bencode::byte_string(value) == Ok(b"never")).then_some(Retry::Never),
    });
    Err(HttpTrackerError::Failure {
        reason: text(reason).unwrap_or_default(),
        retry,
    })
}

/// Peers are a string of compact peers (BEP 23, BEP 7) or a list of dictionaries (BEP 3).
fn read_peers(
    value: &[u8],
    add_compact: impl Fn(&[u8], &mut Vec<SocketAddr>),
    response: &mut AnnounceResponse,
) {
    if let Ok(raw) = bencode::byte_string(value) {
        add_compact(raw, &mut response.peers);
    }
    let items = bencode::list_items(value).into_iter().flatten();
    for item in items.map_while(Result::ok).take(MAX_PEERS) {
        let field = |key| bencode::dict_entry(item, key).ok().flatten();
        let (Some(host), Some(port)) = (field(b"ip").and_then(text), field(b"port")) else {
            continue;
        };
        let Some(port) = number::<u16>(port).filter(|port| *port > 0) else {
            continue;
        };
        let host = host.trim().trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(ip) => add_peers(&mut response.peers, [SocketAddr::new(ip, port)]),
            Err(_) if is_host_name(host) && response.hosts.len() < MAX_PEERS => {
                response.hosts.push((host.to_owned(), port));
            }
            Err(_) => {}
        }
    }
}

fn compact_v4(raw: &[u8], peers: &mut Vec<SocketAddr>) {
    add_peers(peers, compact::v4(raw));
}

fn compact_v6(raw: &[u8], peers: &mut Vec<SocketAddr>) {
    add_peers(peers, compact::v6(raw));
}

/// Whether a text can be the name of a host: 253 bytes of letters, digits, `-`, `_` and dots (RFC 1123).
fn is_host_name(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// An integer, or a text of one.
fn number<T: TryFrom<i64>>(raw: &[u8]) -> Option<T> {
    let value = match bencode::byte_string(raw) {
        Ok(digits) => std::str::from_utf8(digits).ok()?.trim().parse().ok()?,
        Err(_) => bencode::int(raw).ok()?,
    };
    value.try_into().ok()
}

fn text(raw: &[u8]) -> Option<String> {
    bencode::byte_string(raw)
        .ok()
        .map(|text| String::from_utf8_lossy(text).into_owned())
}
