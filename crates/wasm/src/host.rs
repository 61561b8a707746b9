//! The Worker's script as the engine sees it: what only a script, or the page behind it, can do.
//! Every method posts one message to the page and comes back at once.

use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use brackish_core::Timestamp;

#[wasm_bindgen]
extern "C" {
    /// The object that the Worker's script hands to [`crate::Engine`].
    pub type Host;

    /// Make a peer connection and its data channel, and gather an offer.
    #[wasm_bindgen(method, js_name = makeOffer)]
    pub fn make_offer(this: &Host, connection: f64);
    /// Make a peer connection for a remote offer, and gather an answer.
    #[wasm_bindgen(method, js_name = makeAnswer)]
    pub fn make_answer(this: &Host, connection: f64, offer: &str);
    /// Complete a peer connection whose offer was answered.
    #[wasm_bindgen(method, js_name = applyAnswer)]
    pub fn apply_answer(this: &Host, connection: f64, answer: &str);
    /// Close a peer connection.
    #[wasm_bindgen(method, js_name = closeConnection)]
    pub fn close_connection(this: &Host, connection: f64);

    /// Fetch bytes `begin` up to, not including, `end` of a file of `length` bytes. Answered by
    /// `fetched` and `fetchEnded`.
    #[wasm_bindgen(method)]
    pub fn fetch(this: &Host, fetch: u32, url: &str, begin: f64, end: f64, length: f64);
    /// Hold the stream of a fetch, or let it go on.
    #[wasm_bindgen(method, js_name = pauseFetch)]
    pub fn pause_fetch(this: &Host, fetch: u32, paused: bool);
    /// End a fetch.
    #[wasm_bindgen(method, js_name = cancelFetch)]
    pub fn cancel_fetch(this: &Host, fetch: u32);

    /// How far the hashing of files to seed has come, from 0 to 1.
    #[wasm_bindgen(method)]
    pub fn hashed(this: &Host, torrent: u32, fraction: f64);
    /// The files of a torrent are known. `files` holds place in the list, path, length and offset
    /// of each in turn, padding left out.
    #[wasm_bindgen(method)]
    pub fn metadata(
        this: &Host,
        torrent: u32,
        name: &str,
        length: f64,
        piece_length: u32,
        piece_count: u32,
        files: &Array,
        torrent_file: &Uint8Array,
        magnet: &str,
    );
    /// Where the data of a torrent is kept.
    #[wasm_bindgen(method)]
    pub fn stored(this: &Host, torrent: u32, medium: &str);
    /// The verified pieces of a torrent, all of them.
    #[wasm_bindgen(method)]
    pub fn pieces(this: &Host, torrent: u32, bitfield: &Uint8Array);
    /// A piece was verified.
    #[wasm_bindgen(method)]
    pub fn piece(this: &Host, torrent: u32, piece: u32);
    /// Every piece is verified.
    #[wasm_bindgen(method)]
    pub fn finished(this: &Host, torrent: u32);
    /// A reader had its first byte, stalled, or goes on; the milliseconds that it waited.
    #[wasm_bindgen(method)]
    pub fn reader(this: &Host, torrent: u32, reader: u32, what: &str, milliseconds: f64);
    /// The figures of one peer; those of the torrent, which follow, end the list.
    #[wasm_bindgen(method)]
    pub fn peer(this: &Host, id: &str, client: Option<&str>, figures: &[f64]);
    /// How one tracker stands; as with peers.
    #[wasm_bindgen(method)]
    pub fn tracker(this: &Host, url: &str, status: &str, message: &str);
    /// How one web seed stands; as with peers.
    #[wasm_bindgen(method, js_name = webSeed)]
    pub fn web_seed(this: &Host, url: &str, status: &str, message: &str, figures: &[f64]);
    /// Why a torrent does not go on; as with peers.
    #[wasm_bindgen(method)]
    pub fn stalled(this: &Host, reason: &str, message: &str);
    /// The figures of one torrent.
    #[wasm_bindgen(method)]
    pub fn figures(this: &Host, torrent: u32, state: &str, figures: &[f64]);
    /// Something went wrong, and all goes on.
    #[wasm_bindgen(method)]
    pub fn warning(this: &Host, torrent: u32, code: &str, message: &str);
    /// A torrent that could not go on begins anew.
    #[wasm_bindgen(method)]
    pub fn restarted(this: &Host, torrent: u32);
    /// A torrent cannot go on; its figures, which follow, say so too.
    #[wasm_bindgen(method)]
    pub fn failed(this: &Host, torrent: u32, code: &str, message: &str);

    /// Resolves after everything that waits for this thread now has had its turn.
    #[wasm_bindgen(method)]
    pub fn pause(this: &Host) -> Promise;

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(run: &Closure<dyn FnMut()>, milliseconds: f64) -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout_function(run: &Function, milliseconds: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timeout: f64);
}

/// Milliseconds since the Worker started.
pub fn milliseconds() -> f64 {
    performance_now()
}

/// The session's time: microseconds since the Worker started.
pub fn now() -> Timestamp {
    Timestamp::from_micros((performance_now() * 1000.0) as u64)
}

/// Comes back after as many milliseconds, or a little more.
pub async fn sleep(milliseconds: f64) {
    let promise = Promise::new(&mut |resolve, _| {
        set_timeout_function(&resolve, milliseconds);
    });
    // Nothing rejects it.
    let _ = JsFuture::from(promise).await;
}

/// One time-out at a time, ringing the same bell.
#[derive(Default)]
pub struct Timer {
    bell: Option<Closure<dyn FnMut()>>,
    armed: Option<(Timestamp, f64)>,
}

impl Timer {
    /// What to do when it rings, [`rang`](Self::rang) first.
    pub fn on_ring(&mut self, bell: Closure<dyn FnMut()>) {
        self.bell = Some(bell);
    }

    /// Rings at `due`, or before. One that rings early costs less than setting it anew each time,
    /// so an earlier time-out is left as it is.
    pub fn arm(&mut self, due: Option<Timestamp>) {
        let (Some(due), Some(bell)) = (due, &self.bell) else {
            return;
        };
        if let Some((armed, timeout)) = self.armed {
            if armed <= due {
                return;
            }
            clear_timeout(timeout);
        }
        // Rounded up: a bell before its time would ring again and again until the time has come.
        let wait = due.since(now()).as_micros().div_ceil(1000) as f64;
        self.armed = Some((due, set_timeout(bell, wait)));
    }

    /// To be called when the bell rings.
    pub fn rang(&mut self) {
        self.armed = None;
    }
}
