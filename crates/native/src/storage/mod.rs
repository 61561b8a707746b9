//! The files of torrents: where they are, how they are read and written, and the threads that do
//! it and hash.

mod clone;
mod completion;
mod files;
mod handles;
mod homes;
mod layout;
mod lock;
pub(crate) mod map;
pub(crate) mod names;
pub(crate) mod ownership;
mod parts;
mod pool;
mod presence;
mod settle;
mod siblings;
mod survey;
mod system;
mod worker;

pub(crate) use completion::Completion;
pub(crate) use files::Files;
pub(crate) use handles::HandleCache;
pub(crate) use layout::Layout;
pub(crate) use pool::{Done, Job, Pool, ReadRun};

#[cfg(test)]
mod tests;
