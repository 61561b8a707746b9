// Our page and our node, each from and to webtorrent in a Chromium page.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { download, seed, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { sha256 } from '../harness/files.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { makeTorrent } from '../harness/torrent.mjs';
import { bittorrentTracker } from '../harness/tracker.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';

proves(
  'a node downloads from a webtorrent page',
  async (scope) => {
    const meeting = await bittorrentTracker(scope);
    const { path, hash } = await content(scope, []);
    const page = await webtorrentPage(scope);
    const torrent = await page.seed(path, { trackers: [meeting.ws] });
    const into = await scope.folder('download');
    const node = await download(scope, torrent, into);
    assert.equal(await node.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
  },
  { fast: true },
);

proves(
  'a webtorrent page downloads from a node',
  async (scope) => {
    const meeting = await bittorrentTracker(scope);
    const { folder, hash, torrent } = await content(scope, [meeting.ws]);
    await seed(scope, torrent, folder);
    const page = await webtorrentPage(scope);
    await page.add(torrent);
    await page.finished();
    assert.equal(await page.sha256(), hash);
  },
  { fast: true },
);

proves('our page downloads from a webtorrent page', async (scope) => {
  const meeting = await tracker(scope);
  const { path, hash } = await content(scope, []);
  const theirs = await webtorrentPage(scope);
  const torrent = await theirs.seed(path, { trackers: [meeting.ws] });
  const ours = await brackishPage(scope);
  await ours.add(torrent);
  await ours.finished();
  assert.equal(await ours.sha256(), hash);
});

proves('a webtorrent page downloads from our page', async (scope) => {
  const meeting = await tracker(scope);
  const { path, hash } = await content(scope, []);
  const ours = await brackishPage(scope);
  const torrent = await ours.seed(path, { trackers: [meeting.ws] });
  assert.equal(torrent.infoHash, (await makeTorrent(path, { pieceLength: pieceLengthOf(torrent) })).infoHash);
  const theirs = await webtorrentPage(scope);
  await theirs.add(torrent);
  await theirs.finished();
  assert.equal(await theirs.sha256(), hash);
});

proves('a magnet link is enough, between our page and webtorrent, both ways', async (scope) => {
  const meeting = await bittorrentTracker(scope);
  const magnet = ({ infoHash }) => `magnet:?xt=urn:btih:${infoHash}&tr=${encodeURIComponent(meeting.ws)}`;
  const one = await content(scope, []);
  const theirSeed = await webtorrentPage(scope);
  const fromThem = await theirSeed.seed(one.path, { trackers: [meeting.ws] });
  const ours = await brackishPage(scope);
  await ours.add(magnet(fromThem));
  await ours.finished();
  assert.equal(await ours.sha256(), one.hash);

  const two = await content(scope, []);
  const ourSeed = await brackishPage(scope, { name: 'brackish seed' });
  const fromUs = await ourSeed.seed(two.path, { trackers: [meeting.ws] });
  const theirs = await webtorrentPage(scope);
  await theirs.add(magnet(fromUs));
  await theirs.finished();
  assert.equal(await theirs.sha256(), two.hash);
});

const pieceLengthOf = ({ bytes }) => Number(/12:piece lengthi(\d+)e/.exec(bytes.toString('latin1'))[1]);
