//! Plays a swarm and prints its figures: `swarm KIND PEERS [MIB] [SEED]`, where KIND is `tcp`,
//! `page`, `hybrid` (all links alike) or `mixed`.

use std::time::Instant;

use brackish_sim::{Bound, Kind, Scenario, homogeneous, mixed};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        let given = arguments.get(at).map(|text| text.parse());
        given.unwrap_or(Ok(default)).expect("a number")
    };
    let peers = number(1, 100) as usize;
    let total = number(2, 64) << 20;
    let seed = number(3, 1);
    let piece_length = brackish_wire::metainfo::default_piece_length(total).max(1 << 17);
    let alike = |kind| homogeneous(seed, peers, total, piece_length, kind);
    let scenario: Scenario = match arguments.first().map(String::as_str) {
        Some("tcp") => alike(Kind::Tcp),
        Some("page") => alike(Kind::Page),
        Some("hybrid") => alike(Kind::Hybrid),
        _ => mixed(seed, peers, total, piece_length),
    };
    let bound = Bound::of(&scenario).time.as_secs_f64();
    let begun = Instant::now();
    let report = match scenario.run() {
        Ok(report) => report,
        Err(failure) => {
            eprintln!("{failure}");
            std::process::exit(1);
        }
    };
    let times = report.times();
    let second = |at: usize| times.get(at).map_or(0.0, |time| time.as_secs_f64());
    println!(
        "{} peers: last {:.1} s = {:.3} x bound {bound:.1} s; first {:.1}, median {:.1}; \
         origin {:.2} copies; wasted {:.2} %; {} events, trace {:016x}, {:.1} s here",
        peers,
        report.finished.as_secs_f64(),
        report.finished.as_secs_f64() / bound,
        second(0),
        second(times.len() / 2),
        report.origin_copies,
        report.wasted * 100.0,
        report.steps,
        report.trace,
        begun.elapsed().as_secs_f64(),
    );
}
