//! The web side of `share`: the page, and what belongs to the one torrent that is shared.

mod assets;
mod origin;
mod site;

pub use site::Site;
