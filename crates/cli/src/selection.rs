//! `--files`: which files of a torrent a person wants, by their place in the list or by a pattern
//! of their path.

use std::ops::RangeInclusive;

use brackish_native::Priority;
use brackish_wire::metainfo::Info;

use crate::failure::Failure;
use crate::format::count;

/// One `--files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Places in the list that `info` shows, from 0.
    Places(RangeInclusive<usize>),
    /// A pattern of the path below the torrent's folder.
    Pattern(String),
}

/// Reads the value of a `--files`.
pub fn parse(text: &str) -> Result<Wanted, String> {
    let place = |text: &str| text.parse::<usize>().ok();
    let places = match text.split_once('-') {
        Some((first, last)) => place(first).zip(place(last)),
        None => place(text).map(|one| (one, one)),
    };
    match places {
        Some((first, last)) if first > last => {
            Err("expected the lower place first, such as 2-5".to_owned())
        }
        Some((first, last)) => Ok(Wanted::Places(first..=last)),
        None if text.is_empty() => {
            Err("expected a place, such as 3 or 2-5, or a pattern".to_owned())
        }
        None => Ok(Wanted::Pattern(text.to_owned())),
    }
}

/// The priority of each file: normal for those that some `--files` names, else not wanted.
pub fn priorities(wanted: &[Wanted], info: &Info) -> Result<Vec<Priority>, Failure> {
    let mut priorities = vec![Priority::Skip; info.files().len()];
    // As `info` lists them: two files may have names that look alike.
    let paths = info.text_paths();
    for one in wanted {
        let mut any = false;
        for (place, (file, path)) in info.files().iter().zip(&paths).enumerate() {
            let named = match one {
                Wanted::Places(places) => places.contains(&place),
                Wanted::Pattern(pattern) => file.is_stored() && matches(pattern, path),
            };
            if named && let Some(priority) = priorities.get_mut(place) {
                *priority = Priority::Normal;
                any = true;
            }
        }
        if !any {
            let files = info.files().len();
            let what = match one {
                Wanted::Places(places) if places.start() == places.end() => {
                    format!("--files {}", places.start())
                }
                Wanted::Places(places) => format!("--files {}-{}", places.start(), places.end()),
                Wanted::Pattern(pattern) => format!("--files {pattern}"),
            };
            let why = match one {
                Wanted::Places(_) => format!(
                    "the torrent has {}, numbered 0 to {}",
                    count(files as u64, "file"),
                    files.saturating_sub(1)
                ),
                Wanted::Pattern(_) => {
                    format!(
                        "names none of the torrent's {}",
                        count(files as u64, "file")
                    )
                }
            };
            return Err(Failure::new(what, why));
        }
    }
    Ok(priorities)
}

/// Whether a path is one that the pattern means: `*` stands for any part of a name, `**` for any
/// part of a path, `?` for one character of a name. A pattern without `/` is held against the
/// file's name alone; one that names a folder means everything in it.
fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_end_matches('/');
    let subject = if pattern.contains('/') {
        path
    } else {
        path.rsplit('/').next().unwrap_or(path)
    };
    let in_folder = || {
        path.match_indices('/')
            .any(|(end, _)| fits(pattern, &path[..end]))
    };
    fits(pattern, subject) || in_folder()
}

/// Whether the whole text is what the pattern means.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // `ends[i]`: whether the pattern so far fits the first `i` characters.
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let deep = pattern[at..].starts_with(&['*', '*']);
        let mut next = vec![false; text.len() + 1];
        match pattern[at] {
            '*' => {
                for i in 0..=text.len() {
                    let goes_on = i > 0 && next[i - 1] && (deep || text[i - 1] != '/');
                    next[i] = ends[i] || goes_on;
                }
            }
            wanted => {
                for i in 1..=text.len() {
                    let same = text[i - 1] == wanted || wanted == '?' && text[i - 1] != '/';
                    next[i] = ends[i - 1] && same;
                }
            }
        }
        ends = next;
        at += if deep { 2 } else { 1 };
    }
    ends[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_names_paths_and_folders() {
        for (pattern, path) in [
            ("*.flac", "disc 1/song.flac"),
            ("song.flac", "disc 1/song.flac"),
            ("disc 1", "disc 1/song.flac"),
            ("disc 1/", "disc 1/more/song.flac"),
            ("disc ?", "disc 1/song.flac"),
            ("disc 1/*.flac", "disc 1/song.flac"),
            ("**/song*", "a/b/c/song.flac"),
            ("a/**", "a/b/c/song.flac"),
            ("*", "a"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*.flac", "song.flac.txt"),
            ("disc 1/*.flac", "disc 1/more/song.flac"),
            ("song", "song.flac"),
            ("disc ?", "disc 10/song.flac"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_place_may_be_one_or_a_row() {
        assert_eq!(parse("3"), Ok(Wanted::Places(3..=3)));
        assert_eq!(parse("2-5"), Ok(Wanted::Places(2..=5)));
        assert_eq!(parse("a-b"), Ok(Wanted::Pattern("a-b".to_owned())));
        assert!(parse("5-2").is_err());
        assert!(parse("").is_err());
    }
}
