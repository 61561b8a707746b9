//! A tracker on one port, to be ended with Ctrl-C: `serve ADDRESS [CERTIFICATES.pem KEY.pem]`.
//!
//! It limits nobody's rate, so that it can be loaded.

use std::error::Error;

use brackish_tracker::server::{ServerConfig, Tls, serve};
use brackish_tracker::{Rate, TrackerConfig};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listener = TcpListener::bind(arguments.next().ok_or("which address?")?).await?;
    let tls = match (arguments.next(), arguments.next()) {
        (Some(certificates), Some(key)) => Some(Tls {
            certificates: std::fs::read(certificates)?,
            key: std::fs::read(key)?,
        }),
        _ => None,
    };
    let tracker = TrackerConfig {
        announce_rate: Rate::UNLIMITED,
        answer_rate: Rate::UNLIMITED,
        ..TrackerConfig::default()
    };
    println!("listening on {}", listener.local_addr()?);
    let config = ServerConfig {
        tracker,
        tls,
        ..ServerConfig::default()
    };
    serve(listener, config, None, std::future::pending()).await?;
    Ok(())
}
