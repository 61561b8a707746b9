//! What a peer says to the tracker.

use super::binary::{
    Name, Names, Number, Text, push_name, push_name_field, push_number_field, push_text_field,
    required,
};
use super::sdp::Description;
use super::{MAX_OFFERS, OfferId, Sdp, WsError, json_error, unknown_action};
use crate::tracker::Event;
use crate::{InfoHash, PeerId};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A message from a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// The peer is in the swarm (or leaves it), and offers connections.
    Announce {
        /// The swarm.
        info_hash: InfoHash,
        /// Who announces.
        peer_id: PeerId,
        /// How many peers its offers may go to; `None` leaves it to their number.
        numwant: Option<u32>,
        /// Bytes given to peers.
        uploaded: u64,
        /// Bytes got from peers.
        downloaded: u64,
        /// Bytes still missing; 0 makes the peer a seed, `None` means that it does not know yet.
        left: Option<u64>,
        /// Why it announces.
        event: Event,
        /// What the tracker gave with its last response.
        tracker_id: Option<Cow<'a, str>>,
        /// Offers for as many peers; at most [`MAX_OFFERS`] are read.
        offers: Vec<Offer<'a>>,
    },
    /// The answer to an offer that the tracker passed on.
    Answer {
        /// The swarm.
        info_hash: InfoHash,
        /// Who answers.
        peer_id: PeerId,
        /// Who made the offer.
        to_peer_id: PeerId,
        /// Which offer.
        offer_id: OfferId,
        /// The answer.
        sdp: Sdp<'a>,
    },
    /// The peer asks for the figures of swarms; of all, if it names none.
    Scrape {
        /// The swarms; at most [`MAX_SCRAPE`](super::MAX_SCRAPE) are read.
        info_hashes: Vec<InfoHash>,
    },
}

/// An offer of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer<'a> {
    /// Its name, unique among this peer's.
    pub offer_id: OfferId,
    /// The offer.
    pub sdp: Sdp<'a>,
}

impl<'a> ClientMessage<'a> {
    /// Reads a message from a peer.
    pub fn parse(text: &'a str) -> Result<Self, WsError> {
        let fields: Fields<'a> = serde_json::from_str(text).map_err(json_error)?;
        match &*fields.action {
            "announce" if fields.answer.is_some() => fields.answer(),
            "announce" => fields.announce(),
            "scrape" => fields.scrape(),
            other => Err(unknown_action(other)),
        }
    }

    /// The message as JSON text. An unknown `left` is written as 1, because trackers take `null` for a seed's.
    pub fn to_json(&self) -> String {
        match self {
            Self::Announce {
                info_hash,
                peer_id,
                numwant,
                uploaded,
                downloaded,
                left,
                event,
                tracker_id,
                offers,
            } => {
                let size = offers
                    .iter()
                    .map(|offer| offer.sdp.size() + 160)
                    .sum::<usize>();
                let mut out = start("announce", size + 320);
                push_name_field(&mut out, "info_hash", &info_hash.0);
                push_name_field(&mut out, "peer_id", &peer_id.0);
                push_number_field(
                    &mut out,
                    "numwant",
                    numwant.map_or(offers.len() as u64, u64::from),
                );
                push_number_field(&mut out, "uploaded", *uploaded);
                push_number_field(&mut out, "downloaded", *downloaded);
                push_number_field(&mut out, "left", left.unwrap_or(1));
                if let Some(event) = event.name() {
                    push_text_field(&mut out, "event", event);
                }
                if let Some(tracker_id) = tracker_id {
                    push_text_field(&mut out, "trackerid", tracker_id);
                }
                push_offers(&mut out, offers);
                out.push('}');
                out
            }
            Self::Answer {
                info_hash,
                peer_id,
                to_peer_id,
                offer_id,
                sdp,
            } => {
                let mut out = start("announce", sdp.size() + 420);
                push_name_field(&mut out, "info_hash", &info_hash.0);
                push_name_field(&mut out, "peer_id", &peer_id.0);
                push_name_field(&mut out, "to_peer_id", &to_peer_id.0);
                out.push_str(",\"answer\":");
                sdp.push(&mut out, "answer");
                push_name_field(&mut out, "offer_id", &offer_id.0);
                out.push('}');
                out
            }
            Self::Scrape { info_hashes } => {
                let mut out = start("scrape", info_hashes.len() * 64 + 32);
                match &info_hashes[..] {
                    [] => {}
                    [one] => push_name_field(&mut out, "info_hash", &one.0),
                    several => {
                        out.push_str(",\"info_hash\":[");
                        for (index, info_hash) in several.iter().enumerate() {
                            if index > 0 {
                                out.push(',');
                            }
                            push_name(&mut out, &info_hash.0);
                        }
                        out.push(']');
                    }
                }
                out.push('}');
                out
            }
        }
    }
}

