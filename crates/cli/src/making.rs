//! What `create` and `share` have in common: flags for the torrent that they make, and what the
//! person is told of it.

use std::path::PathBuf;

use brackish_native::{CreateError, CreateOptions, Created, Links};
use clap::{Args, ValueEnum};

use crate::args::VersionArgs;
use crate::failure::Failure;
use crate::format::{count, printable};
use crate::json::{self, Event};
use crate::print;
use crate::view::Mode;

/// Things left out that are named one by one; the others are counted.
const NAMED: usize = 10;

/// Flags for the torrent that is made.
#[derive(Debug, Args)]
pub struct MakingArgs {
    /// The torrent's name [default: that of the file or folder].
    #[arg(long)]
    pub name: Option<String>,
    /// Words for whoever opens the torrent.
    #[arg(long, value_name = "TEXT")]
    pub comment: Option<String>,
    /// What becomes of symbolic links in a folder.
    #[arg(long, value_enum, default_value_t = LinksArg::Keep)]
    pub links: LinksArg,
    /// Leave out what cannot be read, instead of refusing all: files without permission, links that
    /// lead nowhere, sockets, pipes and devices.
    #[arg(long)]
    pub skip_unreadable: bool,
    #[command(flatten)]
    pub version: VersionArgs,
}

/// What becomes of symbolic links.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LinksArg {
    /// They are links in the torrent, too (BEP 47); one that leads out of the folder is refused.
    Keep,
    /// What they lead to is shared in their place.
    Follow,
    /// They are left out.
    Skip,
}

impl MakingArgs {
    /// The torrent that is asked for.
    pub fn options(&self) -> Result<CreateOptions, Failure> {
        Ok(CreateOptions {
            name: self.name.clone(),
            comment: self.comment.clone(),
            creation_date: source_date()?,
            links: match self.links {
                LinksArg::Keep => Links::Keep,
                LinksArg::Follow => Links::Follow,
                LinksArg::Skip => Links::Skip,
            },
            skip_unreadable: self.skip_unreadable,
            version: self.version.version(),
            ..CreateOptions::default()
        })
    }
}

/// The time that a reproducible build gives, in place of the clock's.
fn source_date() -> Result<Option<i64>, Failure> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = std::env::var_os(NAME).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    match text.parse() {
        Ok(0..) => Ok(text.parse().ok()),
        _ => Err(Failure::new(
            NAME,
            format_args!("expected seconds since 1970, found {text:?}"),
        )),
    }
}

/// Why no torrent was made, with the flag that helps.
pub fn refused(error: CreateError) -> Failure {
    let help = match &error {
        CreateError::OutwardLink { .. } => {
            "; --links follow shares what links lead to, --links skip leaves them out"
        }
        CreateError::Link { .. } | CreateError::NotAFile { .. } | CreateError::Read { .. } => {
            "; --skip-unreadable leaves out what cannot be read in a folder"
        }
        _ => "",
    };
    let error = Failure::from(error);
    Failure::plain(format!("{error}{help}"))
}

/// Tells what a person may not expect of the torrent.
pub fn tell(mode: Mode, created: &Created) {
    let info = &created.metainfo.info;
    let note = |kind: &'static str, path: Option<PathBuf>, message: String| match mode {
        Mode::Json => json::emit(&Event::Notice {
            kind,
            path: path.map(|path| path.display().to_string()),
            to: None,
            message,
        }),
        Mode::Terminal | Mode::Lines => print::note(printable(&message)),
    };
    for left_out in created.left_out.iter().take(NAMED) {
        let message = format!("left out: {left_out}");
        note("left_out", left_out.path().cloned(), message);
    }
    let more = created.left_out.len().saturating_sub(NAMED);
    if more > 0 {
        note("left_out", None, format!("left out: {more} more"));
    }
    if created.skipped_links > 0 {
        let links = count(created.skipped_links as u64, "link");
        note("links_skipped", None, format!("{links} left out"));
    }
    let links = info.stored_files().filter(|file| file.is_link()).count();
    if links > 0 {
        let links = count(links as u64, "link");
        let message = format!(
            "{links} kept as such: aria2, Transmission and WebTorrent make empty files of \
             them; --links follow shares what they lead to"
        );
        note("links_kept", None, message);
    }
    let names = info.unportable_files();
    if names > 0 {
        let files = count(names as u64, "file");
        let message = format!(
            "{files} with a name that Windows or macOS cannot have or tell from another: kept, and \
             changed there"
        );
        note("unportable_names", None, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_flag_that_helps() {
        let error = refused(CreateError::OutwardLink {
            path: "outlink".into(),
            target: "/etc/passwd".into(),
        });
        let text = error.to_string();
        assert!(
            text.starts_with("outlink: ") && text.contains("--links follow"),
            "{text}"
        );
        let error = refused(CreateError::NotAFile {
            path: "socket".into(),
        });
        assert!(error.to_string().contains("--skip-unreadable"));
    }
}
