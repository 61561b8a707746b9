//! Everything a contributor runs: demo, test, bench, size, check.

fn main() {}
