//! Bencode (BEP 3) as it stands in a buffer: checks that bytes are one well-formed value, and finds values inside
//! dictionaries and lists without copying. It does not recurse and allocates nothing, so no input can exhaust stack or
//! memory. Typed forms are read by `serde_bencode`, but only from bytes that have passed here.
//!
//! Other programs write numbers that BEP 3 does not allow: with leading zeros, as `-0`, outside `i64`, or with a fraction.
//! Such a number does not spoil the value that it is in. [`int`] reads it if it is a whole number in `i64`, and refuses it
//! otherwise. Dictionary keys may be in any order and more than once, because real metainfos are not all sorted.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// How many lists and dictionaries may lie within each other. A metainfo has 5 and no message of the protocol more;
/// BEP 52 file trees go one deeper for every folder. libtorrent reads 99.
pub const MAX_DEPTH: u32 = 100;

/// Bytes that are not the bencode that was asked for. Positions are in bytes from the start of the input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BencodeError {
    /// The input ends inside a value.
    #[error("bencode ends inside a value, at byte {position}")]
    Truncated {
        /// Length of the input.
        position: usize,
    },
    /// A byte that no value can have there.
    #[error("bencode has an unexpected byte 0x{byte:02x} at byte {position}")]
    UnexpectedByte {
        /// The byte.
        byte: u8,
        /// Where it stands.
        position: usize,
    },
    /// A number without digits, an integer with a fraction or outside `i64`, or a string's length outside `u64`.
    #[error("bencode has a malformed number at byte {position}")]
    Number {
        /// Where it begins.
        position: usize,
    },
    /// More than [`MAX_DEPTH`] lists and dictionaries within each other.
    #[error("bencode is nested deeper than {MAX_DEPTH}, at byte {position}")]
    TooDeep {
        /// Where the first too deep value begins.
        position: usize,
    },
    /// There is more after the value.
    #[error("bencode ends at byte {position}, but more follows")]
    Trailing {
        /// Where the value ends.
        position: usize,
    },
    /// A value of another kind.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What was asked for.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Well-formed bencode, but not of the typed form.
    #[error("{0}")]
    Form(String),
}

/// Checks that `input` is exactly one well-formed value.
pub fn scan(input: &[u8]) -> Result<(), BencodeError> {
    let position = prefix_len(input)?;
    if position == input.len() {
        Ok(())
    } else {
        Err(BencodeError::Trailing { position })
    }
}

/// The length in bytes of the value at the start of `input`; more may follow it.
pub fn prefix_len(input: &[u8]) -> Result<usize, BencodeError> {
    // One bit a level, the innermost lowest: set for a dictionary.
    let mut dictionaries = 0u128;
    let mut depth = 0;
    let mut at_key = false;
    let mut position = 0;
    loop {
        match byte_at(input, position)? {
            b'e' if depth > 0 && (dictionaries & 1 == 0 || at_key) => {
                dictionaries >>= 1;
                depth -= 1;
                position += 1;
                at_key = true;
            }
            b'0'..=b'9' => {
                position = string(input, position)?.1;
                at_key = !at_key;
            }
            byte if at_key && dictionaries & 1 == 1 => {
                return Err(BencodeError::UnexpectedByte { byte, position });
            }
            b'i' => {
                position = integer_end(input, position)?;
                at_key = true;
            }
            byte @ (b'l' | b'd') => {
                if depth == MAX_DEPTH {
                    return Err(BencodeError::TooDeep { position });
                }
                depth += 1;
                dictionaries = dictionaries << 1 | u128::from(byte == b'd');
                position += 1;
                at_key = true;
            }
            byte => return Err(BencodeError::UnexpectedByte { byte, position }),
        }
        if depth == 0 {
            return Ok(position);
        }
    }
}

/// The raw value of `key` in a dictionary at the start of `input`: the first, if the key is there twice.
///
/// The dictionary is checked only as far as it has to be read; [`scan`] it first if it must be whole.
pub fn dict_entry<'a>(input: &'a [u8], key: &[u8]) -> Result<Option<&'a [u8]>, BencodeError> {
    for entry in dict_entries(input)? {
        let (found, value) = entry?;
        if found == key {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// The entries of a dictionary at the start of `input`: key, raw value. Ends after the first error.
pub fn dict_entries(input: &[u8]) -> Result<DictEntries<'_>, BencodeError> {
    container(input, b'd', "a dictionary")?;
    Ok(DictEntries { input, position: 1 })
}

/// The raw values of a list at the start of `input`. Ends after the first error.
pub fn list_items(input: &[u8]) -> Result<ListItems<'_>, BencodeError> {
    container(input, b'l', "a list")?;
    Ok(ListItems { input, position: 1 })
}

