//! The subcommands, one file each.

pub mod create;
pub mod download;
mod follow;
pub mod info;
mod peers;
mod rules;
pub mod seed;
pub mod share;
pub mod tracker;
pub mod verify;
