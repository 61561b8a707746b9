//! The command line: every subcommand, its flags and its help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use brackish_native::Version;
use brackish_wire::{BLOCK_LENGTH, MAX_PIECE_LENGTH};
use clap::{Args, Parser, Subcommand};

use crate::access::{self, AccessArgs};
use crate::addresses::{self, Bind};
use crate::making::MakingArgs;
use crate::selection::{self, Wanted};
use crate::size;

/// The longest time that a flag takes, in seconds: ten years.
const MAX_TIME: u64 = 10 * 365 * 86_400;

/// Share, download and seed big files between browsers and BitTorrent clients.
#[derive(Debug, Parser)]
#[command(
    name = "brackish",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed (one line on stderr says why), 2 wrong usage.\n\
                  `brackish COMMAND --help` has examples."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    Share(ShareArgs),
    Download(DownloadArgs),
    Seed(SeedArgs),
    Create(CreateArgs),
    Info(InfoArgs),
    Verify(VerifyArgs),
    Tracker(TrackerArgs),
}

impl Command {
    /// Whether events are printed as JSON.
    pub fn json(&self) -> bool {
        match self {
            Self::Share(args) => args.peers.json,
            Self::Download(args) => args.peers.json,
            Self::Seed(args) => args.peers.json,
            Self::Create(args) => args.json,
            Self::Info(args) => args.json,
            Self::Verify(args) => args.json,
            Self::Tracker(args) => args.json,
        }
    }
}

/// Share files or a folder from this machine: prints a link that any browser can open.
///
/// Hashes the files, then runs everything on one HTTP port: the page, the .torrent and a tracker.
/// Browsers download over WebRTC, BitTorrent clients over TCP, and both help each other. Only what
/// is given is shared; it is read where it is and never changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    brackish share film.mkv\n  \
    brackish share photos/ notes.pdf --listen 127.0.0.1:9000\n  \
    brackish share data/ --tracker wss://tracker.example.org")]
pub struct ShareArgs {
    /// Files and folders to share, together as one torrent.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Where to serve the page, the .torrent and the tracker [default: 0.0.0.0:8080, or the next
    /// free port].
    #[arg(long, value_name = "ADDR", value_parser = addresses::parse_listen)]
    pub listen: Option<SocketAddr>,
    /// Show the page under this name too, such as one that a proxy or a DNS server of yours gives this
    /// machine; repeatable, '*' for every name.
    ///
    /// Addresses, names without a dot and names of local networks need no flag. All others are
    /// refused, since any site can make its own name lead to this machine, and its pages would read
    /// the link then.
    #[arg(long = "host", value_name = "NAME", value_parser = access::parse_host)]
    pub hosts: Vec<String>,
    #[command(flatten)]
    pub access: AccessArgs,
    /// Show each peer a few pieces at a time, and more once others have these from it: for the only
    /// copy and little upload (BEP 16).
    #[arg(long)]
    pub super_seed: bool,
    /// End with exit code 0 once the connected peers and other seeds have so many copies of
    /// everything between them, such as 1 or 2.5.
    #[arg(long, value_name = "N", value_parser = parse_ratio)]
    pub until_copies: Option<f64>,
    /// End with exit code 0 once there are so many other seeds, as a tracker counts them or as they
    /// were connected within its interval.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub until_seeds: Option<u32>,
    #[command(flatten)]
    pub making: MakingArgs,
    #[command(flatten)]
    pub peers: PeerArgs,
}

/// Download a torrent over TCP and WebRTC together.
///
/// What is in the folder already is checked and kept, so the same command goes on where it was.
/// Ends with exit code 0 once every piece is verified.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    brackish download debian.torrent\n  \
    brackish download 'magnet:?xt=urn:btih:...' -o ~/Downloads\n  \
    brackish download http://192.168.1.20:8080/    (a page made by `brackish share`)\n  \
    brackish download album.torrent --files '*.flac' --files 0\n  \
    brackish download movie.torrent --seed         (bridges browsers and TCP clients)")]
