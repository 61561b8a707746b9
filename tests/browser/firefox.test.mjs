// The same page in Firefox.

import assert from 'node:assert/strict';

import { App } from '../harness/app.mjs';
import { share } from '../harness/brackish.mjs';
import { chromium, firefox } from '../harness/browser.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, realFile, sha256 } from '../harness/files.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { bittorrentTracker } from '../harness/tracker.mjs';

proves('Firefox downloads a real file from `brackish share`, and saves the same bytes', async (scope) => {
  const { path } = await realFile();
  const node = await share(scope, path);
  const app = await App.open(await firefox(scope), node.link);
  await app.reaches('done');
  assert.equal(await sha256(await app.save(path.split('/').at(-1))), await sha256(path));
});

proves('a page in Firefox and a page in Chromium download from each other', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  for (const [from, to] of [
    [chromium, firefox],
    [firefox, chromium],
  ]) {
    const { path, hash } = await content(scope, [], { size: 6 * MiB });
    const seed = await brackishPage(scope, { browser: await from(scope, { name: `${from.name} seed` }) });
    const torrent = await seed.seed(path, { trackers: [tracker.ws] });
    const leecher = await brackishPage(scope, { browser: await to(scope, { name: `${to.name} leecher` }) });
    await leecher.add(torrent, { trackers: [tracker.ws] });
    await leecher.finished();
    assert.equal(await leecher.sha256(), hash, `${from.name} to ${to.name}: ${NAME}`);
    await seed.browser.close();
    await leecher.browser.close();
  }
});
