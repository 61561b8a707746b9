//! Taking part in torrents and leaving them, under the page's number for each. A torrent that is added again while it
//! cannot go on begins anew, under the number that it has; so does one that is added by files of the page's own.

use std::sync::Arc;

use brackish_core::{
    AddTorrent, AddTorrentError, Existing, Select, Source, TorrentId, TorrentState,
};
use brackish_wire::InfoHash;
use brackish_wire::magnet::Magnet;
use brackish_wire::metainfo::{Metainfo, PieceLayers, Verifier};
use js_sys::{Array, Object, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::driver::{Driver, Torrent};
use crate::fault::Fault;
use crate::host::now;
use crate::report::magnet;
use crate::store::{Job, Place, Reply, Stored, stored};

/// What is known of a torrent when it is added.
#[derive(Clone)]
pub enum Known {
    /// Its `info` dictionary.
    Info(Verifier),
    /// What a magnet link says.
    Magnet(Magnet),
}

/// A torrent to take part in.
pub struct Adding {
    /// The page's number for it.
    pub key: u32,
    /// What is known of it.
    pub known: Known,
    /// Announce URLs in tiers.
    pub trackers: Vec<Vec<String>>,
    /// Web seeds.
    pub web_seeds: Vec<String>,
    /// Where its bytes are to be.
    pub place: Place,
    /// What of it is wanted.
    pub select: Select,
}

impl Driver {
    /// Takes part in a torrent. Gives info-hash, name and magnet link; `duplicate`, with the page's number for it, where
    /// the torrent is here already.
    pub(crate) fn add(&'static self, adding: Adding) -> Result<Array, Fault> {
        match self.begin(&adding) {
            Ok(accepted) => Ok(accepted),
            Err(AddTorrentError::Duplicate(info_hash)) => {
                let id = self.named(info_hash);
                let id = id.ok_or_else(|| Fault::new("internal", "the torrent is here twice"))?;
                let key = self.key(id).unwrap_or_default();
                if self.gives_way(id, &adding.place) {
                    self.begin_anew(id, adding)?;
                }
                Err(Fault::new("duplicate", key.to_string()))
            }
            Err(error @ AddTorrentError::ShuttingDown) => {
                Err(Fault::new("destroyed", error.to_string()))
            }
        }
    }

    /// Gives a torrent of a magnet link its `.torrent` file, from elsewhere than its peers. Nothing happens where the
    /// metadata is known.
    pub(crate) fn supply(&'static self, key: u32, bytes: &[u8]) -> Result<(), Fault> {
        let metainfo = Metainfo::from_bytes(bytes)
            .map_err(|error| Fault::new("bad-torrent", error.to_string()))?;
        let Some(id) = self.id(key) else {
            return Ok(());
        };
        let adding = {
            let torrents = self.torrents.borrow();
            let Some(torrent) = torrents.get(&id).filter(|torrent| torrent.info.is_none()) else {
                return Ok(());
            };
            let info = &metainfo.info;
            let v2 = info.v2().map(|v2| v2.info_hash());
            let same = info.info_hash() == torrent.info_hash
                || v2.is_some_and(|v2| {
                    Some(v2) == torrent.info_hash_v2 || v2.truncated() == torrent.info_hash
                });
            if !same {
                return Err(Fault::new(
                    "bad-torrent",
                    "it is the file of another torrent",
                ));
            }
            Adding {
                key,
                known: Known::Info(metainfo.verifier()),
                trackers: metainfo.trackers,
                web_seeds: metainfo.web_seeds,
                place: torrent.place.clone(),
                select: torrent.select.clone(),
            }
        };
        self.begin_anew(id, adding)
    }

    /// Leaves a torrent; the promise resolves once its store is let go of, and rejects where it could not be deleted.
    pub(crate) fn leave(&'static self, id: TorrentId, delete: bool) -> (Option<Torrent>, Promise) {
        let (promise, reply) = Reply::new();
        let torrent = self.torrents.borrow_mut().remove(&id);
        self.session.borrow_mut().remove_torrent(id, now());
        self.pump();
        match torrent.as_ref().and_then(|torrent| torrent.store.clone()) {
            Some(store) => {
                store.push(Job::Close {
                    delete,
                    reply: Some(reply),
                });
                if let Some(info) = torrent.as_ref().and_then(|torrent| torrent.info.clone()) {
                    self.closes(info.info_hash(), promise.clone());
                }
            }
            None => reply.send(Ok(JsValue::UNDEFINED)),
        }
        (torrent, promise)
    }

    /// What an earlier visit left of a torrent; where it was left just now, once its store is let go of.
    pub(crate) async fn left_of(&self, info_hash: InfoHash) -> Stored {
        if let Some(closed) = self.closing(info_hash) {
            // Whether that went well was told to whoever left it.
            let _ = JsFuture::from(closed).await;
        }
        match &self.opfs {
            Some(folder) => stored(folder, info_hash).await,
            None => Stored::default(),
        }
    }

    /// What settles, and never rejects, once the store of a torrent that was left is let go of.
    pub(crate) fn closing(&self, info_hash: InfoHash) -> Option<Promise> {
        self.closing.borrow().get(&info_hash).cloned()
    }

    fn closes(&'static self, info_hash: InfoHash, closed: Promise) {
        let settled = future_to_promise(async move {
            let _ = JsFuture::from(closed).await;
            Ok(JsValue::UNDEFINED)
        });
        self.closing.borrow_mut().insert(info_hash, settled.clone());
        let forget = async move {
            let _ = JsFuture::from(settled.clone()).await;
            let last = self.closing(info_hash);
            if last.is_some_and(|last| Object::is(&last, &settled)) {
                self.closing.borrow_mut().remove(&info_hash);
            }
        };
        wasm_bindgen_futures::spawn_local(forget);
    }

    /// Whether a torrent that is added again makes place for what it is added as.
    fn gives_way(&self, id: TorrentId, place: &Place) -> bool {
        let state = self.session.borrow().torrent_stats(id).map(|t| t.state);
        match state {
            Some(TorrentState::Failed) => true,
            // It has everything.
            Some(TorrentState::Seeding) | None => false,
            Some(_) => {
                let torrents = self.torrents.borrow();
                let from_files = |place: &Place| matches!(place, Place::Files(_));
                let before = torrents.get(&id).map(|torrent| from_files(&torrent.place));
                before == Some(false) && from_files(place)
            }
        }
    }

    /// Leaves a torrent and takes part in it again, under the same number and with what was known of it.
    fn begin_anew(&'static self, id: TorrentId, adding: Adding) -> Result<(), Fault> {
        let (old, _) = self.leave(id, false);
        let Some(old) = old else {
            return Ok(());
        };
        if old.failed {
            self.host.restarted(old.key);
        }
        let known = match (adding.known, old.info) {
            (Known::Magnet(_), Some(info)) => {
                Known::Info(Verifier::new(info, PieceLayers::default()))
            }
            (known, _) => known,
        };
        let adding = Adding {
            key: old.key,
            known,
            trackers: with_trackers(old.trackers, adding.trackers.concat()),
            web_seeds: with_urls(old.web_seeds, adding.web_seeds),
            ..adding
        };
        let begun = self.begin(&adding);
        begun
            .map(|_| ())
            .map_err(|error| Fault::new("internal", error.to_string()))
    }

    fn begin(&'static self, adding: &Adding) -> Result<Array, AddTorrentError> {
        let existing = match adding.place {
            Place::Files(_) => Existing::AllVerified,
            Place::Opfs(_) | Place::Memory => Existing::Check,
        };
        let (info_hash, info_hash_v2, name, source) = match &adding.known {
            Known::Info(known) => (
                known.info().info_hash(),
                known.info().v2().map(|v2| v2.info_hash()),
                known.info().name().to_owned(),
                Source::Info {
                    info: known.info().clone(),
                    piece_layers: known.layers().clone(),
                },
            ),
            Known::Magnet(magnet) => (
                magnet.info_hash,
                magnet.info_hash_v2,
                magnet
                    .name
                    .clone()
                    .unwrap_or_else(|| magnet.info_hash.to_string()),
                Source::Magnet {
                    info_hash: magnet.info_hash,
                    info_hash_v2: magnet.info_hash_v2,
                    name: magnet.name.clone(),
                },
            ),
        };
        let add = AddTorrent {
            source,
            trackers: adding.trackers.clone(),
            web_seeds: adding.web_seeds.clone(),
            peers: Vec::new(),
            existing,
            select: adding.select.clone(),
            super_seed: false,
        };
        let id = self.session.borrow_mut().add_torrent(add, now())?;
        let torrent = Torrent {
            key: adding.key,
            info_hash,
            info_hash_v2,
            name: name.clone(),
            trackers: adding.trackers.clone(),
            web_seeds: adding.web_seeds.clone(),
            place: adding.place.clone(),
            select: adding.select.clone(),
            kept: None,
            info: None,
            store: None,
            failed: false,
            lost_told: None,
            no_tracker_told: false,
        };
        let link = magnet(&torrent);
        self.torrents.borrow_mut().insert(id, torrent);
        if let Known::Info(known) = &adding.known {
            self.report_metadata(id, known.info(), known.layers().clone());
        }
        self.pump();
        self.report();
        Ok([info_hash.to_string(), name, link]
            .iter()
            .map(|text| JsValue::from_str(text))
            .collect())
    }

    /// The torrent with this info-hash, of whichever version.
    fn named(&self, info_hash: InfoHash) -> Option<TorrentId> {
        let torrents = self.torrents.borrow();
        let is_it = |torrent: &Torrent| {
            let v2 = torrent.info_hash_v2.map(|v2| v2.truncated());
            let own = torrent.info.as_ref().map(|info| info.info_hash());
            torrent.info_hash == info_hash || v2 == Some(info_hash) || own == Some(info_hash)
        };
        let found = torrents.iter().find(|(_, torrent)| is_it(torrent));
        found.map(|(id, _)| *id)
    }

    /// The torrent that has this number of the page's.
    pub(crate) fn id(&self, key: u32) -> Option<TorrentId> {
        let torrents = self.torrents.borrow();
        let found = torrents.iter().find(|(_, torrent)| torrent.key == key);
        found.map(|(id, _)| *id)
    }
}

/// What of a torrent is wanted when it is added: what an earlier visit left, else what the link says.
pub fn selection(left: &[u8], otherwise: Select) -> Select {
    match crate::store::wanted::decode(left) {
        Some(stretches) => Select::Stretches(stretches),
        None => otherwise,
    }
}

/// The `info` dictionary that an earlier visit left.
pub fn left_info(left: &Stored) -> Option<Verifier> {
    let raw = left.info.clone()?;
    let info = brackish_wire::metainfo::Info::from_bytes(raw).ok()?;
    Some(Verifier::new(Arc::new(info), PieceLayers::default()))
}

/// The trackers of a torrent and those of the page, each once.
pub fn with_trackers(mut tiers: Vec<Vec<String>>, more: Vec<String>) -> Vec<Vec<String>> {
    for url in more {
        if !tiers.iter().flatten().any(|known| *known == url) {
            tiers.push(vec![url]);
        }
    }
    tiers
}

/// The URLs of a torrent and those of the page, each once.
pub fn with_urls(mut urls: Vec<String>, more: Vec<String>) -> Vec<String> {
    for url in more {
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}
