//! Whole swarms at random: the fuzzing of the session.
//!
//! `BRACKISH_SIM_SEED=N` plays one seed alone, `BRACKISH_SIM_SEEDS=N` so many.

use brackish_sim::{Chaos, random_scenario};

/// Seeds played by default.
const SEEDS: u64 = 50;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn play(chaos: Chaos, name: &str) {
    let seeds = match number("BRACKISH_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BRACKISH_SIM_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let replay = || {
            format!(
                "replay: BRACKISH_SIM_SEED={seed} cargo test -p brackish-sim --test random {name}"
            )
        };
        let played = std::panic::catch_unwind(|| random_scenario(seed, chaos).run());
        match played {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => panic!("{failure}\n{}", replay()),
            Err(_) => panic!("seed {seed} panicked\n{}", replay()),
        }
    }
}

#[test]
fn every_honest_peer_finishes_where_nothing_goes_wrong() {
    play(
        Chaos::Calm,
        "every_honest_peer_finishes_where_nothing_goes_wrong",
    );
}

#[test]
fn every_honest_peer_finishes_once_faults_stop_among_liars_and_noise() {
    play(
        Chaos::Wild,
        "every_honest_peer_finishes_once_faults_stop_among_liars_and_noise",
    );
}
