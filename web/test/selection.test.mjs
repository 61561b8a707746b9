// What of a torrent a page fetches, and how fast, through the package's own API.

import assert from 'node:assert/strict';

import { MiB } from '../../tests/harness/files.mjs';
import { proves } from '../../tests/harness/scope.mjs';
import { bittorrentTracker } from '../../tests/harness/tracker.mjs';
import { page, seed } from './peers.mjs';

const FILES = [
  ['a.bin', 4 * MiB],
  ['b.bin', 4 * MiB],
  ['c.bin', 4 * MiB],
];

proves('a page fetches the file that is wanted alone, and the others when they are wanted after all', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, FILES, { name: 'folder' });
  const leech = await page(scope, { name: 'leech' });
  const found = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    // Slow until it is told what to fetch.
    await client.limit({ down: 100_000 });
    const torrent = await client.add(magnet);
    await torrent.ready;
    const [a, b, c] = torrent.files;
    await a.deselect();
    await torrent.select(c.offset, c.offset + c.length, 'skip');
    await client.limit({});
    await torrent.completed;
    const first = { hash: await sha256(await b.blob()), wanted: torrent.wanted, others: [a.done, c.done], downloaded: torrent.downloaded };
    await a.select();
    await c.select('high');
    const hashes = [];
    for (const file of [a, b, c]) hashes.push(await sha256(await file.blob()));
    return { first, hashes, wanted: torrent.wanted, length: torrent.length };
  }, magnet);
  assert.equal(found.first.hash, hashes[1]);
  assert.deepEqual(found.first.others, [false, false]);
  // A piece at each end may be shared with a file that is not wanted.
  assert.ok(found.first.downloaded < 6 * MiB, `${found.first.downloaded} bytes came for a file of ${4 * MiB}`);
  assert.deepEqual(found.hashes, hashes);
  assert.equal(found.wanted, found.length);
});

proves('a page holds the rate that it is given, and goes on when it is lifted', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', 8 * MiB]]);
  const leech = await page(scope, { name: 'leech' });
  const found = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    await client.limit({ down: 500_000 });
    const torrent = await client.add(magnet);
    await torrent.ready;
    const reached = (bytes) =>
      new Promise((resolve) => {
        const off = torrent.on('progress', () => {
          if (torrent.downloaded < bytes) return;
          off();
          resolve({ at: performance.now(), downloaded: torrent.downloaded });
        });
      });
    const begun = await reached(500_000);
    const later = await reached(begun.downloaded + 2_000_000);
    await client.limit({});
    await torrent.completed;
    return {
      rate: ((later.downloaded - begun.downloaded) / (later.at - begun.at)) * 1000,
      hash: await sha256(await torrent.files[0].blob()),
    };
  }, magnet);
  // Figures come twice a second.
  assert.ok(found.rate < 700_000, `${found.rate} bytes a second`);
  assert.equal(found.hash, hashes[0]);
});
