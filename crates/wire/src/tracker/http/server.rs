//! An HTTP tracker's side: reads the raw query of a request's URL, writes the response's body.

use crate::compact;
use crate::tracker::{AnnounceRequest, AnnounceResponse, Event, MAX_SCRAPE, ScrapeEntry};
use crate::{InfoHash, PeerId, percent};
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The longest query read, in bytes: a full scrape has 5,400.
pub const MAX_QUERY_LENGTH: usize = 8 * 1024;

/// What a peer asked of an HTTP tracker with an announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceQuery {
    /// The announce.
    pub request: AnnounceRequest,
    /// Whether peers may be given in compact form: unless it asks for the other.
    pub compact: bool,
    /// An address that the peer says it has (`ip`, `ipv4`): not to be believed from elsewhere than its own network.
    pub ip: Option<IpAddr>,
    /// An IPv6 address that the peer says it has besides (`ipv6`, BEP 7).
    pub ipv6: Option<Ipv6Addr>,
    /// What the tracker gave with its last response.
    pub tracker_id: Option<Vec<u8>>,
}

/// A query that is no announce or scrape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The query is longer than [`MAX_QUERY_LENGTH`].
    #[error("the query is too long ({0} bytes)")]
    TooLong(usize),
    /// A parameter that an announce must have is not there.
    #[error("{parameter} is missing")]
    Missing {
        /// The parameter.
        parameter: &'static str,
    },
    /// A parameter is not what it should be.
    #[error("{parameter} is not valid")]
    Parameter {
        /// The parameter.
        parameter: &'static str,
    },
}

/// Reads an announce from the raw, still encoded query of its URL (what follows the `?`).
///
/// `info_hash`, `peer_id` and `port` must be there; a missing `left` makes the peer no seed. Where a parameter is given
/// twice the first counts.
pub fn parse_announce_query(query: &str) -> Result<AnnounceQuery, QueryError> {
    let mut info_hash = None;
    let mut peer_id = None;
    let mut port = None;
    let mut uploaded = None;
    let mut downloaded = None;
    let mut left = None;
    let mut event = None;
    let mut numwant = None;
    let mut key = None;
    let mut compact = None;
    let mut ip = None;
    let mut ipv6 = None;
    let mut tracker_id = None;
    for (parameter, value) in percent::pairs(bounded(query)?) {
        match parameter {
            "info_hash" => first(&mut info_hash, || name(value, "info_hash"))?,
            "peer_id" => first(&mut peer_id, || name(value, "peer_id"))?,
            "port" => first(&mut port, || number(value, "port"))?,
            "uploaded" => first(&mut uploaded, || number(value, "uploaded"))?,
            "downloaded" => first(&mut downloaded, || number(value, "downloaded"))?,
            "left" => first(&mut left, || number(value, "left"))?,
            "event" => first(&mut event, || Ok(Event::from_name(value)))?,
            // Some clients send -1 for "as many as you like".
            "numwant" => first(&mut numwant, || Ok(value.parse().ok()))?,
            "key" => first(&mut key, || Ok(read_key(value)))?,
            "compact" => first(&mut compact, || Ok(value != "0"))?,
            "ip" | "ipv4" => first(&mut ip, || Ok(read_ip(value)))?,
            "ipv6" => first(&mut ipv6, || Ok(read_ipv6(value)))?,
            "trackerid" => first(&mut tracker_id, || Ok(percent::decode(value).collect()))?,
            _ => {}
        }
    }
    let missing = |parameter| QueryError::Missing { parameter };
    Ok(AnnounceQuery {
        request: AnnounceRequest {
            info_hash: InfoHash(info_hash.ok_or(missing("info_hash"))?),
            peer_id: PeerId(peer_id.ok_or(missing("peer_id"))?),
            port: port.ok_or(missing("port"))?,
            uploaded: uploaded.unwrap_or(0),
            downloaded: downloaded.unwrap_or(0),
            left: left.unwrap_or(u64::MAX),
            event: event.unwrap_or_default(),
            numwant: numwant.flatten(),
            key: key.unwrap_or(0),
        },
        compact: compact.unwrap_or(true),
        ip: ip.flatten(),
        ipv6: ipv6.flatten(),
        tracker_id,
    })
}

/// Reads the info-hashes of a scrape from the raw query of its URL, at most [`MAX_SCRAPE`]. None means all swarms.
pub fn parse_scrape_query(query: &str) -> Result<Vec<InfoHash>, QueryError> {
    let pairs = percent::pairs(bounded(query)?).filter(|(parameter, _)| *parameter == "info_hash");
    pairs
        .take(MAX_SCRAPE)
        .map(|(_, value)| name(value, "info_hash").map(InfoHash))
        .collect()
}

