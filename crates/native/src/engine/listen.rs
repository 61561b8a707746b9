//! The TCP port on which peers are accepted, the same on IPv4 and IPv6.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::node::NodeError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 256;

/// How often a port that the system chose for one family is given back because the other family
/// has it taken.
const ATTEMPTS: usize = 16;

/// Listens on `port` of every address, or on one that the system chooses. At least one family is
/// there; where the system has no IPv6, that is IPv4 alone. Must run in a tokio runtime.
pub(super) fn listen(port: Option<u16>) -> Result<(u16, Vec<TcpListener>), NodeError> {
    let wanted = port.unwrap_or(0);
    let mut attempt = 0;
    loop {
        attempt += 1;
        match listen_on_both(wanted) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && wanted == 0
                    && attempt < ATTEMPTS => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(NodeError::PortInUse { port: wanted });
            }
            Err(error) => {
                return Err(NodeError::Listen {
                    port: wanted,
                    error,
                });
            }
            Ok(both) => return Ok(both),
        }
    }
}

fn listen_on_both(port: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    let v4 = bind((Ipv4Addr::UNSPECIFIED, port).into());
    let port = match &v4 {
        Ok(listener) => listener.local_addr()?.port(),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        Err(_) => port,
    };
    let v6 = bind((Ipv6Addr::UNSPECIFIED, port).into());
    match (v4, v6) {
        (_, Err(error)) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        (Ok(v4), Ok(v6)) => Ok((port, vec![v4, v6])),
        (Ok(v4), Err(_)) => Ok((port, vec![v4])),
        (Err(_), Ok(v6)) => Ok((v6.local_addr()?.port(), vec![v6])),
        (Err(error), Err(_)) => Err(error),
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // So that a node that was just ended can be started again on its port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
