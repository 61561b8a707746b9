//! Figures and names as people read them.

use std::time::Duration;

const UNITS: [&str; 6] = ["bytes", "kB", "MB", "GB", "TB", "PB"];

/// A size in powers of 1000: `703 MB`.
pub fn bytes(value: u64) -> String {
    if value < 1000 {
        return if value == 1 {
            "1 byte".to_owned()
        } else {
            format!("{value} bytes")
        };
    }
    let mut scaled = value as f64;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1000.0;
        unit += 1;
    }
    let digits = if scaled >= 99.95 {
        0
    } else {
        1 + usize::from(scaled < 9.995)
    };
    format!("{scaled:.digits$} {}", UNITS[unit])
}

/// A rate: `8.21 MB/s`.
pub fn rate(per_second: u64) -> String {
    match per_second {
        0 => "0 kB/s".to_owned(),
        1..1000 => "1 kB/s".to_owned(),
        _ => format!("{}/s", bytes(per_second)),
    }
}

/// A part of a whole: `42.0 %`, and `100 %` only when it is whole.
pub fn percent(part: u64, whole: u64) -> String {
    if part >= whole {
        return "100 %".to_owned();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A length of time: `12 s`, `1 min 5 s`, `2 h 10 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A number of things: `1 file`, `3 files`.
pub fn count(number: u64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// A text from a stranger without what would command a terminal: control characters, and marks that
/// turn the direction of writing.
pub fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| {
            if harmful(c) {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

/// A text for a URL's path or query: everything but letters, digits and `-._~` percent-encoded.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_three_digits() {
        for (value, expected) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_949, "1.00 MB"),
            (702_545_920, "703 MB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(bytes(value), expected);
        }
    }

    #[test]
    fn only_the_whole_is_100_percent() {
        assert_eq!(percent(999_999, 1_000_000), "99.9 %");
        assert_eq!(percent(1_000_000, 1_000_000), "100 %");
        assert_eq!(percent(0, 0), "100 %");
        assert_eq!(percent(u64::MAX - 1, u64::MAX), "99.9 %");
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[2Jb\n\u{202e}c"),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}c"
        );
        assert_eq!(printable("Ünïcode 日本"), "Ünïcode 日本");
    }

    #[test]
    fn urls_hold_only_safe_characters() {
        assert_eq!(percent_encode("a b/ü?.iso"), "a%20b%2F%C3%BC%3F.iso");
    }
}
