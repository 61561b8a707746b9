//! UDP trackers (BEP 15), with the tracker's path and query as an option of the announce (BEP 41). Numbers are highest
//! byte first.

use super::{AnnounceRequest, Event, MAX_SCRAPE, ScrapeEntry, add_peers};
use crate::compact;
use crate::{InfoHash, PeerId};
use std::net::SocketAddr;

/// The longest datagram written or worth reading, in bytes: fewer than a path in use may carry whole.
pub const MAX_DATAGRAM: usize = 1500;

/// The longest path and query sent with an announce, in bytes; longer ones are cut.
pub const MAX_URL_DATA: usize = 1024;

/// What a peer sends to a tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Asks for a connection id.
    Connect {
        /// Any number, which the response repeats.
        transaction_id: u32,
    },
    /// Announces.
    Announce {
        /// From the response to [`Request::Connect`], at most a minute old.
        connection_id: u64,
        /// Any number, which the response repeats.
        transaction_id: u32,
        /// The announce.
        request: AnnounceRequest,
        /// Path and query of the tracker's URL (BEP 41); empty if it has none.
        url_data: Vec<u8>,
    },
    /// Asks for the figures of swarms.
    Scrape {
        /// From the response to [`Request::Connect`], at most a minute old.
        connection_id: u64,
        /// Any number, which the response repeats.
        transaction_id: u32,
        /// The swarms, at most [`MAX_SCRAPE`].
        info_hashes: Vec<InfoHash>,
    },
}

/// What a tracker sends to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// Gives a connection id.
    Connect {
        /// The request's.
        transaction_id: u32,
        /// To be sent with announces and scrapes.
        connection_id: u64,
    },
    /// Answers an announce.
    Announce {
        /// The request's.
        transaction_id: u32,
        /// Seconds until the next announce.
        interval: u32,
        /// How many peers lack something.
        incomplete: u32,
        /// How many peers have everything.
        complete: u32,
        /// Where other peers are, all of the family over which the datagram came.
        peers: Vec<SocketAddr>,
    },
    /// Answers a scrape, in the order of its info-hashes.
    Scrape {
        /// The request's.
        transaction_id: u32,
        /// The figures.
        entries: Vec<ScrapeEntry>,
    },
    /// Refuses.
    Error {
        /// The request's.
        transaction_id: u32,
        /// Words for the user.
        message: String,
    },
}

/// A datagram that is no message of this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UdpTrackerError {
    /// It is too short for its action.
    #[error("a UDP tracker's message of {length} bytes is too short")]
    TooShort {
        /// Its length.
        length: usize,
    },
    /// It does not begin with the protocol's id.
    #[error("not a UDP tracker's message: wrong protocol id")]
    Protocol,
    /// Its action is none of the protocol's.
    #[error("a UDP tracker's message has the unknown action {0}")]
    Action(u32),
}

