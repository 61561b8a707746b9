// Every torrent of webtorrent-fixtures, good and corrupt; and torrents that want to write where they must not.

import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import parseTorrent from 'parse-torrent';
import fixtures from 'webtorrent-fixtures';

import { brackish, download, seed } from '../harness/brackish.mjs';
import { randomFile, sha256 } from '../harness/files.mjs';
import { proves } from '../harness/scope.mjs';
import { makeTorrent, sha1, torrentOf } from '../harness/torrent.mjs';

const folder = dirname(fixtures.leaves.torrentPath);
const names = (await readdir(folder)).filter((name) => name.endsWith('.torrent'));
// All that is waited for comes before the first test: the runner takes what it knows by then for all there is.
const expectations = await Promise.all(
  names.map(async (name) => parseTorrent(await readFile(join(folder, name))).catch(() => undefined)),
);

for (const [index, name] of names.entries()) {
  const expected = expectations[index];
  const verdict = expected ? 'the right info-hash, name and files' : 'a clear error';
  proves(
    `${name} gives ${verdict}`,
    async (scope) => {
      const { code, stdout, stderr } = await brackish(scope, ['info', join(folder, name), '--json']);
      if (!expected) return refused({ code, stderr: stderr || stdout }, name);
      assert.equal(code, 0);
      const info = JSON.parse(stdout);
      assert.equal(info.info_hash, expected.infoHash);
      assert.equal(info.name, expected.name);
      assert.equal(info.total ?? info.length, expected.length);
      assert.deepEqual(info.files.map(({ length }) => length), expected.files.map(({ length }) => length));
    },
    { fast: true },
  );
}

proves('a folder of many files is verified, seeded and downloaded as its torrent says', async (scope) => {
  const { torrentPath, contentPath, parsedTorrent } = fixtures.lotsOfNumbers;
  const verified = await brackish(scope, ['verify', torrentPath, dirname(contentPath)]);
  assert.equal(verified.code, 0);
  const seeding = await seed(scope, torrentPath, dirname(contentPath));
  const into = await scope.folder('download');
  const leecher = await download(scope, torrentPath, into, { flags: ['--peer', `127.0.0.1:${seeding.tcpPort}`] });
  assert.equal(await leecher.exited, 0);
  for (const { path } of parsedTorrent.files) {
    assert.equal(await sha256(join(into, path)), await sha256(join(dirname(contentPath), path)), path);
  }
});

/** Names that no system should have, or only some can, each as the path of a file in a torrent and what it becomes. */
const NAMES = {
  'climbs out of the folder': [['..', 'escaped.bin'], 'escaped.bin'],
  'climbs out later on': [['sub', '..', '..', 'escaped.bin'], 'sub/escaped.bin'],
  'is absolute': [['/', 'tmp', 'escaped.bin'], '_/tmp/escaped.bin'],
  'hides a separator': [['../escaped.bin'], '.._escaped.bin'],
  'has a backslash': [['..\\escaped.bin'], '..\\escaped.bin'],
  'is the folder itself': [['.'], '_'],
  'is empty': [[''], '_'],
  'holds a zero byte': [['esc\0aped.bin'], 'esc_aped.bin'],
  'is reserved elsewhere': [['CON'], 'CON'],
};

for (const [what, [path, expected]] of Object.entries(NAMES)) {
  proves(
    `a torrent with a path that ${what} is read, and the path is safe`,
    async (scope) => {
      const data = Buffer.from('not for you');
      const info = { files: [{ length: data.length, path }], name: 'unsafe', 'piece length': 16384, pieces: sha1(data) };
      const file = join(await scope.folder('torrent'), 'unsafe.torrent');
      await writeFile(file, torrentOf(info).bytes);
      const { code, stdout, stderr } = await brackish(scope, ['info', file, '--json']);
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout).files.map((file) => file.path), [expected]);
    },
    { fast: true },
  );
}

proves('`create` makes the torrent that others make', async (scope) => {
  const folder = await scope.folder('create');
  const path = await randomFile(join(folder, 'content.bin'), 3_000_000);
  const output = join(folder, 'made.torrent');
  const announce = 'wss://tracker.example.org';
  const { code } = await brackish(scope, ['create', path, '-o', output, '--announce', announce, '--piece-length', '65536']);
  assert.equal(code, 0);
  const made = await parseTorrent(await readFile(output));
  const theirs = await makeTorrent(path, { pieceLength: 65536 });
  assert.equal(made.infoHash, theirs.infoHash);
  assert.deepEqual(made.announce, [announce]);
});

/** One line that names what is wrong, and exit code 1. */
function refused({ code, stderr }, name) {
  assert.equal(code, 1);
  const lines = stderr.split('\n').filter((line) => line.trim());
  assert.equal(lines.length, 1, `more or less than one line: ${stderr}`);
  assert.ok(lines[0].includes(name), `${lines[0]} does not name ${name}`);
}
