// Pages and web seeds (BEP 19): fetched in the Worker, from servers that let other sites read them.

import assert from 'node:assert/strict';

import { content } from '../harness/content.mjs';
import { download, seed, tracker } from '../harness/brackish.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { makeTorrent, torrentOf } from '../harness/torrent.mjs';
import { until } from '../harness/time.mjs';
import { webSeed } from '../harness/webseed.mjs';

const SIZE = 32 * MiB;

/** A file, and a torrent of it with these web seeds. */
async function scene(scope, manners, { trackers = [], size = SIZE } = {}) {
  const { folder, path, hash } = await content(scope, [], { size });
  const servers = [];
  for (const manner of manners) servers.push(await webSeed(scope, folder, manner));
  const torrent = await makeTorrent(path, { trackers, webSeeds: servers.map(({ url }) => url) });
  return { folder, path, hash, torrent, servers };
}

proves(
  'a page downloads from a web seed alone',
  async (scope) => {
    const { hash, torrent, servers } = await scene(scope, [{}]);
    const page = await brackishPage(scope);
    await page.add(torrent);
    await page.finished();
    assert.equal(await page.sha256(), hash);
    const [{ url, downloaded, status }] = (await page.state()).webSeeds;
    assert.deepEqual([url, downloaded, status], [servers[0].url, SIZE, 'idle']);
  },
  { fast: true },
);

proves('a page downloads from a web seed and a node together', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await scene(scope, [{}], { trackers: [meeting.ws], size: 3 * SIZE });
  await seed(scope, torrent, folder);
  const page = await brackishPage(scope);
  await page.add(torrent);
  await page.finished();
  assert.equal(await page.sha256(), hash);
});

proves('a page hands on to a node what it had from a web seed', async (scope) => {
  const meeting = await tracker(scope);
  const { hash, torrent } = await scene(scope, [{}], { trackers: [meeting.ws] });
  const page = await brackishPage(scope);
  await page.add(torrent);
  await page.finished();
  const into = await scope.folder('download');
  const node = await download(scope, torrentOf(torrent.info, [meeting.ws]), into, { flags: ['--no-tcp'] });
  assert.equal(await node.exited, 0);
  assert.equal(await sha256(`${into}/content.bin`), hash);
});

proves('a page drops a lying web seed and one without ranges, says why, and completes from another', async (scope) => {
  const { hash, torrent, servers } = await scene(scope, [{ lies: true }, { ranges: false }, {}]);
  const page = await brackishPage(scope);
  await page.add(torrent);
  await page.finished();
  assert.equal(await page.sha256(), hash);
  const { webSeeds } = await page.state();
  const stands = webSeeds.map(({ url, status, message }) => [url, status, message]);
  assert.deepEqual(stands.slice(0, 2), [
    [servers[0].url, 'dropped', 'it sent bad data'],
    [servers[1].url, 'dropped', 'it does not serve parts of files'],
  ]);
});

proves('a page says in words that a server does not let it read a web seed', async (scope) => {
  const { torrent } = await scene(scope, [{ cors: false }], { size: MiB });
  const page = await brackishPage(scope);
  await page.add(torrent);
  const state = () => page.state();
  const found = await until('the web seed rests', async () => (await state()).webSeeds.find((w) => w.status === 'resting'), { state });
  assert.match(found.message, /CORS/);
});
