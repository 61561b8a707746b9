//! WebSocket and HTTP BitTorrent tracker with WebRTC signalling.
