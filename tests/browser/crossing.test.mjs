// The crossing: a page and a TCP-only client never meet, and a `brackish download --seed` node stands between them.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { aria2Download, aria2Seed } from '../harness/aria2.mjs';
import { download, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { readTorrent, torrentOf } from '../harness/torrent.mjs';
import { bittorrentTracker } from '../harness/tracker.mjs';
import { transmission } from '../harness/transmission.mjs';

const SIZE = 32 * MiB;

/** TCP-only seeds of what is in a folder. None of them is ever told of a WebSocket tracker. */
const SEEDS = {
  aria2: (scope, torrent, folder) => aria2Seed(scope, torrent, folder),
  transmission: async (scope, torrent, folder) => {
    const client = await transmission(scope);
    await client.seed(torrent, folder);
  },
  'libtorrent with WebRTC off': (scope, torrent, folder) => libtorrent(scope, torrent, folder, { seed: true }),
};

/** The same torrent, known to one tracker alone. */
const announcedTo = (torrent, tracker) => torrentOf(torrent.info, [tracker]);

for (const [client, startSeed] of Object.entries(SEEDS)) {
  proves(
    `a page completes from ${client} through a node between them`,
    async (scope) => {
      const meeting = await tracker(scope);
      const { folder, hash, torrent } = await content(scope, [meeting.http, meeting.ws], { size: SIZE });
      await startSeed(scope, announcedTo(torrent, meeting.http), folder);
      const page = await brackishPage(scope);
      await page.add(announcedTo(torrent, meeting.ws));
      const bridge = await download(scope, torrent, await scope.folder('bridge'), { flags: ['--seed'], name: 'bridge' });
      await page.finished();
      assert.equal(await page.sha256(), hash);
      const { peers } = await page.state();
      assert.ok(peers.length <= 1, `the page knows more than the node: ${JSON.stringify(peers)}`);
      assert.ok(bridge.alive);
    },
    { fast: client === 'aria2' },
  );
}

const LEECHERS = {
  aria2: async (scope, torrent, folder) => {
    const client = await aria2Download(scope, torrent, folder);
    return async () => assert.equal(await client.exited, 0);
  },
  transmission: async (scope, torrent, folder) => {
    const client = await transmission(scope);
    await client.add(torrent, folder);
    return () => client.finished();
  },
  'libtorrent with WebRTC off': async (scope, torrent, folder) => {
    const client = await libtorrent(scope, torrent, folder);
    return () => client.finished();
  },
};

for (const [client, startLeecher] of Object.entries(LEECHERS)) {
  proves(`${client} completes from a page through a node between them`, async (scope) => {
    // Somebody else's tracker, whose HTTP and WebSocket swarms know nothing of each other.
    const meeting = await bittorrentTracker(scope);
    const { path, hash } = await content(scope, [], { size: SIZE });
    const page = await brackishPage(scope);
    const made = await page.seed(path, { trackers: [meeting.ws] });
    const { info, infoHash } = readTorrent(made.bytes);
    assert.equal(infoHash, made.infoHash);
    const torrent = torrentOf(info, [meeting.ws, meeting.http]);
    await download(scope, torrent, await scope.folder('bridge'), { flags: ['--seed'], name: 'bridge' });
    const into = await scope.folder('leech');
    const finished = await startLeecher(scope, announcedTo(torrent, meeting.http), into);
    await finished();
    assert.equal(await sha256(join(into, NAME)), hash);
  });
}
