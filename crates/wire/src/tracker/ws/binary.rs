//! Fields of WebSocket messages that need more care than derived code gives: binary names, and numbers that may be
//! anything.

use super::WsError;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A twenty-byte name, or something else in its place: which is an error only where the name is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Good([u8; 20]),
    Bad,
}

/// Some names: one, or a list of them.
#[derive(Debug)]
pub(super) struct Names(pub(super) Vec<Name>);

/// Text that is borrowed where JSON has it without escapes, also inside an `Option`.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A number that is not negative; `None` for anything else.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Number(pub(super) Option<u64>);

impl Name {
    pub(super) fn read(text: &str) -> Self {
        let mut bytes = [0; 20];
        let mut chars = text.chars();
        for byte in &mut bytes {
            match chars.next().map(u8::try_from) {
                Some(Ok(value)) => *byte = value,
                _ => return Self::Bad,
            }
        }
        if chars.next().is_some() {
            Self::Bad
        } else {
            Self::Good(bytes)
        }
    }

    pub(super) fn get<T: From<[u8; 20]>>(self, field: &'static str) -> Result<T, WsError> {
        match self {
            Self::Good(bytes) => Ok(bytes.into()),
            Self::Bad => Err(WsError::Binary { field }),
        }
    }
}

/// The name in a field that must be there.
pub(super) fn required<T: From<[u8; 20]>>(
    name: Option<Name>,
    field: &'static str,
) -> Result<T, WsError> {
    name.ok_or(WsError::Missing { field })?.get(field)
}

impl Number {
    pub(super) fn as_u32(self) -> Option<u32> {
        self.0.map(|value| u32::try_from(value).unwrap_or(u32::MAX))
    }
}

/// Writes the name as a JSON string.
pub(super) fn push_name(out: &mut String, name: &[u8; 20]) {
    out.push('"');
    for &byte in name {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0..0x20 => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                out.push_str("\\u00");
                out.push(DIGITS[usize::from(byte >> 4)].into());
                out.push(DIGITS[usize::from(byte & 15)].into());
            }
            _ => out.push(byte.into()),
        }
    }
    out.push('"');
}

/// Writes `,"key":name`.
pub(super) fn push_name_field(out: &mut String, key: &str, name: &[u8; 20]) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":");
    push_name(out, name);
}

/// Writes `,"key":number`, at most what JavaScript can count to.
pub(super) fn push_number_field(out: &mut String, key: &str, number: u64) {
    use fmt::Write;
    const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
    // Writing to a String cannot fail.
    let _ = write!(out, ",\"{key}\":{}", number.min(MAX_SAFE_INTEGER));
}

/// Writes `,"key":text`.
pub(super) fn push_text_field(out: &mut String, key: &str, text: &str) {
    out.push_str(",\"");
    out.push_str(key);
    out.push_str("\":");
    push_text(out, text);
}

/// Writes the text as a JSON string.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.push('"');
    let mut clean_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(text.get(clean_from..at).unwrap_or_default());
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            _ => {
                use fmt::Write;
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        clean_from = at + 1;
    }
    out.push_str(text.get(clean_from..).unwrap_or_default());
    out.push('"');
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameVisitor)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NamesVisitor)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// Visits of every other kind of value, each of which gives `$other`.
macro_rules! no_scalar {
    ($other:expr; $($visit:ident: $kind:ty),*) => {
        $(fn $visit<E: de::Error>(self, _: $kind) -> Result<Self::Value, E> {
            Ok($other)
        })*

        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok($other)
        }
    };
}

macro_rules! no_map {
    ($other:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

macro_rules! no_list {
    ($other:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok($other)
        }
    };
}

pub(super) use {no_list, no_scalar};

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("20 binary characters")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
        Ok(Name::read(text))
    }

    no_map!(Name::Bad);
    no_scalar!(Name::Bad; visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64);
    no_list!(Name::Bad);
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("20 binary characters, or a list of such")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Names, E> {
        Ok(Names(vec![Name::read(text)]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
        let mut names = Vec::new();
        while names.len() < super::MAX_SCRAPE {
            match seq.next_element()? {
                Some(name) => names.push(name),
                None => return Ok(Names(names)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Names(names))
    }

    no_map!(Names(vec![Name::Bad]));
    no_scalar!(
        Names(vec![Name::Bad]);
        visit_bool: bool, visit_u64: u64, visit_i64: i64, visit_f64: f64
    );
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(Some(value)))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
        // The cast saturates; infinities do not come out of JSON.
        Ok(Number((value >= 0.0).then_some(value as u64)))
    }

    no_map!(Number(None));
    no_scalar!(Number(None); visit_bool: bool, visit_i64: i64, visit_str: &str);
    no_list!(Number(None));
}