pub(super) fn start(action: &str, size: usize) -> String {
    let mut out = String::with_capacity(size);
    out.push_str("{\"action\":\"");
    out.push_str(action);
    out.push('"');
    out
}

fn push_offers(out: &mut String, offers: &[Offer<'_>]) {
    for (index, offer) in offers.iter().enumerate() {
        out.push_str(if index == 0 {
            ",\"offers\":[{\"offer\":"
        } else {
            ",{\"offer\":"
        });
        offer.sdp.push(out, "offer");
        push_name_field(out, "offer_id", &offer.offer_id.0);
        out.push('}');
    }
    if !offers.is_empty() {
        out.push(']');
    }
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    info_hash: Option<Names>,
    peer_id: Option<Name>,
    #[serde(default)]
    numwant: Number,
    #[serde(default)]
    uploaded: Number,
    #[serde(default)]
    downloaded: Number,
    #[serde(default)]
    left: Number,
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    trackerid: Option<Text<'a>>,
    #[serde(borrow)]
    offers: Option<Offers<'a>>,
    #[serde(borrow)]
    answer: Option<Description<'a>>,
    to_peer_id: Option<Name>,
    offer_id: Option<Name>,
}

impl<'a> Fields<'a> {
    fn announce(self) -> Result<ClientMessage<'a>, WsError> {
        Ok(ClientMessage::Announce {
            info_hash: self.info_hash()?,
            peer_id: required(self.peer_id, "peer_id")?,
            numwant: self.numwant.as_u32(),
            uploaded: self.uploaded.0.unwrap_or(0),
            downloaded: self.downloaded.0.unwrap_or(0),
            left: self.left.0,
            event: self
                .event
                .map_or(Event::None, |event| Event::from_name(&event.0)),
            tracker_id: self.trackerid.map(|text| text.0),
            offers: self.offers.map_or(Ok(Vec::new()), Offers::checked)?,
        })
    }

    fn answer(self) -> Result<ClientMessage<'a>, WsError> {
        Ok(ClientMessage::Answer {
            info_hash: self.info_hash()?,
            peer_id: required(self.peer_id, "peer_id")?,
            to_peer_id: required(self.to_peer_id, "to_peer_id")?,
            offer_id: required(self.offer_id, "offer_id")?,
            sdp: self
                .answer
                .ok_or(WsError::Missing { field: "answer" })?
                .get("answer")?,
        })
    }

    fn scrape(self) -> Result<ClientMessage<'a>, WsError> {
        let names = self.info_hash.map_or(Vec::new(), |names| names.0);
        let info_hashes = names
            .into_iter()
            .map(|name| name.get("info_hash"))
            .collect::<Result<_, _>>()?;
        Ok(ClientMessage::Scrape { info_hashes })
    }

    fn info_hash(&self) -> Result<InfoHash, WsError> {
        required(
            self.info_hash
                .as_ref()
                .and_then(|names| names.0.first().copied()),
            "info_hash",
        )
    }
}

/// The entries of `offers` that are not null, up to the limit.
struct Offers<'a>(Vec<OfferForm<'a>>);

#[derive(Deserialize)]
struct OfferForm<'a> {
    #[serde(borrow)]
    offer: Option<Description<'a>>,
    offer_id: Option<Name>,
}

impl<'a> Offers<'a> {
    fn checked(self) -> Result<Vec<Offer<'a>>, WsError> {
        let checked = self.0.into_iter().map(|form| {
            let offer = form.offer.ok_or(WsError::Missing {
                field: "offers.offer",
            })?;
            Ok(Offer {
                offer_id: required(form.offer_id, "offers.offer_id")?,
                sdp: offer.get("offers.offer")?,
            })
        });
        checked.collect()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Offers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(OffersVisitor)
    }
}

struct OffersVisitor;

impl<'de> Visitor<'de> for OffersVisitor {
    type Value = Offers<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of offers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Offers<'de>, A::Error> {
        let mut offers = Vec::new();
        while offers.len() < MAX_OFFERS {
            match seq.next_element::<Option<OfferForm<'de>>>()? {
                Some(offer) => offers.extend(offer),
                None => return Ok(Offers(offers)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Offers(offers))
    }
}
