// The `brackish` binary under test, driven as a script would: `--json`, one event a line.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort } from './net.mjs';
import { brackishBinary } from './paths.mjs';
import { run, start } from './process.mjs';
import { seconds } from './time.mjs';

/** `brackish share` on loopback; resolves when it prints its link. */
export async function share(scope, path, { flags = [], name = 'share', listen } = {}) {
  const address = listen ?? `127.0.0.1:${await freePort()}`;
  const paths = Array.isArray(path) ? path : [path];
  const node = launch(scope, ['share', ...paths, '--listen', address, ...flags], name);
  const ready = await node.ready(seconds(60));
  const port = address.split(':').at(-1);
  return Object.assign(node, {
    port,
    tcpPort: ready.tcp_port,
    link: `http://127.0.0.1:${port}/`,
    torrentUrl: new URL(ready.torrent, `http://127.0.0.1:${port}/`).href,
    magnet: ready.magnet,
    infoHash: ready.info_hash,
    announce: `http://127.0.0.1:${port}/announce`,
  });
}

/** `brackish download`: `torrent` is made bytes, a path, a magnet link or a URL; `on` is the host that it runs on. */
export async function download(scope, torrent, folder, { flags = [], name = 'download', on } = {}) {
  return launch(scope, ['download', await source(scope, torrent), '-o', folder, ...flags], name, on);
}

/** `brackish seed`; resolves when it seeds. */
export async function seed(scope, torrent, folder, { flags = [], name = 'seed', on } = {}) {
  const node = launch(scope, ['seed', await source(scope, torrent), folder, ...flags], name, on);
  const ready = await node.ready();
  return Object.assign(node, { tcpPort: ready.tcp_port });
}

/** `brackish tracker`, on loopback unless told otherwise; the addresses are those to announce to. */
export async function tracker(scope, { listen = '127.0.0.1', flags = [] } = {}) {
  const port = await freePort();
  const node = launch(scope, ['tracker', '--listen', `${listen}:${port}`, ...flags], 'tracker');
  await node.ready();
  return Object.assign(node, { http: `http://127.0.0.1:${port}/announce`, ws: `ws://127.0.0.1:${port}/announce`, port });
}

/** Any command, to its end. */
export function brackish(scope, args, options = {}) {
  return run(scope, brackishBinary(), args, { name: `brackish ${args[0]}`, ...options });
}

function launch(scope, args, name, on) {
  const command = [brackishBinary(), [...args, '--json']];
  const node = start(scope, ...(on?.command(...command) ?? command), { name: `brackish ${name}` });
  return Object.assign(node, {
    ready: (limit = seconds(30)) => node.event('is ready', ({ event }) => event === 'ready', limit),
    finished: (limit = seconds(90)) => node.event('has every piece', ({ event }) => event === 'finished', limit),
    /** The latest figures. */
    figures: () => node.events.findLast(({ event }) => event === 'progress'),
  });
}

async function source(scope, torrent) {
  if (typeof torrent === 'string') return torrent;
  const path = join(await scope.folder('torrent'), 'it.torrent');
  await writeFile(path, torrent.bytes);
  return path;
}
