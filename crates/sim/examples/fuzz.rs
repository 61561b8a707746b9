//! Plays random scenarios: `fuzz [calm|wild] [FIRST] [COUNT]`.

use brackish_sim::{Chaos, random_scenario};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let chaos = match arguments.first().map(String::as_str) {
        Some("calm") => Chaos::Calm,
        _ => Chaos::Wild,
    };
    let number = |at: usize, default: u64| {
        let given = arguments.get(at).map(|text| text.parse());
        given.unwrap_or(Ok(default)).expect("a number")
    };
    let first = number(1, 0);
    let mut failed = 0;
    for seed in first..first + number(2, 100) {
        let played = std::panic::catch_unwind(|| random_scenario(seed, chaos).run());
        match played {
            Ok(Ok(_)) => {}
            Ok(Err(failure)) => {
                println!("{failure}");
                failed += 1;
            }
            Err(_) => {
                println!("seed {seed}: panicked");
                failed += 1;
            }
        }
    }
    println!("{failed} failed");
    std::process::exit(i32::from(failed > 0));
}
