// Our node with TCP-only clients, aria2 and transmission, both ways.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { aria2Download, aria2Seed } from '../harness/aria2.mjs';
import { download, seed, share, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { proves } from '../harness/scope.mjs';
import { transmission } from '../harness/transmission.mjs';

const SIZE = 32 * MiB;

proves(
  'a node downloads from aria2',
  async (scope) => {
    const meeting = await tracker(scope);
    const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
    await aria2Seed(scope, torrent, folder);
    const into = await scope.folder('download');
    const ours = await download(scope, torrent, into);
    assert.equal(await ours.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
  },
  { fast: true },
);

proves('aria2 downloads from a node', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  await seed(scope, torrent, folder);
  const into = await scope.folder('download');
  const theirs = await aria2Download(scope, torrent, into);
  assert.equal(await theirs.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('aria2 downloads by the magnet link of `brackish share`', async (scope) => {
  const { path, hash } = await content(scope, [], { size: SIZE });
  const ours = await share(scope, path);
  const into = await scope.folder('download');
  const theirs = await aria2Download(scope, ours.magnet, into);
  assert.equal(await theirs.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('a node downloads from transmission', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  const theirs = await transmission(scope);
  await theirs.seed(torrent, folder);
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into);
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('transmission downloads from a node that dials it', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  const theirs = await transmission(scope);
  const into = await scope.folder('download');
  await theirs.add(torrent, into);
  await seed(scope, torrent, folder, { flags: ['--peer', `127.0.0.1:${theirs.port}`] });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('a node gets the metadata of a magnet link from aria2 and gives it to transmission', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: SIZE });
  await aria2Seed(scope, torrent, folder);
  const ours = await download(scope, torrent.magnet, await scope.folder('download'), { flags: ['--seed'] });
  await ours.finished();
  const into = await scope.folder('theirs');
  const theirs = await transmission(scope);
  await theirs.add(torrent.magnet, into);
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
});
