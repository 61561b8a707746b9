// Our node with libtorrent 2.1.1, over TCP and over WebRTC, both ways; and our page with it.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { download, seed, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { bittorrentTracker } from '../harness/tracker.mjs';

const SIZE = 32 * MiB;

proves(
  'a node downloads from libtorrent over TCP, told of it on the command line',
  async (scope) => {
    const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
    const theirs = await libtorrent(scope, torrent, folder, { seed: true });
    const into = await scope.folder('download');
    const ours = await download(scope, torrent, into, { flags: ['--no-webrtc', '--peer', `127.0.0.1:${theirs.port}`] });
    assert.equal(await ours.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
  },
  { fast: true },
);

proves('libtorrent downloads from a node over TCP', async (scope) => {
  const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
  const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc'] });
  const into = await scope.folder('download');
  const theirs = await libtorrent(scope, torrent, into, { peers: [['127.0.0.1', ours.tcpPort]] });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves(
  'a node downloads from libtorrent over WebRTC',
  async (scope) => {
    const meeting = await bittorrentTracker(scope);
    const { folder, hash, torrent } = await content(scope, [meeting.ws], { size: SIZE });
    await libtorrent(scope, torrent, folder, { seed: true, webrtc: true });
    const into = await scope.folder('download');
    const ours = await download(scope, torrent, into, { flags: ['--no-tcp'] });
    assert.equal(await ours.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
    assert.equal(ours.events.findLast(({ event }) => event === 'progress').downloaded_web >= SIZE, true);
  },
  { fast: true },
);

proves('libtorrent downloads from a node over WebRTC', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.ws], { size: SIZE });
  await seed(scope, torrent, folder, { flags: ['--no-tcp'] });
  const into = await scope.folder('download');
  const theirs = await libtorrent(scope, torrent, into, { webrtc: true });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('a node with --max-peers 1 turns a second peer away while the first is there', async (scope) => {
  const { folder, torrent } = await content(scope, [], { size: SIZE });
  const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc', '--max-peers', '1', '--max-up', '100K'] });
  const peers = [['127.0.0.1', ours.tcpPort]];
  const first = await libtorrent(scope, torrent, await scope.folder('first'), { peers });
  await until('the first is served', () => first.state()?.downloaded > 0, { within: seconds(60), state: () => first.state() });
  const second = await libtorrent(scope, torrent, await scope.folder('second'), { peers });
  await second.line(/peer_disconnected_alert/);
  const connected = ours.events.filter(({ event, action }) => event === 'peer' && action === 'connected');
  assert.equal(connected.length, 1);
  assert.equal(second.state()?.downloaded ?? 0, 0);
});

proves('a node gets the metadata of a magnet link from libtorrent', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  await libtorrent(scope, torrent, folder, { seed: true });
  const into = await scope.folder('download');
  const ours = await download(scope, torrent.magnet, into, { flags: ['--no-webrtc'] });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('libtorrent gets the metadata of a magnet link from a node', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  await seed(scope, torrent, folder);
  const into = await scope.folder('download');
  const theirs = await libtorrent(scope, torrent.magnet, into);
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('our page and libtorrent download from each other', async (scope) => {
  const meeting = await bittorrentTracker(scope);
  const one = await content(scope, [meeting.ws]);
  await libtorrent(scope, one.torrent, one.folder, { seed: true, webrtc: true });
  const leecher = await brackishPage(scope);
  await leecher.add(one.torrent);
  await leecher.finished();
  assert.equal(await leecher.sha256(), one.hash);
  await leecher.browser.close();

  const two = await content(scope, []);
  const seeding = await brackishPage(scope);
  const torrent = await seeding.seed(two.path, { trackers: [meeting.ws] });
  const into = await scope.folder('download');
  const theirs = await libtorrent(scope, torrent, into, { webrtc: true });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), two.hash);
});
