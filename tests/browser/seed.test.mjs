// A file dropped on the page, or chosen in it, is seeded from there, and the page gives a link to it.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { App } from '../harness/app.mjs';
import { download, share } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { MiB, randomFile, sha256 } from '../harness/files.mjs';
import { proves } from '../harness/scope.mjs';
import { until } from '../harness/time.mjs';

/** A page of a `brackish share` that shares something else: it has a tracker to meet through. */
async function hostedPage(scope) {
  const folder = await scope.folder('share');
  const node = await share(scope, await randomFile(join(folder, 'unrelated.bin'), 100_000));
  const app = await App.open(await chromium(scope, { name: 'seeding page' }), node.link);
  await app.reaches('done');
  return { node, app };
}

/** Drops a file of this machine in the middle of the page, as a person would. */
async function drop(page, path) {
  const session = await page.createCDPSession();
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop']) {
    await session.send('Input.dispatchDragEvent', { type, x: 300, y: 300, data });
  }
}

/** The link that the page gives once it has one to this file. */
const linkTo = (app, name) =>
  until(`the page gives a link to ${name}`, async () => {
    const link = await app.page.evaluate(() => document.querySelector('input[data-link]')?.value);
    return link?.includes('magnet:') && decodeURIComponent(link).includes(name) && link;
  });

proves(
  'a file dropped on the page is seeded, and the link that the page gives opens it in another page',
  async (scope) => {
    const { app } = await hostedPage(scope);
    const path = await randomFile(join(await scope.folder('drop'), 'dropped.bin'), 12 * MiB);
    await drop(app.page, path);
    const link = await linkTo(app, 'dropped.bin');
    const other = await App.open(await chromium(scope, { name: 'other page' }), link);
    await other.reaches('done');
    assert.equal(await sha256(await other.save('dropped.bin')), await sha256(path));
  },
  { fast: true },
);

proves('a file chosen in the page is seeded to a native node', async (scope) => {
  const { app } = await hostedPage(scope);
  const path = await randomFile(join(await scope.folder('choose'), 'chosen.bin'), 12 * MiB);
  await app.choose([path]);
  const link = await linkTo(app, 'chosen.bin');
  const into = await scope.folder('download');
  const node = await download(scope, decodeURI(link.slice(link.indexOf('#') + 1)), into, { flags: ['--no-tcp'] });
  assert.equal(await node.exited, 0);
  assert.equal(await sha256(join(into, 'chosen.bin')), await sha256(path));
});
