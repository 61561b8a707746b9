//! `brackish`: shares, downloads and seeds files between browsers and BitTorrent clients, and runs
//! the tracker that brings them together.
//!
//! This crate is the person's side of the engine: the command line, what is printed, and the web
//! app that `share` serves. Everything else is in `brackish-native` and `brackish-tracker`.

mod access;
mod addresses;
mod allow_list;
mod args;
mod commands;
mod descriptors;
mod failure;
mod format;
mod json;
mod making;
mod print;
mod selection;
mod signals;
mod size;
mod view;
mod web;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return tell(&usage),
    };
    let json = cli.command.json();
    let ended = run(cli.command);
    // A command that could not say what it did has failed, whatever it did.
    let ended = match print::stdout_failure() {
        Some(reason) => Err(Failure::new("stdout", reason)),
        None => ended,
    };
    match ended {
        Ok(code) => code,
        Err(failure) => {
            if json {
                json::emit(&json::Event::Error {
                    message: failure.to_string(),
                });
            }
            print::error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Prints help, the version, or what is wrong with the command line.
fn tell(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        Ok(()) => ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(2)),
        Err(error) => {
            print::error(&Failure::new("stdout", error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    // Every command opens files; what the limit is by then does not matter here.
    let _ = descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot start", error))?;
    let code = runtime.block_on(async {
        match command {
            Command::Share(args) => commands::share::run(args).await,
            Command::Download(args) => commands::download::run(args).await,
            Command::Seed(args) => commands::seed::run(args).await,
            Command::Create(args) => commands::create::run(args).await,
            Command::Info(args) => commands::info::run(args).await,
            Command::Verify(args) => commands::verify::run(args).await,
            Command::Tracker(args) => commands::tracker::run(args).await,
        }
    });
    // What still blocks, such as a name lookup, must not hold up the end.
    runtime.shutdown_background();
    code
}
