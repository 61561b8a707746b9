//! What `share` answers over HTTP besides the tracker: the page, `share.json` and the `.torrent`.
//! Nothing else is there to be asked for; the shared data itself goes from peer to peer only.

use std::net::SocketAddr;

use brackish_wire::metainfo::Metainfo;
use bytes::Bytes;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, USER_AGENT, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Request, Response, StatusCode};
use serde::Serialize;

use super::assets;
use super::origin::Origin;
use crate::addresses::{is_local_host, is_loopback_host};
use crate::format::percent_encode;

/// The one torrent that is shared, and how its page is to find peers.
#[derive(Debug)]
pub struct Site {
    metainfo: Metainfo,
    listening: SocketAddr,
    hosts: Vec<String>,
    outside_trackers: Vec<String>,
    ice_servers: Vec<String>,
    /// The path of the `.torrent`, percent-encoded, without the slash.
    torrent_path: String,
}

/// The content of `share.json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Share<'a> {
    name: &'a str,
    torrent: &'a str,
    /// For a page that was opened on this machine: how others open it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<String>,
    /// Absent: the page's own choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    ice_servers: Option<&'a [String]>,
}

impl Site {
    /// A site for `metainfo`, whose own trackers are those of the person's choice.
    pub fn new(
        metainfo: Metainfo,
        listening: SocketAddr,
        hosts: Vec<String>,
        ice_servers: Vec<String>,
    ) -> Self {
        let torrent_path = format!("{}.torrent", percent_encode(metainfo.info.name()));
        let outside_trackers = metainfo.trackers.iter().flatten().cloned().collect();
        Self {
            metainfo,
            listening,
            hosts,
            outside_trackers,
            ice_servers,
            torrent_path,
        }
    }

    /// Where the page is, for others first.
    pub fn pages(&self) -> Vec<String> {
        self.hosts
            .iter()
            .map(|host| Origin::plain(host).page(""))
            .collect()
    }

    /// Where the `.torrent` is.
    pub fn torrent_url(&self) -> String {
        self.first_origin().page(&self.torrent_path)
    }

    /// Every announce URL, as another machine reaches it.
    pub fn trackers(&self) -> Vec<String> {
        self.first_origin()
            .trackers()
            .into_iter()
            .chain(self.outside_trackers.iter().cloned())
            .collect()
    }

    /// Answers a request.
    pub fn respond(&self, request: &Request<()>) -> Response<Bytes> {
        let mut response = self.route(request);
        let headers = response.headers_mut();
        let fixed: [(HeaderName, &'static str); 5] = [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (X_FRAME_OPTIONS, "DENY"),
            // No page of another site may so much as embed what is here.
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "same-origin",
            ),
            (
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            ),
        ];
        for (name, value) in fixed {
            // Over plain http a browser only complains of this one.
            if name == "cross-origin-opener-policy" && !self.is_trustworthy(request) {
                continue;
            }
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn route(&self, request: &Request<()>) -> Response<Bytes> {
        let path = request.uri().path().trim_start_matches('/');
        if path == self.torrent_path {
            return self.torrent(request);
        }
        match path {
            "share.json" => self.share(request),
            "" if wants_torrent(request) => self.redirect_to_torrent(),
            _ => match assets::find(path) {
                Some(asset) => asset.response(request.headers()),
                None if path.is_empty() => assets::no_app(),
                None => not_found(),
            },
        }
    }

    /// The same `info` for everyone, with trackers that lead back to where this client asked.
    fn torrent(&self, request: &Request<()>) -> Response<Bytes> {
        let own = Origin::of(request, self.listening).trackers();
        let mut metainfo = self.metainfo.clone();
        metainfo.trackers = own
            .into_iter()
            .map(|url| vec![url])
            .chain(self.metainfo.trackers.iter().cloned())
            .collect();
        let mut response = answer("application/x-bittorrent", metainfo.to_bytes());
        let disposition = format!("attachment; filename*=UTF-8''{}", self.torrent_path);
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            response
                .headers_mut()
                .insert(CONTENT_DISPOSITION, disposition);
        }
        response
    }

    fn share(&self, request: &Request<()>) -> Response<Bytes> {
        let origin = Origin::of(request, self.listening);
        let links = if is_loopback_host(origin.authority()) {
            self.hosts
                .iter()
                .filter(|host| !is_loopback_host(host))
                .map(|host| Origin::plain(host).page(""))
                .collect()
        } else {
            Vec::new()
        };
        // Whoever reaches this machine in its own network reaches it for the data, too.
        let local = is_local_host(origin.authority()) && self.outside_trackers.is_empty();
        let ice_servers =
            (local || !self.ice_servers.is_empty()).then_some(self.ice_servers.as_slice());
        let share = Share {
            name: self.metainfo.info.name(),
            torrent: &self.torrent_path,
            links,
            ice_servers,
        };
        match serde_json::to_vec(&share) {
            Ok(body) => answer("application/json", body),
            Err(_) => not_found(),
        }
    }

    fn redirect_to_torrent(&self) -> Response<Bytes> {
        let mut response = answer("text/plain; charset=utf-8", Vec::new());
        *response.status_mut() = StatusCode::SEE_OTHER;
        if let Ok(location) = HeaderValue::from_str(&format!("/{}", self.torrent_path)) {
            response.headers_mut().insert(LOCATION, location);
        }
        response
    }

    fn first_origin(&self) -> Origin {
        Origin::plain(
            self.hosts
                .first()
                .cloned()
                .unwrap_or_else(|| self.listening.to_string()),
        )
    }

    fn is_trustworthy(&self, request: &Request<()>) -> bool {
        let origin = Origin::of(request, self.listening);
        is_loopback_host(origin.authority()) || origin.page("").starts_with("https:")
    }
}

/// Whether a client of ours asks, for which the page's link stands for its torrent. Browsers ask for
/// `text/html`.
fn wants_torrent(request: &Request<()>) -> bool {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    header(USER_AGENT).starts_with("Brackish/") && !header(ACCEPT).contains("text/html")
}

fn answer(kind: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_found() -> Response<Bytes> {
    let mut response = answer(
        "text/plain; charset=utf-8",
        b"there is nothing here\n".to_vec(),
    );
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
