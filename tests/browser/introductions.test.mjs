// Swarms of pages that grow without a tracker: every page has met one peer through a tracker that is gone since, and is
// introduced to the others by that peer.

import assert from 'node:assert/strict';

import { download, tracker } from '../harness/brackish.mjs';
import { content } from '../harness/content.mjs';
import { MiB } from '../harness/files.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { torrentOf } from '../harness/torrent.mjs';
import { seconds, until } from '../harness/time.mjs';

const SIZE = 160 * MiB;

/** Relays: what stands between the pages. Each starts with nothing and knows every tracker. */
const RELAYS = {
  'a node': async (scope, torrent) => {
    const node = await download(scope, torrent, await scope.folder('relay'), { flags: ['--no-tcp', '--seed'], name: 'relay' });
    return { kill: () => node.killHard() };
  },
  'a page': async (scope, torrent) => {
    const page = await brackishPage(scope, { name: 'relay' });
    await page.add(torrent);
    return { kill: () => page.browser.close() };
  },
};

const connected = async (page) => (await page.state())?.peers.length ?? 0;

const meets = (page, count, limit = seconds(60)) =>
  until(`it has ${count} peers`, async () => (await connected(page)) >= count, {
    within: limit,
    every: 50,
    state: () => page.state(),
  });

for (const [relay, start] of Object.entries(RELAYS)) {
  proves(`pages that each knew only ${relay} meet through it and complete when trackers and it are gone`, async (scope) => {
    // Each page has a tracker to itself, where it meets the relay and nobody else.
    const trackers = [await tracker(scope), await tracker(scope), await tracker(scope)];
    const { path, hash, torrent } = await content(scope, [], { size: SIZE });
    const known = (chosen) => torrentOf(torrent.info, chosen.map(({ ws }) => ws));
    const between = await start(scope, known(trackers));
    const pages = [];
    for (const [number, own] of trackers.slice(1).entries()) {
      const page = await brackishPage(scope, { name: `page ${number + 1}` });
      await page.add(known([own]));
      await meets(page, 1);
      // The first contact is made: no tracker helps from here on.
      await own.killHard();
      pages.push(page);
    }
    for (const page of pages) await meets(page, 2);
    // A third page comes to the relay, with everything.
    const seed = await brackishPage(scope, { name: 'seeding page' });
    const made = await seed.seed(path, { trackers: [trackers[0].ws], pieceLength: 256 * 1024 });
    assert.equal(made.infoHash, torrent.infoHash);
    await meets(seed, 1);
    await trackers[0].killHard();
    await meets(seed, 3);
    await between.kill();
    const unfinished = await Promise.all(pages.map(async (page) => !(await page.state()).done));
    assert.deepEqual(unfinished, [true, true], 'the relay was there until the end: the file is too small');
    for (const page of pages) {
      await page.finished();
      assert.equal(await page.sha256(), hash);
    }
    assert.ok((await seed.state()).uploaded > 0);
  });
}