pub struct DownloadArgs {
    /// A .torrent file, a magnet link, an info-hash, the URL of a .torrent, or the link of a share page.
    #[arg(value_name = "TORRENT|MAGNET|URL")]
    pub source: String,
    /// Folder to download into.
    #[arg(short, long, value_name = "DIR", default_value = ".", value_parser = parse_folder())]
    pub output: PathBuf,
    /// Fetch only these files: a place in the list that `info` shows, such as 3 or 2-5, or a pattern
    /// of the path, such as '*.flac' or 'disc 1/**'; repeatable [default: all, or those that the
    /// magnet link names].
    #[arg(long, value_name = "PLACE|PATTERN", value_parser = selection::parse)]
    pub files: Vec<Wanted>,
    /// URL of an HTTP server that has the file, or the folder (BEP 19), besides those that the
    /// torrent names; repeatable.
    ///
    /// It may be in the local network. One that the torrent alone names may not, unless the torrent
    /// was fetched from that server.
    #[arg(long, value_name = "URL", value_parser = parse_web_seed)]
    pub web_seed: Vec<String>,
    /// Go on seeding once everything is there, until Ctrl-C.
    #[arg(long)]
    pub seed: bool,
    /// Give up with exit code 1 once nothing has come for so long: seconds, or such as 90s, 10m, 2h
    /// [default: never].
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub stop_timeout: Option<Duration>,
    #[command(flatten)]
    pub seed_stop: SeedStopArgs,
    /// Replace files that are there and are not this torrent's; without it they are refused, or
    /// moved aside if others are the torrent's.
    #[arg(long)]
    pub overwrite: bool,
    /// Download a torrent whose file or folder has a name that begins with a dot.
    #[arg(long)]
    pub allow_hidden: bool,
    /// Change files of the torrent that are there where they are, without a copy; until they are
    /// complete, programs that read them see a part of each state.
    #[arg(long)]
    pub in_place: bool,
    #[command(flatten)]
    pub peers: PeerArgs,
}

/// Seed files that are here already, over TCP and WebRTC together.
///
/// The files are checked first; missing or wrong pieces are an error.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  brackish seed debian.torrent ~/Downloads")]
pub struct SeedArgs {
    /// A .torrent file, a magnet link, or the URL of a .torrent.
    #[arg(value_name = "TORRENT")]
    pub source: String,
    /// The folder that the torrent's file or folder is in.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Show each peer a few pieces at a time, and more once others have these from it: for the only
    /// copy and little upload (BEP 16).
    #[arg(long)]
    pub super_seed: bool,
    #[command(flatten)]
    pub seed_stop: SeedStopArgs,
    #[command(flatten)]
    pub peers: PeerArgs,
}

/// When seeding ends by itself, with exit code 0: as soon as one of these is reached. A download with
/// one of them goes on seeding, as with `--seed`.
#[derive(Debug, Default, Args)]
pub struct SeedStopArgs {
    /// End once so many times the size of what is here was served, such as 1.5.
    #[arg(long, value_name = "RATIO", value_parser = parse_ratio)]
    pub seed_ratio: Option<f64>,
    /// End after so long: seconds, or such as 90s, 30m, 2h.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub seed_time: Option<Duration>,
}

/// Make a .torrent of a file or folder.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    brackish create film.mkv --announce wss://tracker.example.org\n  \
    brackish create photos/ -o photos.torrent --piece-length 1M\n  \
    brackish create film.mkv --web-seed https://example.org/films/")]
pub struct CreateArgs {
    /// The file or folder.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    /// The .torrent to write, or - for stdout [default: the torrent's name with .torrent, in the
    /// current folder].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the .torrent if it is there already.
    #[arg(long)]
    pub overwrite: bool,
    /// Announce URL of a tracker; repeatable, each its own tier.
    #[arg(long, value_name = "URL", value_parser = parse_tracker)]
    pub announce: Vec<String>,
    /// URL of an HTTP server that has the file, or the folder (BEP 19); repeatable.
    ///
    /// A file is at the URL itself, or under its name where the URL ends in a slash; a folder is
    /// below the URL.
    #[arg(long, value_name = "URL", value_parser = parse_web_seed)]
    pub web_seed: Vec<String>,
    /// Bytes in a piece, a power of two from 16K to 512M in powers of 1024 [default: by the size].
    #[arg(long, value_name = "N", value_parser = parse_piece_length)]
    pub piece_length: Option<u32>,
    /// Let peers come from the torrent's trackers alone (BEP 27).
    #[arg(long)]
    pub private: bool,
    #[command(flatten)]
    pub making: MakingArgs,
    /// Print a line of JSON per event.
    #[arg(long)]
    pub json: bool,
}

