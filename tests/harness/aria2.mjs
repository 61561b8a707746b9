// aria2: a TCP-only client. It takes peers from trackers alone, so a swarm with it has a tracker.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { freePort } from './net.mjs';
import { program } from './paths.mjs';
import { start } from './process.mjs';

const QUIET = [
  '--enable-dht=false',
  '--enable-dht6=false',
  '--enable-peer-exchange=false',
  '--bt-enable-lpd=false',
  '--disable-ipv6=true',
  '--follow-torrent=true',
  '--allow-overwrite=true',
  '--auto-save-interval=1',
  '--summary-interval=1',
  '--console-log-level=notice',
  '--file-allocation=none',
  '--bt-tracker-interval=2',
];

/** Seeds what is complete in `folder`; resolves when it does. */
export async function aria2Seed(scope, torrent, folder, { flags = [] } = {}) {
  const seeding = ['--check-integrity=true', '--seed-ratio=0.0', ...flags];
  const seed = await launch(scope, torrent, folder, seeding, 'aria2 seed');
  await seed.line(/ SEED\(/);
  return seed;
}

/** Downloads into `folder` and exits 0 when done, or seeds on. */
export function aria2Download(scope, torrent, folder, { seed = false, flags = [] } = {}) {
  const after = seed ? ['--seed-ratio=0.0'] : ['--seed-time=0'];
  return launch(scope, torrent, folder, [...after, ...flags], 'aria2');
}

/** `torrent` is made bytes or a magnet link. */
async function launch(scope, torrent, folder, flags, name) {
  let source = torrent;
  if (typeof torrent !== 'string') {
    source = join(await scope.folder('aria2'), 'it.torrent');
    await writeFile(source, torrent.bytes);
  }
  const port = await freePort();
  const args = [`--dir=${folder}`, `--listen-port=${port}`, ...QUIET, ...flags, source];
  const started = start(scope, program(['aria2c']), args, { name });
  return Object.assign(started, { port });
}
