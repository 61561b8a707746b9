// Peers that cannot reach each other, by a TURN server (coturn) that both can reach.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { download, seed, tracker } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { MiB, sha256 } from '../harness/files.mjs';
import { canMakeHosts, host } from '../harness/hosts.mjs';
import { proves } from '../harness/scope.mjs';
import { torrentOf } from '../harness/torrent.mjs';
import { turn } from '../harness/turn.mjs';

proves('two nodes that cannot reach each other trade by a TURN server', async (scope, t) => {
  if (!(await canMakeHosts(scope))) return t.skip('only root can make network namespaces, and not in every container');
  const [one, two] = [await host(scope), await host(scope)];
  const relay = await turn(scope, [one.gateway, two.gateway]);
  const meeting = await tracker(scope, { listen: '0.0.0.0' });
  const { folder, hash, torrent } = await content(scope, [], { size: 8 * MiB });
  const known = ({ gateway }) => torrentOf(torrent.info, [`ws://${gateway}:${meeting.port}/announce`]);
  const flags = ({ gateway }) => ['--no-tcp', '--ice-server', relay.url(gateway)];

  await seed(scope, known(one), folder, { flags: flags(one), on: one });
  const into = await scope.folder('download');
  const ours = await download(scope, known(two), into, { flags: flags(two), on: two });
  assert.equal(await ours.exited, 0);
  assert.equal(await sha256(join(into, NAME)), hash);
  assert.equal(relay.relayed(), true);
});
