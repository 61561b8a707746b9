//! An SDP in a WebSocket message. A tracker only passes it on, so it stays the JSON string that it came as; only the
//! peer that uses it decodes it.

use super::binary::{Text, no_list, no_scalar, push_text};
use super::{MAX_SDP_LENGTH, WsError};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A session description (RFC 8866), which is opaque here.
#[derive(Clone)]
pub struct Sdp<'a>(Form<'a>);

#[derive(Clone)]
enum Form<'a> {
    Text(Cow<'a, str>),
    /// A JSON string, with its quotes.
    Json(&'a str),
}

impl<'a> Sdp<'a> {
    /// An SDP that is to be sent.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(Form::Text(text.into()))
    }

    /// The text. An SDP that came with half a surrogate pair, which is no text, reads as empty.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Form::Text(text) => Cow::Borrowed(text),
            Form::Json(json) => serde_json::from_str(json)
                .map(Cow::Owned)
                .unwrap_or_default(),
        }
    }

    /// Writes `{"type":kind,"sdp":".."}`.
    pub(super) fn push(&self, out: &mut String, kind: &str) {
        out.push_str("{\"type\":\"");
        out.push_str(kind);
        out.push_str("\",\"sdp\":");
        match &self.0 {
            Form::Text(text) => push_text(out, text),
            Form::Json(json) => out.push_str(json),
        }
        out.push('}');
    }

    /// Bytes that [`push`](Self::push) writes, about.
    pub(super) fn size(&self) -> usize {
        match &self.0 {
            Form::Text(text) => text.len() + text.len() / 16 + 64,
            Form::Json(json) => json.len() + 32,
        }
    }
}

/// `{"type":..,"sdp":".."}`, or something else in its place: which is an error only where an SDP is needed. The type is
/// not looked at, as the field's name says which it is.
#[derive(Debug)]
pub(super) struct Description<'a>(Option<Sdp<'a>>);

impl<'a> Description<'a> {
    pub(super) fn get(self, field: &'static str) -> Result<Sdp<'a>, WsError> {
        self.0.ok_or(WsError::Sdp { field })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Description<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DescriptionVisitor)
    }
}

struct DescriptionVisitor;

impl<'de> Visitor<'de> for DescriptionVisitor {
    type Value = Description<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an SDP")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut sdp = None;
        while let Some(Text(key)) = map.next_key()? {
            if key != "sdp" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let json = map.next_value::<&RawValue>()?.get();
            if json.starts_with('"') && json.len() <= MAX_SDP_LENGTH + 2 {
                sdp = Some(Sdp(Form::Json(json)));
            }
        }
        Ok(Description(sdp))
    }

    no_list!(Description(None));
    no_scalar!(
        Description(None);
        visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str
    );
}

impl From<String> for Sdp<'_> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<'a> From<&'a str> for Sdp<'a> {
    fn from(text: &'a str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Sdp<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Sdp<'_> {}

impl fmt::Debug for Sdp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sdp({:?})", self.text())
    }
}
