//! Memory that the allocator keeps after a flood of connections has gone.

/// How much the connections and peers must have fallen since their last peak to be worth it, besides
/// to half of the peak: those fewer hold a few MiB.
const WORTH: usize = 256;

/// Watches how many connections and peers there are.
#[derive(Debug, Default)]
pub(super) struct Memory {
    peak: usize,
}

impl Memory {
    /// Notes how many there are; `true` if so many have gone that [`give_back`] is due.
    pub(super) fn note(&mut self, now: usize) -> bool {
        self.peak = self.peak.max(now);
        let due = now <= self.peak / 2 && self.peak - now >= WORTH;
        if due {
            self.peak = now;
        }
        due
    }
}

/// Gives free memory back to the system: that of 18,000 sockets stays with the process otherwise,
/// since glibc gives back by itself only what lies at the end of its heap. Other allocators do it
/// without being asked. Takes some milliseconds for each 100 MiB.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes a plain number, and leaves what is in use as it is.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn memory_is_given_back_after_each_halving_and_not_for_a_few() {
        let mut memory = Memory::default();
        for (now, due) in [
            (10_000, false),
            (5_001, false),
            (5_000, true),
            (4_000, false),
            (2_000, true),
            (2_200, false),
            (300, true),
            (50, false),
            (400, false),
            (100, true),
        ] {
            assert_eq!(memory.note(now), due, "{now}");
        }
    }
}
