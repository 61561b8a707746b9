// Torrents of version 2 and hybrids (BEP 52) in pages: hash messages and Merkle blocks over data channels, made by
// libtorrent, so that nothing of ours judges itself.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { brackish, download, seed, tracker } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { KiB, MiB, randomFile, sha256 } from '../harness/files.mjs';
import { createWithLibtorrent, libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { webSeed } from '../harness/webseed.mjs';

// Files that end within a block and at one; the last is of one piece and has no layer.
const FILES = { 'a.bin': 5 * MiB + 123, 'b/c.bin': 3 * MiB, 'z.bin': 40 * KiB };
const PIECE = 64 * KiB;

for (const version of ['v2', 'hybrid']) {
  proves(`a page downloads a ${version} torrent from a node by its magnet link, and a page from that page alone`, async (scope) => {
    const meeting = await tracker(scope);
    const { folder, theirs } = await scene(scope, version);
    const node = await seed(scope, theirs.path, folder, { flags: ['--no-tcp', '--tracker', meeting.ws] });
    const first = await added(scope, theirs.magnet, meeting);
    await first.finished();
    await assertSame(folder, first);
    await node.end('SIGINT');
    // The layers were not in any `.torrent` that the first page saw: it has them from the node.
    const second = await added(scope, theirs.magnet, meeting);
    await second.finished();
    await assertSame(folder, second);
  });
}

// Of version 2 alone libtorrent 2.1.1 speaks over WebRTC with twenty zero bytes for the info-hash: nobody can answer that.
proves('a page downloads a hybrid torrent from libtorrent over WebRTC', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, theirs } = await scene(scope, 'hybrid', [meeting.ws]);
  const bytes = await readFile(theirs.path);
  await libtorrent(scope, { bytes }, folder, { seed: true, webrtc: true });
  const page = await added(scope, { bytes }, meeting);
  await page.finished();
  await assertSame(folder, page);
});

proves('a node downloads a v2 torrent from a page', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, theirs } = await scene(scope, 'v2');
  const origin = await seed(scope, theirs.path, folder, { flags: ['--no-tcp', '--tracker', meeting.ws] });
  const page = await added(scope, theirs.magnet, meeting);
  await page.finished();
  await origin.end('SIGINT');
  const into = await scope.folder('download');
  const node = await download(scope, theirs.magnet, into, { flags: ['--no-tcp', '--tracker', meeting.ws] });
  assert.equal(await node.exited, 0);
  await assertSameFiles(folder, into);
});

proves('a page that is opened again has a v2 torrent still, and hands it on', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, theirs } = await scene(scope, 'v2');
  const node = await seed(scope, theirs.path, folder, { flags: ['--no-tcp', '--tracker', meeting.ws] });
  const browser = await chromium(scope);
  const before = await added(scope, theirs.magnet, meeting, { browser });
  await before.finished();
  await before.page.reload();
  await before.page.waitForSelector('html[data-ready]');
  await before.add(theirs.magnet, { trackers: [meeting.ws] });
  await before.finished();
  assert.equal((await before.state()).downloaded, 0, 'it fetched again what it had');
  await assertSame(folder, before);
  await node.end('SIGINT');
  const other = await added(scope, theirs.magnet, meeting);
  await other.finished();
  await assertSame(folder, other);
});

for (const version of ['v2', 'hybrid']) {
  proves(`a page and a node download a ${version} torrent from a web seed alone`, async (scope) => {
    const { folder } = await scene(scope, version);
    const { url } = await webSeed(scope, folder);
    const path = join(await scope.folder('torrent'), 'it.torrent');
    const flags = [`--${version}`, '--piece-length', '64K', '--web-seed', url];
    const made = await brackish(scope, ['create', join(folder, 'it'), '-o', path, ...flags]);
    assert.equal(made.code, 0, made.stderr);
    const page = await brackishPage(scope);
    await page.add({ bytes: await readFile(path) });
    await page.finished();
    await assertSame(folder, page);
    const into = await scope.folder('download');
    const node = await download(scope, path, into, { flags: ['--no-webrtc', '--web-seed', url] });
    assert.equal(await node.exited, 0);
    await assertSameFiles(folder, into);
  });
}

/** A folder of files and a torrent that libtorrent made of it. */
async function scene(scope, version, trackers = []) {
  const folder = await scope.folder('seed');
  for (const [path, size] of Object.entries(FILES)) {
    await mkdir(join(folder, 'it', path, '..'), { recursive: true });
    await randomFile(join(folder, 'it', path), size);
  }
  return { folder, theirs: await createWithLibtorrent(scope, join(folder, 'it'), { version, pieceLength: PIECE, trackers }) };
}

async function added(scope, torrent, { ws }, options) {
  const page = await brackishPage(scope, options);
  await page.add(torrent, { trackers: [ws] });
  return page;
}

async function assertSameFiles(folder, into) {
  for (const path of Object.keys(FILES)) {
    assert.equal(await sha256(join(into, 'it', path)), await sha256(join(folder, 'it', path)), path);
  }
}

async function assertSame(folder, { page }) {
  const got = await page.evaluate(async () => {
    const digests = {};
    for (const file of window.peer.client.torrents[0].files) {
      const digest = await crypto.subtle.digest('SHA-256', await (await file.blob()).arrayBuffer());
      digests[file.path] = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
    }
    return digests;
  });
  for (const path of Object.keys(FILES)) {
    assert.equal(got[path], await sha256(join(folder, 'it', path)), path);
  }
}
