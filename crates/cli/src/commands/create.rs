//! `brackish create`: writes a `.torrent`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use brackish_native::CreateOptions;
use brackish_native::create::create;
use brackish_wire::magnet::Magnet;

use crate::args::CreateArgs;
use crate::failure::Failure;
use crate::format::{bytes, count, printable};
use crate::json::{self, Event};
use crate::print;
use crate::view::{HashingView, Mode};

/// Hashes, writes, and says what came of it.
pub async fn run(args: CreateArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.json);
    let options = CreateOptions {
        piece_length: args.piece_length,
        trackers: args.announce.iter().map(|url| vec![url.clone()]).collect(),
        web_seeds: args.web_seed.clone(),
        version: args.version.version(),
        ..CreateOptions::default()
    };
    let mut view = HashingView::new(mode, &args.path.to_string_lossy());
    let (metainfo, _) = create(&[args.path], options, |progress| view.update(progress)).await?;
    drop(view);
    let info = &metainfo.info;
    let output = args
        .output
        .unwrap_or_else(|| PathBuf::from(format!("{}.torrent", info.name())));
    write(&output, &metainfo.to_bytes()).await?;
    let lengths = info.lengths();
    let magnet = Magnet {
        trackers: args.announce,
        web_seeds: args.web_seed,
        ..Magnet::of(info)
    };
    if args.json {
        json::emit(&Event::Created {
            path: output.display().to_string(),
            info_hash: info.info_hash().to_string(),
            info_hash_v2: info.v2().map(|v2| v2.info_hash().to_string()),
            name: info.name(),
            total: info.stored_bytes(),
            pieces: lengths.piece_count(),
            piece_length: lengths.piece_length(),
            magnet: magnet.to_string(),
        });
        return Ok(ExitCode::SUCCESS);
    }
    print::line(format_args!(
        "{}: {} in {}, {} of {}",
        printable(&output.display().to_string()),
        bytes(info.stored_bytes()),
        count(info.stored_files().count() as u64, "file"),
        count(lengths.piece_count().into(), "piece"),
        bytes(lengths.piece_length().into()),
    ));
    print::line(magnet);
    Ok(ExitCode::SUCCESS)
}

async fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let (path, content) = (path.to_owned(), content.to_owned());
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || std::fs::write(path, content)).await;
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::new(shown, error)),
        Err(error) => Err(Failure::new(shown, error)),
    }
}
