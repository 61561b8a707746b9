// What a page keeps in the origin private file system: as much as it has, under a quota, and over visits.

import assert from 'node:assert/strict';

import { chromium } from '../../tests/harness/browser.mjs';
import { MiB } from '../../tests/harness/files.mjs';
import { proves } from '../../tests/harness/scope.mjs';
import { bittorrentTracker } from '../../tests/harness/tracker.mjs';
import { origin, page, seed } from './peers.mjs';

async function quota(opened, quotaSize) {
  const session = await opened.createCDPSession();
  await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(opened.url()).origin, quotaSize });
}

proves('the end of a torrent is read with room for little more, and the rest comes once the quota is raised', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const files = [['data.bin', 32 * MiB]];
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, files, { pieceLength: MiB });
  const leech = await page(scope, { name: 'leech' });
  await quota(leech, 12 * MiB);
  const read = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    // Slow until it is told that only the end is wanted.
    await client.limit({ down: 100_000 });
    const torrent = await client.add(magnet);
    window.torrent = torrent;
    window.client = client;
    await torrent.ready;
    const [file] = torrent.files;
    await file.deselect();
    await client.limit({});
    let read = 0;
    for await (const bytes of file.stream({ start: file.length - (2 << 20) })) read += bytes.length;
    const { usage } = await navigator.storage.estimate();
    return { read, usage, error: torrent.error };
  }, magnet);
  assert.deepEqual([read.read, read.error], [2 * MiB, null]);
  assert.ok(read.usage < 10 * MiB, `${read.usage} bytes are stored`);
  const full = await leech.evaluate(async () => {
    const failed = new Promise((resolve) => torrent.on('error', resolve));
    await torrent.files[0].select();
    return { code: (await failed).code };
  });
  assert.equal(full.code, 'storage-full');
  await quota(leech, 1024 * MiB);
  const again = await leech.evaluate(async (magnet) => {
    const same = (await client.add(magnet)) === torrent;
    await torrent.completed;
    const { error, downloaded, length } = torrent;
    return { same, error, fetched: downloaded < length - (4 << 20), hash: await sha256(await torrent.files[0].blob()) };
  }, magnet);
  assert.deepEqual([again.same, again.error, again.hash], [true, null, hashes[0]]);
  assert.ok(again.fetched, 'what was stored was fetched again');
});

proves('a torrent that is removed with its data and added at once is there again, each time', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { bytes, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', MiB]]);
  const leech = await page(scope, { name: 'leech' });
  const found = await leech.evaluate(
    async (bytes, tracker) => {
      const client = await brackish.createClient({ trackers: [tracker], iceServers: [] });
      const file = new Uint8Array(bytes);
      const told = [];
      let torrent;
      for (let time = 0; time < 40; time++) {
        torrent?.remove({ deleteData: true }).catch(({ message }) => told.push(message));
        torrent = await client.add(file);
        torrent.on('error', ({ message }) => told.push(message));
        torrent.on('warning', ({ message }) => told.push(message));
        // Some are removed while their store opens, some when it is open.
        if (time % 3 > 0) await until(() => torrent.state === 'downloading' || torrent.done, 'it begins');
      }
      await torrent.completed;
      return { told, storage: torrent.storage, hash: await sha256(await torrent.files[0].blob()) };
    },
    bytes,
    tracker.ws,
  );
  assert.deepEqual(found, { told: [], storage: 'opfs', hash: hashes[0] });
});

proves('what was deselected stays so on the next visit, and its Blob can be had all the same', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const files = [
    ['a.bin', 2 * MiB],
    ['b.bin', 2 * MiB],
  ];
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, files, { name: 'folder' });
  const profile = await scope.folder('profile');
  const site = await origin(scope);
  const visit = async (name) => {
    const browser = await chromium(scope, { profile, name });
    return { browser, opened: await site.open(browser) };
  };
  const first = await visit('first visit');
  await first.opened.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    await client.limit({ down: 50_000 });
    const torrent = await client.add(magnet);
    await torrent.ready;
    await torrent.files[0].deselect();
    await client.limit({});
    await torrent.completed;
    await client.destroy();
  }, magnet);
  await first.browser.close();
  const { opened } = await visit('second visit');
  const found = await opened.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    await torrent.completed;
    const [a, b] = torrent.files;
    const before = [a.done, b.done, torrent.wanted < torrent.length];
    return { before, hashes: [await sha256(await a.blob()), await sha256(await b.blob())] };
  }, magnet);
  assert.deepEqual(found, { before: [false, true, true], hashes });
});

proves('stored data that the browser has lost since the last visit is fetched again', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', 2 * MiB]]);
  const site = await origin(scope);
  const browser = await chromium(scope, { name: 'leech' });
  const leech = await site.open(browser);
  const found = await leech.evaluate(async (magnet) => {
    const first = await brackish.createClient({ iceServers: [] });
    await (await first.add(magnet)).completed;
    await first.destroy();
    const root = await navigator.storage.getDirectory();
    const folder = await (await root.getDirectoryHandle('brackish')).getDirectoryHandle('default');
    for await (const torrent of folder.values()) await torrent.removeEntry('0');
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    await torrent.completed;
    return { error: torrent.error, hash: await sha256(await torrent.files[0].blob()) };
  }, magnet);
  assert.deepEqual(found, { error: null, hash: hashes[0] });
});

proves('a torrent whose place in the store is taken by something else fails with a code', async (scope) => {
  const opened = await page(scope);
  const found = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    const made = await client.seed(new File(['content'], 'name.txt'));
    const { infoHash, torrentFile } = made;
    await made.remove();
    const root = await navigator.storage.getDirectory();
    const folder = await (await root.getDirectoryHandle('brackish')).getDirectoryHandle('default');
    await folder.getFileHandle(infoHash, { create: true });
    const torrent = await client.add(torrentFile);
    return { ...(await thrown(torrent.completed)), message: '' };
  });
  assert.deepEqual(found, { ours: true, code: 'storage', message: '' });
});
