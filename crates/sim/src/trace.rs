//! A hash over everything that happens in a run.

/// An odd number without structure (from the fraction of the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Default)]
pub(crate) struct Trace(u64);

impl Trace {
    pub fn add(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(MULTIPLIER);
    }

    pub fn value(&self) -> u64 {
        self.0
    }
}
