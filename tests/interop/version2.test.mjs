// Torrents of version 2 and hybrids (BEP 52) with libtorrent 2.1.1: whose torrents have our hashes, and which downloads
// from us as we do from it.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { brackish, download, seed, tracker } from '../harness/brackish.mjs';
import { KiB, MiB, randomFile, sha256 } from '../harness/files.mjs';
import { createWithLibtorrent, libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';

// Pieces of several blocks, files that end within a block, at one, and before one, and one that is empty.
const FILES = { 'a.bin': 5 * MiB + 123, 'b/c.bin': 3 * MiB, 'b/d.txt': 5, 'empty': 0, 'z.bin': 700 * KiB + 1 };
const PIECE = 64 * KiB;
const VERSIONS = ['v2', 'hybrid'];

for (const version of VERSIONS) {
  proves(`a ${version} torrent has the info-hashes that libtorrent gives it, made by either`, async (scope) => {
    const { folder, theirs } = await shared(scope, version);
    const ours = join(await scope.folder('ours'), 'it.torrent');
    await ended(brackish(scope, ['create', join(folder, 'it'), '-o', ours, `--${version}`, '--piece-length', '64K']));
    for (const path of [ours, theirs.path]) {
      const { stdout } = await ended(brackish(scope, ['info', path, '--json']));
      const said = JSON.parse(stdout);
      assert.equal(said.info_hash_v2, theirs.v2);
      assert.equal(said.info_hash, theirs.v1 ?? theirs.v2.slice(0, 40));
      assert.equal(said.total, Object.values(FILES).reduce((sum, size) => sum + size));
    }
    await ended(brackish(scope, ['verify', theirs.path, folder]));
  }, { fast: true });

  for (const by of ['.torrent', 'magnet link']) {
    proves(`a node downloads a ${version} torrent from libtorrent by its ${by}`, async (scope) => {
      const { folder, theirs } = await shared(scope, version);
      const seeding = await libtorrent(scope, { bytes: await readFile(theirs.path) }, folder, { seed: true });
      const into = await scope.folder('download');
      const source = by === '.torrent' ? theirs.path : theirs.magnet;
      const flags = ['--no-webrtc', '--peer', `127.0.0.1:${seeding.port}`];
      const ours = await download(scope, source, into, { flags });
      assert.equal(await ours.exited, 0);
      await assertSame(folder, into);
    });

    proves(`libtorrent downloads a ${version} torrent from a node by its ${by}`, async (scope) => {
      const { folder, theirs } = await shared(scope, version);
      const seeding = await seed(scope, theirs.path, folder, { flags: ['--no-webrtc'] });
      const into = await scope.folder('download');
      const source = by === '.torrent' ? { bytes: await readFile(theirs.path) } : theirs.magnet;
      const leecher = await libtorrent(scope, source, into, { peers: [['127.0.0.1', seeding.tcpPort]] });
      await leecher.finished();
      await assertSame(folder, into);
    });
  }
}

proves('a node that has a hybrid by its version 2 name and one by its version 1 name meet in a swarm', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, theirs } = await shared(scope, 'hybrid');
  await seed(scope, theirs.path, folder, { flags: ['--no-webrtc', '--tracker', meeting.http] });
  for (const name of [`urn:btih:${theirs.v1}`, `urn:btmh:1220${theirs.v2}`]) {
    const into = await scope.folder('download');
    const ours = await download(scope, `magnet:?xt=${name}`, into, { flags: ['--no-webrtc', '--tracker', meeting.http] });
    assert.equal(await ours.exited, 0);
    await assertSame(folder, into);
  }
});

/** A folder of files and a torrent that libtorrent made of it. */
async function shared(scope, version) {
  const folder = await scope.folder('seed');
  for (const [path, size] of Object.entries(FILES)) {
    await mkdir(join(folder, 'it', path, '..'), { recursive: true });
    if (size > 0) await randomFile(join(folder, 'it', path), size);
    else await writeFile(join(folder, 'it', path), '');
  }
  return { folder, theirs: await createWithLibtorrent(scope, join(folder, 'it'), { version, pieceLength: PIECE }) };
}

async function assertSame(one, other) {
  for (const path of Object.keys(FILES)) {
    assert.equal(await sha256(join(other, 'it', path)), await sha256(join(one, 'it', path)), path);
  }
}

async function ended(running) {
  const done = await running;
  assert.equal(done.code, 0, done.stderr);
  return done;
}
