//! `brackish verify`: compares files with a torrent.

use std::process::ExitCode;

use brackish_native::verify::{FileReport, FileState, Report, verify};
use brackish_native::{Notice, Source, source};

use crate::args::VerifyArgs;
use crate::failure::Failure;
use crate::format::{bytes, count, printable};
use crate::json::{self, Event};
use crate::print;
use crate::view::{HashingView, Mode};

/// Bad pieces named in a line for people.
const PIECES_NAMED: usize = 20;

/// Hashes, prints, and fails when anything is missing or wrong.
pub async fn run(args: VerifyArgs) -> Result<ExitCode, Failure> {
    let metainfo = match source::load(&args.source).await? {
        Source::Metainfo(metainfo) => metainfo,
        Source::Magnet(_) => {
            return Err(Failure::new(
                &args.source,
                "a magnet link has no hashes of pieces: give the .torrent",
            ));
        }
    };
    let mut view = HashingView::new(Mode::new(args.json), metainfo.info.name());
    let report = verify(&metainfo, &args.directory, |progress| view.update(progress)).await?;
    drop(view);
    if args.json {
        emit(&report);
    } else {
        show(&report);
    }
    if report.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    let bad = report.bad_pieces.len() as u64;
    let wrong = report
        .files
        .iter()
        .filter(|file| file.state != FileState::Complete)
        .count() as u64;
    let pieces = report.verified.len();
    let why = format!(
        "{} missing or wrong ({} of {pieces} pieces)",
        count(wrong, "file"),
        bad
    );
    Err(Failure::new(args.directory.display(), why))
}

fn emit(report: &Report) {
    for file in &report.files {
        let state = match file.state {
            FileState::Complete => "complete",
            FileState::Missing => "missing",
            FileState::Unfinished { .. } => "unfinished",
            FileState::WrongLength { .. } => "wrong_length",
            FileState::Damaged { .. } => "damaged",
        };
        json::emit(&Event::File {
            path: file.path.display().to_string(),
            length: file.length,
            state,
        });
    }
    json::emit(&Event::Verified {
        complete: report.is_complete(),
        pieces: report.verified.len(),
        verified_pieces: report.verified.count_ones(),
        bad_pieces: &report.bad_pieces,
    });
}

fn show(report: &Report) {
    if let Some(first) = report.renamed.first() {
        let notice = Notice::Renamed {
            files: report.renamed.len(),
            name: first.name.clone(),
            path: first.path.clone(),
        };
        print::note(printable(&notice.to_string()));
    }
    for file in &report.files {
        print::line(format_args!(
            "{:<10} {}",
            word(file),
            printable(&sentence(file))
        ));
    }
    let pieces = report.verified.len();
    if report.bad_pieces.is_empty() {
        print::line(format_args!(
            "All {} verified.",
            count(pieces.into(), "piece")
        ));
        return;
    }
    let named: Vec<_> = report
        .bad_pieces
        .iter()
        .take(PIECES_NAMED)
        .map(u32::to_string)
        .collect();
    let more = report.bad_pieces.len() - named.len();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    print::line(format_args!("Bad pieces: {}{rest}", named.join(", ")));
}

fn word(file: &FileReport) -> &'static str {
    match file.state {
        FileState::Complete => "ok",
        FileState::Missing => "missing",
        FileState::Unfinished { .. } => "unfinished",
        FileState::WrongLength { .. } => "length",
        FileState::Damaged { .. } => "damaged",
    }
}

fn sentence(file: &FileReport) -> String {
    let path = file.path.display();
    match file.state {
        FileState::Complete | FileState::Missing => format!("{path} ({})", bytes(file.length)),
        FileState::WrongLength { actual } => {
            format!("{path} (has {actual} bytes, should have {})", file.length)
        }
        FileState::Unfinished { pieces } => {
            format!(
                "{path} (download not finished, {} missing or wrong)",
                count(pieces.into(), "piece")
            )
        }
        FileState::Damaged { pieces } => {
            format!("{path} ({} wrong)", count(pieces.into(), "piece"))
        }
    }
}
