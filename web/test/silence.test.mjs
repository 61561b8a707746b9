// A page that can find no peers says why within seconds.

import assert from 'node:assert/strict';

import { chromium } from '../../tests/harness/browser.mjs';
import { MiB } from '../../tests/harness/files.mjs';
import { freePort, muteTracker, serve, silentPort } from '../../tests/harness/net.mjs';
import { proves } from '../../tests/harness/scope.mjs';
import { bittorrentTracker } from '../../tests/harness/tracker.mjs';
import { origin, page, seed } from './peers.mjs';

proves('trackers that are missing, of other kinds, dead, mute or broken, and dead web seeds, are told with a code within seconds', async (scope) => {
  const trackers = {
    missing: [],
    'of other kinds': ['udp://127.0.0.1:9', 'http://127.0.0.1:9/announce'],
    dead: [`ws://127.0.0.1:${await freePort()}`],
    'mute from the start': [`ws://127.0.0.1:${await silentPort(scope)}`],
    mute: [await muteTracker(scope)],
    broken: [await muteTracker(scope, 'no JSON')],
  };
  const opened = await page(scope);
  const found = await opened.evaluate(async (trackers) => {
    const client = await brackish.createClient({ iceServers: [] });
    const found = {};
    const seeding = await client.seed(new File(['y'], 'y'), { webSeeds: ['http://127.0.0.1:9/'] });
    const bytes = seeding.torrentFile;
    await seeding.remove();
    const dead = await client.add(bytes);
    found['a dead web seed'] = new Promise((resolve) => dead.on('warning', ({ code }) => code !== 'no-tracker' && resolve({ code })));
    let number = 10;
    for (const [kind, urls] of Object.entries(trackers)) {
      const link = `magnet:?xt=urn:btih:${String(number++).repeat(20)}`;
      const torrent = await client.add(link + urls.map((url) => `&tr=${encodeURIComponent(url)}`).join(''));
      const first = new Promise((resolve) => torrent.on('warning', resolve));
      const told = first.then(({ code, message }) => ({ code, named: urls.every((url) => message.includes(url)) }));
      const status = until(() => torrent.trackers.every(({ status }) => /failed|unusable/.test(status)), kind);
      found[kind] = Promise.all([told, status]).then(([told]) => told);
    }
    const seeded = await client.seed(new File(['x'], 'x'));
    found['missing where it is seeded'] = new Promise((resolve) => seeded.on('warning', ({ code }) => resolve({ code })));
    const all = Object.entries(found).map(async ([kind, told]) => [kind, await told]);
    return Object.fromEntries(await Promise.all(all));
  }, trackers);
  assert.deepEqual(found, {
    missing: { code: 'no-tracker', named: true },
    'of other kinds': { code: 'no-tracker', named: false },
    dead: { code: 'tracker', named: true },
    'mute from the start': { code: 'tracker', named: true },
    mute: { code: 'tracker', named: true },
    broken: { code: 'tracker', named: true },
    'missing where it is seeded': { code: 'no-tracker' },
    'a dead web seed': { code: 'web-seed' },
  });
});

proves('a page that has used up the peer connections of its browser says so', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const opened = await page(scope);
  const found = await opened.evaluate(async (tracker) => {
    const client = await brackish.createClient({ trackers: [tracker], iceServers: [] });
    const warnings = heard(client, 'warning');
    window.held = [];
    try {
      for (;;) held.push(new RTCPeerConnection());
    } catch {}
    await client.seed(new File(['x'], 'x'));
    await until(() => warnings.length > 0, 'the warning');
    return { warnings, made: await thrown(brackish.createClient({ iceServers: [] })) };
  }, tracker.ws);
  assert.deepEqual([found.warnings, found.made?.code], [['peer-limit'], 'peer-limit']);
});

proves('the .torrent that a magnet link names is loaded from there, and one of another torrent is told', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const made = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', MiB]]);
  const other = await seed(await page(scope, { name: 'other seed' }), tracker.ws, [['other.bin', MiB]]);
  const files = await serve(
    scope,
    { '/right.torrent': Buffer.from(made.bytes), '/wrong.torrent': Buffer.from(other.bytes) },
    { headers: { 'access-control-allow-origin': '*' } },
  );
  const site = await origin(scope);
  const opened = await site.open(await chromium(scope));
  const found = await opened.evaluate(async (files, magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    // The link itself names no tracker: that is in the file.
    const link = `${magnet.split('&')[0]}&xs=${encodeURIComponent(`${files}/wrong.torrent`)}&as=${encodeURIComponent(`${files}/right.torrent`)}`;
    const torrent = await client.add(link);
    const warnings = [];
    torrent.on('warning', ({ code, message }) => warnings.push([code, message.startsWith(files)]));
    await torrent.completed;
    return { name: torrent.name, warnings: warnings.filter(([code]) => code !== 'no-tracker') };
  }, files, made.magnet);
  assert.deepEqual(found, { name: 'data.bin', warnings: [['bad-torrent', true]] });
});

proves('a download whose only peer leaves says so, and goes on when the peer is back', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const sharer = await page(scope, { name: 'sharer' });
  const begin = () => seed(sharer, tracker.ws, [['data.bin', 4 * MiB]]);
  const { magnet } = await begin();
  const leech = await page(scope, { name: 'leech' });
  const had = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    await client.limit({ down: 200_000 });
    window.client = client;
    window.torrent = await client.add(magnet);
    window.told = heard(torrent, 'stalled', 'resumed');
    await until(() => torrent.progress > 0, 'it begins');
    return [torrent.availability >= 1, torrent.copies, torrent.stalled];
  }, magnet);
  assert.deepEqual(had, [true, 1, null]);
  await sharer.evaluate(() => client.destroy());
  const stalled = await leech.evaluate(async () => {
    await until(() => torrent.stalled, 'it stalls');
    return { reason: torrent.stalled.reason, copies: torrent.copies };
  });
  assert.deepEqual(stalled, { reason: 'no-source', copies: 0 });
  await begin();
  const told = await leech.evaluate(async () => {
    await client.limit({});
    await torrent.completed;
    return told;
  });
  assert.deepEqual(told, ['stalled', 'resumed']);
});