impl Request {
    /// The datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        match self {
            Self::Connect { transaction_id } => {
                put_head(&mut out, PROTOCOL_ID, CONNECT, *transaction_id)
            }
            Self::Announce {
                connection_id,
                transaction_id,
                request,
                url_data,
            } => {
                put_head(&mut out, *connection_id, ANNOUNCE, *transaction_id);
                out.extend_from_slice(&request.info_hash.0);
                out.extend_from_slice(&request.peer_id.0);
                out.extend_from_slice(&request.downloaded.to_be_bytes());
                out.extend_from_slice(&request.left.to_be_bytes());
                out.extend_from_slice(&request.uploaded.to_be_bytes());
                out.extend_from_slice(&event_number(request.event).to_be_bytes());
                // The address that the datagram comes from is the peer's.
                out.extend_from_slice(&[0; 4]);
                out.extend_from_slice(&request.key.to_be_bytes());
                let numwant = request
                    .numwant
                    .map_or(-1, |numwant| i32::try_from(numwant).unwrap_or(i32::MAX));
                out.extend_from_slice(&numwant.to_be_bytes());
                out.extend_from_slice(&request.port.to_be_bytes());
                for part in url_data.get(..MAX_URL_DATA).unwrap_or(url_data).chunks(255) {
                    out.extend_from_slice(&[OPTION_URL_DATA, part.len() as u8]);
                    out.extend_from_slice(part);
                }
            }
            Self::Scrape {
                connection_id,
                transaction_id,
                info_hashes,
            } => {
                put_head(&mut out, *connection_id, SCRAPE, *transaction_id);
                info_hashes
                    .iter()
                    .take(MAX_SCRAPE)
                    .for_each(|info_hash| out.extend_from_slice(&info_hash.0));
            }
        }
        out
    }

    /// Reads a datagram that a tracker got.
    pub fn decode(datagram: &[u8]) -> Result<Self, UdpTrackerError> {
        let mut rest = datagram;
        let read = Self::read(&mut rest);
        read.unwrap_or(Err(UdpTrackerError::TooShort {
            length: datagram.len(),
        }))
    }

    fn read(rest: &mut &[u8]) -> Option<Result<Self, UdpTrackerError>> {
        let connection_id = u64::from_be_bytes(take(rest)?);
        let action = u32::from_be_bytes(take(rest)?);
        let transaction_id = u32::from_be_bytes(take(rest)?);
        Some(Ok(match action {
            CONNECT if connection_id != PROTOCOL_ID => return Some(Err(UdpTrackerError::Protocol)),
            CONNECT => Self::Connect { transaction_id },
            ANNOUNCE => {
                let info_hash = InfoHash(take(rest)?);
                let peer_id = PeerId(take(rest)?);
                let downloaded = u64::from_be_bytes(take(rest)?);
                let left = u64::from_be_bytes(take(rest)?);
                let uploaded = u64::from_be_bytes(take(rest)?);
                let event = event_of(u32::from_be_bytes(take(rest)?));
                let [_, _, _, _] = take(rest)?;
                let key = u32::from_be_bytes(take(rest)?);
                let numwant = u32::try_from(i32::from_be_bytes(take(rest)?)).ok();
                let port = u16::from_be_bytes(take(rest)?);
                let request = AnnounceRequest {
                    info_hash,
                    peer_id,
                    port,
                    uploaded,
                    downloaded,
                    left,
                    event,
                    numwant,
                    key,
                };
                Self::Announce {
                    connection_id,
                    transaction_id,
                    request,
                    url_data: read_url_data(rest),
                }
            }
            SCRAPE => {
                let info_hashes = rest
                    .as_chunks()
                    .0
                    .iter()
                    .take(MAX_SCRAPE)
                    .copied()
                    .map(InfoHash)
                    .collect();
                Self::Scrape {
                    connection_id,
                    transaction_id,
                    info_hashes,
                }
            }
            other => return Some(Err(UdpTrackerError::Action(other))),
        }))
    }
}

