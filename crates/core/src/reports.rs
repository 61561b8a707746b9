//! What a stranger may make the session tell its user: short texts, and not without end.

use std::time::Duration;

use crate::Timestamp;

/// Characters of a text that a tracker or peer chose.
const MAX_CHARS: usize = 200;

/// The same text is not told again for this long.
const SAME: Duration = Duration::from_secs(3);

/// Different texts that may be told at once; each is regained after `SAME`.
const BURST: u32 = 10;

/// A text of a stranger, fit to be printed on a line: at most 200 characters, without control
/// characters and those that change the direction of text.
pub(crate) fn short(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut chars = text.chars();
    let printable = chars.by_ref().take(MAX_CHARS);
    let mut short: String = printable
        .map(|c| if harmful(c) { ' ' } else { c })
        .collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

/// What was told of one tracker.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    last: Option<(String, Timestamp)>,
    /// How many of the burst are used up, and since when that has been regained.
    used: u32,
    since: Timestamp,
}

impl Reports {
    /// Whether this is to be told: it is news, or a while ago that it was told.
    pub fn is_due(&mut self, text: &str, now: Timestamp) -> bool {
        let known = |(last, at): &(String, Timestamp)| last == text && now.since(*at) < SAME;
        if self.last.as_ref().is_some_and(known) {
            return false;
        }
        let regained = now.since(self.since).as_micros() / SAME.as_micros();
        let regained = u32::try_from(regained).unwrap_or(u32::MAX);
        if regained > 0 {
            self.used = self.used.saturating_sub(regained);
            self.since = now;
        }
        if self.used >= BURST {
            return false;
        }
        self.used += 1;
        self.last = Some((text.to_owned(), now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_and_has_no_control_characters() {
        assert_eq!(short("no such torrent"), "no such torrent");
        assert_eq!(short("a\r\n\u{1b}[31mb\u{202e}"), "a   [31mb ");
        let cut = short(&"ä".repeat(60_000));
        assert_eq!(cut.chars().count(), MAX_CHARS);
        assert!(cut.ends_with('…'));
        assert_eq!(short(&"x".repeat(MAX_CHARS)), "x".repeat(MAX_CHARS));
    }

    #[test]
    fn the_same_is_told_once_in_a_while_and_much_that_differs_is_not_told_without_end() {
        let mut reports = Reports::default();
        let start = Timestamp::ZERO + SAME * 10;
        assert!(reports.is_due("full", start));
        assert!(!reports.is_due("full", start + SAME / 2));
        assert!(reports.is_due("full", start + SAME));
        let told = (0..1000).filter(|number| reports.is_due(&number.to_string(), start + SAME));
        assert!(told.count() < 10);
        let later = start + SAME * 100;
        assert!(reports.is_due("full", later));
    }
}
