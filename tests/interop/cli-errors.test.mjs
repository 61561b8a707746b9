// What goes wrong on the command line: one line that names it, and exit code 1; 2 for wrong usage.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { brackish } from '../harness/brackish.mjs';
import { NAME, content } from '../harness/content.mjs';
import { freePort, serve, silentPort } from '../harness/net.mjs';
import { proves } from '../harness/scope.mjs';
import { seconds } from '../harness/time.mjs';

/**
 * Runs a command that must fail, and returns the one line that says why. Lines of progress may come before it; nothing
 * comes after it.
 */
async function failure(scope, args, limit = seconds(60)) {
  const { code, stderr } = await brackish(scope, args, { limit });
  assert.equal(code, 1, `exit code ${code}: ${stderr}`);
  const lines = stderr.split('\n').filter((line) => line.trim());
  const reasons = lines.filter((line) => line.startsWith('brackish: '));
  assert.equal(reasons.length, 1, `not one line that says why:\n${stderr}`);
  assert.equal(lines.at(-1), reasons[0]);
  return reasons[0];
}

const fast = { fast: true };

proves(
  'a tracker that is dead is named',
  async (scope) => {
    const port = await freePort();
    const { torrent } = await content(scope, [`http://127.0.0.1:${port}/announce`], { size: 100_000 });
    const line = await failure(scope, ['download', torrent.magnet, '-o', await scope.folder('into')]);
    assert.match(line, new RegExp(`127\\.0\\.0\\.1:${port}`));
  },
  fast,
);

proves('a tracker that takes connections and never answers is named', async (scope) => {
  const port = await silentPort(scope);
  const { torrent } = await content(scope, [`ws://127.0.0.1:${port}/announce`], { size: 100_000 });
  const line = await failure(scope, ['download', torrent.magnet, '-o', await scope.folder('into')], seconds(120));
  assert.match(line, new RegExp(`127\\.0\\.0\\.1:${port}`));
});

proves(
  'a URL that nobody answers at is named',
  async (scope) => {
    const url = `http://127.0.0.1:${await freePort()}/lost.torrent`;
    assert.ok((await failure(scope, ['download', url, '-o', await scope.folder('into')])).includes(url));
  },
  fast,
);

proves(
  'a URL at which there is no torrent is named',
  async (scope) => {
    const origin = await serve(scope, { '/page.torrent': '<!doctype html>' });
    for (const path of ['missing.torrent', 'page.torrent']) {
      const line = await failure(scope, ['download', `${origin}/${path}`, '-o', await scope.folder('into')]);
      assert.ok(line.includes(`${origin}/${path}`), line);
    }
  },
  fast,
);

proves(
  'a port in use is named',
  async (scope) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    scope.defer(() => server.close());
    const { port } = server.address();
    const { path, torrent } = await content(scope, [], { size: 100_000 });
    for (const args of [
      ['share', path, '--listen', `127.0.0.1:${port}`],
      ['tracker', '--listen', `127.0.0.1:${port}`],
    ]) {
      assert.ok((await failure(scope, args)).includes(String(port)), args[0]);
    }
    // The peers' port listens on every address, loopback's included.
    const everywhere = createServer();
    everywhere.listen(0);
    await once(everywhere, 'listening');
    scope.defer(() => everywhere.close());
    const taken = String(everywhere.address().port);
    const line = await failure(scope, ['download', torrent.magnet, '-o', await scope.folder('into'), '--port', taken]);
    assert.ok(line.includes(taken), line);
  },
  fast,
);

proves(
  'a file that is not there, or cannot be read, is named',
  async (scope) => {
    const folder = await scope.folder('files');
    const missing = join(folder, 'missing.bin');
    // Unreadable even for root.
    const loop = join(folder, 'loop.bin');
    await symlink(loop, loop);
    const paths = [missing, loop];
    if (process.getuid() !== 0) {
      const locked = join(folder, 'locked.bin');
      await writeFile(locked, 'secret');
      await chmod(locked, 0);
      paths.push(locked);
    }
    for (const path of paths) {
      for (const args of [['share', path, '--listen', '127.0.0.1:0'], ['create', path, '-o', join(folder, 'x.torrent')], ['info', path]]) {
        assert.ok((await failure(scope, args)).includes(path), `${args[0]} ${path}`);
      }
    }
  },
  fast,
);

proves(
  'a folder that cannot be written to is named',
  async (scope) => {
    const { torrent, folder } = await content(scope, [], { size: 100_000 });
    const file = join(folder, 'it.torrent');
    await writeFile(file, torrent.bytes);
    const into = join(folder, NAME, 'below a file');
    assert.ok((await failure(scope, ['download', file, '-o', into])).includes(NAME));
  },
  fast,
);

proves(
  'seeding a folder that does not hold the content names it',
  async (scope) => {
    const { torrent, folder } = await content(scope, [], { size: 100_000 });
    const file = join(folder, 'it.torrent');
    await writeFile(file, torrent.bytes);
    const empty = await scope.folder('empty');
    assert.ok((await failure(scope, ['seed', file, empty])).includes(empty));
  },
  fast,
);

proves(
  'wrong usage ends with exit code 2',
  async (scope) => {
    for (const args of [[], ['frobnicate'], ['download'], ['share'], ['download', 'x', '--port', 'many'], ['share', 'x', '--listen', 'nowhere']]) {
      assert.equal((await brackish(scope, args)).code, 2, args.join(' '));
    }
  },
  fast,
);