impl Response {
    /// The datagram. Peers must all be of the family over which it is sent.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Connect {
                transaction_id,
                connection_id,
            } => {
                put_u32s(&mut out, [CONNECT, *transaction_id]);
                out.extend_from_slice(&connection_id.to_be_bytes());
            }
            Self::Announce {
                transaction_id,
                interval,
                incomplete,
                complete,
                peers,
            } => {
                put_u32s(
                    &mut out,
                    [ANNOUNCE, *transaction_id, *interval, *incomplete, *complete],
                );
                peers.iter().for_each(|peer| compact::write(peer, &mut out));
            }
            Self::Scrape {
                transaction_id,
                entries,
            } => {
                put_u32s(&mut out, [SCRAPE, *transaction_id]);
                for entry in entries {
                    put_u32s(
                        &mut out,
                        [entry.complete, entry.downloaded, entry.incomplete],
                    );
                }
            }
            Self::Error {
                transaction_id,
                message,
            } => {
                put_u32s(&mut out, [ERROR, *transaction_id]);
                out.extend_from_slice(message.as_bytes());
            }
        }
        out
    }

    /// Reads a datagram that a peer got; `ipv6` says over which family, which is that of the peers in it.
    pub fn decode(datagram: &[u8], ipv6: bool) -> Result<Self, UdpTrackerError> {
        let mut rest = datagram;
        Self::read(&mut rest, ipv6).unwrap_or(Err(UdpTrackerError::TooShort {
            length: datagram.len(),
        }))
    }

    /// The number that tells which request this answers.
    pub fn transaction_id(&self) -> u32 {
        match *self {
            Self::Connect { transaction_id, .. }
            | Self::Announce { transaction_id, .. }
            | Self::Scrape { transaction_id, .. }
            | Self::Error { transaction_id, .. } => transaction_id,
        }
    }

    fn read(rest: &mut &[u8], ipv6: bool) -> Option<Result<Self, UdpTrackerError>> {
        let action = u32::from_be_bytes(take(rest)?);
        let transaction_id = u32::from_be_bytes(take(rest)?);
        Some(Ok(match action {
            CONNECT => Self::Connect {
                transaction_id,
                connection_id: u64::from_be_bytes(take(rest)?),
            },
            ANNOUNCE => {
                let interval = u32::from_be_bytes(take(rest)?);
                let incomplete = u32::from_be_bytes(take(rest)?);
                let complete = u32::from_be_bytes(take(rest)?);
                let mut peers = Vec::new();
                if ipv6 {
                    add_peers(&mut peers, compact::v6(rest))
                } else {
                    add_peers(&mut peers, compact::v4(rest))
                }
                Self::Announce {
                    transaction_id,
                    interval,
                    incomplete,
                    complete,
                    peers,
                }
            }
            SCRAPE => {
                let figures = rest.as_chunks::<12>().0.iter().take(MAX_SCRAPE);
                let entries = figures.filter_map(|figures| {
                    let mut figures = &figures[..];
                    Some(ScrapeEntry {
                        complete: u32::from_be_bytes(take(&mut figures)?),
                        downloaded: u32::from_be_bytes(take(&mut figures)?),
                        incomplete: u32::from_be_bytes(take(&mut figures)?),
                    })
                });
                Self::Scrape {
                    transaction_id,
                    entries: entries.collect(),
                }
            }
            ERROR => Self::Error {
                transaction_id,
                message: String::from_utf8_lossy(rest).into_owned(),
            },
            other => return Some(Err(UdpTrackerError::Action(other))),
        }))
    }
}

const PROTOCOL_ID: u64 = 0x0417_2710_1980;
const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;
const OPTION_END: u8 = 0;
const OPTION_NOTHING: u8 = 1;
const OPTION_URL_DATA: u8 = 2;

fn put_head(out: &mut Vec<u8>, connection_id: u64, action: u32, transaction_id: u32) {
    out.extend_from_slice(&connection_id.to_be_bytes());
    put_u32s(out, [action, transaction_id]);
}

fn put_u32s<const N: usize>(out: &mut Vec<u8>, numbers: [u32; N]) {
    numbers
        .iter()
        .for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

/// The URL data among the options, as far as they are well-formed.
fn read_url_data(rest: &mut &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    while let Some([option]) = take(rest) {
        match option {
            OPTION_END => break,
            OPTION_NOTHING => continue,
            _ => {}
        }
        let Some([length]) = take(rest) else { break };
        let Some((value, after)) = rest.split_at_checked(length.into()) else {
            break;
        };
        *rest = after;
        if option == OPTION_URL_DATA && data.len() + value.len() <= MAX_URL_DATA {
            data.extend_from_slice(value);
        }
    }
    data
}

fn event_number(event: Event) -> u32 {
    match event {
        Event::None => 0,
        Event::Completed => 1,
        Event::Started => 2,
        Event::Stopped => 3,
    }
}

fn event_of(number: u32) -> Event {
    match number {
        1 => Event::Completed,
        2 => Event::Started,
        3 => Event::Stopped,
        _ => Event::None,
    }
}
