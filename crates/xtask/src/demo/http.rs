//! Just enough HTTP to ask a `brackish share` on this machine for `share.json`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(5);

/// Most bytes of an answer that are read.
const LONGEST: u64 = 1024 * 1024;

/// The URL of the `.torrent` that the share on this port serves, once it does.
pub fn torrent_of(port: u16) -> Option<String> {
    let share: Value = serde_json::from_str(&get(port, "/share.json")?).ok()?;
    let torrent = share["torrent"].as_str()?;
    if torrent.contains("://") {
        return Some(torrent.to_owned());
    }
    Some(format!(
        "http://127.0.0.1:{port}/{}",
        torrent.trim_start_matches('/')
    ))
}

/// The body of a 200, if there is one.
fn get(port: u16, path: &str) -> Option<String> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.take(LONGEST).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.lines()
        .next()?
        .contains(" 200 ")
        .then(|| body.to_owned())
}
