//! tokio drivers for the Brackish engine: TCP, WebRTC, files, trackers.
