//! HTTP/1.1 connections to web seeds, kept open from one request to the next.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;

use brackish_core::FetchError;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HOST, RANGE, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::failed;
use crate::reach::{self, Trusted};
use crate::trackers::connect::{connect_to, look_up};
use crate::trackers::in_words;

/// Idle connections kept to one server: as many as the session has requests to one.
const MAX_IDLE: usize = 2;

/// Servers to which idle connections are kept. With more, those of any are let go.
const MAX_SERVERS: usize = 32;

/// A server as a connection to it was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Server {
    secure: bool,
    host: String,
    port: u16,
    /// It might be in the local network, so that who may not go there must not use the connection.
    anywhere: bool,
}

/// A connection that has carried an answer.
pub(super) struct Connection {
    server: Server,
    sender: SendRequest<Empty<Bytes>>,
}

#[derive(Default)]
pub(super) struct Connections {
    idle: RefCell<HashMap<Server, Vec<SendRequest<Empty<Bytes>>>>>,
}

impl Connections {
    /// Asks for a part of what is at `uri`; gives the head of the answer, and the connection that
    /// its body comes by. In the local network only the `trusted` servers are asked.
    pub(super) async fn get(
        &self,
        uri: &Uri,
        range: &Range<u64>,
        trusted: &Trusted,
    ) -> Result<(Response<Incoming>, Connection), FetchError> {
        let unusable = |reason: &str| FetchError::Unusable {
            reason: reason.to_owned(),
        };
        let (host, port) = reach::server_of(uri)
            .ok_or_else(|| unusable("neither an http nor an https URL with a host"))?;
        let server = Server {
            secure: uri.scheme_str() == Some("https"),
            anywhere: trusted.has(&host, port),
            host,
            port,
        };
        let host = &server.host;
        let shown_host = match uri.port_u16() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let request = || {
            Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
                .header(HOST, &shown_host)
                .header(USER_AGENT, concat!("Brackish/", env!("CARGO_PKG_VERSION")))
                .header(ACCEPT, "*/*")
                .header(ACCEPT_ENCODING, "identity")
                .header(RANGE, format!("bytes={}-{}", range.start, range.end - 1))
                .body(Empty::new())
                .map_err(|error| unusable(&error.to_string()))
        };
        // A server may close an idle connection just as it is used again.
        while let Some(mut sender) = self.take(&server) {
            if sender.ready().await.is_ok()
                && let Ok(response) = sender.send_request(request()?).await
            {
                return Ok((response, Connection { server, sender }));
            }
        }
        let in_words = |error| failed(in_words(&error));
        let mut addresses = look_up(host, port).await.map_err(in_words)?;
        if !server.anywhere {
            addresses =
                reach::outside(addresses).map_err(|inside| unusable(&inside.to_string()))?;
        }
        let stream = connect_to(&addresses, host, server.secure)
            .await
            .map_err(in_words)?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        spawn_local(async move {
            // What goes wrong here is told to whoever waits for an answer.
            let _ = connection.await;
        });
        let response = sender.send_request(request()?).await.map_err(failed)?;
        Ok((response, Connection { server, sender }))
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= MAX_SERVERS && !idle.contains_key(&connection.server) {
            idle.clear();
        }
        let idle = idle.entry(connection.server).or_default();
        idle.retain(|sender| !sender.is_closed());
        if idle.len() < MAX_IDLE {
            idle.push(connection.sender);
        }
    }

    fn take(&self, server: &Server) -> Option<SendRequest<Empty<Bytes>>> {
        self.idle.borrow_mut().get_mut(server)?.pop()
    }
}
