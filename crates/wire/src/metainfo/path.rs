//! The names in a metainfo: kept as the bytes that they are, and made safe where no system may have them so.
//!
//! What means nothing in a path (empty, `.`, `..`) is left out. Separators, control characters and characters that turn
//! the direction of text become `_`, and names of more than 255 bytes are cut. All else stays, also where it is no UTF-8:
//! what only some systems refuse is their driver's to change (see [`portable`](super::portable)).

use std::fmt;

/// The longest name that common file systems take, in bytes.
pub(super) const MAX_COMPONENT: usize = 255;

/// The most components of a path that are kept: file systems limit whole paths to a few thousand bytes.
pub(super) const MAX_COMPONENTS: usize = 100;

/// An extension that is kept when a long name is cut, in bytes with its dot.
const KEPT_EXTENSION: usize = 16;

/// The name of a file or folder in a torrent. It is not empty, not `.` or `..`, has at most 255 bytes, no separator `/`,
/// and no character that commands a terminal or turns the direction of text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    safe: Box<[u8]>,
    /// The bytes in the torrent, if they had to be made safe.
    raw: Option<Box<[u8]>>,
}

impl Name {
    /// The name that these bytes of a torrent stand for. `None` if they stand for nothing: empty, `.` and `..`.
    pub fn new(raw: &[u8]) -> Option<Self> {
        if matches!(raw, b"" | b"." | b"..") {
            return None;
        }
        let safe = made_safe(raw);
        let raw = (safe != raw).then(|| raw.into());
        Some(Self {
            safe: safe.into(),
            raw,
        })
    }

    /// The name's bytes: mostly UTF-8, but not always.
    pub fn as_bytes(&self) -> &[u8] {
        &self.safe
    }

    /// The bytes that the torrent has, of any kind: not to be used as a path without a check.
    pub fn raw(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(&self.safe)
    }

