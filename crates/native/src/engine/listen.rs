//! The TCP port on which peers are accepted, the same on all addresses, and the addresses that peers
//! are dialled from.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::node::NodeError;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 256;

/// How often a port that the system chose for one family is given back because the other family
/// has it taken.
const ATTEMPTS: usize = 16;

/// Listens on `port` of the addresses in `bind`, or on one that the system chooses. An empty `bind`
/// means every address: at least one family is there; where the system has no IPv6, that is IPv4
/// alone. Must run in a tokio runtime.
pub(super) fn listen(
    port: Option<u16>,
    bind: &[IpAddr],
) -> Result<(u16, Vec<TcpListener>), NodeError> {
    let wanted = port.unwrap_or(0);
    for address in bind {
        // A port of its own, so that nothing is wrong but the address.
        self::bind((*address, 0).into()).map_err(|error| NodeError::Bind {
            address: *address,
            error,
        })?;
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let listening = match bind {
            [] => listen_on_both(wanted),
            some => listen_on(some, wanted),
        };
        match listening {
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

fn listen_on(addresses: &[IpAddr], mut port: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = bind((*address, port).into())?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok((port, listeners))
}

/// Connects from an address in `bind`; from any if there is none in it.
pub(super) async fn connect(to: SocketAddr, bind: &[IpAddr]) -> io::Result<TcpStream> {
    if bind.is_empty() {
        return TcpStream::connect(to).await;
    }
    let from = bind
        .iter()
        .filter(|from| from.is_ipv4() == to.is_ipv4())
        // From loopback there is a way to loopback alone, and from elsewhere none that others take.
        .max_by_key(|from| from.is_loopback() == to.ip().is_loopback());
    let Some(from) = from else {
        let why = "no address to bind to is of that family";
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, why));
    };
    let socket = match from {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind((*from, 0).into())?;
    socket.connect(to).await
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
