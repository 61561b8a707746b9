//! An HTTP tracker that always names one peer: for clients that take peers from trackers alone.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// Longer than any download takes: nobody announces twice.
const INTERVAL: u32 = 1800;

/// Serves until this program ends, and returns its announce URL.
pub fn start(peer: SocketAddrV4) -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}/announce", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that hangs up early has what it wanted, or says so itself.
            let _ = answer(stream, peer);
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, peer: SocketAddrV4) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut body =
        format!("d8:completei1e10:incompletei0e8:intervali{INTERVAL}e5:peers6:").into_bytes();
    body.extend(peer.ip().octets());
    body.extend(peer.port().to_be_bytes());
    body.push(b'e');
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}
