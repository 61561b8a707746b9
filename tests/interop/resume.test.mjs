// A node killed at any moment goes on where it was, and never claims a piece that does not verify.

import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { download } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { verifiedPieces } from '../harness/torrent.mjs';

const SIZE = 64 * MiB;
const PIECE = 256 * 1024;

/** Bytes per second: slow enough to be interrupted at a moment of the test's choice. */
const RATE = 10 * MiB;

/**
 * Parts of all that were sent to the node when it is killed, one after the other. The first is before anything was
 * written. What is lost is sent twice, so that the node is never done by the last.
 */
const MOMENTS = [0, 0.05, 0.2, 0.22, 0.4, 0.6, 0.8];

async function seeded(scope) {
  const made = await content(scope, [], { size: SIZE, pieceLength: PIECE });
  const seed = await libtorrent(scope, made.torrent, made.folder, { seed: true, limit: RATE });
  const into = await scope.folder('download');
  const start = () => download(scope, made.torrent, into, { flags: ['--no-webrtc', '--peer', `127.0.0.1:${seed.port}`] });
  const unfinished = join(into, `${NAME}.${made.torrent.infoHash.slice(0, 8)}.part`);
  return { ...made, file: join(into, NAME), unfinished, start, sent: () => seed.state()?.uploaded ?? 0 };
}

const checked = (node) => node.event('has looked at what is there', ({ event }) => event === 'checked', seconds(60));

const pieces = (node) => node.figures()?.verified_pieces ?? 0;

proves(
  'a node killed with SIGKILL at several moments resumes each time, and claims no piece that does not verify',
  async (scope) => {
    const { hash, file, unfinished, torrent, start, sent } = await seeded(scope);
    let claimed = 0;
    for (const moment of MOMENTS) {
      const really = (await verifiedPieces(unfinished, torrent.info)).length;
      const node = await start();
      const { verified_pieces: found } = await checked(node);
      assert.ok(found <= really, `it claims ${found} pieces, and ${really} verify`);
      assert.ok(found >= claimed, `it had ${claimed} pieces before it was killed, and found ${found}`);
      await until(`it was sent ${moment} of all`, () => sent() >= moment * SIZE || !node.alive, { within: seconds(60), every: 5 });
      assert.ok(node.alive, `it ended before ${moment}`);
      claimed = pieces(node);
      await node.killHard();
    }
    const last = await start();
    assert.equal(await last.exited, 0);
    assert.equal(await sha256(file), hash);
  },
  { limit: seconds(240) },
);

proves('pieces that were damaged while the node was down are fetched again', async (scope) => {
  const { hash, file, unfinished, torrent, start } = await seeded(scope);
  const node = await start();
  await until('it has a quarter', () => pieces(node) >= torrent.info.pieces.length / 20 / 4, { every: 20 });
  await node.killHard();
  const good = await verifiedPieces(unfinished, torrent.info);
  const damaged = [good[0], good[Math.floor(good.length / 2)], good.at(-1)];
  await flipByteIn(unfinished, damaged);
  const again = await start();
  const { verified_pieces: found } = await checked(again);
  assert.ok(found <= good.length - damaged.length, `it claims ${found} pieces, and ${good.length - damaged.length} verify`);
  assert.equal(await again.exited, 0);
  assert.equal(await sha256(file), hash);
});

proves('a node started again when it has all checks, says so and ends', async (scope) => {
  const { hash, file, start } = await seeded(scope);
  assert.equal(await (await start()).exited, 0);
  const again = await start();
  assert.equal(await again.exited, 0);
  assert.equal(again.figures()?.downloaded ?? 0, 0);
  assert.equal(await sha256(file), hash);
});

async function flipByteIn(path, pieces) {
  const file = await open(path, 'r+');
  try {
    for (const piece of pieces) {
      const at = piece * PIECE + 1000;
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
      await file.write(Buffer.from([buffer[0] ^ 0xff]), 0, 1, at);
    }
  } finally {
    await file.close();
  }
}
