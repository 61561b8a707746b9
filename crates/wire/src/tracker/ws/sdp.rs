//! An SDP in a WebSocket message. A tracker only passes it on, so it stays the JSON string that it came as; only the
//! peer that uses it decodes it.

use super::binary::push_text;
use super::{MAX_SDP_LENGTH, WsError};
use serde::Deserialize;
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

    /// Reads `{"type":..,"sdp":".."}`; the type is not looked at, as the field's name says which it is.
    pub(super) fn read(raw: &'a RawValue, field: &'static str) -> Result<Self, WsError> {
        #[derive(Deserialize)]
        struct Description<'a> {
            #[serde(borrow)]
            sdp: Option<&'a RawValue>,
        }
        let description: Description<'a> =
            serde_json::from_str(raw.get()).map_err(|_| WsError::Sdp { field })?;
        let json = description.sdp.ok_or(WsError::Sdp { field })?.get();
        if json.starts_with('"') && json.len() <= MAX_SDP_LENGTH + 2 {
            Ok(Self(Form::Json(json)))
        } else {
            Err(WsError::Sdp { field })
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
