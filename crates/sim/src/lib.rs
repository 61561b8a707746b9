//! Deterministic simulator of Brackish swarms.
