// The harness against itself: other people's clients with each other, without any of ours. When one of these fails, the
// machine is at fault and not what is under test.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { aria2Download, aria2Seed } from '../harness/aria2.mjs';
import { NAME, content } from '../harness/content.mjs';
import { sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { bittorrentTracker } from '../harness/tracker.mjs';
import { transmission } from '../harness/transmission.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';

proves('aria2 downloads from a transmission seed through an HTTP tracker', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { folder, hash, torrent } = await content(scope, [tracker.http]);
  const seed = await transmission(scope);
  await seed.seed(torrent, folder);
  const into = await scope.folder('leech');
  const leecher = await aria2Download(scope, torrent, into);
  assert.equal(await leecher.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('libtorrent downloads from an aria2 seed over TCP', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { folder, hash, torrent } = await content(scope, [tracker.http]);
  await aria2Seed(scope, torrent, folder);
  const into = await scope.folder('leech');
  const leecher = await libtorrent(scope, torrent, into);
  await leecher.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('a webtorrent page downloads from a webtorrent page', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { path, hash } = await content(scope, [tracker.ws]);
  const seed = await webtorrentPage(scope, { name: 'webtorrent seed' });
  const torrent = await seed.seed(path, { trackers: [tracker.ws] });
  const leecher = await webtorrentPage(scope);
  await leecher.add(torrent, { trackers: [tracker.ws] });
  await leecher.finished();
  assert.equal(await leecher.sha256(), hash);
});

proves('a webtorrent page downloads from libtorrent over WebRTC', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { folder, hash, torrent } = await content(scope, [tracker.ws]);
  await libtorrent(scope, torrent, folder, { webrtc: true, seed: true });
  const leecher = await webtorrentPage(scope);
  await leecher.add(torrent, { trackers: [tracker.ws] });
  await leecher.finished();
  assert.equal(await leecher.sha256(), hash);
});
