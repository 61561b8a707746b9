// Super-seeding (BEP 16): other people's clients get everything from a node that shows them a few pieces at a time.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { aria2Download } from '../harness/aria2.mjs';
import { seed, share, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { transmission } from '../harness/transmission.mjs';

const PIECE = MiB / 4;

const at = (port) => ['127.0.0.1', port];

proves('two libtorrents complete from a super-seed, each told of one piece at a time, and it sends hardly more than a copy', async (scope) => {
  const size = 64 * PIECE;
  const { folder, hash, torrent } = await content(scope, [], { size, pieceLength: PIECE });
  const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc', '--super-seed', '--max-up', '4M'] });
  const into = [await scope.folder('first'), await scope.folder('second')];
  const first = await libtorrent(scope, torrent, into[0], { peers: [at(ours.tcpPort)], log: true });
  const second = await libtorrent(scope, torrent, into[1], { peers: [at(ours.tcpPort), at(first.port)], log: true });
  await Promise.all([first.finished(), second.finished()]);
  for (const folder of into) assert.equal(await sha256(join(folder, NAME)), hash);
  for (const theirs of [first, second]) {
    const ofOurs = theirs.messages().filter(({ text }) => text.includes(`127.0.0.1:${ours.tcpPort}`));
    // Once complete it comes back to see, and is told of everything: all pieces have spread by then.
    const [begins, again] = ofOurs.flatMap(({ text }, at) => (/==> HANDSHAKE \[ ih/.test(text) ? [at] : []));
    const heard = (pattern) => ofOurs.slice(begins, again).filter(({ text }) => pattern.test(text));
    assert.equal(heard(/<== HAVE_NONE/).length, 1);
    assert.equal(heard(/<== (HAVE_ALL|BITFIELD)\b/).length, 0);
    assert.ok(heard(/<== HAVE\b/).length > 0);
  }
  await until('the seed counts what it sent', () => ours.figures()?.uploaded >= size, {
    within: seconds(10),
    state: () => ours.figures(),
  });
  const copies = ours.figures().uploaded / size;
  assert.ok(copies < 1.5, `${copies} copies`);
});

proves('transmission and aria2 complete together from a super-seed', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: 16 * PIECE, pieceLength: PIECE });
  const daemon = await transmission(scope);
  const into = [await scope.folder('transmission-into'), await scope.folder('aria2-into')];
  await daemon.add(torrent, into[0]);
  await seed(scope, torrent, folder, { flags: ['--no-webrtc', '--super-seed', '--peer', `127.0.0.1:${daemon.port}`] });
  const theirs = await aria2Download(scope, torrent, into[1], { seed: true });
  await daemon.finished();
  assert.equal(await sha256(join(into[0], NAME)), hash);
  await theirs.line(/ SEED\(/);
  assert.equal(await sha256(join(into[1], NAME)), hash);
});

proves('aria2 alone completes from a super-seed', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, hash, torrent } = await content(scope, [meeting.http], { size: 64 * PIECE, pieceLength: PIECE });
  await seed(scope, torrent, folder, { flags: ['--no-webrtc', '--super-seed'] });
  const into = await scope.folder('theirs');
  const theirs = await aria2Download(scope, torrent, into);
  assert.equal(await theirs.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

proves('libtorrent alone completes from what share super-seeds', async (scope) => {
  const { path, hash } = await content(scope, [], { size: 64 * PIECE });
  const ours = await share(scope, path, { flags: ['--no-webrtc', '--super-seed'] });
  const into = await scope.folder('theirs');
  const theirs = await libtorrent(scope, ours.magnet, into, { peers: [at(ours.tcpPort)], log: true });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
  assert.ok(theirs.messages().some(({ text }) => /<== HAVE_NONE/.test(text)));
});
