// Our clients through bittorrent-tracker's server, and everybody's clients through ours.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { aria2Download } from '../harness/aria2.mjs';
import { download, seed, share, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { bdecode } from '../harness/torrent.mjs';
import { bittorrentTracker } from '../harness/tracker.mjs';
import { seconds, until } from '../harness/time.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';

for (const kind of ['http', 'udp', 'ws']) {
  proves(`two nodes meet through bittorrent-tracker over ${kind}`, async (scope) => {
    const meeting = await bittorrentTracker(scope);
    const { folder, hash, torrent } = await content(scope, [meeting[kind]]);
    await seed(scope, torrent, folder);
    await until('the tracker knows the seed', () => meeting.swarm(torrent.infoHash)?.complete === 1);
    const into = await scope.folder('download');
    const leecher = await download(scope, torrent, into);
    assert.equal(await leecher.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
    // Leaving is announced, so that nobody is sent to a peer that is gone.
    await until('the tracker has forgotten the leecher', () => {
      const { complete, incomplete } = meeting.swarm(torrent.infoHash);
      return complete === 1 && incomplete === 0;
    });
  });
}

proves('two of our pages meet through bittorrent-tracker', async (scope) => {
  const meeting = await bittorrentTracker(scope);
  const { path, hash } = await content(scope, []);
  const seeding = await brackishPage(scope, { name: 'seed' });
  const torrent = await seeding.seed(path, { trackers: [meeting.ws] });
  const leecher = await brackishPage(scope, { name: 'leecher' });
  await leecher.add(torrent);
  await leecher.finished();
  assert.equal(await leecher.sha256(), hash);
});

proves(
  'two webtorrent pages meet through our tracker',
  async (scope) => {
    const meeting = await tracker(scope);
    const { path, hash } = await content(scope, []);
    const seeding = await webtorrentPage(scope, { name: 'seed' });
    const torrent = await seeding.seed(path, { trackers: [meeting.ws] });
    const leecher = await webtorrentPage(scope, { name: 'leecher' });
    await leecher.add(torrent);
    await leecher.finished();
    assert.equal(await leecher.sha256(), hash);
  },
  { fast: true },
);

proves('webtorrent joins what `brackish share` shares', async (scope) => {
  const { path, hash } = await content(scope, []);
  const node = await share(scope, path);
  const torrent = { bytes: Buffer.from(await (await fetch(node.torrentUrl)).arrayBuffer()) };
  const page = await webtorrentPage(scope);
  await page.add(torrent);
  await page.finished();
  assert.equal(await page.sha256(), hash);
});

proves('libtorrent and aria2 meet through our tracker over HTTP, and its scrape counts them', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http]);
  await libtorrent(scope, torrent, folder, { seed: true });
  const into = await scope.folder('download');
  const theirs = await aria2Download(scope, torrent, into, { seed: true });
  await theirs.line(/ SEED\(/, seconds(60));
  assert.equal(await sha256(join(into, NAME)), hash);
  const bytes = Buffer.from(torrent.infoHash, 'hex');
  const query = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const scrape = async () => {
    const response = await fetch(`${meeting.http.replace('/announce', '/scrape')}?info_hash=${query}`);
    const files = bdecode(Buffer.from(await response.arrayBuffer())).files;
    return Object.values(files)[0];
  };
  await until('the scrape counts two seeds', async () => (await scrape())?.complete === 2, { state: scrape });
});
