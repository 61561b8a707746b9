// A page among peers of which one lies: who sent bad blocks over WebRTC is found and let go, the others stay.

import assert from 'node:assert/strict';

import { seed, tracker } from '../harness/brackish.mjs';
import { content } from '../harness/content.mjs';
import { MiB } from '../harness/files.mjs';
import { brackishPage } from '../harness/package.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds, until } from '../harness/time.mjs';
import { webtorrentPage } from '../harness/webtorrent.mjs';

proves('a page lets go of a web peer that sends bad blocks, keeps the honest one, and the file comes right', async (scope) => {
  const meeting = await tracker(scope);
  const { folder, path, hash } = await content(scope, [], { size: 16 * MiB });
  const liar = await webtorrentPage(scope, { name: 'liar' });
  await liar.lie();
  const torrent = await liar.seed(path, { trackers: [meeting.ws] });
  // Slow enough that the page takes from both for a while.
  const honest = await seed(scope, torrent, folder, { flags: ['--no-tcp', '--max-up', '1M'] });
  const { peer_id: id } = await honest.ready();
  const page = await brackishPage(scope);
  await page.add(torrent);

  const state = async () => ({ ...(await page.state()), lies: await liar.lies() });
  const has = (peers, wanted) => peers.some((peer) => (peer.id === idOf(id)) === wanted);
  await until('the liar has been believed', async () => (await liar.lies()) > 0, { within: seconds(60), state });
  const alone = async () => {
    const { peers, done } = await page.state();
    return !done && has(peers, true) && !has(peers, false);
  };
  await until('only the honest peer is left', alone, { within: seconds(60), state });
  await page.finished();
  assert.equal(await page.sha256(), hash);
});

/** A peer id as the package shows it. */
const idOf = (text) => Buffer.from(text, 'latin1').toString('hex');
