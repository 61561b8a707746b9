// The page's own files: what happens when they change under a seed, and when their link is opened before they are.

import assert from 'node:assert/strict';
import { copyFile, mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { MiB, randomFile, sha256 } from '../../tests/harness/files.mjs';
import { proves } from '../../tests/harness/scope.mjs';
import { bittorrentTracker } from '../../tests/harness/tracker.mjs';
import { page } from './peers.mjs';

/** Chooses a file of this machine in a page, seeds it there, and keeps what the torrent tells. */
async function seedFile(opened, path, tracker) {
  const input = await opened.waitForSelector('input');
  await input.uploadFile(path);
  return opened.evaluate(
    async (tracker) => {
      const client = await brackish.createClient({ trackers: [tracker], iceServers: [] });
      const torrent = await client.seed(document.querySelector('input').files);
      window.torrent = torrent;
      window.told = heard(torrent, 'error', 'done', 'warning');
      return torrent.magnet;
    },
    tracker,
  );
}

const CHANGES = {
  'and the browser notices': async (path) => writeFile(path, Buffer.alloc(8 * MiB, 7)),
  'and its time stays the same': async (path) => {
    const { atime, mtime } = await stat(path);
    await writeFile(path, Buffer.alloc(8 * MiB, 7));
    await utimes(path, atime, mtime);
  },
};

for (const [how, change] of Object.entries(CHANGES)) {
  proves(`a file that changes while a page shares it, ${how}, ends the sharing with one error that names it`, async (scope) => {
    const tracker = await bittorrentTracker(scope);
    const [path, copy] = ['shared', 'copy'].map((folder) => join(folder, 'report.bin'));
    const root = await scope.folder('files');
    for (const folder of ['shared', 'copy']) await mkdir(join(root, folder));
    await randomFile(join(root, path), 8 * MiB);
    await copyFile(join(root, path), join(root, copy));
    const sharer = await page(scope, { name: 'sharer' });
    const magnet = await seedFile(sharer, join(root, path), tracker.ws);
    await change(join(root, path));

    const leech = await page(scope, { name: 'leech' });
    await leech.evaluate(async (magnet) => {
      const client = await brackish.createClient({ iceServers: [] });
      window.torrent = await client.add(magnet);
    }, magnet);
    await sharer.evaluate(() => until(() => torrent.error, 'the sharer notices'));
    // One who has all of it is no reason to fetch any of it.
    assert.equal(await seedFile(await page(scope, { name: 'other seed' }), join(root, copy), tracker.ws), magnet);
    const hash = await leech.evaluate(async () => {
      await torrent.completed;
      return sha256(await torrent.files[0].blob());
    });
    assert.equal(hash, await sha256(join(root, copy)));
    const found = await sharer.evaluate(async () => {
      const { error, state, downloaded } = torrent;
      return { told, state, downloaded, message: error.message, blob: (await thrown(torrent.files[0].blob())).code };
    });
    const { message, ...rest } = found;
    assert.deepEqual(rest, { told: ['read'], state: 'error', downloaded: 0, blob: 'read' });
    assert.match(message, /^report\.bin: .*changed.*choose it again/);
  });
}

proves('a person who opens their own link and chooses the file again seeds it', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const path = await randomFile(join(await scope.folder('files'), 'own.bin'), 4 * MiB);
  const first = await page(scope, { name: 'first visit' });
  const magnet = await seedFile(first, path, tracker.ws);
  await first.browser().close();
  const again = await page(scope, { name: 'second visit' });
  await (await again.waitForSelector('input')).uploadFile(path);
  const found = await again.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    const opened = await client.add(magnet);
    const chosen = await client.seed(document.querySelector('input').files);
    await opened.completed;
    const { state, storage, progress } = opened;
    return { same: opened === chosen, torrents: client.torrents.length, state, storage, progress };
  }, magnet);
  assert.deepEqual(found, { same: true, torrents: 1, state: 'seeding', storage: 'files', progress: 1 });
  const leech = await page(scope, { name: 'leech' });
  const hash = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    await torrent.completed;
    return sha256(await torrent.files[0].blob());
  }, magnet);
  assert.equal(hash, await sha256(path));
});
