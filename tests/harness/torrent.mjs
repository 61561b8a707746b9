// Torrents made and read without any code of this project: what is under test does not judge itself.

import { createHash } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';

/** Bytes for a JavaScript value: strings, Buffers, integers, arrays, and objects as dictionaries. */
export function bencode(value) {
  if (typeof value === 'number') return Buffer.from(`i${value}e`);
  if (typeof value === 'string') return bencode(Buffer.from(value));
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(`${value.length}:`), value]);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('l'), ...value.map(bencode), Buffer.from('e')]);
  const keys = Object.keys(value).filter((key) => value[key] !== undefined).sort();
  const entries = keys.flatMap((key) => [bencode(key), bencode(value[key])]);
  return Buffer.concat([Buffer.from('d'), ...entries, Buffer.from('e')]);
}

/** The value in bencoded bytes; byte strings are Buffers, and `raw` holds each dictionary's own bytes. */
export function bdecode(bytes) {
  let at = 0;
  const number = (end) => {
    const stop = bytes.indexOf(end, at);
    const value = Number(bytes.toString('latin1', at, stop));
    at = stop + 1;
    return value;
  };
  const next = () => {
    const start = at;
    const kind = String.fromCharCode(bytes[at]);
    if (kind === 'i') {
      at += 1;
      return number('e');
    }
    if (kind === 'l') {
      const list = [];
      for (at += 1; bytes[at] !== 0x65; ) list.push(next());
      at += 1;
      return list;
    }
    if (kind === 'd') {
      const dictionary = {};
      for (at += 1; bytes[at] !== 0x65; ) dictionary[next().toString()] = next();
      at += 1;
      Object.defineProperty(dictionary, 'raw', { value: bytes.subarray(start, at) });
      return dictionary;
    }
    const length = number(':');
    at += length;
    return bytes.subarray(at - length, at);
  };
  return next();
}

/** What a `.torrent` says: its info-hash, name, trackers and files. */
export function readTorrent(bytes) {
  const torrent = bdecode(bytes);
  const tiers = torrent['announce-list'] ?? (torrent.announce ? [[torrent.announce]] : []);
  return {
    infoHash: sha1(torrent.info.raw).toString('hex'),
    name: torrent.info.name.toString(),
    pieceLength: torrent.info['piece length'],
    trackers: tiers.flat().map(String),
    info: torrent.info,
  };
}

/** A single-file `.torrent`, with its info-hash and a magnet link for it. */
export async function makeTorrent(path, { trackers = [], webSeeds, pieceLength = 256 * 1024, name = basename(path) } = {}) {
  const info = { length: (await stat(path)).size, name, 'piece length': pieceLength, pieces: await pieces(path, pieceLength) };
  return torrentOf(info, trackers, webSeeds);
}

/** A `.torrent` around an info dictionary. */
export function torrentOf(info, trackers = [], webSeeds = undefined) {
  const bytes = bencode({
    announce: trackers[0],
    'announce-list': trackers.length ? trackers.map((tracker) => [tracker]) : undefined,
    info,
    'url-list': webSeeds,
  });
  const infoHash = sha1(bencode(info)).toString('hex');
  const name = encodeURIComponent(String(info.name));
  const magnet = `magnet:?xt=urn:btih:${infoHash}&dn=${name}${trackers.map((tracker) => `&tr=${encodeURIComponent(tracker)}`).join('')}`;
  return { bytes, infoHash, magnet, info };
}

/** How many pieces of a torrent a file on disk holds, right now, by their hashes. */
export async function verifiedPieces(path, info) {
  const size = info['piece length'];
  const contents = await readFile(path).catch(() => Buffer.alloc(0));
  const good = [];
  for (let index = 0; index * 20 < info.pieces.length; index += 1) {
    const piece = contents.subarray(index * size, Math.min((index + 1) * size, info.length));
    if (sha1(piece).equals(info.pieces.subarray(index * 20, index * 20 + 20))) good.push(index);
  }
  return good;
}

export const sha1 = (bytes) => createHash('sha1').update(bytes).digest();

async function pieces(path, pieceLength) {
  const hashes = [];
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(pieceLength);
    for (let position = 0; ; position += pieceLength) {
      const { bytesRead } = await file.read(buffer, 0, pieceLength, position);
      if (bytesRead === 0) break;
      hashes.push(sha1(buffer.subarray(0, bytesRead)));
      if (bytesRead < pieceLength) break;
    }
  } finally {
    await file.close();
  }
  return Buffer.concat(hashes);
}
