//! Plays random scenarios: `scenarios [--seeds N] [--seed S] [calm|wild]`, from the seed S on; both
//! kinds of each unless one is named. A failure prints the command that plays it again.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use brackish_sim::{Chaos, random_scenario};

/// Seeds played unless told otherwise.
const SEEDS: u64 = 200;

/// Runs at once.
const WORKERS: usize = 2;

struct Options {
    seeds: u64,
    first: u64,
    kinds: Vec<Chaos>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = parse(&words) else {
        eprintln!("usage: scenarios [--seeds N] [--seed S] [calm|wild]");
        return ExitCode::from(2);
    };
    let count = options.seeds * options.kinds.len() as u64;
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    let kinds = options.kinds.len() as u64;
                    let chaos = options.kinds[(index % kinds) as usize];
                    if !plays(options.first + index / kinds, chaos) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    println!("{} passed, {failed} failed", count - failed);
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One seed alone is played where only it is named.
fn parse(words: &[String]) -> Option<Options> {
    let (mut seeds, mut first, mut kinds) = (None, None, vec![Chaos::Calm, Chaos::Wild]);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--seeds" => seeds = Some(words.next()?.parse().ok()?),
            "--seed" => first = Some(words.next()?.parse().ok()?),
            "calm" => kinds = vec![Chaos::Calm],
            "wild" => kinds = vec![Chaos::Wild],
            _ => return None,
        }
    }
    let usual = if first.is_some() { 1 } else { SEEDS };
    Some(Options {
        seeds: seeds.unwrap_or(usual),
        first: first.unwrap_or(0),
        kinds,
    })
}

fn plays(seed: u64, chaos: Chaos) -> bool {
    let problem = match std::panic::catch_unwind(|| random_scenario(seed, chaos).run()) {
        Ok(Ok(_)) => return true,
        Ok(Err(failure)) => failure.to_string(),
        Err(_) => format!("seed {seed}: panicked"),
    };
    println!("{problem}\nreplay: {}", chaos.replay(seed));
    false
}
