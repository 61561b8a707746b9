//! Measures swarms of real sessions against the time that no strategy can beat.
//!
//! `swarm [PART]... [--peers N]... [--size MiB] [--seed S] [--draw FOLDER]` plays the parts, all of
//! them unless some are named, and prints tables; with a folder it draws them. `swarm watch LINKS`
//! plays one swarm and prints each second how full its uploads are.

mod case;
mod chart;
mod churn;
mod growth;
mod liars;
mod options;
mod play;
mod popularity;
mod selfish;
mod sizes;
mod streams;
mod watch;

use std::process::ExitCode;

use options::{Options, Part};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match Options::parse(&words).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    if let Some(links) = options.watch {
        let peers = options.peers().first().copied().unwrap_or(1);
        return watch::watch(&options.case(links, peers));
    }
    for part in &options.parts {
        let charts = match part {
            Part::Sizes => sizes::run(options)?,
            Part::Popularity => popularity::run(options)?,
            Part::Growth => growth::run(options)?,
            Part::Streams => streams::run(options)?,
            Part::Churn => churn::run(options)?,
            Part::Selfish => selfish::run(options)?,
            Part::Liars => liars::run(options)?,
        };
        for (name, chart) in charts {
            if let Some(folder) = &options.draw {
                let file = folder.join(name);
                std::fs::write(&file, chart)
                    .map_err(|error| format!("{}: {error}", file.display()))?;
            }
        }
    }
    Ok(())
}
