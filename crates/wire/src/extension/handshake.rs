//! The handshake of the extension protocol (BEP 10), in which peers give the ids of the extensions that they speak.

use super::ExtensionError;
use crate::bencode;
use serde::Serialize;
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The extended message id of the handshake itself.
pub const HANDSHAKE_ID: u8 = 0;

/// The longest extended handshake that is read, in bytes. Real ones have a few hundred.
pub const MAX_HANDSHAKE_LENGTH: usize = 16 * 1024;

/// The most extensions read from a handshake; real ones name about ten.
pub const MAX_EXTENSIONS: usize = 64;

/// The extended handshake (BEP 10).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtendedHandshake {
    /// The id under which the sender wants each extension's messages: not 0, which would mean that it is off.
    pub m: BTreeMap<String, u8>,
    /// The sender's name and version, for people (`v`).
    pub client: Option<String>,
    /// Bytes in the `info` dictionary, if the sender has it (BEP 9). Unchecked.
    pub metadata_size: Option<u32>,
    /// How many requests the sender holds before it drops some.
    pub reqq: Option<u32>,
    /// The sender's TCP listening port (`p`).
    pub port: Option<u16>,
    /// Our address, as the sender sees it (`yourip`).
    pub your_ip: Option<IpAddr>,
    /// A secret that the sender gives to this peer alone (`bk_secret`, 16 bytes, of Brackish): whoever repeats it
    /// on a second connection is the same sender, which a peer id does not prove.
    pub secret: Option<[u8; 16]>,
    /// Whether the sender wants nothing more though it is no seed (BEP 21).
    pub upload_only: bool,
}

impl ExtendedHandshake {
    /// The payload of the extended message [`HANDSHAKE_ID`].
    pub fn encode(&self) -> Vec<u8> {
        bencode::to_bytes(&HandshakeForm {
            bk_secret: self.secret.map(|secret| ByteBuf::from(secret.to_vec())),
            m: &self.m,
            metadata_size: self.metadata_size,
            p: self.port,
            reqq: self.reqq,
            upload_only: self.upload_only.then_some(1),
            v: self.client.as_deref(),
            yourip: self.your_ip.map(|ip| {
                ByteBuf::from(match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                })
            }),
        })
    }

    /// Reads the payload of the extended message [`HANDSHAKE_ID`]. Fields that make no sense are taken as not there.
    pub fn decode(payload: &[u8]) -> Result<Self, ExtensionError> {
        if payload.len() > MAX_HANDSHAKE_LENGTH {
            return Err(ExtensionError::TooLong {
                length: payload.len(),
            });
        }
        let wrong = |error| ExtensionError::Bencode {
            message: "handshake",
            error,
        };
        let mut handshake = Self::default();
        for entry in bencode::dict_entries(payload).map_err(wrong)? {
            let (key, value) = entry.map_err(wrong)?;
            match key {
                b"bk_secret" => {
                    let secret = bencode::byte_string(value).ok();
                    handshake.secret = secret.and_then(|secret| secret.try_into().ok());
                }
                b"m" => handshake.m = extensions(value),
                b"v" => handshake.client = text(value),
                b"metadata_size" => handshake.metadata_size = number(value),
                b"reqq" => handshake.reqq = number(value),
                b"p" => handshake.port = number(value).filter(|&port| port != 0),
                b"yourip" => handshake.your_ip = bencode::byte_string(value).ok().and_then(address),
                b"upload_only" => handshake.upload_only = bencode::int(value) == Ok(1),
                _ => {}
            }
        }
        Ok(handshake)
    }
}

#[derive(Serialize)]
struct HandshakeForm<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bk_secret: Option<ByteBuf>,
    m: &'a BTreeMap<String, u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_size: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reqq: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upload_only: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    v: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    yourip: Option<ByteBuf>,
}

fn extensions(raw: &[u8]) -> BTreeMap<String, u8> {
    let entries = bencode::dict_entries(raw)
        .into_iter()
        .flatten()
        .map_while(Result::ok);
    let named = entries.filter_map(|(name, id)| {
        let name = std::str::from_utf8(name).ok()?;
        Some((name.to_owned(), number(id).filter(|&id| id != 0)?))
    });
    named.take(MAX_EXTENSIONS).collect()
}

fn text(raw: &[u8]) -> Option<String> {
    bencode::byte_string(raw)
        .ok()
        .map(|text| String::from_utf8_lossy(text).into_owned())
}

fn number<T: TryFrom<i64>>(raw: &[u8]) -> Option<T> {
    bencode::int(raw)
        .ok()
        .and_then(|value| value.try_into().ok())
}

fn address(raw: &[u8]) -> Option<IpAddr> {
    match *raw {
        [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).into()),
        _ => <[u8; 16]>::try_from(raw)
            .ok()
            .map(|octets| Ipv6Addr::from(octets).into()),
    }
}
