//! The file with the torrents that a tracker serves.

use std::collections::HashSet;
use std::path::Path;

use brackish_wire::magnet::Magnet;
use brackish_wire::{InfoHash, InfoHashV2};

use crate::failure::Failure;
use crate::format::printable;

/// Reads the file. Each line has an info-hash or a magnet link, `#` begins a remark; an error names
/// the line that has neither.
pub fn read(path: &Path) -> Result<HashSet<InfoHash>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))?;
    parse(&text).map_err(|(line, found)| {
        Failure::new(
            format_args!("{}, line {line}", path.display()),
            format_args!(
                "expected an info-hash (40 or 64 hexadecimal digits, 32 of Base32) or a magnet \
                 link, found {}",
                printable(found)
            ),
        )
    })
}

/// The info-hashes of a text, or the number and content of the first line that has none.
fn parse(text: &str) -> Result<HashSet<InfoHash>, (usize, &str)> {
    let mut allowed = HashSet::new();
    for (number, line) in (1..).zip(text.lines()) {
        let entry = line.split_once('#').map_or(line, |(entry, _)| entry).trim();
        if !entry.is_empty() {
            allowed.extend(names(entry).ok_or((number, entry))?);
        }
    }
    Ok(allowed)
}

/// The info-hashes that an entry stands for, as trackers know them.
fn names(entry: &str) -> Option<Vec<InfoHash>> {
    if let Ok(magnet) = entry.parse::<Magnet>() {
        let v2 = magnet.info_hash_v2.map(InfoHashV2::truncated);
        return Some([magnet.info_hash].into_iter().chain(v2).collect());
    }
    let v1 = entry.parse::<InfoHash>().ok();
    let v2 = || InfoHashV2::from_hex(entry).ok().map(InfoHashV2::truncated);
    v1.or_else(v2).map(|name| vec![name])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_links_and_remarks_are_read() {
        let v2 = "ab".repeat(32);
        let text = format!(
            "# ours\n\n{}\n  {} # the second\r\n{v2}\nmagnet:?xt=urn:btih:{}&dn=x\n",
            "11".repeat(20),
            "22".repeat(20).to_uppercase(),
            "33".repeat(20),
        );
        let expected = [0x11, 0x22, 0x33, 0xab].map(|byte| InfoHash([byte; 20]));
        assert_eq!(parse(&text), Ok(HashSet::from(expected)));
        assert_eq!(parse(""), Ok(HashSet::new()));
    }

    #[test]
    fn a_line_that_is_neither_is_named() {
        let text = format!("{}\n{}\n", "11".repeat(20), "11".repeat(19));
        assert_eq!(parse(&text), Err((2, &*"11".repeat(19))));
    }
}
