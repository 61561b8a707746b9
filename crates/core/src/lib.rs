//! The sans-IO BitTorrent session of Brackish: the same engine in a page, a server and a simulator.
