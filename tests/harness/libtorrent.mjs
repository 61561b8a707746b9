// libtorrent through its Python bindings: the one other native client that speaks TCP and WebRTC both.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { python } from './paths.mjs';
import { run, start } from './process.mjs';
import { seconds } from './time.mjs';

/**
 * A session with one torrent (made bytes, or a magnet link) in `folder`. `webrtc` lets it use ws trackers, `seed` trusts
 * what is in the folder, `peers` are [host, port] to dial over TCP. `settings` are more of libtorrent's own; with `choke`
 * it unchokes nobody; with `log`, `messages()` are those with its peers.
 */
export async function libtorrent(scope, torrent, folder, options = {}) {
  const { webrtc = false, seed = false, peers = [], limit = 0, settings = {}, choke = false, log = false } = options;
  const asked = { folder, webrtc, seed, peers, limit, settings, choke, log };
  if (typeof torrent === 'string') {
    asked.magnet = torrent;
  } else {
    asked.torrent = join(await scope.folder('libtorrent'), 'it.torrent');
    await writeFile(asked.torrent, torrent.bytes);
  }
  const script = join(import.meta.dirname, 'libtorrent_peer.py');
  const started = start(scope, python(), [script, JSON.stringify(asked)], { name: seed ? 'libtorrent seed' : 'libtorrent' });
  const { port } = await started.event('listens', ({ event }) => event === 'listening');
  return Object.assign(started, {
    port,
    finished: (within = seconds(90)) => started.event('has every piece', ({ event }) => event === 'finished', within),
    state: () => started.events.findLast(({ event }) => event === 'state'),
    messages: () => started.events.filter(({ event }) => event === 'message'),
  });
}

/** A `.torrent` of a path, made by libtorrent. */
export async function libtorrentMakes(scope, path, { webSeeds = [] } = {}) {
  const file = join(await scope.folder('libtorrent'), 'made.torrent');
  const script = join(import.meta.dirname, 'libtorrent_make.py');
  const made = await run(scope, python(), [script, JSON.stringify({ path, file, webSeeds })], { name: 'libtorrent make' });
  if (made.code !== 0) throw new Error(made.stderr);
  return { bytes: await readFile(file) };
}

/** A `.torrent` of a file or folder, made by libtorrent: its path, its hashes by version, its magnet link. */
export async function createWithLibtorrent(scope, path, { version, pieceLength, trackers = [] }) {
  const torrent = join(await scope.folder('libtorrent'), 'it.torrent');
  const script = join(import.meta.dirname, 'libtorrent_create.py');
  const asked = { path, version, piece_length: pieceLength, trackers, torrent };
  const done = await run(scope, python(), [script, JSON.stringify(asked)], { name: 'libtorrent create' });
  if (done.code !== 0) throw new Error(done.stderr);
  return { path: torrent, ...JSON.parse(done.stdout) };
}
