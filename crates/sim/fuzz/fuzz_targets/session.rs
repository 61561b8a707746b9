//! A session, as a sequence of operations.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    brackish_sim::play_operations(data);
});
