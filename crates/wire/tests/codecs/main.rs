//! Proves the codecs by their public interfaces: what is written reads back, however it is cut, and no bytes from
//! outside do more than give an error.

mod bencode;
mod extension;
mod file_tree;
mod merkle;
mod message;
mod metainfo;
mod metainfo_built;
mod paths;
mod random;
mod signal;
mod tracker_http;
mod tracker_udp;
mod tracker_ws;
mod version2;
mod version2_hashes;
