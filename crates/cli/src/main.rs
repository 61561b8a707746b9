//! Share, download and seed big files between browsers and BitTorrent clients.

fn main() {}
