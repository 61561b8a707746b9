// Peer exchange (BEP 11) with other people's clients: peers that know only a third one find each other through it.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { download } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { libtorrent } from '../harness/libtorrent.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { webtorrentNode } from '../harness/webtorrent_node.mjs';

const SIZE = 8 * MiB;

/** Bytes per second at which what the third peer has does not get far within a test. */
const TRICKLE = 20_000;

const at = (port) => ['127.0.0.1', port];

/** Waits until a client says that it has so many peers. */
const meets = (client, count) =>
  until(`it has ${count} peers`, () => client.state()?.peers >= count, {
    within: seconds(120),
    state: () => client.state(),
  });

proves('a node that knows only libtorrent finds a seed by its peer exchange', async (scope) => {
  const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
  const third = await libtorrent(scope, torrent, await scope.folder('third'), { limit: TRICKLE });
  await libtorrent(scope, torrent, folder, { seed: true, peers: [at(third.port)], limit: 40 * TRICKLE });
  await meets(third, 1);
  const into = await scope.folder('download');
  const flags = ['--no-webrtc', '--peer', `127.0.0.1:${third.port}`];
  const ours = await download(scope, torrent, into, { flags });
  // From the third alone it would take seven minutes.
  await ours.finished(seconds(150));
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
});

/** Clients that leech, knowing one address alone. */
const LEECHERS = {
  libtorrent: (scope, torrent, folder, port) => libtorrent(scope, torrent, folder, { peers: [at(port)] }),
  webtorrent: (scope, torrent, folder, port) => webtorrentNode(scope, torrent, folder, { peers: [at(port)] }),
};

for (const [client, leech] of Object.entries(LEECHERS)) {
  proves(`${client} that knows only a node finds a seed by its peer exchange`, async (scope) => {
    const { folder, hash, torrent } = await content(scope, [], { size: SIZE });
    const node = await download(scope, torrent, await scope.folder('node'), { flags: ['--no-webrtc', '--seed'], name: 'third' });
    const { tcp_port: port } = await node.ready();
    await libtorrent(scope, torrent, folder, { seed: true, peers: [at(port)], limit: 10 * TRICKLE });
    const into = await scope.folder('leech');
    const theirs = await leech(scope, torrent, into, port);
    await meets(theirs, 2);
    await node.killHard();
    await theirs.finished(seconds(150));
    assert.equal(await sha256(join(into, NAME)), hash);
  });
}
