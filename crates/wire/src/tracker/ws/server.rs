//! What the tracker says to a peer.

use super::binary::{
    Name, Number, Text, push_name, push_name_field, push_number_field, push_text_field, required,
};
use super::client::start;
use super::sdp::Description;
use super::{MAX_SCRAPE, OfferId, Sdp, WsError, json_error, unknown_action};
use crate::tracker::ScrapeEntry;
use crate::{InfoHash, PeerId};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A message from the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerMessage<'a> {
    /// The response to an announce.
    Announce {
        /// The swarm.
        info_hash: InfoHash,
        /// Seconds until the next regular announce.
        interval: Option<u32>,
        /// Seconds that must pass before any announce.
        min_interval: Option<u32>,
        /// How many peers have everything.
        complete: Option<u32>,
        /// How many peers lack something.
        incomplete: Option<u32>,
        /// To be sent back with the next announce.
        tracker_id: Option<Cow<'a, str>>,
        /// Words for the user; the announce succeeded.
        warning: Option<Cow<'a, str>>,
    },
    /// Another peer's offer.
    Offer {
        /// The swarm.
        info_hash: InfoHash,
        /// Who made the offer.
        peer_id: PeerId,
        /// Its name, for the answer.
        offer_id: OfferId,
        /// The offer.
        sdp: Sdp<'a>,
    },
    /// Another peer's answer to one of our offers.
    Answer {
        /// The swarm.
        info_hash: InfoHash,
        /// Who answered.
        peer_id: PeerId,
        /// Which of our offers.
        offer_id: OfferId,
        /// The answer.
        sdp: Sdp<'a>,
    },
    /// The response to a scrape.
    Scrape {
        /// The figures of each swarm; at most [`MAX_SCRAPE`] are read.
        files: Vec<(InfoHash, ScrapeEntry)>,
    },
    /// The tracker refuses.
    Failure {
        /// The swarm, if it is about one.
        info_hash: Option<InfoHash>,
        /// Words for the user.
        reason: Cow<'a, str>,
    },
}

impl<'a> ServerMessage<'a> {
    /// Reads a message from a tracker.
    pub fn parse(text: &'a str) -> Result<Self, WsError> {
        let fields: Fields<'a> = serde_json::from_str(text).map_err(json_error)?;
        if let Some(Text(reason)) = fields.failure {
            let info_hash = fields.info_hash.and_then(|name| name.get("info_hash").ok());
            return Ok(Self::Failure { info_hash, reason });
        }
        match fields.action.as_ref().map(|text| &*text.0) {
            Some("announce") => fields.announce(),
            Some("scrape") => Ok(Self::Scrape {
                files: fields.files.map_or(Vec::new(), |files| files.0),
            }),
            Some(other) => Err(unknown_action(other)),
            None => Err(WsError::Missing { field: "action" }),
        }
    }

    /// The message as JSON text.
    pub fn to_json(&self) -> String {
        match self {
            Self::Announce {
                info_hash,
                interval,
                min_interval,
                complete,
                incomplete,
                tracker_id,
                warning,
            } => {
                let words = tracker_id
                    .iter()
                    .chain(warning)
                    .map(|text| text.len() + 32)
                    .sum::<usize>();
                let mut out = start("announce", words + 240);
                push_name_field(&mut out, "info_hash", &info_hash.0);
                let numbers = [
                    ("interval", interval),
                    ("min interval", min_interval),
                    ("complete", complete),
                    ("incomplete", incomplete),
                ];
                for (key, number) in numbers {
                    if let Some(number) = *number {
                        push_number_field(&mut out, key, number.into());
                    }
                }
                if let Some(tracker_id) = tracker_id {
                    push_text_field(&mut out, "tracker id", tracker_id);
                }
                if let Some(warning) = warning {
                    push_text_field(&mut out, "warning message", warning);
                }
                out.push('}');
                out
            }
            Self::Offer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            } => signal("offer", info_hash, peer_id, offer_id, sdp),
            Self::Answer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            } => signal("answer", info_hash, peer_id, offer_id, sdp),
            Self::Scrape { files } => {
                let mut out = start("scrape", files.len() * 160 + 32);
                out.push_str(",\"files\":{");
                for (index, (info_hash, entry)) in files.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    push_name(&mut out, &info_hash.0);
                    use fmt::Write;
                    let ScrapeEntry {
                        complete,
                        incomplete,
                        downloaded,
                    } = entry;
                    // Writing to a String cannot fail.
                    let _ = write!(
                        out,
                        ":{{\"complete\":{complete},\"incomplete\":{incomplete},\"downloaded\":{downloaded}}}"
                    );
                }
                out.push_str("}}");
                out
            }
            Self::Failure { info_hash, reason } => {
                let mut out = start("announce", reason.len() + 160);
                if let Some(info_hash) = info_hash {
                    push_name_field(&mut out, "info_hash", &info_hash.0);
                }
                push_text_field(&mut out, "failure reason", reason);
                out.push('}');
                out
            }
        }
    }
}

