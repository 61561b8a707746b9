//! Discovery and the small extensions, message by message: a session, and peers that are played by
//! the test.

mod bench;
mod pex;
mod private;
mod relay;
