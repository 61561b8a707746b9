//! The codec that the target is named after.

#![no_main]

#[path = "../../../wire/tests/fuzz/bodies.rs"]
mod bodies;

use std::sync::LazyLock;

static BODY: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = env!("CARGO_BIN_NAME");
    let found = bodies::BODIES.iter().find(|(body, _)| *body == name);
    found.expect("a target is named after a body").1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| BODY(data));
