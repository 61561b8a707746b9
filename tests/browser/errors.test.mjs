// What goes wrong in a page is said in words, on the page.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import fixtures from 'webtorrent-fixtures';

import { App } from '../harness/app.mjs';
import { share } from '../harness/brackish.mjs';
import { chromium } from '../harness/browser.mjs';
import { MiB, randomFile } from '../harness/files.mjs';
import { freePort, serve } from '../harness/net.mjs';
import * as paths from '../harness/paths.mjs';
import { proves } from '../harness/scope.mjs';
import { until } from '../harness/time.mjs';

/** The web app, hosted as static files. */
const host = (scope, routes = {}) => serve(scope, { '/': { folder: join(paths.root, 'www/dist') }, ...routes });

async function shared(scope, size = 4 * MiB) {
  return share(scope, await randomFile(join(await scope.folder('share'), 'content.bin'), size));
}

async function failure(app) {
  await app.reaches('error');
  const { failure } = await app.state();
  return failure || app.text();
}

proves(
  'a page in a browser without WebRTC says so',
  async (scope) => {
    const node = await shared(scope);
    const withoutWebRtc = (page) =>
      page.evaluateOnNewDocument(() => {
        for (const name of Object.keys(Object.getOwnPropertyDescriptors(window))) {
          if (/^(webkit)?RTC/.test(name)) delete window[name];
        }
      });
    const app = await App.open(await chromium(scope), node.link, { before: withoutWebRtc });
    assert.match(await failure(app), /WebRTC/);
  },
  { fast: true },
);

proves('a page without OPFS says that it keeps nothing once it is closed', async (scope) => {
  const node = await shared(scope);
  // An insecure context has none.
  const app = await App.open(await chromium(scope, { names: ['brackish.lan'] }), `http://brackish.lan:${node.port}/`);
  await app.reaches('done');
  assert.match((await app.state()).notice, /keeps nothing/);
});

proves('a page whose disk is full says so', async (scope) => {
  const node = await shared(scope, 24 * MiB);
  const origin = new URL(node.link).origin;
  const smallQuota = async (page) => {
    const session = await page.createCDPSession();
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 5 * MiB });
  };
  const app = await App.open(await chromium(scope), node.link, { before: smallQuota });
  assert.match(await failure(app), /room|full|space|quota/i);
});

proves('a link that names no torrent is refused with what can be done', async (scope) => {
  const app = await App.open(await chromium(scope), `${await host(scope)}/#neither-magnet-nor-address`);
  assert.match(await failure(app), /magnet/i);
});

proves('the address of a torrent that does not answer is named', async (scope) => {
  const dead = `http://127.0.0.1:${await freePort()}/lost.torrent`;
  const app = await App.open(await chromium(scope), `${await host(scope)}/#${dead}`);
  assert.match(await failure(app), /lost\.torrent|127\.0\.0\.1/);
});

proves('a corrupt torrent is refused in words', async (scope) => {
  const origin = await host(scope, { '/corrupt.torrent': fixtures.corrupt.torrent });
  const app = await App.open(await chromium(scope), `${origin}/#${origin}/corrupt.torrent`);
  assert.match(await failure(app), /name/i);
});

proves('a tracker that is dead is named while the page keeps trying', async (scope) => {
  const dead = `ws://127.0.0.1:${await freePort()}/announce`;
  const magnet = `magnet:?xt=urn:btih:${'ab'.repeat(20)}&dn=lonely&tr=${encodeURIComponent(dead)}`;
  const app = await App.open(await chromium(scope), `${await host(scope)}/#${magnet}`);
  const port = new URL(dead).port;
  await until('the page names the tracker', async () => (await app.text()).includes(port), { state: () => app.state() });
  assert.equal((await app.state()).state, 'metadata');
});

proves('a link without a tracker is told to lead nowhere', async (scope) => {
  const app = await App.open(await chromium(scope), `${await host(scope)}/#magnet:?xt=urn:btih:${'ab'.repeat(20)}&dn=lonely`);
  const notice = async () => (await app.state()).notice;
  await until('the page says so', async () => /names no tracker/.test(await notice()), { state: () => app.state() });
  assert.equal((await app.state()).state, 'metadata');
});

proves('a sharer whose tracker is dead is not told to look for the sharer, and their link takes the file again', async (scope) => {
  // The page takes the tracker of its own host, where none is.
  const share = JSON.stringify({ name: 'x', torrent: 'x.torrent', links: [], iceServers: [] });
  const address = await host(scope, { '/share.json': share });
  const path = await randomFile(join(await scope.folder('choose'), 'chosen.bin'), MiB);
  const app = await App.open(await chromium(scope), `${address}/#none`);
  await app.choose([path]);
  const notice = async () => (await app.state()).notice;
  await until('the page says so', async () => /others do not find/.test(await notice()), { state: () => app.state() });
  assert.doesNotMatch(await notice(), /whoever shares/);

  const again = await App.open(await chromium(scope), await app.link());
  await again.link();
  await again.page.evaluate(() => document.getElementById('another').click());
  await again.choose([path]);
  await again.reaches('done');
  assert.match(await again.text(), /gives the data to others/);
});