/// Show what a torrent or magnet link says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    brackish info debian.torrent\n  \
    brackish info 'magnet:?xt=urn:btih:...' --json")]
pub struct InfoArgs {
    /// A .torrent file, a magnet link, or the URL of a .torrent.
    #[arg(value_name = "TORRENT|MAGNET")]
    pub source: String,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Compare files with a torrent, piece by piece.
///
/// Exit code 0 when everything is right, 1 when anything is missing or wrong.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  brackish verify debian.torrent ~/Downloads")]
pub struct VerifyArgs {
    /// A .torrent file, or the URL of one.
    #[arg(value_name = "TORRENT")]
    pub source: String,
    /// The folder that the torrent's file or folder is in.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Print a line of JSON per event.
    #[arg(long)]
    pub json: bool,
}

/// Run a tracker for browsers (WebSocket) and BitTorrent clients (HTTP), as one swarm.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    brackish tracker\n  \
    brackish tracker --listen 0.0.0.0:443 --tls-cert cert.pem --tls-key key.pem\n  \
    brackish tracker --listen 127.0.0.1:8000 --trust-proxy --allow-list torrents.txt")]
pub struct TrackerArgs {
    /// Where to listen [default: 0.0.0.0:8080, or the next free port].
    #[arg(long, value_name = "ADDR", value_parser = addresses::parse_listen)]
    pub listen: Option<SocketAddr>,
    /// Certificate chain in PEM: serves wss: and https:.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve only the torrents in this file: an info-hash or magnet link in each line, # begins a
    /// remark. SIGHUP reads it again.
    #[arg(long, value_name = "FILE")]
    pub allow_list: Option<PathBuf>,
    /// Most HTTP requests per second from one address (IPv6: /64), ten seconds' worth of them at
    /// once; 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub http_rate: u32,
    #[command(flatten)]
    pub access: AccessArgs,
    /// Print a line of JSON per event.
    #[arg(long)]
    pub json: bool,
}

/// Which versions a torrent that is made has; without any of these, version 1.
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Make a torrent of version 2 alone (BEP 52), which older clients and pages cannot read.
    #[arg(long, conflicts_with = "hybrid")]
    pub v2: bool,
    /// Make a torrent of versions 1 and 2 at once (BEP 52), for clients of either.
    #[arg(long)]
    pub hybrid: bool,
}

impl VersionArgs {
    /// Of the torrent to be made.
    pub fn version(&self) -> Version {
        match (self.v2, self.hybrid) {
            (true, _) => Version::V2,
            (false, true) => Version::Hybrid,
            (false, false) => Version::V1,
        }
    }
}

/// What share, download and seed have in common.
#[derive(Debug, Args)]
pub struct PeerArgs {
    /// TCP port for peers [default: any free one].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Speak to TCP and UDP peers from this address, or the addresses of this network interface, alone
    /// [default: all].
    #[arg(long, value_name = "ADDR|INTERFACE", value_parser = addresses::parse_bind)]
    pub bind: Option<Bind>,
    /// A TCP peer to connect to at once; repeatable.
    #[arg(long = "peer", value_name = "HOST:PORT", value_parser = parse_peer)]
    pub peers: Vec<String>,
    /// Announce to this tracker as well; repeatable.
    #[arg(long = "tracker", value_name = "URL", value_parser = parse_tracker)]
    pub trackers: Vec<String>,
    /// STUN or TURN server for WebRTC; repeatable [default: none on a local network, else a public
    /// STUN server].
    #[arg(long = "ice-server", value_name = "URL")]
    pub ice_servers: Vec<String>,
    /// Most bytes per second to send to peers, such as 500K, 1.5M or 2MiB.
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub max_up: Option<u64>,
    /// Most bytes per second to receive.
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub max_down: Option<u64>,
    /// Most peers connected at once, from 1 to 2000.
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u16).range(1..=2000))]
    pub max_peers: u16,
    /// Do not speak WebRTC with peers.
    #[arg(long, conflicts_with = "no_tcp")]
    pub no_webrtc: bool,
    /// Do not speak TCP with peers.
    #[arg(long)]
    pub no_tcp: bool,
    /// Print a line of JSON per event.
    #[arg(long)]
    pub json: bool,
}

