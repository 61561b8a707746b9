// Trackers over TLS: ours serves wss and https, and our node trusts what the system trusts.

import assert from 'node:assert/strict';
import { join } from 'node:path';

import { download, seed, tracker } from '../harness/brackish.mjs';
import { certificate } from '../harness/certificate.mjs';
import { NAME, content } from '../harness/content.mjs';
import { sha256 } from '../harness/files.mjs';
import { program } from '../harness/paths.mjs';
import { proves } from '../harness/scope.mjs';

/** Runs a program where the system trusts one authority more. */
const trusting = (authority) => ({ command: (path, args) => [program(['env']), [`SSL_CERT_FILE=${authority}`, path, ...args]] });

for (const [scheme, flag] of [
  ['wss', '--no-tcp'],
  ['https', '--no-webrtc'],
]) {
  proves(`two nodes meet through our tracker over ${scheme}`, async (scope) => {
    const tls = await certificate(scope);
    const meeting = await tracker(scope, { flags: ['--tls-cert', tls.certificate, '--tls-key', tls.key] });
    const { folder, hash, torrent } = await content(scope, [`${scheme}://localhost:${meeting.port}/announce`]);
    const on = trusting(tls.authority);
    await seed(scope, torrent, folder, { flags: [flag], on });
    const into = await scope.folder('download');
    const ours = await download(scope, torrent, into, { flags: [flag], on });
    assert.equal(await ours.exited, 0);
    assert.equal(await sha256(join(into, NAME)), hash);
  });
}

proves('a tracker whose certificate is not trusted is named, with the reason', async (scope) => {
  const tls = await certificate(scope);
  const meeting = await tracker(scope, { flags: ['--tls-cert', tls.certificate, '--tls-key', tls.key] });
  const url = `wss://localhost:${meeting.port}/announce`;
  const { folder, torrent } = await content(scope, [url]);
  const node = await seed(scope, torrent, folder, { flags: ['--no-tcp'] });
  const failed = await node.event('says what is wrong', ({ event }) => event === 'tracker_failed');
  assert.equal(failed.url, url);
  assert.match(failed.reason, /certificate/i);
});