fn signal(
    kind: &str,
    info_hash: &InfoHash,
    peer_id: &PeerId,
    offer_id: &OfferId,
    sdp: &Sdp<'_>,
) -> String {
    let mut out = start("announce", sdp.size() + 320);
    push_name_field(&mut out, "info_hash", &info_hash.0);
    push_name_field(&mut out, "peer_id", &peer_id.0);
    push_name_field(&mut out, "offer_id", &offer_id.0);
    out.push_str(",\"");
    out.push_str(kind);
    out.push_str("\":");
    sdp.push(&mut out, kind);
    out.push('}');
    out
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    action: Option<Text<'a>>,
    info_hash: Option<Name>,
    peer_id: Option<Name>,
    offer_id: Option<Name>,
    #[serde(borrow)]
    offer: Option<Description<'a>>,
    #[serde(borrow)]
    answer: Option<Description<'a>>,
    #[serde(default)]
    interval: Number,
    #[serde(default, rename = "min interval")]
    min_interval: Number,
    #[serde(default)]
    complete: Number,
    #[serde(default)]
    incomplete: Number,
    #[serde(borrow, rename = "tracker id")]
    tracker_id: Option<Text<'a>>,
    #[serde(borrow, rename = "warning message")]
    warning: Option<Text<'a>>,
    #[serde(borrow, rename = "failure reason")]
    failure: Option<Text<'a>>,
    files: Option<Files>,
}

impl<'a> Fields<'a> {
    fn announce(self) -> Result<ServerMessage<'a>, WsError> {
        let info_hash = required(self.info_hash, "info_hash")?;
        let sender = || {
            let peer_id: PeerId = required(self.peer_id, "peer_id")?;
            Ok((peer_id, required(self.offer_id, "offer_id")?))
        };
        if let Some(offer) = self.offer {
            let sdp = offer.get("offer")?;
            let (peer_id, offer_id) = sender()?;
            return Ok(ServerMessage::Offer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            });
        }
        if let Some(answer) = self.answer {
            let sdp = answer.get("answer")?;
            let (peer_id, offer_id) = sender()?;
            return Ok(ServerMessage::Answer {
                info_hash,
                peer_id,
                offer_id,
                sdp,
            });
        }
        Ok(ServerMessage::Announce {
            info_hash,
            interval: self.interval.as_u32(),
            min_interval: self.min_interval.as_u32(),
            complete: self.complete.as_u32(),
            incomplete: self.incomplete.as_u32(),
            tracker_id: self.tracker_id.map(|text| text.0),
            warning: self.warning.map(|text| text.0),
        })
    }
}

struct Files(Vec<(InfoHash, ScrapeEntry)>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FilesVisitor)
    }
}

#[derive(Deserialize)]
struct Figures {
    #[serde(default)]
    complete: Number,
    #[serde(default)]
    incomplete: Number,
    #[serde(default)]
    downloaded: Number,
}

struct FilesVisitor;

impl<'de> Visitor<'de> for FilesVisitor {
    type Value = Files;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the figures of swarms by their info-hashes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Files, A::Error> {
        let mut files = Vec::new();
        while files.len() < MAX_SCRAPE {
            let Some((name, figures)) = map.next_entry::<Name, Figures>()? else {
                return Ok(Files(files));
            };
            let number = |number: Number| number.as_u32().unwrap_or(0);
            if let Name::Good(info_hash) = name {
                let entry = ScrapeEntry {
                    complete: number(figures.complete),
                    incomplete: number(figures.incomplete),
                    downloaded: number(figures.downloaded),
                };
                files.push((InfoHash(info_hash), entry));
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Files(files))
    }
}
