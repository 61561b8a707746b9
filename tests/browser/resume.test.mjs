// A page that is closed mid-download goes on where it was when it is opened again.

import assert from 'node:assert/strict';

import { App } from '../harness/app.mjs';
import { share } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { realFile, sha256 } from '../harness/files.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';

/** What may be fetched twice: pieces that were on their way when the page ended. */
const FETCHED_AGAIN = 0.25;

const ENDINGS = {
  closed: async ({ browser }) => browser.close(),
  killed: async ({ browser }) => {
    browser.browser.process().kill('SIGKILL');
    await browser.close();
  },
};

for (const [ending, end] of Object.entries(ENDINGS)) {
  proves(`a page that is ${ending} mid-download goes on where it was`, async (scope) => {
    const { path, size } = await realFile();
    // A fixed port: the page's store belongs to its origin.
    const node = await share(scope, path);
    const profile = await scope.folder('profile');
    const before = await App.open(await chromium(scope, { profile, name: 'before' }), node.link);
    await before.passes(0.3);
    const { progress: had, state } = await before.state();
    assert.equal(state, 'downloading', 'the download was over too soon to be interrupted');
    await end(before);

    const after = await App.open(await chromium(scope, { profile, name: 'after' }), node.link);
    await after.passes(had - FETCHED_AGAIN / 2, seconds(30));
    await after.reaches('done');
    assert.equal(await sha256(await after.save(path.split('/').at(-1))), await sha256(path));
    await until('the node has counted all', () => node.figures().uploaded >= size, { within: seconds(10) });
    const { uploaded } = node.figures();
    assert.ok(uploaded < size * (1 + FETCHED_AGAIN), `the node sent ${uploaded} bytes of ${size}: the page began again`);
  });
}

proves('a page that is opened again after it had all fetches nothing again', async (scope) => {
  const { path, size } = await realFile();
  const node = await share(scope, path);
  const profile = await scope.folder('profile');
  const before = await App.open(await chromium(scope, { profile, name: 'before' }), node.link);
  await before.reaches('done');
  await until('the node has counted all', () => node.figures().uploaded >= size, { within: seconds(10) });
  const had = node.figures().uploaded;
  await before.browser.close();
  const after = await App.open(await chromium(scope, { profile, name: 'after' }), node.link);
  await after.reaches('done');
  assert.equal(await sha256(await after.save(path.split('/').at(-1))), await sha256(path));
  // The figures of the end are the last ones.
  await node.end('SIGINT');
  const again = node.figures().uploaded - had;
  assert.ok(again <= size * 0.01, `the node sent ${again} bytes again`);
});
