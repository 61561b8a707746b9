//! Whole swarms at random: the fuzzing of the session. `cargo xtask sim` plays more of them.

use brackish_sim::{Chaos, random_scenario};

/// Seeds of each kind.
const SEEDS: u64 = 200;

fn play(chaos: Chaos) {
    for seed in 0..SEEDS {
        let replay = || chaos.replay(seed);
        match std::panic::catch_unwind(|| random_scenario(seed, chaos).run()) {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => panic!("{failure}\nreplay: {}", replay()),
            Err(_) => panic!("seed {seed} panicked\nreplay: {}", replay()),
        }
    }
}

#[test]
fn every_honest_peer_finishes_where_nothing_goes_wrong() {
    play(Chaos::Calm);
}

#[test]
fn every_honest_peer_finishes_once_faults_stop_among_liars_and_noise() {
    play(Chaos::Wild);
}