    /// The name as text. Bytes that are no UTF-8 are shown as Latin-1, so two names may have one text.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.safe.len());
        for chunk in self.safe.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|&byte| match byte {
                0xa0.. => char::from(byte),
                _ => char::REPLACEMENT_CHARACTER,
            }));
        }
        text
    }

    /// A name of our own making.
    pub(super) fn of_text(text: &str) -> Self {
        Self::new(text.as_bytes()).unwrap_or_else(|| Self {
            safe: b"_".as_slice().into(),
            raw: None,
        })
    }

    /// The name with ` (number)` in front of its extension, still short enough. It stands for the same bytes.
    pub(super) fn numbered(&self, number: u32) -> Self {
        let mut safe = self.safe.to_vec();
        let mark = format!(" ({number})");
        let at = extension_at(&safe);
        safe.splice(at..at, mark.bytes());
        cut(&mut safe, mark.as_bytes());
        Self {
            safe: safe.into(),
            raw: Some(self.raw().into()),
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.safe.len() + self.raw.as_ref().map_or(0, |raw| raw.len())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.safe == *other.as_bytes()
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// The path as text, its components joined by `/`.
pub(super) fn joined(path: &[Name]) -> String {
    let names: Vec<String> = path.iter().map(Name::text).collect();
    names.join("/")
}

/// Keeps the first and the last components of a path that has too many.
pub(super) fn limit_depth(path: &mut Vec<Name>) {
    if path.len() > MAX_COMPONENTS
        && let Some(last) = path.pop()
    {
        path.truncate(MAX_COMPONENTS - 1);
        path.push(last);
    }
}

/// Whether a character commands a terminal, or turns the direction of the text around it.
pub(super) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn made_safe(raw: &[u8]) -> Vec<u8> {
    let mut safe = Vec::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            let c = if c == '/' || is_harmful(c) { '_' } else { c };
            safe.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        safe.extend_from_slice(chunk.invalid());
    }
    cut(&mut safe, b"");
    safe
}

/// Shortens the name to [`MAX_COMPONENT`] bytes, keeping `mark` and the extension.
pub(super) fn cut(name: &mut Vec<u8>, mark: &[u8]) {
    if name.len() <= MAX_COMPONENT {
        return;
    }
    let tail_at = extension_at(name) - mark.len();
    let tail = if name.len() - tail_at <= KEPT_EXTENSION + mark.len() {
        name.split_off(tail_at)
    } else {
        mark.to_vec()
    };
    let mut end = MAX_COMPONENT - tail.len();
    // A character of UTF-8 has at most three bytes after its first.
    let goes_on = |at: usize| name.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    if let Some(begin) = (end.saturating_sub(3)..=end).rfind(|at| !goes_on(*at)) {
        end = begin;
    }
    name.truncate(end);
    name.extend_from_slice(&tail);
}

/// Where the extension begins; the name's end if it has none.
fn extension_at(name: &[u8]) -> usize {
    let dot = name.iter().rposition(|&byte| byte == b'.');
    dot.filter(|&at| at > 0).unwrap_or(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(name: &str) -> String {
        Name::new(name.as_bytes()).unwrap().text()
    }

    #[test]
    fn names_that_some_system_can_have_stay_as_they_are() {
        for name in [
            "a",
            "README.md",
            "Füße (live) [2020] – 日本.mp3",
            ".hidden",
            "a..b",
            "Foo::Bar.3pm",
            "dev\\x2ddisk.device",
            "12:30.log",
            "aux.c",
            "trailing. ",
            "...",
            " ",
            "what?<>|*\"",
        ] {
            assert_eq!(safe(name), name);
            assert_eq!(Name::new(name.as_bytes()).unwrap().raw(), name.as_bytes());
        }
    }

    #[test]
    fn characters_that_no_system_should_have_are_replaced() {
        assert_eq!(safe("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(safe("a\0b\nc\u{9b}"), "a_b_c_");
        assert_eq!(safe("gpj.\u{202e}exe"), "gpj._exe");
        let name = Name::new(b"a\tb").unwrap();
        assert_eq!((name.as_bytes(), name.raw()), (&b"a_b"[..], &b"a\tb"[..]));
    }

    #[test]
    fn components_that_stand_for_nothing_are_no_names() {
        for nothing in ["", ".", ".."] {
            assert_eq!(Name::new(nothing.as_bytes()), None);
        }
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_kept_and_shown_as_latin_1() {
        let name = Name::new(b"caf\xe9 \x81\n").unwrap();
        assert_eq!(name.as_bytes(), b"caf\xe9 \x81_");
        assert_eq!(name.text(), "café \u{fffd}_");
        let many = Name::new(&[0x81; 400]).unwrap();
        assert!(many.as_bytes().len() > MAX_COMPONENT - 4);
    }

    #[test]
    fn long_names_are_cut_at_a_character_and_keep_their_extension() {
        let name = safe(&format!("{}.flac", "é".repeat(200)));
        assert!(
            name.len() <= MAX_COMPONENT
                && name.len() > MAX_COMPONENT - 2
                && name.ends_with("é.flac")
        );
        let name = safe(&format!("a.{}", "b".repeat(300)));
        assert_eq!(name.len(), MAX_COMPONENT);
        let numbered = |name: &str| Name::of_text(name).numbered(12).text();
        let name = numbered(&format!("{}.txt", "a".repeat(251)));
        assert!(name.len() == MAX_COMPONENT && name.ends_with("a (12).txt"));
        let name = numbered(&format!("x.{}", "a".repeat(253)));
        assert!(name.len() == MAX_COMPONENT && name.ends_with(" (12)"));
    }

    #[test]
    fn a_number_stands_before_the_extension() {
        let numbered = |name: &str, number| Name::of_text(name).numbered(number).text();
        assert_eq!(numbered("a.tar", 2), "a (2).tar");
        assert_eq!(numbered(".hidden", 2), ".hidden (2)");
        assert_eq!(numbered("a", 3), "a (3)");
    }
}