fn parse_peer(text: &str) -> Result<String, String> {
    let port = text
        .rsplit_once(':')
        .filter(|(host, _)| !host.is_empty())
        .map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(1..)) => Ok(text.to_owned()),
        _ => Err("expected HOST:PORT, such as 192.168.1.7:6881 or [::1]:6881".to_owned()),
    }
}

fn parse_tracker(text: &str) -> Result<String, String> {
    let scheme = text
        .split_once("://")
        .filter(|(_, rest)| !rest.is_empty())
        .map(|(scheme, _)| scheme);
    match scheme.map(str::to_ascii_lowercase).as_deref() {
        Some("ws" | "wss" | "http" | "https" | "udp") => Ok(text.to_owned()),
        _ => Err(
            "expected a URL that begins with ws://, wss://, http://, https:// or udp://".to_owned(),
        ),
    }
}

fn parse_web_seed(text: &str) -> Result<String, String> {
    if brackish_wire::web_seed::is_web_seed(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a URL that begins with http:// or https://".to_owned())
    }
}

/// A number above zero.
fn parse_ratio(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok();
    number
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| "expected a number above 0, such as 1 or 1.5".to_owned())
}

/// A length of time, in seconds where it has no unit.
fn parse_time(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.char_indices().next_back() {
        Some((end, 's')) => (&text[..end], 1),
        Some((end, 'm')) => (&text[..end], 60),
        Some((end, 'h')) => (&text[..end], 3600),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok();
    let seconds = number.and_then(|number| number.checked_mul(unit));
    seconds
        .filter(|seconds| (1..=MAX_TIME).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| "expected seconds, or a time such as 90s, 30m or 2h".to_owned())
}

fn parse_piece_length(text: &str) -> Result<u32, String> {
    let length = size::parse_binary(text).and_then(|length| u32::try_from(length).ok());
    length
        .filter(|length| length.is_power_of_two())
        .filter(|length| (BLOCK_LENGTH..=MAX_PIECE_LENGTH).contains(length))
        .ok_or_else(|| "expected a power of two from 16K (16384) to 512M".to_owned())
}

/// Reads a folder. Others write to stdout for `-`; a folder of that name is `./-`.
fn parse_folder() -> impl clap::builder::TypedValueParser<Value = PathBuf> {
    use clap::builder::{PathBufValueParser, TypedValueParser};
    PathBufValueParser::new().try_map(|path| match path.as_os_str() == "-" {
        true => {
            Err("a torrent's files cannot go to stdout: give a folder (./- if it is called so)")
        }
        false => Ok(path),
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_has_no_contradictions() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_piece_length_may_have_a_unit_and_must_be_a_power_of_two() {
        assert_eq!(parse_piece_length("262144"), Ok(262_144));
        assert_eq!(parse_piece_length("256K"), Ok(262_144));
        assert_eq!(parse_piece_length("1m"), Ok(1 << 20));
        assert_eq!(parse_piece_length("2MiB"), Ok(2 << 20));
        assert_eq!(parse_piece_length("0.5M"), Ok(1 << 19));
        for wrong in [
            "",
            "K",
            "8K",
            "300000",
            "1G",
            "-16384",
            "99999999999K",
            "1é",
        ] {
            assert!(parse_piece_length(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_time_may_have_a_unit_and_a_ratio_may_have_decimals() {
        assert_eq!(parse_time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("30m"), Ok(Duration::from_secs(1800)));
        assert_eq!(parse_time("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "0", "s", "-1", "1.5h", "99999999999h", "5é"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_ratio("1.5"), Ok(1.5));
        for wrong in ["", "0", "-1", "NaN", "inf", "x"] {
            assert!(parse_ratio(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_peer_needs_a_host_and_a_port() {
        for right in ["127.0.0.1:1", "[::1]:6881", "seed.example.org:6881"] {
            assert!(parse_peer(right).is_ok(), "{right}");
        }
        for wrong in ["", "localhost", ":6881", "localhost:0", "localhost:70000"] {
            assert!(parse_peer(wrong).is_err(), "{wrong}");
        }
    }
}