/// The content of a byte string at the start of `input`.
pub fn byte_string(input: &[u8]) -> Result<&[u8], BencodeError> {
    match byte_at(input, 0)? {
        b'0'..=b'9' => Ok(string(input, 0)?.0),
        byte => Err(BencodeError::Kind {
            expected: "a string",
            found: kind(byte),
        }),
    }
}

/// The integer at the start of `input`.
pub fn int(input: &[u8]) -> Result<i64, BencodeError> {
    match byte_at(input, 0)? {
        b'i' => integer(input, 0),
        byte => Err(BencodeError::Kind {
            expected: "an integer",
            found: kind(byte),
        }),
    }
}

/// Reads a typed form from exactly one value, which is scanned first.
pub fn from_bytes<T: DeserializeOwned>(input: &[u8]) -> Result<T, BencodeError> {
    scan(input)?;
    serde_bencode::from_bytes(input).map_err(|error| BencodeError::Form(error.to_string()))
}

/// Writes a typed form as canonical bencode: dictionary keys sorted.
pub(crate) fn to_bytes<T: Serialize>(form: &T) -> Vec<u8> {
    // Fails only for forms that bencode cannot hold (floats, maps with keys that are no strings): none of ours.
    serde_bencode::to_bytes(form).unwrap_or_default()
}

/// A dictionary of raw values, whose keys are sorted here.
pub(crate) fn dictionary(mut entries: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
    entries.sort_unstable_by_key(|(key, _)| *key);
    let mut out = vec![b'd'];
    for (key, value) in entries {
        out.extend_from_slice(format!("{}:{key}", key.len()).as_bytes());
        out.extend_from_slice(&value);
    }
    out.push(b'e');
    out
}

/// Entries of a dictionary; see [`dict_entries`].
#[derive(Debug, Clone)]
pub struct DictEntries<'a> {
    input: &'a [u8],
    /// Past the end once there is nothing more to give.
    position: usize,
}

/// Items of a list; see [`list_items`].
#[derive(Debug, Clone)]
pub struct ListItems<'a> {
    input: &'a [u8],
    position: usize,
}

impl<'a> Iterator for DictEntries<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), BencodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_in(self.input, &mut self.position, |input, position| {
            let (key, value_at) = match byte_at(input, position)? {
                b'0'..=b'9' => string(input, position)?,
                byte => return Err(BencodeError::UnexpectedByte { byte, position }),
            };
            let (value, end) = value(input, value_at)?;
            Ok(((key, value), end))
        })
    }
}

impl<'a> Iterator for ListItems<'a> {
    type Item = Result<&'a [u8], BencodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_in(self.input, &mut self.position, value)
    }
}

fn next_in<'a, T>(
    input: &'a [u8],
    position: &mut usize,
    read: impl FnOnce(&'a [u8], usize) -> Result<(T, usize), BencodeError>,
) -> Option<Result<T, BencodeError>> {
    const DONE: usize = usize::MAX;
    if *position == DONE {
        return None;
    }
    let result = match byte_at(input, *position) {
        Ok(b'e') => None,
        Ok(_) => Some(read(input, *position)),
        Err(error) => Some(Err(error)),
    };
    match result {
        Some(Ok((item, end))) => {
            *position = end;
            Some(Ok(item))
        }
        Some(Err(error)) => {
            *position = DONE;
            Some(Err(error))
        }
        None => {
            *position = DONE;
            None
        }
    }
}

fn value(input: &[u8], position: usize) -> Result<(&[u8], usize), BencodeError> {
    let rest = input.get(position..).unwrap_or_default();
    let len = prefix_len(rest).map_err(|error| error.moved(position))?;
    Ok((rest.get(..len).unwrap_or_default(), position + len))
}

