// Web seeds (BEP 19): our node from plain HTTP servers, alone and with peers; other people's clients from the torrents
// that we make, and our node from those that they make.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { brackish, download, seed } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, randomFile, sha256 } from '../harness/files.mjs';
import { libtorrent, libtorrentMakes } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { readTorrent } from '../harness/torrent.mjs';
import { webSeed } from '../harness/webseed.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';

const SIZE = 32 * MiB;

/** The flags by which a node may fetch from servers on loopback. */
const allowing = (...seeds) => ({ flags: seeds.flatMap(({ url }) => ['--web-seed', url]) });

/** A `.torrent` that `brackish create` makes of a path, with these web seeds. */
async function created(scope, path, seeds) {
  const file = join(await scope.folder('torrent'), 'made.torrent');
  const flags = seeds.flatMap(({ url }) => ['--web-seed', url]);
  const made = await brackish(scope, ['create', path, '-o', file, ...flags]);
  assert.equal(made.code, 0, made.stderr);
  const bytes = await readFile(file);
  return { bytes, file, ...readTorrent(bytes) };
}

/** A folder of two files and its subfolder, with names that a URL cannot hold as they are. */
async function folderOfFiles(scope) {
  const parent = await scope.folder('served');
  const folder = join(parent, 'two files');
  await mkdir(join(folder, 'sub 100%'), { recursive: true });
  const names = ['a #1.bin', 'sub 100%/ä&b.bin'];
  await randomFile(join(folder, names[0]), 3 * MiB + 17);
  await randomFile(join(folder, names[1]), 5 * MiB + 1);
  return { parent, folder, names };
}

async function sameFiles(folder, other, names) {
  for (const name of names) assert.equal(await sha256(join(other, name)), await sha256(join(folder, name)), name);
}

proves(
  'a node downloads from a web seed alone, and info shows it',
  async (scope) => {
    const { folder, path, hash } = await content(scope, [], { size: SIZE });
    const server = await webSeed(scope, folder);
    const torrent = await created(scope, path, [server]);
    const info = await brackish(scope, ['info', torrent.file]);
    assert.ok(info.stdout.includes(server.url), info.stdout);
    const into = await scope.folder('download');
    const ours = await download(scope, torrent, into, allowing(server));
    assert.equal(await ours.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
    assert.equal(ours.figures().downloaded_web_seeds, SIZE);
    assert.ok(server.requests.every(({ range }) => range), 'it asked for a file without a range');
  },
  { fast: true },
);

proves('a node downloads a folder from a web seed', async (scope) => {
  const { parent, folder, names } = await folderOfFiles(scope);
  const server = await webSeed(scope, parent);
  const torrent = await created(scope, folder, [server]);
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, allowing(server));
  assert.equal(await ours.exited, 0);
  await sameFiles(folder, join(into, 'two files'), names);
});

proves('a node downloads from a web seed and a peer together', async (scope) => {
  const { folder, path, hash } = await content(scope, [], { size: 4 * SIZE });
  const server = await webSeed(scope, folder);
  const torrent = await created(scope, path, [server]);
  const theirs = await libtorrent(scope, torrent, folder, { seed: true });
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, { flags: ['--peer', `127.0.0.1:${theirs.port}`, ...allowing(server).flags] });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  const { downloaded, downloaded_web_seeds: fromServer } = ours.figures();
  assert.ok(fromServer > 0 && fromServer < downloaded, `${fromServer} of ${downloaded} from the web seed`);
});

proves('a lying web seed and one without ranges are dropped with a reason, and the file comes right', async (scope) => {
  const { folder, path, hash } = await content(scope, [], { size: SIZE });
  const liar = await webSeed(scope, folder, { lies: true });
  const whole = await webSeed(scope, folder, { ranges: false });
  const honest = await webSeed(scope, folder);
  const torrent = await created(scope, path, [liar, whole, honest]);
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, allowing(liar, whole, honest));
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  const dropped = ours.events.filter(({ event, dropped }) => event === 'web_seed_failed' && dropped);
  const reasons = Object.fromEntries(dropped.map(({ url, reason }) => [url, reason]));
  assert.deepEqual(reasons, {
    [liar.url]: 'it sent bad data',
    [whole.url]: 'it does not serve parts of files',
  });
});

proves('libtorrent downloads from the web seed of a torrent that we made', async (scope) => {
  const { parent, folder, names } = await folderOfFiles(scope);
  const torrent = await created(scope, folder, [await webSeed(scope, parent)]);
  const into = await scope.folder('theirs');
  const theirs = await libtorrent(scope, torrent, into);
  await theirs.finished();
  await sameFiles(folder, join(into, 'two files'), names);
});

proves('a node downloads from the web seed of a torrent that libtorrent made', async (scope) => {
  const { parent, folder, names } = await folderOfFiles(scope);
  const server = await webSeed(scope, parent);
  const torrent = await libtorrentMakes(scope, folder, { webSeeds: [server.url] });
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, allowing(server));
  assert.equal(await ours.exited, 0);
  await sameFiles(folder, join(into, 'two files'), names);
});

proves('a webtorrent page downloads from the web seed of a torrent that we made', async (scope) => {
  const { folder, path, hash } = await content(scope, [], { size: 8 * MiB });
  // It takes the URL of one file as it is, and adds no name to a folder's.
  const { url } = await webSeed(scope, folder);
  const torrent = await created(scope, path, [{ url: url + NAME }]);
  const page = await webtorrentPage(scope);
  await page.add(torrent);
  await page.finished();
  assert.equal(await page.sha256(), hash);
});

proves('a node downloads from the web seed of a torrent that webtorrent made', async (scope) => {
  const { folder, path, hash } = await content(scope, [], { size: 8 * MiB });
  const server = await webSeed(scope, folder);
  const page = await webtorrentPage(scope);
  const torrent = await page.seed(path, { trackers: [], webSeeds: [server.url] });
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, allowing(server));
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  assert.equal(ours.figures().downloaded_web_seeds, 8 * MiB);
});

proves('a magnet link names a web seed, which helps once the description is there', async (scope) => {
  const { folder, path, hash } = await content(scope, [], { size: SIZE });
  const server = await webSeed(scope, folder);
  const torrent = await created(scope, path, [server]);
  const other = await seed(scope, torrent, folder);
  const magnet = `magnet:?xt=urn:btih:${torrent.infoHash}&ws=${encodeURIComponent(server.url)}&x.pe=127.0.0.1:${other.tcpPort}`;
  const into = await scope.folder('download');
  const ours = await download(scope, magnet, into, allowing(server));
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  assert.ok(ours.figures().downloaded_web_seeds > 0);
});

proves('a torrent from elsewhere may not name a web seed of the local network: one line says so, and peers serve it', async (scope) => {
  const { folder, path, hash } = await content(scope, [], { size: SIZE });
  const server = await webSeed(scope, folder);
  const torrent = await created(scope, path, [server]);
  const other = await seed(scope, torrent, folder);
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, { flags: ['--peer', `127.0.0.1:${other.tcpPort}`] });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  const refused = ours.events.filter(({ event }) => event === 'web_seed_failed');
  assert.deepEqual(refused.map(({ url, dropped }) => [url, dropped]), [[server.url, true]]);
  assert.match(refused[0].reason, /local network \(127\.0\.0\.1\)/);
  assert.deepEqual(server.requests, []);
});
