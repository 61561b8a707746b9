//! Making a torrent of the page's own files: they are read once, a stretch ahead of the hashing,
//! and nothing is copied but the stretch at hand.

use brackish_wire::Lengths;
use js_sys::{ArrayBuffer, Promise, Uint8Array};
use sha1::{Digest, Sha1};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::Blob;

use crate::fault::Fault;
use crate::store::unreadable;

/// Bytes read at once: large enough that the cost of a read does not show, small enough that
/// hashing them keeps nobody waiting.
const STRETCH: u64 = 2 << 20;

/// The hash of each piece of these files, one after the other. `progress` is told from 0 to 1.
pub async fn piece_hashes(
    files: &[(String, Blob)],
    lengths: Lengths,
    mut progress: impl FnMut(f64),
) -> Result<Vec<[u8; 20]>, Fault> {
    let mut hashes = Vec::with_capacity(lengths.piece_count() as usize);
    let mut hash = Sha1::new();
    let mut wanting = lengths.piece_length() as usize;
    let mut hashed = 0;
    let mut stretches = files.iter().flat_map(|(path, file)| stretches(path, file));
    let mut next = stretches.next().map(Stretch::read);
    while let Some((stretch, reading)) = next {
        let read = match reading {
            Ok(reading) => JsFuture::from(reading).await,
            Err(error) => Err(error),
        };
        next = stretches.next().map(Stretch::read);
        let data =
            read.map_err(|error| Fault::new("read", unreadable(stretch.path, &error).to_string()))?;
        let data = Uint8Array::new(data.unchecked_ref::<ArrayBuffer>()).to_vec();
        let mut rest = data.as_slice();
        while !rest.is_empty() {
            let (part, after) = rest.split_at(wanting.min(rest.len()));
            hash.update(part);
            rest = after;
            wanting -= part.len();
            if wanting == 0 {
                hashes.push(hash.finalize_reset().into());
                wanting = lengths.piece_length() as usize;
            }
        }
        hashed += data.len() as u64;
        progress(hashed as f64 / lengths.total().max(1) as f64);
    }
    if wanting < lengths.piece_length() as usize {
        hashes.push(hash.finalize().into());
    }
    match hashed == lengths.total() {
        true => Ok(hashes),
        false => Err(Fault::new("read", "a file has changed while it was read")),
    }
}

struct Stretch<'a> {
    path: &'a str,
    file: &'a Blob,
    from: u64,
    to: u64,
}

type Reading<'a> = (Stretch<'a>, Result<Promise, JsValue>);

impl<'a> Stretch<'a> {
    fn read(self) -> Reading<'a> {
        let part = self
            .file
            .slice_with_f64_and_f64(self.from as f64, self.to as f64);
        (self, part.map(|part| part.array_buffer()))
    }
}

fn stretches<'a>(path: &'a str, file: &'a Blob) -> impl Iterator<Item = Stretch<'a>> {
    let size = file.size() as u64;
    (0..size.div_ceil(STRETCH)).map(move |number| Stretch {
        path,
        file,
        from: number * STRETCH,
        to: ((number + 1) * STRETCH).min(size),
    })
}
