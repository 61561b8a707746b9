//! Measures swarms of real sessions against the time that no strategy can beat.
//!
//! `swarm [--peers N]... [--size MiB] [--seed S] [--draw FOLDER]` plays each kind of swarm at each
//! number of peers and prints tables; with a folder it draws them. `swarm watch LINKS` plays one
//! swarm and prints each second how full its uploads are.

mod case;
mod chart;
mod options;
mod play;
mod report;
mod watch;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = options::Options::parse(&words).and_then(|options| match options.watch {
        Some(links) => watch::watch(&options.case(links, options.peers[0])),
        None => report::run(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
