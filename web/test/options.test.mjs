// What a caller may give, and what it gets for what it may not: every code of the package but `internal` is provoked in
// these tests, and `internal` by a Worker's script that is not ours.

import assert from 'node:assert/strict';

import { chromium } from '../../tests/harness/browser.mjs';
import { proves } from '../../tests/harness/scope.mjs';
import { origin, page } from './peers.mjs';

proves('options and arguments that make no sense are refused by name, and change nothing', async (scope) => {
  const opened = await page(scope);
  const found = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.seed(new File(['content'], 'name.txt'), { trackers: ['wss://127.0.0.1:1/announce'] });
    const [file] = torrent.files;
    const attempt = (what) => {
      try {
        return Promise.resolve(what());
      } catch (error) {
        return Promise.reject(error);
      }
    };
    const make = (options) => () => brackish.createClient(options);
    const add = (options) => () => client.add('ab'.repeat(20), options);
    const seed = (options) => () => client.seed(new File(['x'], 'x'), options);
    const attempts = {
      options: () => brackish.createClient(null),
      'trackers as a text': make({ trackers: 'wss://example.org' }),
      'a tracker that is no URL': make({ trackers: ['example'] }),
      'a tracker of no kind': add({ trackers: ['ftp://example.org'] }),
      'ICE servers': make({ iceServers: [{ urls: 'http://example.org' }] }),
      'ICE servers as a text': make({ iceServers: 'stun:example.org' }),
      workerUrl: make({ workerUrl: 'http://[bad' }),
      wasmUrl: make({ wasmUrl: 'http://[bad' }),
      storage: make({ storage: 'disk' }),
      'an empty namespace': make({ namespace: '' }),
      'a namespace too long': make({ namespace: 'x'.repeat(256) }),
      'no peers': make({ maxPeers: 0 }),
      'half a peer': make({ maxPeers: 1.5 }),
      'a web seed': add({ webSeeds: ['ftp://example.org/'] }),
      'a signal': add({ signal: {} }),
      'a name': seed({ name: 5 }),
      'a piece length': seed({ pieceLength: -1 }),
      onProgress: seed({ onProgress: true }),
      'files that are none': () => client.seed('name.txt'),
      'a file that is none': () => client.seed(['name.txt']),
      'a limit below nothing': () => client.limit({ down: -1 }),
      'a limit that is no number': () => client.limit({ up: NaN }),
      "a torrent's limit": () => torrent.limit({ down: '1 MB' }),
      limits: () => client.limit(undefined),
      'a priority': () => file.select('urgent'),
      'the priority of a stretch': () => torrent.select(0, 1, 1),
      'where a stream begins': () => file.stream({ start: NaN }),
      'who is told of a wait': () => file.stream({ onWait: 1 }).getReader().read(),
      'a listener': () => torrent.on('done', undefined),
    };
    const found = {};
    for (const [what, call] of Object.entries(attempts)) {
      const error = await thrown(attempt(call));
      if (error?.code !== 'bad-option' || !error.ours || !/expected|iceServers/.test(error.message)) found[what] = error;
    }
    // None of this has changed anything.
    const read = await new Response(file.stream()).text();
    await client.limit({ up: Infinity, down: null });
    return { found, read, torrents: client.torrents.length };
  });
  assert.deepEqual(found, { found: {}, read: 'content', torrents: 1 });
});

