//! `brackish create`: writes a `.torrent`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use brackish_native::CreateOptions;
use brackish_native::create::{create, torrent_file_name};
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::Info;

use crate::args::CreateArgs;
use crate::failure::Failure;
use crate::format::{bytes, count, printable};
use crate::json::{self, Event};
use crate::making;
use crate::print;
use crate::view::{HashingView, Mode};

/// Where the `.torrent` goes.
enum Output {
    Stdout,
    File(PathBuf),
}

/// Hashes, writes, and says what came of it.
pub async fn run(args: CreateArgs) -> Result<ExitCode, Failure> {
    let mode = Mode::new(args.json);
    let options = CreateOptions {
        piece_length: args.piece_length,
        trackers: args.announce.iter().map(|url| vec![url.clone()]).collect(),
        web_seeds: args.web_seed.clone(),
        private: args.private,
        ..args.making.options()?
    };
    let paths = [args.path];
    let output = match args.output {
        Some(path) if path.as_os_str() == "-" => Output::Stdout,
        Some(path) => Output::File(path),
        None => Output::File(torrent_file_name(&paths, options.name.as_deref())?.into()),
    };
    match &output {
        Output::Stdout if args.json => {
            let why = "stdout cannot have both the torrent and the events of --json";
            return Err(Failure::new("-o -", why));
        }
        // Said before minutes of hashing, and made sure of when it is written.
        Output::File(path) if !args.overwrite && path.symlink_metadata().is_ok() => {
            return Err(exists(path));
        }
        Output::Stdout | Output::File(_) => {}
    }
    let mut view = HashingView::new(mode, &paths[0].to_string_lossy());
    let created = create(&paths, options, |progress| view.update(progress)).await;
    drop(view);
    let created = created.map_err(making::refused)?;
    let info = &created.metainfo.info;
    let content = created.metainfo.to_bytes();
    making::tell(mode, &created);
    let magnet = Magnet {
        trackers: args.announce,
        web_seeds: args.web_seed,
        ..Magnet::of(info)
    };
    let path = match output {
        Output::Stdout => {
            print::bytes(&content);
            print::note(summary("stdout", info));
            print::note(magnet);
            return Ok(ExitCode::SUCCESS);
        }
        Output::File(path) => path,
    };
    write(&path, content, args.overwrite).await?;
    if args.json {
        let lengths = info.lengths();
        json::emit(&Event::Created {
            path: path.display().to_string(),
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
    print::line(summary(&path.display().to_string(), info));
    print::line(magnet);
    Ok(ExitCode::SUCCESS)
}

fn summary(place: &str, info: &Info) -> String {
    let lengths = info.lengths();
    format!(
        "{}: {} in {}, {} of {}",
        printable(place),
        bytes(info.stored_bytes()),
        count(info.stored_files().count() as u64, "file"),
        count(lengths.piece_count().into(), "piece"),
        bytes(lengths.piece_length().into()),
    )
}

fn exists(path: &Path) -> Failure {
    Failure::new(path.display(), "is there already; --overwrite replaces it")
}

async fn write(path: &Path, content: Vec<u8>, overwrite: bool) -> Result<(), Failure> {
    let owned = path.to_owned();
    let written = tokio::task::spawn_blocking(move || write_now(&owned, &content, overwrite)).await;
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(path)),
        Ok(Err(error)) => Err(Failure::new(path.display(), error)),
        Err(error) => Err(Failure::new(path.display(), error)),
    }
}

/// Writes a file, which stays only if it is whole.
fn write_now(path: &Path, content: &[u8], overwrite: bool) -> io::Result<()> {
    if overwrite {
        return std::fs::write(path, content);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(content).inspect_err(|_| {
        // It was made above, and nobody has use for a part of it.
        let _ = std::fs::remove_file(path);
    })
}
