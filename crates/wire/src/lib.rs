//! Codecs and types of BitTorrent and WebTorrent: bencode, metainfo, magnet links, peer messages, tracker messages.
