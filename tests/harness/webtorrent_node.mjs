// webtorrent (npm) in Node, in a process of its own, over TCP with its own settings.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { start } from './process.mjs';
import { seconds } from './time.mjs';

/** Seeds what is in the folder, or downloads into it; `peers` are [host, port] to dial. */
export async function webtorrentNode(scope, torrent, folder, { peers = [] } = {}) {
  const path = join(await scope.folder('webtorrent'), 'it.torrent');
  await writeFile(path, torrent.bytes);
  const asked = { torrent: path, folder, peers: peers.map((peer) => peer.join(':')) };
  const script = join(import.meta.dirname, 'webtorrent_peer.mjs');
  const started = start(scope, process.execPath, [script, JSON.stringify(asked)], { name: 'webtorrent' });
  const { port } = await started.event('listens', ({ event }) => event === 'listening');
  return Object.assign(started, {
    port,
    finished: (within = seconds(90)) => started.event('has every piece', ({ event }) => event === 'finished', within),
    state: () => started.events.findLast(({ event }) => event === 'state'),
  });
}
