// The main job: `brackish share` of a real file, and pages that get it.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { App } from '../harness/app.mjs';
import { share, tracker } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { MiB, randomFile, realFile, sha256 } from '../harness/files.mjs';
import { serve } from '../harness/net.mjs';
import * as paths from '../harness/paths.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';

const nameOf = (path) => path.split('/').at(-1);

/** Payload bytes that a page has sent, from the page's own figures. */
const sent = (app) =>
  app.page.evaluate(() => {
    const terms = [...document.querySelectorAll('.figures dt')];
    return terms.find((term) => term.textContent === 'Sent').nextElementSibling.textContent;
  });

proves(
  'a page downloads a real file of at least 50 MB from `brackish share`, and saves the same bytes',
  async (scope) => {
    const { path, size } = await realFile();
    assert.ok(size >= 50e6);
    const node = await share(scope, path);
    const app = await App.open(await chromium(scope), node.link);
    await app.reaches('done');
    assert.equal((await app.state()).progress, 1);
    assert.equal(await sha256(await app.save(nameOf(path))), await sha256(path));
    await until('the node counts what it served', () => node.figures()?.uploaded >= size, { within: seconds(10) });
  },
  { fast: true },
);

proves('of two pages, the second gets part of its bytes from the first', async (scope) => {
  const { path, size } = await realFile();
  const node = await share(scope, path);
  const first = await App.open(await chromium(scope, { name: 'first page' }), node.link);
  await first.reaches('done');
  const second = await App.open(await chromium(scope, { name: 'second page' }), node.link);
  await second.reaches('done');
  assert.equal(await sha256(await second.save(nameOf(path))), await sha256(path));
  assert.doesNotMatch(await sent(first), /^0\b/, 'the first page has sent nothing');
  // The other witness: the node has not sent everything twice.
  await node.end('SIGINT');
  const { uploaded } = node.figures();
  assert.ok(uploaded < 2 * size, `the node sent ${uploaded} bytes of ${size}`);
});

proves('a page at a plain http name that is not localhost completes and saves', async (scope) => {
  const { path } = await realFile();
  const node = await share(scope, path, { flags: ['--host', 'brackish.test'] });
  const browser = await chromium(scope, { names: ['brackish.test'] });
  const app = await App.open(browser, `http://brackish.test:${node.port}/`);
  assert.equal(await app.page.evaluate(() => window.isSecureContext), false);
  await app.reaches('done');
  assert.equal(await sha256(await app.save(nameOf(path))), await sha256(path));
});

proves('a page that is downloading completes from another page when the sharing process is killed', async (scope) => {
  const { path } = await realFile();
  const node = await share(scope, path);
  const first = await App.open(await chromium(scope, { name: 'first page' }), node.link);
  await first.reaches('done');
  const second = await App.open(await chromium(scope, { name: 'second page' }), node.link);
  await second.passes(0.05);
  // Only once the two have met is it certain that the tracker is of no more use.
  await until('the first page sends to the second', async () => !/^0\b/.test(await sent(first)), { within: seconds(60) });
  await node.killHard();
  await second.reaches('done');
  assert.equal(await sha256(await second.save(nameOf(path))), await sha256(path));
});

proves('a page opened after the sharing process was killed completes from a page that has all', async (scope) => {
  const folder = await scope.folder('share');
  const path = await randomFile(join(folder, 'kept alive.bin'), 24 * MiB);
  const meeting = await tracker(scope);
  const host = await serve(scope, { '/': { folder: join(paths.root, 'www/dist') } });
  const node = await share(scope, path, { flags: ['--tracker', meeting.ws] });
  const first = await App.open(await chromium(scope, { name: 'first page' }), node.link);
  await first.reaches('done');
  await node.killHard();
  const magnet = `magnet:?xt=urn:btih:${node.infoHash}&tr=${encodeURIComponent(meeting.ws)}`;
  const second = await App.open(await chromium(scope, { name: 'second page' }), `${host}/#${magnet}`);
  await second.reaches('done');
  assert.equal(await sha256(await second.save('kept alive.bin')), await sha256(path));
});

proves('a folder with names that some systems cannot have is saved whole, under names that all can', async (scope) => {
  const parent = await scope.folder('names');
  const names = ['12:30.log', '12_30.log', 'Makefile', 'makefile', 'sub./aux.c'];
  for (const name of names) await randomFile(join(parent, 'set', name), 1000 + name.length);
  const node = await share(scope, join(parent, 'set'));
  const app = await App.open(await chromium(scope), node.link);
  await app.reaches('done');
  // The origin's own storage stands in for the folder that a person would choose.
  await app.page.evaluate(() => {
    window.showDirectoryPicker = async () =>
      (await navigator.storage.getDirectory()).getDirectoryHandle('chosen', { create: true });
    [...document.querySelectorAll('button')].find((button) => button.textContent === 'Save all').click();
  });
  await until('all is saved', async () => (await app.text()).includes('All files are saved.'));
  const saved = await app.page.evaluate(async () => {
    const sizes = {};
    const walk = async (folder, path) => {
      for await (const [name, handle] of folder) {
        if (handle.kind === 'directory') await walk(handle, `${path}${name}/`);
        else sizes[path + name] = (await handle.getFile()).size;
      }
    };
    await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle('chosen'), '');
    return sizes;
  });
  const size = (name) => 1000 + name.length;
  assert.deepEqual(saved, {
    '12_30 (2).log': size('12:30.log'),
    '12_30.log': size('12_30.log'),
    Makefile: size('Makefile'),
    'makefile (2)': size('makefile'),
    'sub_/_aux.c': size('sub./aux.c'),
  });
});

proves('a folder is shared as one torrent, and each of its files is saved by its own control', async (scope) => {
  const folder = join(await scope.folder('share'), 'things');
  const files = { 'a.bin': 3 * MiB + 17, 'deep/er/b.bin': 70_000, 'deep/c.bin': 1 };
  for (const [name, size] of Object.entries(files)) await randomFile(join(folder, name), size);
  const node = await share(scope, folder);
  const app = await App.open(await chromium(scope), node.link);
  await app.reaches('done');
  for (const name of Object.keys(files)) {
    assert.equal(await sha256(await app.save(name)), await sha256(join(folder, name)), name);
  }
});