fn container(input: &[u8], open: u8, expected: &'static str) -> Result<(), BencodeError> {
    match byte_at(input, 0)? {
        byte if byte == open => Ok(()),
        byte => Err(BencodeError::Kind {
            expected,
            found: kind(byte),
        }),
    }
}

/// The string at `position`, and where it ends.
pub(crate) fn string(input: &[u8], position: usize) -> Result<(&[u8], usize), BencodeError> {
    let (length, colon) = string_length(input, position)?;
    match byte_at(input, colon)? {
        b':' => {}
        byte => {
            return Err(BencodeError::UnexpectedByte {
                byte,
                position: colon,
            });
        }
    }
    let start = colon + 1;
    let end = usize::try_from(length)
        .ok()
        .and_then(|length| start.checked_add(length));
    match end.and_then(|end| Some((input.get(start..end)?, end))) {
        Some(found) => Ok(found),
        None => Err(BencodeError::Truncated {
            position: input.len(),
        }),
    }
}

/// Where the first number of a well-formed value is that has zeros in front. Version 2 has no such numbers (BEP 52).
pub(crate) fn leading_zero(input: &[u8]) -> Option<usize> {
    let mut position = 0;
    while let Some(&byte) = input.get(position) {
        let (first, end) = match byte {
            b'i' => (position + 1, integer_end(input, position).ok()?),
            b'0'..=b'9' => (position, string(input, position).ok()?.1),
            _ => {
                position += 1;
                continue;
            }
        };
        if matches!(input.get(first..), Some([b'0', b'0'..=b'9', ..])) {
            return Some(position);
        }
        position = end;
    }
    None
}

/// The integer at `position`, which has an `i` there.
fn integer(input: &[u8], position: usize) -> Result<i64, BencodeError> {
    let end = integer_end(input, position)?;
    let digits = input.get(position + 1..end - 1).unwrap_or_default();
    let value = std::str::from_utf8(digits).ok();
    value
        .and_then(|digits| digits.parse().ok())
        .ok_or(BencodeError::Number { position })
}

/// Where the integer at `position` ends, which has an `i` there. It may have a fraction.
fn integer_end(input: &[u8], position: usize) -> Result<usize, BencodeError> {
    let first = position + 1 + usize::from(byte_at(input, position + 1)? == b'-');
    let mut end = skip_digits(input, first, position)?;
    if byte_at(input, end)? == b'.' {
        end = skip_digits(input, end + 1, position)?;
    }
    match byte_at(input, end)? {
        b'e' => Ok(end + 1),
        byte => Err(BencodeError::UnexpectedByte {
            byte,
            position: end,
        }),
    }
}

/// Where the digits at `first` end, of which there must be one. `start` is where an error says that the number begins.
fn skip_digits(input: &[u8], first: usize, start: usize) -> Result<usize, BencodeError> {
    let mut position = first;
    while byte_at(input, position)?.is_ascii_digit() {
        position += 1;
    }
    if position == first {
        return Err(BencodeError::Number { position: start });
    }
    Ok(position)
}

/// The length of the string at `position`, and where its digits end.
fn string_length(input: &[u8], position: usize) -> Result<(u64, usize), BencodeError> {
    let end = skip_digits(input, position, position)?;
    let digits = input.get(position..end).unwrap_or_default();
    let length = digits.iter().try_fold(0u64, |length, digit| {
        length.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    });
    Ok((length.ok_or(BencodeError::Number { position })?, end))
}

fn byte_at(input: &[u8], position: usize) -> Result<u8, BencodeError> {
    input.get(position).copied().ok_or(BencodeError::Truncated {
        position: input.len(),
    })
}

fn kind(first: u8) -> &'static str {
    match first {
        b'i' => "an integer",
        b'l' => "a list",
        b'd' => "a dictionary",
        b'0'..=b'9' => "a string",
        _ => "no bencode",
    }
}

impl BencodeError {
    /// The same error for an input that has `offset` bytes more in front.
    fn moved(mut self, offset: usize) -> Self {
        match &mut self {
            Self::Truncated { position }
            | Self::UnexpectedByte { position, .. }
            | Self::Number { position }
            | Self::TooDeep { position }
            | Self::Trailing { position } => *position += offset,
            Self::Kind { .. } | Self::Form(_) => {}
        }
        self
    }
}
