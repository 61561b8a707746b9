// Extensions of the peer protocol with libtorrent, each shown by something that would not happen without it: the fast
// extension (BEP 6) and pieces taken back (BEP 54).

import assert from 'node:assert/strict';
import { copyFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';

import { download, seed } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { tap } from '../harness/tap.mjs';
import { seconds, until } from '../harness/time.mjs';

const PIECE = MiB / 4;

const at = (port) => ['127.0.0.1', port];

/** Waits until libtorrent has logged a message of a peer: `<==` came in, `==>` went out. */
const logged = (client, pattern) =>
  until(`libtorrent logs ${pattern}`, () => client.messages().find(({ text }) => pattern.test(text)), {
    within: seconds(60),
    state: () => client.state(),
  });

proves('a node downloads what a libtorrent seed allows it while it chokes it (BEP 6)', async (scope) => {
  const { folder, hash, torrent } = await content(scope, [], { size: 4 * PIECE, pieceLength: PIECE });
  const theirs = await libtorrent(scope, torrent, folder, { seed: true, choke: true, log: true });
  const into = await scope.folder('download');
  const ours = await download(scope, torrent, into, { flags: ['--no-webrtc', '--peer', at(theirs.port).join(':')] });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  await logged(theirs, /==> ALLOWED_FAST/);
  const unchoked = theirs.messages().filter(({ text }) => /==> UNCHOKE/.test(text));
  assert.deepEqual(unchoked, []);
});

proves('a node tells libtorrent by one message that it has everything, and what it may ask for while choked (BEP 6)', async (scope) => {
  const { folder, hash, torrent } = await content(scope, [], { size: 16 * PIECE, pieceLength: PIECE });
  const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc'] });
  const into = await scope.folder('theirs');
  const theirs = await libtorrent(scope, torrent, into, { peers: [at(ours.tcpPort)], log: true });
  await theirs.finished();
  assert.equal(await sha256(join(into, NAME)), hash);
  await logged(theirs, /==> HAVE_NONE/);
  await logged(theirs, /<== HAVE_ALL/);
  await logged(theirs, /<== ALLOWED_FAST/);
});

/** The piece that a logged message is about. */
const pieceOf = ({ text }) => Number(/piece: (\d+)/.exec(text)[1]);

proves('a node takes back what it can no longer read, and libtorrent gets the rest (BEP 54)', async (scope) => {
  const { folder, path, torrent } = await content(scope, [], { size: 64 * PIECE, pieceLength: PIECE });
  const ours = await seed(scope, torrent, folder, { flags: ['--no-webrtc'] });
  await truncate(path, 40 * PIECE);
  const theirs = await libtorrent(scope, torrent, await scope.folder('theirs'), { peers: [at(ours.tcpPort)], log: true });
  const lost = () => new Set(theirs.messages().filter(({ text }) => /<== DONT_HAVE/.test(text)).map(pieceOf));
  const progress = () => theirs.state()?.progress;
  await until('libtorrent has what is left and has heard of the rest', () => lost().size === 24 && progress() === 40 / 64, {
    within: seconds(60),
    state: () => ({ lost: [...lost()], progress: progress() }),
  });
  assert.ok([...lost()].every((piece) => piece >= 40));
});

const [REQUEST, HAVE_ALL, EXTENDED] = [6, 14, 20];

/** The id that a node gave to libtorrent for `lt_donthave`, from its extended handshake. */
function dontHaveId(messages) {
  const handshake = messages.find(({ id, payload }) => id === EXTENDED && payload[0] === 0);
  return handshake && Number(/11:lt_donthavei(\d+)e/.exec(handshake.payload.toString('latin1'))?.[1]);
}

proves('a node asks libtorrent for nothing again that it took back, and gets it elsewhere (BEP 54)', async (scope) => {
  const { folder, hash, path, torrent } = await content(scope, [], { size: 64 * PIECE, pieceLength: PIECE });
  const whole = await scope.folder('whole');
  await copyFile(path, join(whole, NAME));
  // Not in seed mode: there libtorrent hashes a piece before it sends of it, and stops where it cannot. Once it has checked
  // its files it rejects what it cannot read, and takes the piece back; its log has the one and not the other.
  const torn = await libtorrent(scope, torrent, folder);
  await torn.finished();
  await truncate(path, 40 * PIECE);
  const wire = await tap(scope, torn.port);
  // So slow that nearly all is asked of the other.
  const slow = await libtorrent(scope, torrent, whole, { seed: true, limit: MiB });
  const into = await scope.folder('download');
  const peers = [wire.port, slow.port].flatMap((port) => ['--peer', at(port).join(':')]);
  const ours = await download(scope, torrent, into, { flags: ['--no-webrtc', ...peers] });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  assert.ok(wire.fromPeer.some(({ id }) => id === HAVE_ALL));
  const id = dontHaveId(wire.toPeer);
  const takenBack = wire.fromPeer.filter((message) => message.id === EXTENDED && message.payload[0] === id);
  const lost = new Set(takenBack.map(({ payload }) => payload.readUInt32BE(1)));
  assert.ok(lost.size > 0);
  assert.ok([...lost].every((piece) => piece >= 40));
  const asked = wire.toPeer.filter(({ id, payload }) => id === REQUEST && lost.has(payload.readUInt32BE(0)));
  const blocks = asked.map(({ payload }) => payload.toString('hex'));
  assert.ok(blocks.length > 0);
  assert.equal(new Set(blocks).size, blocks.length);
});