/// Writes the body of an announce's response: IPv4 peers as `peers`, IPv6 peers as `peers6`; or all as a list of
/// dictionaries, for the few clients that ask for it.
pub fn encode_announce_response(response: &AnnounceResponse, compact: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(160 + response.peers.len() * if compact { 18 } else { 64 });
    out.push(b'd');
    put_optional_int(&mut out, "complete", response.complete);
    put_optional_int(&mut out, "incomplete", response.incomplete);
    put_optional_int(&mut out, "interval", Some(response.interval));
    put_optional_int(&mut out, "min interval", response.min_interval);
    if compact {
        put_compact(
            &mut out,
            "peers",
            response.peers.iter().filter(|peer| peer.is_ipv4()),
            6,
        );
        if response.peers.iter().any(SocketAddr::is_ipv6) {
            put_compact(
                &mut out,
                "peers6",
                response.peers.iter().filter(|peer| peer.is_ipv6()),
                18,
            );
        }
    } else {
        put_string(&mut out, b"peers");
        out.push(b'l');
        for peer in &response.peers {
            out.push(b'd');
            put_string(&mut out, b"ip");
            put_string(&mut out, peer.ip().to_string().as_bytes());
            put_optional_int(&mut out, "port", Some(peer.port().into()));
            out.push(b'e');
        }
        out.push(b'e');
    }
    if let Some(tracker_id) = &response.tracker_id {
        put_string(&mut out, b"tracker id");
        put_string(&mut out, tracker_id);
    }
    if let Some(warning) = &response.warning {
        put_string(&mut out, b"warning message");
        put_string(&mut out, warning.as_bytes());
    }
    out.push(b'e');
    out
}

/// Writes the body of a refusal.
pub fn failure(reason: &str) -> Vec<u8> {
    let mut out = vec![b'd'];
    put_string(&mut out, b"failure reason");
    put_string(&mut out, reason.as_bytes());
    out.push(b'e');
    out
}

/// Writes the body of a scrape's response. Swarms are sorted by info-hash, as bencode has it; one that is there twice
/// is written once.
pub fn encode_scrape_response(entries: &[(InfoHash, ScrapeEntry)]) -> Vec<u8> {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(info_hash, _)| *info_hash);
    sorted.dedup_by_key(|(info_hash, _)| *info_hash);
    let mut out = Vec::with_capacity(32 + sorted.len() * 96);
    out.push(b'd');
    put_string(&mut out, b"files");
    out.push(b'd');
    for (info_hash, entry) in sorted {
        put_string(&mut out, &info_hash.0);
        out.push(b'd');
        put_optional_int(&mut out, "complete", Some(entry.complete));
        put_optional_int(&mut out, "downloaded", Some(entry.downloaded));
        put_optional_int(&mut out, "incomplete", Some(entry.incomplete));
        out.push(b'e');
    }
    out.extend_from_slice(b"ee");
    out
}

fn bounded(query: &str) -> Result<&str, QueryError> {
    if query.len() > MAX_QUERY_LENGTH {
        Err(QueryError::TooLong(query.len()))
    } else {
        Ok(query)
    }
}

fn first<T>(
    slot: &mut Option<T>,
    read: impl FnOnce() -> Result<T, QueryError>,
) -> Result<(), QueryError> {
    if slot.is_none() {
        *slot = Some(read()?);
    }
    Ok(())
}

fn name(value: &str, parameter: &'static str) -> Result<[u8; 20], QueryError> {
    let mut bytes = percent::decode(value);
    let mut name = [0; 20];
    for byte in &mut name {
        *byte = bytes.next().ok_or(QueryError::Parameter { parameter })?;
    }
    if bytes.next().is_some() {
        Err(QueryError::Parameter { parameter })
    } else {
        Ok(name)
    }
}

fn number<T: std::str::FromStr>(value: &str, parameter: &'static str) -> Result<T, QueryError> {
    value
        .parse()
        .map_err(|_| QueryError::Parameter { parameter })
}

/// Keys are eight hexadecimal digits by custom, but may be anything: other keys give a number that depends on them.
fn read_key(value: &str) -> u32 {
    u32::from_str_radix(value, 16).unwrap_or_else(|_| {
        percent::decode(value).fold(0x811c_9dc5, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        })
    })
}

fn read_ip(value: &str) -> Option<IpAddr> {
    let text = percent::decode_text(value);
    text.parse()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn read_ipv6(value: &str) -> Option<Ipv6Addr> {
    match read_ip(value) {
        Some(IpAddr::V6(ip)) => Some(ip),
        Some(IpAddr::V4(_)) | None => None,
    }
}

fn put_compact<'a>(
    out: &mut Vec<u8>,
    key: &str,
    peers: impl Iterator<Item = &'a SocketAddr> + Clone,
    size: usize,
) {
    put_string(out, key.as_bytes());
    put_length(out, peers.clone().count() * size);
    peers.for_each(|peer| compact::write(peer, out));
}

fn put_optional_int(out: &mut Vec<u8>, key: &str, value: Option<u32>) {
    if let Some(value) = value {
        put_string(out, key.as_bytes());
        // Writing to a Vec cannot fail.
        let _ = write!(out, "i{value}e");
    }
}

fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    put_length(out, value.len());
    out.extend_from_slice(value);
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    let _ = write!(out, "{length}:");
}
