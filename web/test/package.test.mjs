// The package through its own API, in real browsers: what the app does not do is proved here. The package must be
// built (`cargo xtask build-web`) and the packages of tests/ installed.

import assert from 'node:assert/strict';

import { chromium, firefox } from '../../tests/harness/browser.mjs';
import { MiB } from '../../tests/harness/files.mjs';
import { proves } from '../../tests/harness/scope.mjs';
import { bittorrentTracker } from '../../tests/harness/tracker.mjs';
import { origin, page, seed } from './peers.mjs';

for (const [name, browser] of Object.entries({ Chromium: chromium, Firefox: firefox })) {
  proves(`a page in ${name} gets a folder of files from another, empty ones too`, async (scope) => {
    const tracker = await bittorrentTracker(scope);
    const files = [
      ['docs/empty', 0],
      ['docs/a.bin', 5 * MiB + 1],
      ['b.txt', 10],
    ];
    const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, files, { name: 'folder' });
    const other = await page(scope, { name: 'leech', browser: await browser(scope) });
    const found = await other.evaluate(async (magnet) => {
      const client = await brackish.createClient({ iceServers: [] });
      const torrent = await client.add(magnet);
      await torrent.completed;
      const hashes = await Promise.all(torrent.files.map(async (file) => sha256(await file.blob())));
      return { name: torrent.name, paths: torrent.files.map((file) => file.path), hashes };
    }, magnet);
    assert.equal(found.name, 'folder');
    assert.deepEqual(
      found.paths.map((path) => path.split('/').at(-1)),
      ['empty', 'a.bin', 'b.txt'],
    );
    assert.deepEqual(found.hashes, hashes);
  });
}

proves('a stream gives a part of a file, in order, before the torrent is complete', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', 48 * MiB]]);
  const leech = await page(scope, { name: 'leech' });
  const read = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    await torrent.ready;
    const range = { start: 40_000_000, end: 42_000_001 };
    const parts = [];
    const reader = torrent.files[0].stream(range).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value);
    const progress = torrent.progress;
    const whole = window.made(48 << 20, 1);
    return {
      progress,
      same: (await sha256(new Blob(parts))) === (await sha256(new Blob([whole.slice(range.start, range.end)]))),
    };
  }, magnet);
  assert.ok(read.same, 'the stream gave other bytes');
  assert.ok(read.progress < 0.9, `the torrent was ${read.progress} complete`);
});

proves('a second tab of one site keeps a torrent in memory, says so, and completes', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', 4 * MiB]]);
  const site = await origin(scope);
  const browser = await chromium(scope, { name: 'tabs' });
  const tabs = [await site.open(browser), await site.open(browser)];
  const found = [];
  for (const tab of tabs) {
    const result = await tab.evaluate(async (magnet) => {
      const client = await brackish.createClient({ iceServers: [] });
      const torrent = await client.add(magnet);
      const warnings = [];
      torrent.on('warning', ({ code }) => warnings.push(code));
      await torrent.completed;
      return { storage: torrent.storage, warnings, hash: await sha256(await torrent.files[0].blob()) };
    }, magnet);
    found.push(result);
  }
  assert.deepEqual(found, [
    { storage: 'opfs', warnings: [], hash: hashes[0] },
    { storage: 'memory', warnings: ['in-use'], hash: hashes[0] },
  ]);
});

proves('a torrent that is removed with its data leaves nothing behind', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', MiB]]);
  const leech = await page(scope, { name: 'leech' });
  const found = await leech.evaluate(async (magnet) => {
    const stored = async () => {
      const root = await navigator.storage.getDirectory();
      const folder = await (await root.getDirectoryHandle('brackish')).getDirectoryHandle('default');
      return (await Array.fromAsync(folder.keys())).length;
    };
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    await torrent.completed;
    const before = await stored();
    await torrent.remove({ deleteData: true });
    return { before, after: await stored(), torrents: client.torrents.length };
  }, magnet);
  assert.deepEqual(found, { before: 1, after: 0, torrents: 0 });
});

proves('where a channel cannot be transferred to the Worker, it is relayed', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const before = (opened) =>
    opened.evaluateOnNewDocument(() => {
      const post = Worker.prototype.postMessage;
      window.relayed = 0;
      Worker.prototype.postMessage = function (message, transfer) {
        if (message.type === 'channel') throw new DOMException('', 'DataCloneError');
        if (message.type === 'relay') window.relayed++;
        return post.call(this, message, transfer);
      };
    });
  const { magnet, hashes } = await seed(await page(scope, { name: 'seed', before }), tracker.ws, [['data.bin', 8 * MiB]]);
  const leech = await page(scope, { name: 'leech', before });
  const found = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    await torrent.completed;
    return { hash: await sha256(await torrent.files[0].blob()), relayed: window.relayed > 0 };
  }, magnet);
  assert.deepEqual(found, { hash: hashes[0], relayed: true });
});