proves('each of these ends in its code', async (scope) => {
  const throws = "throw new Error('not ours')";
  const site = await origin(scope, { '/throws.js': throws });
  const browser = await chromium(scope, { names: ['brackish.test'] });
  const opened = await site.open(browser);
  const codes = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.seed(new File(['content'], 'name.txt'));
    const ended = AbortSignal.abort();
    const slow = new AbortController();
    const loading = thrown(client.add('/brackish/brackish_bg.wasm', { signal: slow.signal }));
    slow.abort();
    const found = {
      'an empty link': await thrown(client.add('')),
      'only spaces': await thrown(client.add('  ')),
      'this page': await thrown(client.add('#name')),
      'nothing at all': await thrown(client.add(undefined)),
      'a signal that has ended it': await thrown(client.add('ab'.repeat(20), { signal: ended })),
      'a signal that ends it': await loading,
      'a stretch beyond the end': await thrown(torrent.select(0, 1e9)),
      "a Worker's script that throws": await thrown(brackish.createClient({ workerUrl: '/throws.js' })),
      'a site that does not answer': await thrown(client.add('http://127.0.0.1:9/x.torrent')),
    };
    await torrent.remove();
    found['a torrent that was removed'] = await thrown(torrent.limit({}));
    found['its promises'] = await thrown((await client.add('cd'.repeat(20)).then((t) => (t.remove(), t))).ready);
    return found;
  });
  const { 'a site that does not answer': unanswered } = codes;
  assert.match(unanswered.message, /CORS/);
  assert.ok(Object.values(codes).every((error) => error?.ours && error.message));
  assert.deepEqual(Object.fromEntries(Object.entries(codes).map(([what, { code }]) => [what, code])), {
    'an empty link': 'bad-torrent',
    'only spaces': 'bad-torrent',
    'this page': 'bad-torrent',
    'nothing at all': 'bad-torrent',
    'a signal that has ended it': 'aborted',
    'a signal that ends it': 'aborted',
    'a stretch beyond the end': 'bad-selection',
    "a Worker's script that throws": 'internal',
    'a site that does not answer': 'network',
    'a torrent that was removed': 'removed',
    'its promises': 'removed',
  });

  // An insecure context has no file system: asked for, that is an error, else a warning to whoever listens.
  const insecure = await browser.open(`http://brackish.test:${new URL(site.url).port}/`);
  await insecure.waitForSelector('html[data-ready]');
  const found = await insecure.evaluate(async () => {
    const error = await thrown(brackish.createClient({ storage: 'opfs' }));
    const client = await brackish.createClient({ trackers: ['udp://127.0.0.1:9'] });
    const warnings = heard(client, 'warning');
    await until(() => warnings.length > 1, 'the warnings');
    return { code: error.code, storage: client.storage, warnings };
  });
  assert.deepEqual(found, { code: 'no-storage', storage: 'memory', warnings: ['tracker', 'no-storage'] });
});

proves('a torrent can be shown as JSON, and a listener that throws keeps nobody from the rest', async (scope) => {
  const opened = await page(scope);
  const found = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    window.onerror = () => true;
    const fractions = [];
    const torrent = await client.seed([new File(['a'], 'a.txt'), new File(['b'], 'b.txt')], {
      name: 'folder',
      trackers: ['udp://127.0.0.1:9'],
      onProgress: (fraction) => {
        fractions.push(fraction);
        throw new Error('of the page');
      },
    });
    await until(() => torrent.done, 'it seeds');
    const { infoHash, name, state, files, trackers, error } = JSON.parse(JSON.stringify(torrent));
    const message = JSON.parse(JSON.stringify(new brackish.BrackishError('read', 'words')));
    const paths = files.map(({ path }) => path);
    return { same: infoHash === torrent.infoHash, name, state, paths, trackers, error, message };
  });
  assert.deepEqual(found, {
    same: true,
    name: 'folder',
    state: 'seeding',
    paths: ['a.txt', 'b.txt'],
    trackers: [
      { url: 'udp://127.0.0.1:9', status: 'unusable', message: 'a page can use WebSocket trackers (ws:, wss:) alone' },
    ],
    error: null,
    message: { name: 'BrackishError', code: 'read', message: 'words' },
  });
});

proves('a page with the Content-Security-Policy of the README runs the package', async (scope) => {
  const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'; worker-src 'self'; connect-src 'self'";
  const site = await origin(scope, {}, { headers: { 'content-security-policy': policy } });
  const opened = await site.open(await chromium(scope));
  const state = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    return (await client.seed(new File(['x'], 'x'))).state;
  });
  assert.equal(state, 'seeding');
});

proves('a page imports the package from another origin', async (scope) => {
  const allowed = { headers: { 'access-control-allow-origin': '*' } };
  const elsewhere = await origin(scope, {}, allowed);
  const site = await origin(scope);
  const opened = await site.open(await chromium(scope));
  const state = await opened.evaluate(async (url) => {
    const { createClient } = await import(`${url}/brackish/index.js`);
    const client = await createClient({ iceServers: [] });
    return (await client.seed(new File(['x'], 'x'))).state;
  }, elsewhere.url);
  assert.equal(state, 'seeding');
});
