//! TCP and TLS connections to servers, by host name. One TLS set-up for all of them.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates;

/// Longest time for one address of a host; the next is tried then.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(8);

/// A connection, encrypted or not.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The addresses of `host`; at least one.
pub(crate) async fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = bare(host);
    let addresses: Vec<_> = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|_| not_found(bare))?
        .collect();
    match addresses.is_empty() {
        true => Err(not_found(bare)),
        false => Ok(addresses),
    }
}

/// Connects to one of the addresses of `host`, which are tried in turn; by TLS if `secure`.
/// The address is the one that it went to.
pub(crate) async fn connect_to(
    addresses: &[SocketAddr],
    host: &str,
    secure: bool,
) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
    let bare = bare(host);
    let mut last = None;
    for address in addresses {
        match tokio::time::timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                let stream: Box<dyn Stream> = match secure {
                    false => Box::new(stream),
                    true => encrypt(bare, Box::new(stream)).await?,
                };
                return Ok((stream, *address));
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
        }
    }
    Err(last.unwrap_or_else(|| not_found(bare)))
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn not_found(host: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no such host: {host}"))
}

/// Speaks TLS with `host` over a stream.
pub(crate) async fn encrypt(host: &str, stream: Box<dyn Stream>) -> io::Result<Box<dyn Stream>> {
    let host = bare(host);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| not_found(host))?;
    let stream = TlsConnector::from(tls_config()?)
        .connect(name, stream)
        .await
        .map_err(|error| certificates::explain(host, error))?;
    Ok(Box::new(stream))
}

/// The client's TLS set-up: `ring`, which WebRTC brings along anyway, and the system's
/// certificates, or those of Mozilla where the system has none.
fn tls_config() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}
