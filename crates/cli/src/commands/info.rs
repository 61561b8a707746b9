//! `brackish info`: what a torrent or a magnet link says.

use std::process::ExitCode;

use brackish_native::{Source, source};
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::{FileKind, Metainfo};
use serde::Serialize;

use crate::args::InfoArgs;
use crate::failure::Failure;
use crate::format::{bytes, count, printable};
use crate::json::{self, Event};
use crate::print;

/// A torrent or magnet link, for scripts. What a magnet link does not say is left out.
#[derive(Debug, Serialize)]
pub struct Description {
    kind: &'static str,
    info_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    info_hash_v2: Option<String>,
    name: Option<String>,
    magnet: String,
    trackers: Vec<Vec<String>>,
    web_seeds: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    peers: Vec<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
}

#[derive(Debug, Serialize)]
struct Content {
    total: u64,
    piece_length: u32,
    pieces: u32,
    private: bool,
    multi_file: bool,
    comment: Option<String>,
    created_by: Option<String>,
    creation_date: Option<i64>,
    files: Vec<File>,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    length: u64,
    kind: &'static str,
}

/// Reads and prints.
pub async fn run(args: InfoArgs) -> Result<ExitCode, Failure> {
    let description = match source::load(&args.source).await? {
        Source::Metainfo(metainfo) => of_metainfo(&metainfo),
        Source::Magnet(magnet) => of_magnet(&magnet),
    };
    if args.json {
        json::emit(&Event::Info(description));
    } else {
        show(&description);
    }
    Ok(ExitCode::SUCCESS)
}

fn of_metainfo(metainfo: &Metainfo) -> Description {
    let info = &metainfo.info;
    let lengths = info.lengths();
    let magnet = Magnet {
        trackers: metainfo.trackers.iter().flatten().cloned().collect(),
        ..Magnet::of(info)
    };
    let files = info.files().iter().zip(info.text_paths());
    let files = files.map(|(file, path)| File {
        path,
        length: file.length,
        kind: match file.kind {
            FileKind::File => "file",
            FileKind::Padding => "padding",
            FileKind::Symlink { .. } => "symlink",
        },
    });
    Description {
        kind: "torrent",
        info_hash: info.info_hash().to_string(),
        info_hash_v2: info.v2().map(|v2| v2.info_hash().to_string()),
        name: Some(info.name().to_owned()),
        magnet: magnet.to_string(),
        trackers: metainfo.trackers.clone(),
        web_seeds: metainfo.web_seeds.clone(),
        peers: Vec::new(),
        content: Some(Content {
            total: info.stored_bytes(),
            piece_length: lengths.piece_length(),
            pieces: lengths.piece_count(),
            private: info.is_private(),
            multi_file: info.is_multi_file(),
            comment: metainfo.comment.clone(),
            created_by: metainfo.created_by.clone(),
            creation_date: metainfo.creation_date,
            files: files.collect(),
        }),
    }
}

fn of_magnet(magnet: &Magnet) -> Description {
    Description {
        kind: "magnet",
        info_hash: magnet.info_hash.to_string(),
        info_hash_v2: magnet.info_hash_v2.map(|hash| hash.to_string()),
        name: magnet.name.clone(),
        magnet: magnet.to_string(),
        trackers: magnet
            .trackers
            .iter()
            .map(|url| vec![url.clone()])
            .collect(),
        web_seeds: magnet.web_seeds.clone(),
        peers: magnet.peers.clone(),
        content: None,
    }
}

fn show(description: &Description) {
    let row =
        |label: &str, value: &str| print::line(format_args!("{label:<12} {}", printable(value)));
    row(
        "Name",
        description
            .name
            .as_deref()
            .unwrap_or("not known: the magnet link has none"),
    );
    let v2 = description.info_hash_v2.as_ref();
    // Of version 2 alone, the first is the second cut short.
    if v2.is_none_or(|v2| !v2.starts_with(&description.info_hash)) {
        row("Info-hash", &description.info_hash);
    }
    if let Some(v2) = v2 {
        row("Version 2", v2);
    }
    if let Some(content) = &description.content {
        row(
            "Size",
            &format!("{} ({} bytes)", bytes(content.total), content.total),
        );
        let piece_length = format!(
            "{} of {} bytes",
            count(content.pieces.into(), "piece"),
            content.piece_length
        );
        row("Pieces", &piece_length);
        if content.private {
            row("Private", "yes: peers come from its trackers alone");
        }
        let optional = [
            ("Comment", &content.comment),
            ("Made by", &content.created_by),
        ];
        for (label, value) in optional {
            if let Some(value) = value {
                row(label, value);
            }
        }
        if let Some(date) = content.creation_date {
            row("Made", &utc(date));
        }
    }
    for (tier, urls) in description.trackers.iter().enumerate() {
        row(if tier == 0 { "Trackers" } else { "" }, &urls.join("  "));
    }
    for (index, url) in description.web_seeds.iter().enumerate() {
        row(if index == 0 { "Web seeds" } else { "" }, url);
    }
    for (index, peer) in description.peers.iter().enumerate() {
        row(if index == 0 { "Peers" } else { "" }, peer);
    }
    row("Magnet", &description.magnet);
    if let Some(content) = &description.content {
        let stored: Vec<_> = content
            .files
            .iter()
            .filter(|file| file.kind != "padding")
            .collect();
        row("Files", &stored.len().to_string());
        for file in stored {
            print::line(format_args!(
                "  {:>9}  {}",
                bytes(file.length),
                printable(&file.path)
            ));
        }
    }
}

/// Seconds since 1970 as `2026-11-22 13:37 UTC`.
fn utc(seconds: i64) -> String {
    let days = seconds.div_euclid(86_400);
    let time = seconds.rem_euclid(86_400);
    // Counted in eras of 400 years from 1 March of year 0, so that leap days come last.
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        time / 3600,
        time % 3600 / 60
    )
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_827_696), "2000-02-29 12:34 UTC");
        assert_eq!(utc(1_795_354_620), "2026-11-22 13:37 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59 UTC");
        // What a torrent claims must not overflow.
        utc(i64::MAX);
        utc(i64::MIN);
    }
}
