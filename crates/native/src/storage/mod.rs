//! The files of torrents: where they are, how they are read and written, and the threads that do
//! it and hash.

mod files;
mod handles;
mod layout;
pub(crate) mod map;
pub(crate) mod names;
mod parts;
mod pool;
mod presence;
mod system;
mod worker;

pub(crate) use files::Files;
pub(crate) use handles::HandleCache;
pub(crate) use layout::Layout;
pub(crate) use pool::{Done, Job, Pool, ReadRun};

#[cfg(test)]
mod tests;
