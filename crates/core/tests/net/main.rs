//! Discovery and the small extensions, message by message: a session, and peers that are played by
//! the test.

mod bench;
mod contest;
mod dials;
mod dont_have;
mod endgame;
mod fast;
mod metadata;
mod pex;
mod pieces;
mod places;
mod private;
mod queues;
mod relay;
mod relief;
mod stalls;
mod super_seed;
mod trackers;
mod turns;
mod unread;