proves('a full disk ends a torrent with words that say so', async (scope) => {
  const tracker = await bittorrentTracker(scope);
  const { magnet } = await seed(await page(scope, { name: 'seed' }), tracker.ws, [['data.bin', 24 * MiB]]);
  const leech = await page(scope, { name: 'leech' });
  const session = await leech.createCDPSession();
  const quota = { origin: new URL(leech.url()).origin, quotaSize: 8 * MiB };
  await session.send('Storage.overrideQuotaForOrigin', quota);
  const error = await leech.evaluate(async (magnet) => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(magnet);
    const told = new Promise((resolve) => torrent.on('error', ({ code }) => resolve(code)));
    return { ...(await thrown(torrent.completed)), told: await told, state: torrent.state };
  }, magnet);
  assert.equal(error.ours, true);
  assert.equal(error.code, 'storage-full');
  assert.match(error.message, /data\.bin.*full/);
  assert.deepEqual([error.told, error.state], ['storage-full', 'error']);
});

proves('names that other systems cannot have are kept, and a warning counts them', async (scope) => {
  const seeding = await page(scope);
  const seeded = await seeding.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    const names = ['12:30.log', 'Makefile', 'makefile', 'plain'];
    const files = [...names.map((name) => new File([name], name)), new Blob(['nameless'])];
    const torrent = await client.seed(files);
    const told = await new Promise((resolve) => {
      torrent.on('warning', (warning) => warning.code === 'names' && resolve(warning.message));
    });
    return { told, names: torrent.files.map(({ path }) => path) };
  });
  assert.match(seeded.told, /^2 of the files/);
  assert.deepEqual(seeded.names, ['12:30.log', 'Makefile', 'makefile', 'plain', 'file 5']);
});

proves('names that are not UTF-8 stay apart', async (scope) => {
  const names = [Buffer.from('caf\xe9', 'latin1'), Buffer.from('caf\xe8', 'latin1'), Buffer.from('café')];
  const file = (name) => [Buffer.from(`d6:lengthi1e4:pathl${name.length}:`), name, Buffer.from('ee')];
  const bytes = Buffer.concat([
    Buffer.from('d4:infod5:filesl'),
    ...names.flatMap(file),
    Buffer.from(`e4:name1:n12:piece lengthi16384e6:pieces20:${'x'.repeat(20)}ee`),
  ]);
  const paths = await (await page(scope)).evaluate(async (bytes) => {
    const client = await brackish.createClient({ iceServers: [] });
    const torrent = await client.add(new Uint8Array(bytes));
    return torrent.files.map(({ path }) => path);
  }, [...bytes]);
  assert.deepEqual(paths, ['café', 'cafè', 'café (2)']);
});

proves('what cannot work is refused with a code and words', async (scope) => {
  const site = await origin(scope, { '/bad.torrent': 'not bencode', '/nothing.js': '', '/no.wasm': 'no wasm' });
  const opened = await site.open(await chromium(scope));
  const codes = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [] });
    const attempts = {
      'bytes that are no torrent': client.add(new Uint8Array([1, 2, 3])),
      'a URL with no torrent behind it': client.add('/bad.torrent'),
      'a URL with nothing behind it': client.add('/missing.torrent'),
      'a server that is not there': client.add('http://127.0.0.1:9/x.torrent'),
      'a link without an info-hash': client.add('magnet:?dn=x'),
      'a scheme that pages cannot load': client.add('ftp://example.org/x.torrent'),
      'no files': client.seed([]),
      'two files of one name': client.seed([new File(['a'], 'x'), new File(['b'], 'x')]),
      'a name that leads out': client.seed(new File(['a'], 'x'), { name: '..' }),
      'a piece length beyond all bounds': client.seed(new File(['x'], 'x'), { pieceLength: 2 ** 31 }),
      'a Worker that is not there': brackish.createClient({ workerUrl: '/missing.js' }),
      'wasm that is none': brackish.createClient({ wasmUrl: '/no.wasm' }),
    };
    const found = {};
    for (const [what, promise] of Object.entries(attempts)) {
      const error = await thrown(promise);
      found[what] = error?.ours && error.message ? error.code : error;
    }
    await client.destroy();
    found['a client that was destroyed'] = (await thrown(client.add('ab'.repeat(20)))).code;
    window.RTCPeerConnection = undefined;
    found['no WebRTC'] = (await thrown(brackish.createClient())).code;
    return found;
  });
  assert.deepEqual(codes, {
    'bytes that are no torrent': 'bad-torrent',
    'a URL with no torrent behind it': 'bad-torrent',
    'a URL with nothing behind it': 'network',
    'a server that is not there': 'network',
    'a link without an info-hash': 'bad-torrent',
    'a scheme that pages cannot load': 'bad-torrent',
    'no files': 'bad-torrent',
    'two files of one name': 'bad-torrent',
    'a name that leads out': 'bad-torrent',
    'a piece length beyond all bounds': 'bad-torrent',
    'a Worker that is not there': 'no-worker',
    'wasm that is none': 'no-worker',
    'a client that was destroyed': 'destroyed',
    'no WebRTC': 'no-webrtc',
  });
});

proves('a torrent that the client has is given again when it is added again', async (scope) => {
  const opened = await page(scope);
  const same = await opened.evaluate(async () => {
    const client = await brackish.createClient({ iceServers: [], storage: 'memory' });
    const [first, second] = await Promise.all([client.add('ab'.repeat(20)), client.add('ab'.repeat(20))]);
    return first === second && client.torrents.length === 1;
  });
  assert.ok(same);
});
