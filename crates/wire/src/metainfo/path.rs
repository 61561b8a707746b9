//! Makes the names in a metainfo safe to use as file names on every system, the same on each, so that a torrent's
//! files have the same paths wherever it is stored.
//!
//! What cannot be meant well is refused (`..`); what is merely awkward is replaced by `_`: separators, characters that
//! Windows refuses, control and text-direction characters, dots and spaces at the end. Names that Windows keeps for
//! devices get a `_` in front.

/// The longest name that common file systems take, in bytes.
pub(super) const MAX_COMPONENT: usize = 255;

/// The most folders within each other: file systems limit whole paths to a few thousand bytes.
pub(super) const MAX_COMPONENTS: usize = 100;

/// An extension that is kept when a long name is cut, in bytes with its dot.
const KEPT_EXTENSION: usize = 16;

/// One component of a path, made safe: `None` if it stands for nothing (empty or `.`), an error with the reason if it
/// leads out of the folder.
pub(super) fn safe_component(raw: &[u8]) -> Result<Option<String>, &'static str> {
    let text = String::from_utf8_lossy(raw);
    match &*text {
        "" | "." => return Ok(None),
        ".." => return Err("it leads out of the torrent's folder"),
        _ => {}
    }
    let kept = text.trim_end_matches(['.', ' ']).len();
    let mut name = String::with_capacity(text.len() + 1);
    if is_device(&text) {
        name.push('_');
    }
    name.extend(
        text.char_indices()
            .map(|(at, c)| if at >= kept || is_unsafe(c) { '_' } else { c }),
    );
    cut(&mut name, "");
    Ok(Some(name))
}

/// The name with ` (number)` in front of its extension, still short enough.
pub(super) fn numbered(name: &str, number: u32) -> String {
    let mut name = name.to_owned();
    let mark = format!(" ({number})");
    let at = extension_at(&name);
    name.insert_str(at, &mark);
    cut(&mut name, &mark);
    name
}

/// What names have in common that a file system may take for one: paths that differ only in case.
pub(super) fn folded(path: &[String]) -> String {
    let mut key = String::new();
    for component in path {
        key.extend(component.chars().flat_map(char::to_lowercase));
        // Sorts before every character of a name, so that a folder comes right after a file of its name.
        key.push('\0');
    }
    key
}

/// Shortens the name to [`MAX_COMPONENT`] bytes, keeping `mark` and the extension.
fn cut(name: &mut String, mark: &str) {
    if name.len() <= MAX_COMPONENT {
        return;
    }
    let tail_at = extension_at(name) - mark.len();
    let tail = if name.len() - tail_at <= KEPT_EXTENSION + mark.len() {
        name.split_off(tail_at)
    } else {
        mark.to_owned()
    };
    let mut end = MAX_COMPONENT - tail.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    // The cut may have laid bare a dot or space, which must not stand at the end.
    name.truncate(name.trim_end_matches(['.', ' ']).len());
    if name.is_empty() {
        name.push('_');
    }
    name.push_str(&tail);
}

/// Where the extension begins; the name's end if it has none.
fn extension_at(name: &str) -> usize {
    name.rfind('.').filter(|&at| at > 0).unwrap_or(name.len())
}

fn is_unsafe(c: char) -> bool {
    matches!(c, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*')
        || c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether Windows takes the name, up to its first dot, for a device.
fn is_device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim_end_matches(' ');
    let port = |prefix: &str| {
        let number = stem
            .get(..3)
            .filter(|start| start.eq_ignore_ascii_case(prefix))
            .and(stem.get(3..));
        number.is_some_and(|number| {
            let mut digits = number.chars();
            matches!(
                (digits.next(), digits.next()),
                (Some('0'..='9' | '¹' | '²' | '³'), None)
            )
        })
    };
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
        .iter()
        .any(|device| stem.eq_ignore_ascii_case(device))
        || port("com")
        || port("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(name: &str) -> String {
        safe_component(name.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn an_ordinary_name_stays_as_it_is() {
        for name in [
            "a",
            "README.md",
            "Füße (live) [2020] – 日本.mp3",
            ".hidden",
            "a..b",
            "console",
            "com10",
            "lpt",
        ] {
            assert_eq!(safe(name), name);
        }
    }

    #[test]
    fn what_no_file_system_should_see_is_replaced() {
        assert_eq!(safe("../../etc/passwd"), ".._.._etc_passwd");
        assert_eq!(safe("..\\x"), ".._x");
        assert_eq!(safe("C:"), "C_");
        assert_eq!(safe("a\0b\nc"), "a_b_c");
        assert_eq!(safe("gpj.\u{202e}exe"), "gpj._exe");
        assert_eq!(safe("what?.txt"), "what_.txt");
        assert_eq!(safe("end. ."), "end___");
        assert_eq!(safe("..."), "___");
        assert_eq!(safe(".. "), "___");
        assert_eq!(safe(" "), "_");
    }

    #[test]
    fn names_of_devices_get_an_underscore_in_front() {
        for name in [
            "CON",
            "nul.txt",
            "Com1",
            "lpt9.tar.gz",
            "COM¹",
            "aux .x",
            "CONIN$",
        ] {
            assert_eq!(safe(name), format!("_{name}"));
        }
    }

    #[test]
    fn parent_folders_are_refused_and_empty_components_dropped() {
        assert!(safe_component(b"..").is_err());
        assert_eq!(safe_component(b""), Ok(None));
        assert_eq!(safe_component(b"."), Ok(None));
    }

    #[test]
    fn names_that_are_not_utf_8_are_converted() {
        assert_eq!(safe_component(b"caf\xe9").unwrap().unwrap(), "caf\u{fffd}");
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
        assert_eq!(
            safe(&format!("a{}{}", " .".repeat(150), "b".repeat(20))),
            "a"
        );
        assert_eq!(safe(&format!("{}b", ".".repeat(300))), "_.b");
        let name = numbered(&format!("{}.txt", "a".repeat(251)), 12);
        assert!(name.len() == MAX_COMPONENT && name.ends_with("a (12).txt"));
        let name = numbered(&format!("x.{}", "a".repeat(253)), 12);
        assert!(name.len() == MAX_COMPONENT && name.ends_with(" (12)"));
    }

    #[test]
    fn a_number_stands_before_the_extension() {
        assert_eq!(numbered("a.tar", 2), "a (2).tar");
        assert_eq!(numbered(".hidden", 2), ".hidden (2)");
        assert_eq!(numbered("a", 3), "a (3)");
    }
}
