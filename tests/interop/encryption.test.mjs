// Message stream encryption: clients that speak with nobody who does not begin so, and webtorrent, which begins so.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { aria2Download, aria2Seed } from '../harness/aria2.mjs';
import { download, seed, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { until } from '../harness/time.mjs';
import { transmission } from '../harness/transmission.mjs';
import { webtorrentNode } from '../harness/webtorrent_node.mjs';

const SIZE = 16 * MiB;

/** Bytes per second at which a download takes long enough that libtorrent can be asked how it goes. */
const RATE = 8_000_000;

const at = (port) => ['127.0.0.1', port];

/** Downloads from one peer alone over TCP, and compares. */
async function ourDownload(scope, torrent, port, hash) {
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, { flags: ['--no-webrtc', '--peer', at(port).join(':')] });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
}

/** Waits until a client has told by what method it speaks with its only peer. */
const speaks = (client, method) =>
  until(`it speaks by method ${method}`, () => client.events.some(({ methods }) => methods?.length === 1 && methods[0] === method), {
    state: () => client.state(),
  });

proves(
  'webtorrent in Node downloads from a node, by an encrypted handshake and plainly after it',
  async (scope) => {
    const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
    const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc'] });
    const into = await scope.folder('theirs');
    const theirs = await webtorrentNode(scope, torrent, into, { peers: [at(ours.tcpPort)] });
    await theirs.finished();
    await speaks(theirs, 1);
    assert.equal(await sha256(join(into, NAME)), hash);
  },
  { fast: true },
);

proves('a node downloads from webtorrent in Node', async (scope) => {
  const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
  const theirs = await webtorrentNode(scope, torrent, folder);
  await theirs.finished();
  await ourDownload(scope, torrent, theirs.port, hash);
});

/** What libtorrent calls `pe_forced`, both ways. */
const FORCED = { out_enc_policy: 0, in_enc_policy: 0 };

/** Its levels, and the method that comes of each: plain where it may be. */
const LEVELS = [
  ['lets the rest be plain', { ...FORCED, allowed_enc_level: 3 }, 1],
  ['wants everything encrypted', { ...FORCED, allowed_enc_level: 2 }, 2],
];

for (const [level, settings, method] of LEVELS) {
  proves(`libtorrent that forces encryption and ${level} downloads from a node`, async (scope) => {
    const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
    const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc', '--max-up', String(RATE)] });
    const into = await scope.folder('theirs');
    const theirs = await libtorrent(scope, torrent, into, { peers: [at(ours.tcpPort)], settings });
    await theirs.finished();
    await speaks(theirs, method);
    assert.equal(await sha256(join(into, NAME)), hash);
  });

  proves(`a node downloads from libtorrent that forces encryption and ${level}`, async (scope) => {
    const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
    const theirs = await libtorrent(scope, torrent, folder, { seed: true, settings, limit: RATE });
    await ourDownload(scope, torrent, theirs.port, hash);
    await speaks(theirs, method);
  });
}

const ARIA2 = [
  ['requires encryption', ['--bt-require-crypto=true']],
  ['wants everything encrypted', ['--bt-require-crypto=true', '--bt-min-crypto-level=arc4']],
];

for (const [manner, flags] of ARIA2) {
  proves(`aria2 that ${manner} downloads from a node`, async (scope) => {
    const meeting = await tracker(scope);
    const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
    await seed(scope, torrent, folder);
    const into = await scope.folder('theirs');
    const theirs = await aria2Download(scope, torrent, into, { flags });
    assert.equal(await theirs.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
  });

  proves(`a node downloads from aria2 that ${manner}`, async (scope) => {
    const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
    const theirs = await aria2Seed(scope, torrent, folder, { flags });
    await ourDownload(scope, torrent, theirs.port, hash);
  });
}

/** What `--encryption-required` sets. */
const REQUIRED = { encryption: 2 };

proves('a node downloads from transmission that requires encryption', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  const theirs = await transmission(scope, REQUIRED);
  await theirs.seed(torrent, folder);
  await ourDownload(scope, torrent, theirs.port, hash);
});

proves('transmission that requires encryption downloads from a node that dials it', async (scope) => {
  const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
  const theirs = await transmission(scope, REQUIRED);
  const into = await scope.folder('theirs');
  await theirs.add(torrent, into);
  await seed(scope, torrent, folder, { flags: ['--peer', at(theirs.port).join(':')] });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});
